//! The life of a device after it was registered: `quarantine`, `release`, `rebind`, `retire`.

use serde_json::{Value, json};

use super::{Failure, Session, Which};
use crate::cli::client::Ask;
use crate::cli::path::path;

/// A step in the life of a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// It gets nothing until it is released.
    Quarantine,
    /// Who comes next is the phone.
    Rebind,
    /// It may have its files again.
    Release,
    /// It never gets anything again.
    Retire,
}

impl Step {
    /// Its name in the API's paths, and what was done.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Step::Quarantine => ("quarantine", "is quarantined: it gets nothing until it is released"),
            Step::Rebind => ("rebind", "is forgotten as it was known: who comes next is the phone"),
            Step::Release => ("release", "is released from quarantine"),
            Step::Retire => ("retire", "is retired: its token and certificate open nothing any more"),
        }
    }

    /// Does it, and says what is left to do.
    pub(super) async fn run(self, which: Which, session: &Session) -> Result<(), Failure> {
        let (verb, done) = self.words();
        let mac = which.mac.to_string();
        let device = session.send(Ask::post(path(&["devices", &mac, verb]), json!({}))).await?.json()?;
        let next = device.get("next").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let next: Vec<String> = next.map(str::to_owned).collect();
        session.done(&device, &format!("device {mac} {done}"))?;
        next.iter().try_for_each(|sentence| session.told(&as_command(sentence)))
    }
}

/// What is left to do, as it is typed here: the API names its own path, `POST /api/v1/users/ID/sip-password`.
fn as_command(sentence: &str) -> String {
    let parts = sentence.split_once("POST /api/v1/").and_then(|(before, path)| {
        let (kind, rest) = path.split_once('/')?;
        let (id, verb) = rest.rsplit_once('/')?;
        Some((before, kind.strip_suffix('s')?, id, verb))
    });
    match parts {
        Some((before, noun, id, verb)) => format!("{before}`ztpd {noun} {verb} {id}`"),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_do_is_said_as_a_command() {
        let said = as_command("change the password: POST /api/v1/common-areas/lobby/sip-password");
        assert_eq!(said, "change the password: `ztpd common-area sip-password lobby`");
        assert_eq!(as_command("let the phone boot"), "let the phone boot");
    }
}
