//! What is somebody entitled to, and because of which package? The catalogue of packages, and the state that follows from
//! those somebody has: derived, never stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::country::Country;
use super::sip::Label;
use super::text::slug_id;

slug_id! {
    /// The name of a package in URLs and files; unchangeable.
    PackageId
}

slug_id! {
    /// Something a package allows, by a name of the operator's own: `international-calls`.
    Entitlement
}

/// Something that is bought for people and places, a seat each.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its name in URLs and files.
    pub id: PackageId,
    /// Its name for people.
    pub name: Label,
    /// What it is.
    #[serde(default)]
    pub kind: PackageKind,
    /// How many may have it; not set: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u32>,
    /// What it allows.
    #[serde(default)]
    pub grants: BTreeSet<Entitlement>,
    /// How many telephone numbers it allows.
    #[serde(default)]
    pub did_limit: u16,
    /// Of a bundle: the packages it consists of. Whoever has the bundle has them, and takes no seat of theirs.
    #[serde(default)]
    pub includes: BTreeSet<PackageId>,
    /// Whether who gets it can use it at once; else an administrator activates each first.
    #[serde(default = "at_once")]
    pub auto_provision: bool,
    /// The countries of the sites it can be given at; none: everywhere.
    #[serde(default)]
    pub regions: BTreeSet<Country>,
}

/// What a package is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageKind {
    /// Something beside a plan.
    Addon,
    /// Several packages as one.
    Bundle,
    /// What makes an extension a licensed one.
    #[default]
    Plan,
}

/// Why a package cannot be as it is.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PackageError {
    /// A bundle in a bundle.
    #[error("a bundle cannot include the bundle {0}")]
    BundleInBundle(PackageId),
    /// Nothing in it.
    #[error("a bundle includes at least one package")]
    EmptyBundle,
    /// Parts of what has none.
    #[error("only a bundle includes other packages")]
    NoBundle,
}

/// How far an extension may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Licence {
    /// An extension without a plan: a line and calls within the company, no telephone number.
    Basic,
    /// An extension and at least one plan.
    Licensed,
    /// No extension: no line on any phone.
    None,
}

/// What somebody is entitled to, and why.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Entitlements {
    /// How far the extension may be used.
    pub state: Licence,
    /// How many telephone numbers are allowed.
    pub did_limit: u32,
    /// What is allowed, and by which of the packages somebody has: taking one away takes only what no other gives.
    pub grants: BTreeMap<Entitlement, BTreeSet<PackageId>>,
}

fn at_once() -> bool {
    true
}

impl Package {
    /// Refuses parts that do not fit; `kind_of` knows the packages of the catalogue.
    pub fn check(&self, kind_of: impl Fn(&PackageId) -> Option<PackageKind>) -> Result<(), PackageError> {
        match self.kind {
            PackageKind::Bundle if self.includes.is_empty() => Err(PackageError::EmptyBundle),
            PackageKind::Addon | PackageKind::Plan if !self.includes.is_empty() => Err(PackageError::NoBundle),
            _ => match self.includes.iter().find(|id| **id == self.id || kind_of(id) == Some(PackageKind::Bundle)) {
                Some(bundle) => Err(PackageError::BundleInBundle(bundle.clone())),
                None => Ok(()),
            },
        }
    }
}

impl Entitlements {
    /// What follows from an extension and packages; each is given with the parts it has if it is a bundle.
    pub fn of<'a>(
        has_extension: bool,
        packages: impl IntoIterator<Item = (&'a Package, Vec<&'a Package>)>,
    ) -> Entitlements {
        let mut found = Entitlements { state: Licence::None, did_limit: 0, grants: BTreeMap::new() };
        let mut planned = false;
        for (package, parts) in packages {
            for part in std::iter::once(package).chain(parts) {
                planned |= part.kind == PackageKind::Plan;
                found.did_limit = found.did_limit.saturating_add(part.did_limit.into());
                for grant in &part.grants {
                    found.grants.entry(grant.clone()).or_default().insert(package.id.clone());
                }
            }
        }
        found.state = match (has_extension, planned) {
            (false, _) => Licence::None,
            (true, false) => Licence::Basic,
            (true, true) => Licence::Licensed,
        };
        // Numbers come with a plan; an add-on alone allows none.
        if !planned {
            found.did_limit = 0;
        }
        found
    }
}

impl fmt::Display for Licence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Licence::Basic => "basic",
            Licence::Licensed => "licensed",
            Licence::None => "none",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(json: serde_json::Value) -> Package {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_grant_goes_with_the_last_package_that_gives_it() {
        let plan = package(serde_json::json!({"id": "plan", "name": "Plan", "grants": ["calls"], "did_limit": 2}));
        let addon =
            serde_json::json!({"id": "more", "name": "More", "kind": "addon", "grants": ["calls"], "did_limit": 1});
        let addon = package(addon);
        let of = |packages: &[&Package]| Entitlements::of(true, packages.iter().map(|package| (*package, Vec::new())));
        let both = of(&[&plan, &addon]);
        assert_eq!((both.state, both.did_limit, both.grants.values().next().unwrap().len()), (Licence::Licensed, 3, 2));
        let one = of(&[&addon]);
        assert_eq!((one.state, one.did_limit, one.grants.len()), (Licence::Basic, 0, 1));
        assert_eq!(of(&[]).grants.len(), 0);
        assert_eq!(Entitlements::of(false, [(&plan, Vec::new())]).state, Licence::None);
    }

    #[test]
    fn a_bundle_gives_what_its_parts_give_in_its_own_name() {
        let plan = package(serde_json::json!({"id": "plan", "name": "Plan", "grants": ["calls"], "did_limit": 2}));
        let bundle = package(serde_json::json!({"id": "all", "name": "All", "kind": "bundle", "includes": ["plan"]}));
        let found = Entitlements::of(true, [(&bundle, vec![&plan])]);
        assert_eq!((found.state, found.did_limit), (Licence::Licensed, 2));
        let sources = found.grants.get(&"calls".parse::<Entitlement>().unwrap()).unwrap();
        assert_eq!(sources.iter().map(PackageId::as_str).collect::<Vec<_>>(), ["all"]);
    }

    #[test]
    fn only_a_bundle_has_parts_and_none_of_them_is_a_bundle() {
        let kind_of = |id: &PackageId| (id.as_str() == "other").then_some(PackageKind::Bundle);
        let check = |json| package(json).check(kind_of);
        let bundle =
            |includes: &[&str]| serde_json::json!({"id": "b", "name": "b", "kind": "bundle", "includes": includes});
        assert_eq!(check(bundle(&["plan"])), Ok(()));
        assert_eq!(check(bundle(&[])), Err(PackageError::EmptyBundle));
        assert_eq!(check(bundle(&["other"])), Err(PackageError::BundleInBundle("other".parse().unwrap())));
        assert_eq!(check(bundle(&["b"])), Err(PackageError::BundleInBundle("b".parse().unwrap())));
        let plan = serde_json::json!({"id": "p", "name": "p", "includes": ["plan"]});
        assert_eq!(check(plan), Err(PackageError::NoBundle));
    }
}
