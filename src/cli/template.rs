//! `ztpd template`: what phones' files are made from. Templates are changed as files, followed by a reload.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::{Value, json};

use super::catalogue::in_two;
use super::client::Ask;
use super::failure::Failure;
use super::noun::{Look, Noun};
use super::output::Column;
use super::path::path;
use super::session::Session;
use super::text::words;

/// What can be done with templates.
#[derive(Subcommand)]
pub enum TemplateVerb {
    #[command(flatten)]
    Look(Look<Template>),
    /// Reads a template again as its file is now and tries it on sample phones; changes nothing.
    Lint(Lint),
}

/// The noun.
pub enum Template {}

/// Which templates.
#[derive(Args, Debug, Serialize)]
pub struct TemplateFilters {
    /// Those of this maker.
    #[arg(long)]
    maker: Option<String>,
    /// Those that have these words in their name.
    #[arg(long, value_name = "WORDS")]
    q: Option<String>,
}

/// `ztpd template lint`.
#[derive(Args, Debug)]
pub struct Lint {
    /// Which template
    #[arg(value_name = "MAKER/FILE", value_parser = Template::id)]
    id: String,
}

impl Noun for Template {
    const KIND: &'static str = "template";
    const PATH: &'static str = "templates";
    const KEY: &'static str = "id";
    const ID: &'static str = "MAKER/FILE";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("role", "/role"),
        Column::of("source", "/source"),
        Column::of("path", "/path"),
    ];
    type Filters = TemplateFilters;

    fn id(text: &str) -> Result<String, String> {
        in_two(text).map(|_| text.to_owned()).ok_or_else(|| "write MAKER/FILE, such as yealink/device.cfg".to_owned())
    }

    fn place(id: &str) -> String {
        in_two(id).map_or_else(|| path(&[Template::PATH, id]), |(maker, file)| path(&[Template::PATH, maker, file]))
    }
}

impl TemplateVerb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            TemplateVerb::Look(Look::Show { id }) => show(session, &id).await,
            TemplateVerb::Look(look) => look.run(session).await,
            TemplateVerb::Lint(lint) => lint.run(session).await,
        }
    }
}

/// What is known of it, then its text as it is.
async fn show(session: &Session, id: &str) -> Result<(), Failure> {
    let answer = session.send(Ask::get(Template::place(id))).await?;
    if session.output.json {
        return session.record(&answer);
    }
    let mut template = answer.json()?;
    let text = template.as_object_mut().and_then(|fields| fields.remove("text"));
    session.output.record(&template, answer.etag.as_deref())?;
    session.output.write("\n")?;
    session.output.file(text.as_ref().and_then(Value::as_str).unwrap_or_default())
}

impl Lint {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let ask = Ask::post(format!("{}/lint", Template::place(&self.id)), json!({}));
        let found = session.send(ask).await?.json()?;
        let faults: Vec<String> =
            found.get("faults").and_then(Value::as_array).into_iter().flatten().map(line).collect();
        let whole = found.get("ok") == Some(&Value::Bool(true));
        if session.output.json {
            session.output.value(&found)?;
            return if whole { Ok(()) } else { Err(Failure::Findings) };
        }
        if whole {
            session.output.line(&format!("{}: no fault", self.id))
        } else {
            Err(Failure::Failed(faults.join("\n")))
        }
    }
}

/// `yealink/device.cfg:12:3: …`, as compilers write it.
fn line(fault: &Value) -> String {
    let of = |name: &str| fault.get(name).map(words).unwrap_or_default();
    match fault.get("line").and_then(Value::as_u64) {
        None | Some(0) => format!("{}: {}", of("template"), of("message")),
        Some(_) => format!("{}:{}:{}: {}", of("template"), of("line"), of("column"), of("message")),
    }
}
