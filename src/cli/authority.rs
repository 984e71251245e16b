//! `ztpd authority`: who vouches for whose phones. What is brought is shown for what it is; what is unknown or weak is
//! asked for.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Ask;
use super::confirm::{confirmed, is_person_there};
use super::failure::Failure;
use super::flags::Nothing;
use super::noun::{Look, Noun, Rm};
use super::output::Column;
use super::session::Session;
use super::text::words;

/// The noun.
pub enum Authority {}

/// What can be done with makers' authorities.
#[derive(Subcommand)]
pub enum AuthorityVerb {
    /// Trusts an authority's certificate for the phones of one maker.
    Add(Brought),
    /// Says which certificates a file has, and what is weak about them; changes nothing.
    Check {
        /// The file, PEM or DER; - is standard input.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    #[command(flatten)]
    Look(Look<Authority>),
    /// Removes an authority; the phones it vouched for go by their tokens again.
    Rm(Rm<Authority>),
}

/// What is brought.
#[derive(Args)]
pub struct Brought {
    /// The file with the certificate, PEM or DER; - is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Whose phones it vouches for.
    #[arg(long, value_name = "NAME")]
    maker: String,
    /// A weakness that is accepted of it and of the certificates below it; repeat for more.
    #[arg(long, value_name = "WEAKNESS", value_parser = ["expired", "md5", "rsa1024", "sha1", "v1"])]
    tolerate: Vec<String>,
    /// Trust it even if it is none of the authorities that makers are known by.
    #[arg(long)]
    confirm: bool,
}

impl Noun for Authority {
    const KIND: &'static str = "authority";
    const PATH: &'static str = "authorities";
    const KEY: &'static str = "sha256";
    const ID: &'static str = "SHA256";
    const COLUMNS: &'static [Column] = &[
        Column::of("maker", "/maker"),
        Column::of("name", "/name"),
        Column::of("key", "/key"),
        Column::of("not_after", "/not_after"),
        Column::of("tolerate", "/tolerate"),
        Column::of("sha256", "/sha256"),
    ];
    type Filters = Nothing;
}

const CHECKED: &[Column] = &[
    Column::of("maker", "/maker"),
    Column::of("name", "/name"),
    Column::of("key", "/key"),
    Column::of("signature", "/signature"),
    Column::of("version", "/version"),
    Column::of("not_after", "/not_after"),
    Column::of("weaknesses", "/weaknesses"),
    Column::of("sha256", "/sha256"),
];

impl AuthorityVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            AuthorityVerb::Add(brought) => brought.add(session).await,
            AuthorityVerb::Check { file } => check(session, &file).await,
            AuthorityVerb::Look(look) => look.run(session).await,
            AuthorityVerb::Rm(rm) => rm.run(session).await,
        }
    }
}

impl Brought {
    async fn add(mut self, session: &Session) -> Result<(), Failure> {
        let pem = pem(&self.file)?;
        if is_person_there() {
            self.ask(session, &pem).await?;
        }
        let wish = json!({"maker": self.maker, "pem": pem, "tolerate": self.tolerate, "confirm": self.confirm});
        let added = session.send(Ask::post("authorities", wish)).await?.json()?;
        let of = |field: &str| added.get(field).map(words).unwrap_or_default();
        session
            .done(&added, &format!("{} vouches for phones of {} now ({})", of("name"), of("maker"), of("sha256")))?;
        let signed_over = added.get("weaknesses").and_then(Value::as_array).into_iter().flatten().map(words);
        let hashes = signed_over.filter(|weakness| matches!(weakness.as_str(), "md5" | "sha1"));
        for hash in hashes.filter(|hash| !self.tolerate.contains(hash)) {
            session.told(&format!(
                "It is signed over {hash} itself; phones whose certificates are too count only if it is added with \
                 --tolerate {hash}"
            ))?;
        }
        Ok(())
    }

    /// Has a person decide over what would be refused otherwise.
    async fn ask(&mut self, session: &Session, pem: &str) -> Result<(), Failure> {
        let answer = session.send(Ask::post("authorities/check", json!({"pem": pem}))).await?.json()?;
        let Some([found]) = answer.get("items").and_then(Value::as_array).map(Vec::as_slice) else { return Ok(()) };
        let of = |field: &str| found.get(field).map(words).unwrap_or_default();
        if found.get("problem").is_some_and(|problem| !problem.is_null()) {
            return Ok(());
        }
        if !self.confirm && found.get("known") == Some(&Value::Bool(false)) {
            let (name, sha256) = (of("name"), of("sha256"));
            confirmed(&format!(
                "{name} ({sha256}) is none of the authorities that makers are known by. Are you sure that {} signs its \
                 phones' certificates with it?",
                self.maker
            ))?;
            self.confirm = true;
        }
        let needed = found.get("must_be_tolerated").and_then(Value::as_array).into_iter().flatten();
        let missing: Vec<String> = needed.map(words).filter(|weakness| !self.tolerate.contains(weakness)).collect();
        if !missing.is_empty() {
            let (name, key, signature, until) = (of("name"), of("key"), of("signature"), of("not_after"));
            confirmed(&format!(
                "{name} is weak ({key}, {signature}, until {until}). Tolerate {} for it and what it signed?",
                missing.join(", ")
            ))?;
            self.tolerate.extend(missing);
        }
        Ok(())
    }
}

async fn check(session: &Session, file: &Path) -> Result<(), Failure> {
    let answer = session.send(Ask::post("authorities/check", json!({"pem": pem(file)?}))).await?.json()?;
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if session.output.json {
        session.output.value(&answer)?;
    } else {
        session.output.table(CHECKED, items)?;
    }
    let problems: Vec<&str> = items.iter().filter_map(|item| item.get("problem")?.as_str()).collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::Failed(problems.join("\n"))) }
}

/// A file's certificates as PEM text.
fn pem(file: &Path) -> Result<String, Failure> {
    let mut octets = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut octets)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut octets))
    };
    read.map_err(|error| Failure::Failed(format!("{}: {error}", file.display())))?;
    Ok(as_pem(&octets))
}

/// DER begins with a SEQUENCE, which no text does.
fn as_pem(octets: &[u8]) -> String {
    if octets.first() == Some(&0x30) {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(octets))
    } else {
        String::from_utf8_lossy(octets).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_becomes_pem_and_pem_stays() {
        assert_eq!(as_pem(b"-----BEGIN X"), "-----BEGIN X");
        assert_eq!(as_pem(&[0x30, 0x82]), "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n");
    }
}
