//! Add, list, show, set, rm: what can be done with every noun of the inventory. A noun says only what is its own.

use clap::{Arg, Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::Ask;
use super::confirm::confirmed;
use super::failure::Failure;
use super::output::Column;
use super::pages::{Paging, pages};
use super::path::{path, query};
use super::session::Session;

/// A noun of the inventory, as the command line has it.
pub trait Record: Send + Sync + 'static {
    /// Its name in the singular.
    const KIND: &'static str;
    /// Its name in the API's paths.
    const PATH: &'static str;
    /// The API's field that names it.
    const KEY: &'static str;
    /// That field, in help.
    const ID: &'static str;
    /// Flags that `add` cannot do without.
    const NEEDED: &'static [&'static str];
    /// Fields that can be taken back.
    const CLEARABLE: &'static [&'static str];
    /// What its list shows.
    const COLUMNS: &'static [Column];

    /// What can be written; serialised as the API has it.
    type Fields: Args + Serialize + Send + Sync;
    /// What its list can be narrowed down by; serialised as the API has it.
    type Filters: Args + Serialize + Send + Sync;

    /// Its name, as it was written on the command line.
    fn id(text: &str) -> Result<String, String> {
        if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
    }

    /// Whether the API makes a name where none is given.
    fn names_itself(_fields: &Map<String, Value>) -> bool {
        false
    }

    /// Fills in what a new one may leave out here though not in the API.
    fn complete(_fields: &mut Map<String, Value>) {}

    /// What is worth saying of a new one beside its name.
    fn told(_record: &Value) -> String {
        String::new()
    }
}

/// The five verbs.
#[derive(Subcommand)]
pub enum Verb<R: Record> {
    #[command(about = format!("Adds a {}", R::KIND), mut_args(needed::<R>))]
    Add {
        #[arg(value_name = R::ID, value_parser = R::id, help = format!("The new {}", R::KIND))]
        id: Option<String>,
        #[command(flatten)]
        fields: R::Fields,
    },
    #[command(about = format!("Lists every {}", R::KIND), visible_alias = "ls")]
    List {
        #[command(flatten)]
        filters: R::Filters,
        #[command(flatten)]
        paging: Paging,
    },
    #[command(about = format!("Shows a {}", R::KIND))]
    Show {
        #[arg(value_name = R::ID, value_parser = R::id, help = format!("Which {}", R::KIND))]
        id: String,
    },
    #[command(
        about = format!("Changes a {}: the fields named, and no other", R::KIND),
        long_about = format!("Changes a {}: the fields named, and no other.\n\nA list that is given replaces the one \
                             there was; settings are changed one by one.", R::KIND)
    )]
    Set {
        #[arg(value_name = R::ID, value_parser = R::id, help = format!("Which {}", R::KIND))]
        id: String,
        #[command(flatten)]
        fields: R::Fields,
        /// Takes a field back, so that its default or the layer above holds again; repeat for more.
        #[arg(long, value_name = "FIELD", value_parser = clap::builder::PossibleValuesParser::new(R::CLEARABLE))]
        clear: Vec<String>,
        /// Takes one setting back; repeat for more.
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        /// Only if it still has this ETag (`show` prints it).
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
    #[command(
        about = format!("Removes a {}", R::KIND),
        long_about = format!("Removes a {}; on a terminal, asks first.", R::KIND)
    )]
    Rm {
        #[arg(value_name = R::ID, value_parser = R::id, required = true, help = format!("Which {}; one or more", R::KIND))]
        ids: Vec<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Only if it still has this ETag (`show` prints it).
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
}

fn needed<R: Record>(argument: Arg) -> Arg {
    let needed = R::NEEDED.contains(&argument.get_id().as_str());
    if needed { argument.required(true) } else { argument }
}

impl<R: Record> Verb<R> {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Verb::Add { id, fields } => add::<R>(session, id, &fields).await,
            Verb::List { filters, paging } => {
                let list = pages(session, R::PATH, &query(&filters)?, &paging).await?;
                session.list(R::COLUMNS, list)
            }
            Verb::Show { id } => {
                let answer = session.send(Ask::get(path(&[R::PATH, &id]))).await?;
                session.record(&answer)
            }
            Verb::Set { id, fields, clear, unset, if_match } => {
                let patch = patch(object(&fields)?, &clear, &unset);
                if patch.is_empty() {
                    let message = format!("nothing to change: name a field (`ztpd {} set --help`)", noun::<R>());
                    return Err(Failure::Usage(message));
                }
                let ask = Ask::patch(path(&[R::PATH, &id]), Value::Object(patch)).if_match(if_match.as_deref());
                let changed = session.send(ask).await?.json()?;
                session.done(&changed, &format!("changed {} {}", R::KIND, key::<R>(&changed)))
            }
            Verb::Rm { ids, yes, if_match } => remove::<R>(session, &ids, yes, if_match.as_deref()).await,
        }
    }
}

async fn add<R: Record>(session: &Session, id: Option<String>, fields: &R::Fields) -> Result<(), Failure> {
    let mut body = without_nothing(object(fields)?);
    match id {
        Some(id) => drop(body.insert(R::KEY.to_owned(), id.into())),
        None if R::names_itself(&body) => {}
        None => {
            return Err(Failure::Usage(format!("a new {} needs a name: give {}", R::KIND, R::ID)));
        }
    }
    R::complete(&mut body);
    let added = session.send(Ask::post(R::PATH, Value::Object(body))).await?.json()?;
    session.done(&added, &format!("added {} {}{}", R::KIND, key::<R>(&added), R::told(&added)))
}

async fn remove<R: Record>(
    session: &Session,
    ids: &[String],
    yes: bool,
    if_match: Option<&str>,
) -> Result<(), Failure> {
    if !yes {
        confirmed(&format!("Remove {} {}?", R::KIND, ids.join(", ")))?;
    }
    for id in ids {
        session.send(Ask::delete(path(&[R::PATH, id])).if_match(if_match)).await?;
        session.told(&format!("removed {} {id}", R::KIND))?;
    }
    Ok(())
}

/// The noun as it is typed.
fn noun<R: Record>() -> String {
    R::KIND.replace(' ', "-")
}

fn key<R: Record>(record: &Value) -> String {
    record.get(R::KEY).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Flags as a JSON object.
pub fn object(fields: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(fields) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Failure::Failed(error.to_string())),
    }
}

/// A new record has nothing to take back: what a patch would clear is left out.
fn without_nothing(fields: Map<String, Value>) -> Map<String, Value> {
    let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
    kept.map(|(name, value)| match value {
        Value::Object(members) => (name, Value::Object(without_nothing(members))),
        value => (name, value),
    })
    .collect()
}

/// The merge patch (RFC 7396) of the fields given, of what is cleared and of settings taken back.
pub fn patch(mut fields: Map<String, Value>, clear: &[String], unset: &[String]) -> Map<String, Value> {
    for name in clear {
        // Only `sip` has members of its own on the command line.
        match name.strip_prefix("sip-") {
            Some(member) => member_of(&mut fields, "sip", &member.replace('-', "_")),
            None => drop(fields.insert(name.replace('-', "_"), Value::Null)),
        }
    }
    for key in unset {
        member_of(&mut fields, "settings", key);
    }
    fields
}

fn member_of(fields: &mut Map<String, Value>, parent: &str, member: &str) {
    let parent = fields.entry(parent).or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(members) = parent {
        members.insert(member.to_owned(), Value::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cleared_is_null_in_the_patch() {
        let Value::Object(fields) = serde_json::json!({"name": "Lobby", "settings": {"vlan.id": "20"}}) else {
            panic!()
        };
        let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let patched = patch(fields, &text(&["locale", "sip-auth-user"]), &text(&["srtp"]));
        let expected = serde_json::json!({
            "name": "Lobby", "locale": null, "sip": {"auth_user": null}, "settings": {"vlan.id": "20", "srtp": null},
        });
        assert_eq!(Value::Object(patched), expected);
    }

    #[test]
    fn a_new_record_has_nothing_to_take_back() {
        let Value::Object(fields) = serde_json::json!({"assignment": {"user": "a", "common_area": null}, "b": null})
        else {
            panic!()
        };
        assert_eq!(Value::Object(without_nothing(fields)), serde_json::json!({"assignment": {"user": "a"}}));
    }
}
