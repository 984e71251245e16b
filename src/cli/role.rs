//! `ztpd role`: sets of permissions.

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::flags::Nothing;
use super::noun::Noun;
use super::output::Column;
use super::record::{Record, Verb};
use super::site::name_from_id;

/// What can be done with roles.
pub type RoleVerb = Verb<Role>;

/// The noun.
pub enum Role {}

/// What can be written of a role.
#[derive(Args, Debug, Serialize)]
pub struct RoleFields {
    /// Its name for people; a new role without one is called by its id.
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// What its holders may do, such as devices:view; repeat for more. `ztpd role show super_admin` names them all.
    #[arg(long, value_name = "PERMISSION")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    permissions: Vec<String>,
}

/// What can be said of a new role.
#[derive(Args, Debug, Serialize)]
pub struct NewRole {
    /// Begin with the permissions of this role; those that come with the program cannot be changed, only copied.
    #[arg(long, value_name = "ID", conflicts_with = "permissions")]
    #[serde(skip_serializing_if = "Option::is_none")]
    copy_of: Option<String>,
}

impl Noun for Role {
    const KIND: &'static str = "role";
    const PATH: &'static str = "roles";
    const KEY: &'static str = "id";
    const ID: &'static str = "ID";
    const COLUMNS: &'static [Column] = &[
        Column::of("id", "/id"),
        Column::of("name", "/name"),
        Column::of("shipped", "/shipped"),
        Column::of("permissions", "/permissions"),
    ];
    type Filters = Nothing;
}

impl Record for Role {
    const NEEDED: &'static [&'static str] = &[];
    const CLEARABLE: &'static [&'static str] = &[];
    type Fields = RoleFields;
    type New = NewRole;

    fn names_itself(fields: &Map<String, Value>) -> bool {
        fields.contains_key("name")
    }

    fn complete(fields: &mut Map<String, Value>) {
        name_from_id(fields);
    }
}
