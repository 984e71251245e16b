//! What would this phone be given now, and why?

use clap::Args;
use serde_json::Value;

use super::{Failure, Session, Which};
use crate::cli::client::Ask;
use crate::cli::path::path;
use crate::cli::text::{escaped, words};

/// `ztpd device render`.
#[derive(Args, Debug)]
#[command(after_help = "With --json and no FILE: the names of its files.")]
pub struct Render {
    #[command(flatten)]
    which: Which,
    /// Which of its files; without it, all of them.
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Show its secrets too; that is recorded, and takes the permission credentials:reveal.
    #[arg(long)]
    reveal: bool,
    /// Show of each line which template wrote it, and the settings it hangs on; secrets stay masked.
    #[arg(long, conflicts_with = "reveal")]
    explain: bool,
}

/// `ztpd device settings`.
#[derive(Args, Debug)]
pub struct Settings {
    #[command(flatten)]
    which: Which,
}

impl Render {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        if let Some(file) = self.file.as_ref().filter(|_| self.explain) {
            return explained(session, &mac, file).await;
        }
        if let Some(file) = &self.file {
            return session.output.file(&self.rendered(session, &mac, file).await?);
        }
        let list = session.send(Ask::get(path(&["devices", &mac, "files"]))).await?.json()?;
        if session.output.json && !self.explain {
            return session.output.value(&list);
        }
        let names = list.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let names: Vec<&str> = names.collect();
        for (place, name) in names.iter().enumerate() {
            if self.explain {
                explained(session, &mac, name).await?;
                continue;
            }
            let text = self.rendered(session, &mac, name).await?;
            if names.len() > 1 {
                let before = if place == 0 { "" } else { "\n" };
                session.output.write(&format!("{before}==> {} <==\n", words(&Value::from(*name))))?;
            }
            session.output.file(&text)?;
        }
        Ok(())
    }

    async fn rendered(&self, session: &Session, mac: &str, file: &str) -> Result<String, Failure> {
        let reveal = if self.reveal { "?reveal=true" } else { "" };
        Ok(session.send(Ask::get(path(&["devices", mac, "files", file]) + reveal)).await?.text())
    }
}

/// Line by line: where it comes from, what it hangs on, and the line itself.
async fn explained(session: &Session, mac: &str, file: &str) -> Result<(), Failure> {
    let found = session.send(Ask::get(path(&["devices", mac, "files", file, "provenance"]))).await?.json()?;
    if session.output.json {
        return session.output.value(&found);
    }
    let of_setting = |setting: &Value| {
        let of = |name: &str| setting.get(name).map(words).unwrap_or_default();
        format!("{} ({})", of("key"), of("layer"))
    };
    let rows = found.get("items").and_then(Value::as_array).into_iter().flatten().map(|line| {
        let of = |name: &str| line.get(name).map(words).unwrap_or_default();
        let settings: Vec<String> =
            line.get("settings").and_then(Value::as_array).into_iter().flatten().map(of_setting).collect();
        let expressions = line.get("values").and_then(Value::as_array).into_iter().flatten();
        let expressions: Vec<String> = expressions.filter_map(|value| value.get("expression")).map(words).collect();
        vec![
            of("line"),
            format!("{}:{}", of("template"), of("template_line")),
            if settings.is_empty() { expressions.join(", ") } else { settings.join(", ") },
            line.get("text").and_then(Value::as_str).map(escaped).unwrap_or_default(),
        ]
    });
    session.output.rows(&["line", "template", "from", "text"], rows.collect())
}

impl Settings {
    pub(super) async fn run(self, session: &Session) -> Result<(), Failure> {
        let mac = self.which.mac.to_string();
        let settings = session.send(Ask::get(path(&["devices", &mac, "settings"]))).await?.json()?;
        if session.output.json {
            return session.output.value(&settings);
        }
        let rows = settings.as_object().into_iter().flatten().map(|(key, setting)| {
            let of = |name: &str| setting.get(name).map_or_else(|| words(&Value::Null), words);
            vec![words(&Value::from(key.as_str())), of("value"), of("layer"), of("locked_by")]
        });
        session.output.rows(&["setting", "value", "layer", "locked_by"], rows.collect())
    }
}
