//! Add and set beside list, show and rm: what can be done with every noun that administrators write. A noun says only
//! what is its own.

use clap::{Arg, Args, Subcommand};
use serde::Serialize;
use serde_json::{Map, Value};

use super::client::Ask;
use super::failure::Failure;
use super::noun::{Look, Noun, Rm, key};
use super::session::Session;

/// A noun that administrators write.
pub trait Record: Noun {
    /// Flags that `add` cannot do without.
    const NEEDED: &'static [&'static str];
    /// Fields that can be taken back.
    const CLEARABLE: &'static [&'static str];

    /// What can be written; serialised as the API has it.
    type Fields: Args + Serialize + Send + Sync;
    /// What can be said of a new one alone; serialised as the API has it.
    type New: Args + Serialize + Send + Sync;

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
    #[command(about = format!("Adds {}", R::one()))]
    Add(Add<R>),
    #[command(flatten)]
    Look(Look<R>),
    #[command(
        about = format!("Changes {}: the fields named, and no other", R::one()),
        long_about = format!("Changes {}: the fields named, and no other.\n\nA list that is given replaces the one \
                             there was; settings are changed one by one.", R::one())
    )]
    Set(Set<R>),
    Rm(Rm<R>),
}

/// Adding.
#[derive(Args)]
#[command(mut_args(needed::<R>))]
pub struct Add<R: Record> {
    #[arg(value_name = R::ID, value_parser = R::id, help = format!("The new {}", R::KIND))]
    id: Option<String>,
    #[command(flatten)]
    fields: R::Fields,
    #[command(flatten)]
    new: R::New,
}

/// Changing.
#[derive(Args)]
pub struct Set<R: Record> {
    #[arg(value_name = R::ID, value_parser = R::id, help = format!("Which {}", R::KIND))]
    id: String,
    #[command(flatten)]
    fields: R::Fields,
    /// Takes a field back, so that its default or the layer above holds again; repeat for more.
    #[arg(long, value_name = "FIELD", value_parser = clap::builder::PossibleValuesParser::new(R::CLEARABLE))]
    clear: Vec<String>,
    /// Takes one setting back; repeat for more.
    #[arg(long, value_name = "KEY", hide = !R::CLEARABLE.contains(&"settings"))]
    unset: Vec<String>,
    /// Only if it still has this ETag (`show` prints it).
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

fn needed<R: Record>(argument: Arg) -> Arg {
    let needed = R::NEEDED.contains(&argument.get_id().as_str());
    if needed { argument.required(true) } else { argument }
}

impl<R: Record> Verb<R> {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Verb::Add(add) => add.run(session).await,
            Verb::Look(look) => look.run(session).await,
            Verb::Set(set) => set.run(session).await,
            Verb::Rm(rm) => rm.run(session).await,
        }
    }
}

impl<R: Record> Add<R> {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let mut body = without_nothing(object(&self.fields)?);
        body.extend(object(&self.new)?);
        match self.id {
            Some(id) => drop(body.insert(R::KEY.to_owned(), id.into())),
            None if R::names_itself(&body) => {}
            None => {
                let message = format!("a new {} needs a name: give {}, or --name to make one from", R::KIND, R::ID);
                return Err(Failure::Usage(message));
            }
        }
        R::complete(&mut body);
        let added = session.send(Ask::post(R::PATH, Value::Object(body))).await?.json()?;
        session.done(&added, &format!("added {} {}{}", R::KIND, key::<R>(&added), R::told(&added)))
    }
}

impl<R: Record> Set<R> {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let patch = patch(object(&self.fields)?, &self.clear, &self.unset);
        if patch.is_empty() {
            let noun = R::KIND.replace(' ', "-");
            return Err(Failure::Usage(format!("nothing to change: name a field (`ztpd {noun} set --help`)")));
        }
        let ask = Ask::patch(R::place(&self.id), Value::Object(patch)).if_match(self.if_match.as_deref());
        let changed = session.send(ask).await?.json()?;
        session.done(&changed, &format!("changed {} {}", R::KIND, key::<R>(&changed)))
    }
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
pub fn without_nothing(fields: Map<String, Value>) -> Map<String, Value> {
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
