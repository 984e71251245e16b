//! `ztpd backup`: everything the daemon keeps, in one sealed file, whole or not at all.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value, json};

use super::client::Ask;
use super::failure::Failure;
use super::flags::secret;
use super::session::Session;
use crate::inventory::secret::Secret;

/// `ztpd backup`.
#[derive(Args)]
#[command(after_help = "A key pair for --recipient, whose private half need not lie on this machine:\n  \
                        openssl genpkey -algorithm X25519 -out backup.key\n  \
                        openssl pkey -in backup.key -pubout -out backup.pub\n\
                        The master key is not in a backup and not needed to restore one.")]
pub struct Backup {
    /// The new file; nothing is ever overwritten.
    file: PathBuf,
    /// File with the passphrase that opens it, `-` for standard input.
    #[arg(long, value_name = "FILE", value_parser = secret, required_unless_present = "recipient")]
    passphrase_file: Option<Secret>,
    /// PEM file with an X25519 public key whose private key opens it; repeat for more.
    #[arg(long, value_name = "FILE")]
    recipient: Vec<PathBuf>,
}

impl Backup {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut body = Map::new();
        if let Some(passphrase) = &self.passphrase_file {
            body.insert("passphrase".to_owned(), passphrase.reveal().into());
        }
        let recipients = self.recipient.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
        body.insert("recipients".to_owned(), recipients.into());
        if self.file.exists() {
            let path = self.file.display();
            return Err(Failure::refused(format!("{path} exists already, and a backup overwrites nothing")));
        }
        let part = part(&self.file);
        let mut file = new_file(&part)?;
        let taken = session.fetch(Ask::post("backups", Value::Object(body)), &mut file).await;
        let kept = taken.and_then(|()| keep(&file, &part, &self.file));
        if kept.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        let octets = kept?;
        let (path, answer) = (self.file.display(), json!({"file": self.file, "octets": octets}));
        session.done(
            &answer,
            &format!("everything is in {path}, {octets} octets, sealed; `ztpd restore --check` tries it"),
        )
    }
}

/// Where it is written until it is whole.
fn part(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

fn new_file(path: &Path) -> Result<File, Failure> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(path);
    file.map_err(|error| Failure::Failed(format!("{}: {error}", path.display())))
}

/// Gives the file its name once all of it is on the disk; how long it is.
fn keep(file: &File, part: &Path, place: &Path) -> Result<u64, Failure> {
    let kept = file.sync_all().and_then(|()| std::fs::hard_link(part, place)).and_then(|()| std::fs::remove_file(part));
    let cannot = |error| Failure::Failed(format!("{}: {error}", place.display()));
    kept.map_err(cannot)?;
    file.metadata().map(|data| data.len()).map_err(cannot)
}
