//! Who may do what, where? The words administrators' rights are made of: permissions, roles, grants and their scopes.
//! The decision itself is `admin/auth.rs`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::account::AdminTokenId;
use super::sip::Label;
use super::site::SiteId;
use super::text::{check_slug, parsed};

macro_rules! permissions {
    ($($variant:ident $name:literal $meaning:literal,)*) => {
        /// Something an administrator may do: `resource:action`.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Permission {
            $(#[doc = $meaning] $variant,)*
        }

        impl Permission {
            /// Every permission there is.
            pub const ALL: &[Permission] = &[$(Permission::$variant),*];

            /// `resource:action`.
            pub fn as_str(self) -> &'static str {
                match self { $(Permission::$variant => $name),* }
            }

            /// What it allows, in a few words.
            pub fn meaning(self) -> &'static str {
                match self { $(Permission::$variant => $meaning),* }
            }
        }
    };
}

permissions! {
    AuditView "audit:view" "read the audit trail and verify it",
    BackupsRun "backups:run" "take backups of everything, secrets included, sealed to whom they name",
    CommonAreasDelete "common_areas:delete" "remove common areas",
    CommonAreasEdit "common_areas:edit" "add and change common areas",
    CommonAreasView "common_areas:view" "see common areas",
    CredentialsEdit "credentials:edit" "make new SIP passwords and device tokens",
    CredentialsReveal "credentials:reveal" "see the secrets in a device's files",
    DevicesAssign "devices:assign" "give devices to users and common areas",
    DevicesDelete "devices:delete" "remove devices",
    DevicesEdit "devices:edit" "add and change devices",
    DevicesRun "devices:run" "open claim windows, and change where a device stands",
    DevicesView "devices:view" "see devices, what they did and what they would be given",
    ImportsRun "imports:run" "plan many changes at once, carry plans out and undo them",
    ImportsView "imports:view" "see plans of many changes",
    NumbersAssign "numbers:assign" "give telephone numbers to users and common areas",
    NumbersDelete "numbers:delete" "remove telephone numbers",
    NumbersEdit "numbers:edit" "add and change telephone numbers",
    NumbersView "numbers:view" "see telephone numbers and whose they are",
    ObservationsEdit "observations:edit" "hand in what a watcher saw on the network",
    PackagesAssign "packages:assign" "give packages to users and common areas",
    PackagesDelete "packages:delete" "remove packages",
    PackagesEdit "packages:edit" "add and change packages",
    PackagesView "packages:view" "see packages and how many seats are taken",
    RolesAssign "roles:assign" "make and remove grants and tokens",
    RolesEdit "roles:edit" "add, change and remove roles",
    RolesView "roles:view" "see roles, grants and tokens",
    SettingsEdit "settings:edit" "change what holds for the whole account",
    SettingsView "settings:view" "see what holds for the whole account",
    SitesDelete "sites:delete" "remove sites",
    SitesEdit "sites:edit" "add and change sites",
    SitesView "sites:view" "see sites",
    TemplatesRun "templates:run" "try templates",
    TemplatesView "templates:view" "see templates",
    UsersDelete "users:delete" "remove users",
    UsersEdit "users:edit" "add and change users",
    UsersView "users:view" "see users",
}

/// A text is no permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no permission; GET /api/v1/roles/super_admin lists them all")]
pub struct PermissionError;

/// The name of a role: a slug, also with underscores.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RoleId(String);

/// A set of permissions with a name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name in URLs and grants; unchangeable.
    pub id: RoleId,
    /// Its name for people.
    pub name: Label,
    /// What its holders may do.
    pub permissions: BTreeSet<Permission>,
}

/// The name of a grant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct GrantId(String);

/// Somebody holds a role somewhere.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Its name in URLs.
    pub id: GrantId,
    /// Who.
    pub subject: Subject,
    /// Which role.
    pub role: RoleId,
    /// Where.
    pub scope: Scope,
}

/// Whom a grant is for. The inventory's users are no administrators.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Who shows this token.
    Token(AdminTokenId),
    /// This user of the machine.
    UnixUser(UnixUser),
}

/// A login name of the machine.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct UnixUser(String);

/// A text is no login name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("is no login name; use at most 32 letters, digits and . _ -")]
pub struct UnixUserError;

/// Where a grant holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Everywhere, and for what belongs to no site.
    Account,
    /// At these sites.
    Sites(BTreeSet<SiteId>),
}

/// The role of what watches the network.
pub const WATCHER: &str = "watcher";
/// The system user that holds it without a grant: the watcher's unit runs as it.
pub const WATCHER_USER: &str = "ztpd-dhcpwatch";

/// The role that holds every permission.
pub const SUPER_ADMIN: &str = "super_admin";

use Permission::{
    AuditView, CommonAreasDelete, CommonAreasEdit, CommonAreasView, CredentialsEdit, DevicesAssign, DevicesDelete,
    DevicesEdit, DevicesRun, DevicesView, ImportsRun, ImportsView, NumbersAssign, NumbersDelete, NumbersEdit,
    NumbersView, ObservationsEdit, PackagesAssign, PackagesView, RolesView, SettingsView, SitesEdit, SitesView,
    TemplatesRun, TemplatesView, UsersDelete, UsersEdit, UsersView,
};

/// The roles that come with the program and cannot be changed: id, name, permissions. Nobody but a super admin sees
/// secrets.
pub const SHIPPED: &[(&str, &str, &[Permission])] = &[
    (
        "common_area_admin",
        "Common area admin",
        &[
            CommonAreasDelete,
            CommonAreasEdit,
            CommonAreasView,
            CredentialsEdit,
            DevicesAssign,
            DevicesRun,
            DevicesView,
            NumbersAssign,
            NumbersView,
            PackagesAssign,
            PackagesView,
            SitesView,
        ],
    ),
    ("compliance", "Compliance", &[AuditView, DevicesView, RolesView, SettingsView, SitesView]),
    (
        "device_operator",
        "Device operator",
        &[CommonAreasView, DevicesAssign, DevicesEdit, DevicesRun, DevicesView, SitesView, TemplatesView, UsersView],
    ),
    (
        "report_viewer",
        "Report viewer",
        &[CommonAreasView, DevicesView, NumbersView, PackagesView, SitesView, UsersView],
    ),
    (
        "site_admin",
        "Site admin",
        &[
            CommonAreasDelete,
            CommonAreasEdit,
            CommonAreasView,
            CredentialsEdit,
            DevicesAssign,
            DevicesDelete,
            DevicesEdit,
            DevicesRun,
            DevicesView,
            ImportsRun,
            ImportsView,
            NumbersAssign,
            NumbersDelete,
            NumbersEdit,
            NumbersView,
            PackagesAssign,
            PackagesView,
            SettingsView,
            SitesEdit,
            SitesView,
            TemplatesRun,
            TemplatesView,
            UsersDelete,
            UsersEdit,
            UsersView,
        ],
    ),
    (SUPER_ADMIN, "Super admin", Permission::ALL),
    (WATCHER, "Watcher", &[ObservationsEdit]),
];

impl Permission {
    /// What it is about: `devices`.
    pub fn resource(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(resource, _)| resource)
    }

    /// What is done to it: `view`.
    pub fn action(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(_, action)| action)
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Permission, PermissionError> {
        Permission::ALL.iter().copied().find(|known| known.as_str() == text).ok_or(PermissionError)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Permission {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Permission, D::Error> {
        parsed(deserializer)
    }
}

impl Role {
    /// The shipped roles.
    pub fn shipped() -> Vec<Role> {
        let role = |(id, name, permissions): &(&str, &str, &[Permission])| {
            let permissions = permissions.iter().copied().collect();
            Some(Role { id: RoleId((*id).to_owned()), name: name.parse().ok()?, permissions })
        };
        SHIPPED.iter().filter_map(role).collect()
    }
}

impl RoleId {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is one that comes with the program.
    pub fn is_shipped(&self) -> bool {
        SHIPPED.iter().any(|(id, ..)| *id == self.0)
    }

    /// The name made from one for people.
    pub fn from_name(name: &str) -> Option<RoleId> {
        super::text::slug_of(name).map(RoleId)
    }
}

impl FromStr for RoleId {
    type Err = super::text::TextError;

    fn from_str(text: &str) -> Result<RoleId, Self::Err> {
        check_slug(&text.replace('_', "-"))?;
        Ok(RoleId(text.to_owned()))
    }
}

impl GrantId {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GrantId {
    type Err = super::text::TextError;

    fn from_str(text: &str) -> Result<GrantId, Self::Err> {
        check_slug(text)?;
        Ok(GrantId(text.to_owned()))
    }
}

impl UnixUser {
    /// The name as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UnixUser {
    type Err = UnixUserError;

    fn from_str(text: &str) -> Result<UnixUser, UnixUserError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=32).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(allowed);
        fits.then(|| UnixUser(text.to_owned())).ok_or(UnixUserError)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::Token(id) => write!(f, "token {id}"),
            Subject::UnixUser(name) => write!(f, "user {} of this machine", name.0),
        }
    }
}

macro_rules! text_forms {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                parsed(deserializer)
            }
        }
    )*};
}

text_forms! { GrantId RoleId UnixUser }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_read_as_it_is_written() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(*permission));
            assert!(matches!(permission.action(), "view" | "edit" | "delete" | "assign" | "run" | "reveal"));
        }
        assert!("devices:fly".parse::<Permission>().is_err());
    }

    #[test]
    fn only_the_super_admin_sees_secrets() {
        let with = |permission| -> Vec<String> {
            let roles = Role::shipped().into_iter().filter(|role| role.permissions.contains(&permission));
            roles.map(|role| role.id.to_string()).collect()
        };
        assert_eq!(with(Permission::CredentialsReveal), [SUPER_ADMIN]);
        assert_eq!(with(Permission::BackupsRun), [SUPER_ADMIN]);
        assert_eq!(with(Permission::RolesAssign), [SUPER_ADMIN]);
        assert_eq!(Role::shipped().len(), SHIPPED.len());
    }

    #[test]
    fn a_scope_is_the_word_account_or_a_list_of_sites() {
        let scope = |text: &str| serde_json::from_str::<Scope>(text);
        assert_eq!(scope(r#""account""#).unwrap(), Scope::Account);
        let sites = Scope::Sites(BTreeSet::from(["hq".parse().unwrap()]));
        assert_eq!(scope(r#"{"sites": ["hq"]}"#).unwrap(), sites);
        assert!(scope(r#"{"sites": ["HQ!"]}"#).is_err() && scope(r#""everywhere""#).is_err());
    }
}
