//! Why does this phone not come up? Each cause that `ztpd device explain` tells apart, with a fault planted from outside:
//! real clients ask the real daemon, and what DHCP said is handed in as the watcher does.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod access;
mod dhcp;
#[allow(dead_code)]
#[path = "../support/lookalike.rs"]
mod lookalike;
mod page;
mod phones;
mod scope;
#[allow(dead_code)]
#[path = "../boot/support.rs"]
mod support;
mod tls;

use serde_json::Value;

use crate::support::{Site, admin};

pub(crate) const MAC: &str = "80:5e:c0:11:22:33";
pub(crate) const FILE: &str = "805ec0112233.cfg";

/// The explanation of a phone; `None` where there is no curl.
pub fn explained(site: &Site, mac: &str) -> Option<Value> {
    let (status, _, explanation) = admin(site, "GET", &format!("devices/{mac}/explain"), "", &[])?;
    assert_eq!(status, 200, "{explanation}");
    Some(explanation)
}

/// Asserts the cause; what it says is given back: summary and fix.
pub fn names(site: &Site, mac: &str, cause: &str) -> (String, String) {
    let explanation = explained(site, mac).unwrap();
    assert_eq!(explanation["cause"], cause, "{explanation:#}");
    let text = |name: &str| explanation[name].as_str().unwrap().to_owned();
    assert!(!text("summary").is_empty() && !text("fix").is_empty(), "{explanation:#}");
    (text("summary"), text("fix"))
}

/// The step that the cause is read from.
pub fn broken(site: &Site, mac: &str) -> Value {
    let explanation = explained(site, mac).unwrap();
    let steps = explanation["steps"].as_array().unwrap();
    let marked: Vec<&Value> = steps.iter().filter(|step| step["broken"] == true).collect();
    assert_eq!(marked.len(), 1, "{explanation:#}");
    marked[0].clone()
}

/// Whether curl is there.
pub fn has_curl(site: &Site) -> bool {
    admin(site, "GET", "status", "", &[]).is_some()
}
