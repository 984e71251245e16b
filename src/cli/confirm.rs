//! Shall it really be done? Asked of a person at a terminal, of nobody else.

use std::io::{IsTerminal as _, Write as _};

use super::failure::Failure;
use super::text::escaped;

/// Whether a person is there to be asked.
fn asks() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Goes on if a person says yes, or if nobody is there to be asked.
pub fn confirmed(question: &str) -> Result<(), Failure> {
    if !asks() {
        return Ok(());
    }
    let mut screen = std::io::stderr().lock();
    write!(screen, "{} [y/N] ", escaped(question))?;
    screen.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Failure::Failed(error.to_string()))?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was changed".into())),
    }
}
