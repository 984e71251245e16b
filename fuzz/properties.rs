//! What must hold for any octets a stranger sends, and for any row a disk gives back. The fuzz targets try octets of
//! their own making; `tests/properties.rs` tries the same properties at random with every run of the tests.

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ztpd::diagnose::dhcp_report::report;
use ztpd::diagnose::frame::{Datagram, Datagram6, Link};
use ztpd::diagnose::here::Here;
use ztpd::diagnose::sightings::Sightings;
use ztpd::inventory::event::Plane;
use ztpd::inventory::secret::Secret;
use ztpd::inventory::text::is_forbidden;
use ztpd::makers;
use ztpd::provision::{Credentials, Path};
use ztpd::tftp::packet::Packet;

/// A datagram is refused, or means the same when it is written again.
pub fn tftp_packet(octets: &[u8]) {
    let Ok(packet) = Packet::parse(octets) else { return };
    let written = packet.encode();
    assert_eq!(Packet::parse(&written).as_ref(), Ok(&packet), "{octets:?}");
    if let Packet::Read(request) | Packet::Write(request) = packet {
        file_name(&request.file);
    }
}

/// A path is refused, or names something below nothing, without a trace of what could climb, hide or break a line.
pub fn http_path(octets: &[u8]) {
    let Ok(target) = std::str::from_utf8(octets) else { return };
    for plane in [Plane::Https, Plane::Http, Plane::Tftp] {
        let Ok(path) = Path::parse(target, plane) else { continue };
        let parts = || path.whole.split('/');
        assert!(path.whole.is_empty() || parts().all(|part| !matches!(part, "" | "." | "..")), "{target:?}");
        assert!(!path.whole.contains('\\') && !path.whole.chars().any(is_forbidden), "{target:?}");
        assert!(path.token.as_deref() != Some("") && !path.token.iter().any(|token| token.contains('/')), "{target:?}");
        assert!(path.file().len() <= path.whole.len() && !path.file().contains('/'), "{target:?}");
        file_name(path.file());
    }
}

/// Every maker says of every name what it means, and no two readings name two phones.
fn file_name(file: &str) {
    let phones: Vec<_> =
        makers::MAKERS.iter().filter_map(|maker| maker.reading(file)).filter_map(|reading| reading.mac).collect();
    assert!(phones.windows(2).all(|pair| pair[0] == pair[1]), "{file:?}: {phones:?}");
}

/// What a phone says of itself is read by one maker or by none, and only what was said is believed.
pub fn user_agent(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Some((maker, agent)) = makers::by_user_agent(text) else { return };
    let said = |part: &str| text.to_lowercase().contains(&part.to_lowercase());
    assert!(agent.firmware.as_deref().is_none_or(said), "{text:?}: {agent:?}");
    assert!(agent.model.len() <= text.len(), "{text:?}: {agent:?}");
    let digits: String = text.to_lowercase().chars().filter(char::is_ascii_hexdigit).collect();
    assert!(agent.mac.is_none_or(|mac| digits.contains(&mac.plain())), "{text:?}: {agent:?}");
    assert!(maker.user_agent(text).is_some());
}

/// User name and password are read or are not; none proves a word that nobody could know, whatever is asked for.
pub fn authorization(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let unknown = Secret::new("a word that no octets hold".to_owned());
    match Credentials::parse(text) {
        None => {}
        Some(Credentials::Basic { password, .. }) => assert!(!password.matches(&unknown.hash()), "{text:?}"),
        Some(Credentials::Digest(response)) => {
            for (method, path) in [("GET", "/provisioning.xml"), ("HEAD", "/"), ("GET", "")] {
                assert!(!response.proves(&unknown, method, path), "{text:?}");
            }
        }
    }
}

/// A message or frame of DHCP is read as far as it goes, and nothing of it reaches a reader that could move a cursor, hide
/// or break a line.
pub fn dhcp(octets: &[u8]) {
    let mut seen = Sightings::default();
    for link in [Link::Ethernet, Link::Ip, Link::Cooked, Link::Cooked2] {
        seen.frame(None, link, octets);
    }
    seen.take(None, Ok(datagram(octets)));
    let (source, hardware, vlans) = ([0xfe; 16].into(), Some([2; 6]), Vec::new());
    seen.ipv6.take(None, &Datagram6 { source, hardware, vlans, payload: octets });
    let mut here = Here::default();
    here.add("prov.example.com");
    let families: Vec<_> = makers::dhcp::FAMILIES.iter().collect();
    let text = serde_json::to_string(&report(&seen, &families, &here)).expect("a report can be written");
    assert!(!text.chars().any(is_forbidden), "{octets:?}: {text:?}");
}

fn datagram(payload: &[u8]) -> Datagram<'_> {
    let (source, destination) = ([10, 0, 0, 3].into(), [255; 4].into());
    let (source_port, destination_port) = (67, 68);
    Datagram { source, destination, source_port, destination_port, hardware: None, vlans: Vec::new(), payload }
}

/// A row is refused, or is the same when it is written and read again.
pub fn store_row(octets: &[u8]) {
    use ztpd::inventory::{access, account, common_area, device, event, site, user};
    row::<device::Device>(octets);
    row::<user::User>(octets);
    row::<common_area::CommonArea>(octets);
    row::<site::Site>(octets);
    row::<account::Account>(octets);
    row::<access::Access>(octets);
    row::<event::Event>(octets);
}

fn row<T: Debug + DeserializeOwned + PartialEq + Serialize>(octets: &[u8]) {
    let Ok(read) = serde_json::from_slice::<T>(octets) else { return };
    let written = serde_json::to_vec(&read).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(again, read);
}

/// A file is refused with its faults, or says the same whenever it is read; it never changes anything by being read.
pub fn csv(octets: &[u8]) {
    use ztpd::change::Ground;
    use ztpd::change::csv::{FileKind, MOST_FAULTS, Mode, import, kind_of};
    use ztpd::store::memory::MemoryStore;
    use ztpd::store::{Actor, EnrolRules, Store as _, WindowPolicy};
    use ztpd::templates::Templates;

    thread_local! {
        static GROUND: (MemoryStore, Templates, Actor) = {
            let time = jiff::Timestamp::UNIX_EPOCH;
            let by = Actor { name: "fuzz".into(), on_behalf_of: None, time, boot_ms: 0 };
            let store = MemoryStore::new();
            let site = serde_json::json!({"id": "hq", "name": "HQ", "country": "DE"});
            store.create_site(serde_json::from_value(site).expect("a site"), &by).expect("created");
            (store, Templates::load(None).unwrap_or_else(|faults| panic!("{faults:?}")), by)
        };
    }
    let _ = kind_of(octets);
    GROUND.with(|(store, templates, by)| {
        let windows = WindowPolicy { now: by.time, lasts: ztpd::inventory::period::Period::hours(24) };
        let rules = EnrolRules { devices_per_user: 9, windows };
        let ground = Ground { store, templates, rules, may: &|_, _| true, forbids: &|_, _| None, by };
        let before = store.revision().expect("read");
        for kind in FileKind::ALL {
            for mode in [Mode::Exact, Mode::Merge] {
                let read =
                    || import(&ground, *kind, mode, octets).expect("a store").map(|outcome| outcome.draft.changes);
                let outcome = read();
                if let Err(faults) = &outcome {
                    assert!(!faults.shown.is_empty() && faults.shown.len() <= MOST_FAULTS.min(faults.count));
                    assert!(faults.shown.iter().all(|fault| !fault.message.is_empty()), "{faults:?}");
                }
                assert_eq!(read(), outcome, "{octets:?}");
            }
        }
        assert_eq!(store.revision().expect("read"), before);
    });
}
