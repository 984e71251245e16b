//! A client that keeps its connection: hundreds of requests without a process each.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

/// Something octets go over both ways.
trait Stream: std::io::Read + std::io::Write {}

impl Stream for TcpStream {}
impl Stream for UnixStream {}

/// A connection to the admin API.
pub struct Client {
    stream: BufReader<Box<dyn Stream>>,
    host: String,
    token: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: String,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.headers.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim())
    }
}

impl Client {
    pub fn unix(socket: &Path) -> Client {
        let stream = UnixStream::connect(socket).unwrap();
        Client { stream: BufReader::new(Box::new(stream)), host: "ztpd".to_owned(), token: None }
    }

    pub fn tcp(port: u16, token: &str) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let host = format!("127.0.0.1:{port}");
        Client { stream: BufReader::new(Box::new(stream)), host, token: Some(token.to_owned()) }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "", &[])
    }

    pub fn post(&mut self, path: &str, body: &str) -> Answer {
        self.ask("POST", path, body, &[])
    }

    /// A request below `/api/v1`, or with a leading slash anywhere.
    pub fn ask(&mut self, method: &str, path: &str, body: &str, headers: &[&str]) -> Answer {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v1/{path}") };
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.host, body.len());
        if let Some(token) = &self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        if !body.is_empty() && !headers.iter().any(|header| header.to_lowercase().starts_with("content-type")) {
            text += "Content-Type: application/json\r\n";
        }
        for header in headers {
            text += &format!("{header}\r\n");
        }
        text += &format!("\r\n{body}");
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        self.read(method)
    }

    fn read(&mut self, method: &str) -> Answer {
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            assert!(self.stream.read_line(&mut headers).unwrap() > 0, "the answer ended early: {headers}");
        }
        let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer = Answer { status, headers, text: String::new() };
        let length: usize = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if method == "HEAD" { 0 } else { length }];
        self.stream.read_exact(&mut body).unwrap();
        answer.text = String::from_utf8(body).unwrap();
        answer
    }
}
