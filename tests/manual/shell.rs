//! A shell that is kept from one block of a page to the next, as its reader's is: variables and aliases stay.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// What stands after the output of each command.
const END: &str = "\u{1e}ended with";

/// How long a command may take before it counts as one that waits for something.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running shell; killed when dropped.
pub struct Shell {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// How the last command ended, which is what `$?` is.
    last: i32,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub text: String,
}

/// An environment with nothing of the tester's own that the program heeds.
pub fn at_home(command: &mut Command, dir: &Path) {
    for name in ["ZTPD_SOCKET", "ZTPD_URL", "ZTPD_TOKEN_FILE", "ZTPD_CACERT", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("HOME", dir.join("home")).env("PATH", format!("{}:{path}", dir.join("bin").display()));
    command.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").current_dir(dir);
}

impl Shell {
    /// In this folder.
    pub fn new(dir: &Path) -> Shell {
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc"]);
        at_home(&mut command, dir);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash");
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"exec 2>&1\nshopt -s expand_aliases\n").unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                if tell.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Shell { child, input, lines, last: 0 }
    }

    /// Sets a variable for what is started from it.
    pub fn export(&mut self, name: &str, value: &str) {
        writeln!(self.input, "export {name}='{value}'").unwrap();
    }

    /// Runs a command to its end.
    pub fn run(&mut self, command: &str) -> Result<Said, String> {
        let last = self.last;
        writeln!(self.input, "(exit {last})\n{{ {command}\n}} </dev/null\nprintf '\\n{END} %d\\n' \"$?\"").unwrap();
        let mut text = String::new();
        loop {
            let line =
                self.lines.recv_timeout(PATIENCE).map_err(|error| format!("no end ({error}); so far:\n{text}"))?;
            if let Some(code) = line.strip_prefix(END) {
                self.last = code.trim().parse().expect("an exit code");
                return Ok(Said { code: self.last, text });
            }
            text += &line;
            text.push('\n');
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
