//! Who may do this? One place: from who speaks and what was granted to where a permission holds (policy A4,
//! and the roles of `inventory/role.rs`).
//!
//! root holds super_admin. While there is no grant, so do the members of `admin.group`, or, without such a group, the
//! daemon's own user. From the first grant on, grants alone decide. The user of the watcher's unit hands in what it saw,
//! and holds nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::inventory::account::AdminTokenId;
use crate::inventory::role::{Grant, Permission, Role, RoleId, Scope, Subject, WATCHER_USER};
use crate::inventory::site::SiteId;
use crate::store::{Store, StoreError};

/// Who speaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    /// Whom we know it to be.
    pub who: Who,
    /// For whom, by its own word: recorded, never trusted.
    pub on_behalf_of: Option<String>,
}

/// Whom we know a caller to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Who {
    /// Who showed this token.
    Token(AdminTokenId),
    /// A user of this machine, as the kernel says.
    Unix(Unix),
}

/// A user of this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unix {
    /// The number.
    pub uid: u32,
    /// The login name, if the number has one.
    pub name: Option<String>,
    /// Whether it holds super_admin as long as nothing is granted.
    pub founder: Founder,
}

/// Whether somebody administers an account in which nothing was granted yet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Founder {
    /// A member of `admin.group`; without one, the daemon's own user.
    Yes,
    /// Anybody else.
    No,
}

/// Everything a caller holds.
#[derive(Clone, Debug, Default)]
pub struct Held {
    grants: Vec<(BTreeSet<Permission>, Scope)>,
}

/// Where a caller holds a permission.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reach {
    /// Everywhere, and for what belongs to no site.
    Account,
    /// At these sites; none: nowhere.
    Sites(BTreeSet<SiteId>),
}

/// What puts a thing at a site: its own field, or whom it refers to.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Place {
    /// The site.
    pub site: SiteId,
    /// What kind of thing refers to it, for people.
    pub kind: &'static str,
    /// The name of that thing.
    pub id: String,
}

impl Place {
    /// A thing that names its site itself.
    pub fn at(site: &SiteId) -> Place {
        Place { site: site.clone(), kind: "site", id: site.to_string() }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Token(id) => write!(f, "token {id}"),
            Who::Unix(Unix { uid, name: Some(name), .. }) => write!(f, "{name} (uid {uid})"),
            Who::Unix(Unix { uid, name: None, .. }) => write!(f, "uid {uid}"),
        }
    }
}

impl Who {
    /// Whether it is the user that the watcher's unit runs as.
    fn is_watcher(&self) -> bool {
        matches!(self, Who::Unix(Unix { name: Some(name), .. }) if name == WATCHER_USER)
    }

    /// Whether a grant is for this one.
    fn is(&self, subject: &Subject) -> bool {
        match (self, subject) {
            (Who::Token(id), Subject::Token(granted)) => id == granted,
            (Who::Unix(unix), Subject::UnixUser(granted)) => unix.name.as_deref() == Some(granted.as_str()),
            _ => false,
        }
    }
}

/// Everything a caller holds, as the store has it now.
pub fn held(store: &dyn Store, who: &Who) -> Result<Held, StoreError> {
    let custom = store.roles()?.into_iter().map(|role| role.value);
    let grants: Vec<Grant> = store.grants()?.into_iter().map(|grant| grant.value).collect();
    Ok(holding(who, &grants, Role::shipped().into_iter().chain(custom)))
}

/// Everything a caller holds by these grants of these roles.
fn holding(who: &Who, grants: &[Grant], roles: impl Iterator<Item = Role>) -> Held {
    let super_admin = || (Permission::ALL.iter().copied().collect(), Scope::Account);
    match who {
        Who::Unix(Unix { uid: 0, .. }) => return Held { grants: vec![super_admin()] },
        Who::Unix(Unix { founder: Founder::Yes, .. }) if grants.is_empty() => {
            return Held { grants: vec![super_admin()] };
        }
        _ => {}
    }
    let roles: BTreeMap<RoleId, BTreeSet<Permission>> = roles.map(|role| (role.id, role.permissions)).collect();
    let watcher = who.is_watcher().then(|| (BTreeSet::from([Permission::ObservationsEdit]), Scope::Account));
    let own = grants.iter().filter(|grant| who.is(&grant.subject));
    let grants = own.filter_map(|grant| Some((roles.get(&grant.role)?.clone(), grant.scope.clone())));
    Held { grants: watcher.into_iter().chain(grants).collect() }
}

impl Held {
    /// Where the permission is held.
    pub fn reach(&self, permission: Permission) -> Reach {
        let mut sites = BTreeSet::new();
        for (_, scope) in self.grants.iter().filter(|(permissions, _)| permissions.contains(&permission)) {
            match scope {
                Scope::Account => return Reach::Account,
                Scope::Sites(granted) => sites.extend(granted.iter().cloned()),
            }
        }
        Reach::Sites(sites)
    }

    /// Where things of this resource can be seen.
    pub fn view(&self, permission: Permission) -> Reach {
        let resource = permission.resource();
        let view = Permission::ALL.iter().find(|known| known.resource() == resource && known.action() == "view");
        view.map_or(Reach::Sites(BTreeSet::new()), |view| self.reach(*view))
    }

    /// The permissions of `wished` that are not held in the whole of `scope`.
    pub fn lacking(&self, wished: &BTreeSet<Permission>, scope: &Scope) -> Vec<Permission> {
        let held = |permission: &&Permission| match (self.reach(**permission), scope) {
            (Reach::Account, _) => true,
            (Reach::Sites(_), Scope::Account) => false,
            (Reach::Sites(held), Scope::Sites(wished)) => wished.is_subset(&held),
        };
        wished.iter().filter(|permission| !held(permission)).copied().collect()
    }
}

impl Reach {
    /// Whether there is any place where it holds.
    pub fn is_anywhere(&self) -> bool {
        !matches!(self, Reach::Sites(sites) if sites.is_empty())
    }

    /// Whether it holds for one site.
    pub fn has(&self, site: &SiteId) -> bool {
        match self {
            Reach::Account => true,
            Reach::Sites(sites) => sites.contains(site),
        }
    }

    /// Whether a thing at these places may be seen: one is enough.
    pub fn touches(&self, places: &[Place]) -> bool {
        matches!(self, Reach::Account) || places.iter().any(|place| self.has(&place.site))
    }

    /// The first place out of reach of a thing to be changed, which must be wholly within.
    pub fn misses<'a>(&self, places: &'a [Place]) -> Option<&'a Place> {
        places.iter().find(|place| !self.has(&place.site))
    }

    /// Whether a thing at these places may be changed: all of them must be within, and what has none is the account's.
    pub fn covers(&self, places: &[Place]) -> bool {
        matches!(self, Reach::Account) || (!places.is_empty() && self.misses(places).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unix(uid: u32, name: &str, founder: Founder) -> Who {
        Who::Unix(Unix { uid, name: Some(name.to_owned()), founder })
    }

    fn grant(subject: &str, role: &str, scope: &str) -> Grant {
        let text = format!(r#"{{"id": "g", "subject": {subject}, "role": "{role}", "scope": {scope}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn reach(who: &Who, grants: &[Grant], permission: Permission) -> Reach {
        holding(who, grants, Role::shipped().into_iter()).reach(permission)
    }

    fn places(sites: &[&str]) -> Vec<Place> {
        sites.iter().map(|site| Place::at(&site.parse().unwrap())).collect()
    }

    #[test]
    fn sec_a04_root_always_administers_and_the_group_until_the_first_grant() {
        let grants = [grant(r#"{"unix_user": "ann"}"#, "site_admin", r#"{"sites": ["hq"]}"#)];
        let all = Permission::CredentialsReveal;
        let root = unix(0, "root", Founder::No);
        let member = unix(1000, "bob", Founder::Yes);
        let stranger = unix(1001, "eve", Founder::No);
        assert_eq!((reach(&root, &[], all), reach(&root, &grants, all)), (Reach::Account, Reach::Account));
        assert_eq!(reach(&member, &[], all), Reach::Account);
        assert!(!reach(&member, &grants, Permission::DevicesView).is_anywhere());
        assert!(!reach(&stranger, &[], Permission::DevicesView).is_anywhere());
        let ann = unix(1002, "ann", Founder::No);
        assert!(reach(&ann, &grants, Permission::DevicesView).has(&"hq".parse().unwrap()));
        assert!(!reach(&ann, &grants, all).is_anywhere());
    }

    #[test]
    fn sec_u2_the_watchers_user_hands_in_what_it_saw_and_holds_nothing_else() {
        let watcher = unix(990, "ztpd-dhcpwatch", Founder::No);
        let grants = [grant(r#"{"unix_user": "ann"}"#, "site_admin", r#"{"sites": ["hq"]}"#)];
        for grants in [&[][..], &grants] {
            for permission in Permission::ALL {
                let holds = *permission == Permission::ObservationsEdit;
                assert_eq!(reach(&watcher, grants, *permission).is_anywhere(), holds, "{permission}");
            }
        }
        let token = Who::Token("ztpd-dhcpwatch".parse().unwrap());
        assert!(!reach(&token, &[], Permission::ObservationsEdit).is_anywhere());
    }

    #[test]
    fn a_token_is_no_user_of_the_same_name() {
        let grants = [grant(r#"{"token": "ann"}"#, "super_admin", r#""account""#)];
        assert!(!reach(&unix(5, "ann", Founder::No), &grants, Permission::SitesView).is_anywhere());
        assert_eq!(reach(&Who::Token("ann".parse().unwrap()), &grants, Permission::SitesView), Reach::Account);
    }

    #[test]
    fn seeing_needs_one_of_the_sites_and_changing_all() {
        let reach = Reach::Sites(BTreeSet::from(["a".parse().unwrap(), "b".parse().unwrap()]));
        assert!(reach.touches(&places(&["b", "c"])) && !reach.covers(&places(&["b", "c"])));
        assert!(reach.covers(&places(&["a", "b"])) && !reach.touches(&places(&["c"])));
        assert!(!reach.covers(&[]) && !reach.touches(&[]) && Reach::Account.covers(&[]));
    }

    #[test]
    fn grants_add_up_but_each_role_only_where_it_was_granted() {
        let who = Who::Token("t".parse().unwrap());
        let grants = [
            grant(r#"{"token": "t"}"#, "site_admin", r#"{"sites": ["a"]}"#),
            grant(r#"{"token": "t"}"#, "report_viewer", r#"{"sites": ["b"]}"#),
        ];
        let held = holding(&who, &grants, Role::shipped().into_iter());
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        assert!(held.reach(Permission::DevicesView).has(&b) && !held.reach(Permission::DevicesEdit).has(&b));
        let wished = BTreeSet::from([Permission::DevicesEdit, Permission::DevicesView]);
        assert_eq!(held.lacking(&wished, &Scope::Sites(BTreeSet::from([a]))), []);
        assert_eq!(held.lacking(&wished, &Scope::Sites(BTreeSet::from([b]))), [Permission::DevicesEdit]);
        assert_eq!(held.lacking(&wished, &Scope::Account).len(), 2);
    }
}
