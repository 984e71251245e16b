//! Watching the daemon from outside: its figures as other programs read them, and the alerts and the dashboard that live on
//! them (docs/monitoring.md).

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod figures;
mod files;
mod prometheus;
// Each of the programs that use it uses a part.
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;

use std::process::Command;

use support::Site;

/// The figures over the administrators' socket, header and body; `None` where curl is not installed.
fn scraped(site: &Site) -> Option<(String, String)> {
    let mut command = Command::new("curl");
    command.args(["-sS", "-i", "--unix-socket"]).arg(&site.socket).arg("http://ztpd/metrics");
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: curl: {error}");
            return None;
        }
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let (headers, body) = text.split_once("\r\n\r\n").unwrap();
    Some((headers.to_owned(), body.to_owned()))
}

/// The value of a figure with these labels, in any order; 0 where there is none.
fn figure(text: &str, name: &str, labels: &[&str]) -> f64 {
    let of_name = text.lines().filter(|line| line.split(['{', ' ']).next() == Some(name));
    let fitting = of_name.filter(|line| labels.iter().all(|label| line.contains(label)));
    fitting.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
}
