//! One TLS connection that stays open, held by `openssl s_client`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::Site;

/// An open connection; ended when dropped.
pub struct Connection {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: Vec<String>,
    pub body: String,
}

impl Connection {
    /// A verified connection; `None` where openssl is not installed.
    pub fn open(site: &Site) -> Option<Connection> {
        let mut command = Command::new("openssl");
        command.args(["s_client", "-quiet", "-verify_return_error", "-connect"]);
        command.arg(site.url.trim_start_matches("https://")).arg("-CAfile").arg(&site.authority);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                println!("skipped: openssl: {error}");
                return None;
            }
        };
        let to = child.stdin.take().unwrap();
        let from = BufReader::new(child.stdout.take().unwrap());
        Some(Connection { child, to, from })
    }

    /// Says something.
    pub fn send(&mut self, text: &str) {
        self.to.write_all(text.as_bytes()).unwrap();
        self.to.flush().unwrap();
    }

    /// Waits until the other end closes the connection.
    pub fn wait_for_end(&mut self) {
        let mut rest = Vec::new();
        self.from.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }

    /// Asks for a file and reads the whole answer.
    pub fn get(&mut self, path: &str) -> Got {
        self.send(&format!("GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n"));
        let status = self.line().split(' ').nth(1).expect("a status line").parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            headers.push(line.to_lowercase());
        }
        let length = headers.iter().find_map(|header| header.strip_prefix("content-length: ")).expect("a length");
        let mut body = vec![0; length.parse().unwrap()];
        self.from.read_exact(&mut body).unwrap();
        Got { status, headers, body: String::from_utf8(body).unwrap() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "the connection ended");
        line.trim_end().to_owned()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
