//! Would a template work for a phone? Every template is rendered with sample facts when it is loaded, so that a
//! missing variable is found by the operator, not by the phone.

use std::collections::BTreeMap;

use super::builtin::{Role, role};
use super::catalogue::{RenderError, Templates};
use super::facts::{
    Admin, Assignee, Authority, DeviceFact, DeviceFacts, KeyFact, Line, Native, Poll, PublicFacts, PublicFile,
    PublicTime, Server, SiteFact, TimeFact,
};
use crate::inventory::daylight::{Change, Dst};
use crate::inventory::keys::KeyKind;
use crate::inventory::mac::MacAddr;
use crate::inventory::settings::{CATALOGUE, Kind};

/// Every fault the templates show with a phone that has everything and one that has nothing.
pub fn lint(templates: &Templates) -> Vec<RenderError> {
    let mut faults = Vec::new();
    let Ok(mac) = MacAddr::new([0x02, 0, 0, 0, 0, 1]) else { return faults };
    for name in templates.sources().keys() {
        let rendered = match role(name.as_str()) {
            Role::Bootstrap | Role::Common => templates.render(name.as_str(), &public(mac)).map(drop),
            Role::Device | Role::Master => {
                [Richness::Everything, Richness::Nothing].into_iter().try_for_each(|richness| {
                    templates.render(name.as_str(), &device(name.maker(), mac, richness)).map(drop)
                })
            }
        };
        faults.extend(rendered.err());
    }
    faults
}

/// How much a sample phone has.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Richness {
    Everything,
    Nothing,
}

pub(super) fn public(mac: MacAddr) -> PublicFacts {
    PublicFacts {
        file: PublicFile { name: "sample.cfg".to_owned(), mac: Some(mac) },
        server: server(Richness::Everything),
        time: PublicTime { ntp: vec!["ntp.example.com".to_owned()] },
        poll: Poll { seconds: 300, minutes: 5 },
    }
}

fn server(richness: Richness) -> Server {
    let everything = richness == Richness::Everything;
    let authority = Authority { pem: "-----BEGIN CERTIFICATE-----\n".to_owned(), base64: "AAAA".to_owned() };
    Server {
        base_url: "https://prov.example.com/".to_owned(),
        device_url: "https://prov.example.com/t/sample/".to_owned(),
        token: "sample".to_owned(),
        firmware_url: "https://prov.example.com/".to_owned(),
        authority_url: if everything { "https://prov.example.com/ztpd-ca.pem".to_owned() } else { String::new() },
        authority: everything.then_some(authority),
    }
}

pub(super) fn device(maker: &str, mac: MacAddr, richness: Richness) -> DeviceFacts {
    let everything = richness == Richness::Everything;
    let change = |month| Change { month, week: 5, weekday: 7, hour: 2, minute: 0 };
    let key = |position, kind| KeyFact { position, kind, value: "200".into(), label: "Bob".into(), line: 1 };
    let keys = vec![key(1, KeyKind::Line), key(2, KeyKind::Blf), key(3, KeyKind::SpeedDial)];
    DeviceFacts {
        device: DeviceFact {
            mac,
            maker: maker.to_owned(),
            model: "sample".to_owned(),
            family: String::new(),
            name: "sample".to_owned(),
            site: "sample".to_owned(),
            firmware: String::new(),
            accounts: 2,
            key_count: 4,
            language: "English".to_owned(),
        },
        lines: if everything { vec![line()] } else { Vec::new() },
        assignee: everything.then(|| Assignee {
            kind: "user".to_owned(),
            name: "Alice Doe".to_owned(),
            extension: "100".to_owned(),
            long_extension: "70100".to_owned(),
            numbers: vec!["+4940123456".to_owned()],
            locale: "en".to_owned(),
        }),
        site: SiteFact { id: "sample".to_owned(), name: "Sample".to_owned() },
        time: TimeFact {
            ntp: vec!["ntp.example.com".to_owned()],
            timezone: "Europe/Berlin".to_owned(),
            utc_offset_minutes: 60,
            dst: everything.then(|| Dst { start: change(3), end: change(10), shift: 60 }),
            posix: "STD-1DST-2,M3.5.0/2,M10.5.0/3".to_owned(),
        },
        server: server(richness),
        admin: Admin { user: "admin".to_owned(), password: "sample".to_owned() },
        keys: if everything { keys } else { Vec::new() },
        settings: settings(richness),
        native: if everything { vec![Native { key: "key".into(), value: "value".into() }] } else { Vec::new() },
    }
}

fn line() -> Line {
    Line {
        index: 1,
        label: "100".to_owned(),
        display_name: "Alice Doe".to_owned(),
        user: "100".to_owned(),
        auth_user: "100".to_owned(),
        password: "sample".to_owned(),
        extension: "100".to_owned(),
        server: "pbx.example.com".to_owned(),
        port: 5061,
        transport: "tls".to_owned(),
        expires: 3600,
        outbound_proxy: "proxy.example.com".to_owned(),
        srtp: "required".to_owned(),
        shared: false,
    }
}

fn settings(richness: Richness) -> BTreeMap<String, serde_json::Value> {
    let sample = |kind: Kind| match kind {
        Kind::Choice(words) => words.first().copied().into(),
        Kind::Host => "host.example.com".into(),
        Kind::Number(least, _) => least.into(),
        Kind::Text(_) => "text".into(),
        Kind::Time(least, _) => least.as_seconds().into(),
    };
    let value = |entry: &crate::inventory::settings::Entry| match (entry.default, richness) {
        (None, Richness::Nothing) => serde_json::Value::Null,
        _ => sample(entry.kind),
    };
    CATALOGUE.iter().map(|entry| (entry.key.to_owned(), value(entry))).collect()
}

/// The sample phone that has everything, for tests of single templates.
#[cfg(test)]
pub(crate) fn sample_device(maker: &str, mac: MacAddr) -> DeviceFacts {
    device(maker, mac, Richness::Everything)
}

/// The sample of what public files see, for tests of single templates.
#[cfg(test)]
pub(crate) fn sample_public(mac: MacAddr) -> PublicFacts {
    public(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_templates_have_no_fault() {
        assert_eq!(lint(&Templates::load(None).unwrap()), []);
    }

    #[test]
    fn an_operators_slip_is_found_before_a_phone_meets_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("yealink")).unwrap();
        std::fs::write(dir.path().join("yealink/mine.cfg"), "#!version:1.0.0.1\nx = {{ lines[0].nmae }}\n").unwrap();
        let faults = lint(&Templates::load(Some(dir.path())).unwrap());
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].to_string().starts_with("yealink/mine.cfg:2:"), "{}", faults[0]);
    }
}
