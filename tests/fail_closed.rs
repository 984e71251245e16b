//! When what happens cannot be written down, no secret leaves (policy G3, L2): the pipeline over a store that fails.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::sync::Arc;

use arc_swap::ArcSwap;
use ztpd::config::{Config, Snapshot};
use ztpd::host::clock::Clock;
use ztpd::inventory::event::{Outcome, Plane, Proof, Rule};
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::Secret;
use ztpd::provision::{Answer, Method, Pending, Pipeline, Request};
use ztpd::store::memory::{Failing, MemoryStore};
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

struct Bench {
    store: Arc<MemoryStore>,
    pipeline: Pipeline,
    _dir: tempfile::TempDir,
}

fn mac() -> MacAddr {
    "80:5e:c0:00:00:01".parse().unwrap()
}

fn bench() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let mut config = Config::parse("[sip]\nserver = \"pbx.example.com\"\n").unwrap();
    config.data_dir = dir.path().to_owned();
    let snapshot = Snapshot::build(config, ([127, 0, 0, 1], 8443).into(), clock.now()).unwrap();
    let store = Arc::new(MemoryStore::new());
    let by = Actor { name: "test".into(), on_behalf_of: None, time: clock.now(), boot_ms: clock.boot_ms() };
    store.create_site(serde_json::from_str(r#"{"id": "hq", "name": "HQ"}"#).unwrap(), &by).unwrap();
    let user = r#"{"id": "alice@example.com", "first_name": "Alice", "site": "hq"}"#;
    store.create_user(serde_json::from_str(user).unwrap(), Secret::password().unwrap(), &by).unwrap();
    let device = serde_json::json!({"mac": mac(), "maker": "yealink", "model": "T46U", "site": "hq",
                                    "assignment": {"user": "alice@example.com"}});
    let secrets = DeviceSecrets { token: Secret::new(TOKEN.into()), admin_password: Secret::admin_password().unwrap() };
    let rules =
        EnrolRules { devices_per_user: 9, windows: WindowPolicy { now: clock.now(), lasts: Period::hours(24) } };
    store.enrol(serde_json::from_value(device).unwrap(), secrets, &rules, &by).unwrap();
    let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
    let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
    let pipeline = Pipeline::new(shared, snapshot, Arc::new(Pending::default()), clock);
    Bench { store, pipeline, _dir: dir }
}

fn ask(bench: &Bench, path: &str) -> Answer {
    bench.pipeline.answer(&Request {
        plane: Plane::Https,
        method: Method::Get,
        target: path.to_owned(),
        user_agent: Some("Yealink SIP-T46U 108.86.0.20 80:5e:c0:00:00:01".to_owned()),
        authorization: None,
        peer: [127, 0, 0, 1].into(),
        local: ([127, 0, 0, 1], 8443).into(),
        certificate: ztpd::provision::ClientCertificate::None,
        proxied_tls: None,
        time: bench.pipeline.clock.now(),
    })
}

fn own_file() -> String {
    format!("/t/{TOKEN}/{}.cfg", mac().plain())
}

#[test]
fn sec_l02_nothing_secret_leaves_once_events_cannot_be_written() {
    let bench = bench();
    bench.store.fail(Failing::Observe);
    assert_eq!(ask(&bench, &own_file()).status, 200, "nothing has failed yet");
    bench.store.flush().unwrap_err();
    let refused = ask(&bench, &own_file());
    assert_eq!((refused.status, refused.secret), (503, false));
    assert!(!String::from_utf8_lossy(refused.body.octets().unwrap()).contains("alice"));
    let stranger = ask(&bench, &format!("/{}.cfg", mac().plain()));
    assert_eq!(stranger.status, 404, "an unproven one sees what it always sees");
    assert_eq!(ask(&bench, "/y000000000108.cfg").status, 200, "public files go on");
}

#[test]
fn sec_g03_nothing_secret_leaves_when_the_store_cannot_be_read() {
    let bench = bench();
    bench.store.fail(Failing::Reads);
    let refused = ask(&bench, &own_file());
    assert_eq!((refused.status, refused.secret), (404, false), "nothing is known of who asks");
}

/// A public file that is asked for with a phone's word for itself tells nothing of that phone by its time either.
#[test]
fn sec_d12_whatever_a_phone_was_looked_up_for_leaves_at_a_time_of_its_own() {
    let bench = bench();
    for (path, paced) in [("/y000000000108.cfg", true), ("/nothing.html", true), ("/805ec0999999.cfg", true)] {
        assert_eq!(ask(&bench, path).paced, paced, "{path}");
    }
    let served = ask(&bench, &own_file());
    assert!(served.proven && served.status == 200, "who shows a proof need not wait");
}

#[test]
fn sec_l01_a_decision_says_when_by_both_clocks_where_how_why_and_from_which_template() {
    let bench = bench();
    ask(&bench, &own_file());
    ask(&bench, &format!("/{}.cfg", mac().plain()));
    bench.store.flush().unwrap();
    let events = bench.store.events(Some(mac()), None, 9).unwrap();
    let [refused, served] = &events[..] else { panic!("{events:#?}") };
    assert_eq!((served.decision, served.proof, served.rule), (Outcome::Served, Some(Proof::Token), Some(Rule::Device)));
    assert!(served.boot_ms > 0 && served.boot_ms <= bench.pipeline.clock.boot_ms());
    assert_eq!((served.plane, served.address), (Plane::Https, Some([127, 0, 0, 1].into())));
    let snapshot = bench.pipeline.snapshot.load();
    let template = served.template_sha256.as_deref().unwrap();
    let known = snapshot.templates.sources().keys().filter_map(|name| snapshot.templates.sha256(name.as_str()));
    assert!(known.into_iter().any(|sum| sum == template));
    assert_eq!((refused.decision, refused.rule), (Outcome::Refused, None));
    assert!(refused.reason.is_some() && refused.template_sha256.is_none());
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains(TOKEN), "{text}");
}
