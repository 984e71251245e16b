//! What one phone costs: its file rendered, and a whole request through the pipeline from memory, for each maker.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use criterion::{Criterion, criterion_group, criterion_main};
use ztpd::config::{Config, Snapshot};
use ztpd::host::clock::Clock;
use ztpd::inventory::device::{Device, Owner};
use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::{Secret, TokenLength};
use ztpd::makers;
use ztpd::provision::{ClientCertificate, Method, Pending, Pipeline, Request, device_facts, device_file};
use ztpd::store::memory::MemoryStore;
use ztpd::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

const PHONES: &[(&str, &str, &str)] = &[
    ("cisco", "CP-8841-3PCC", "d0:ec:35:00:00:01"),
    ("grandstream", "GRP2614", "c0:74:ad:00:00:01"),
    ("poly", "VVX450", "64:16:7f:00:00:01"),
    ("snom", "D785", "00:04:13:00:00:01"),
    ("yealink", "T46U", "80:5e:c0:00:00:01"),
];

fn pipeline(dir: &std::path::Path) -> Pipeline {
    let clock = Clock::start();
    let mut config = Config::parse("[sip]\nserver = \"pbx.example.com\"\n").expect("settings");
    config.data_dir = dir.to_owned();
    let snapshot = Snapshot::build(config, ([127, 0, 0, 1], 8443).into(), clock.now()).expect("a snapshot");
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let by = Actor { name: "bench".to_owned(), on_behalf_of: None, time: clock.now(), boot_ms: 0 };
    let site = r#"{"id": "hq", "name": "HQ", "networks": ["127.0.0.0/8"]}"#;
    store.create_site(serde_json::from_str(site).unwrap(), &by).unwrap();
    let user = r#"{"id": "alice@example.com", "first_name": "Alice", "site": "hq"}"#;
    store.create_user(serde_json::from_str(user).unwrap(), Secret::password().unwrap(), &by).unwrap();
    for (maker, model, mac) in PHONES {
        let model = &makers::by_spelling(maker, model).expect("a model").model;
        let device = serde_json::json!({"mac": mac, "maker": maker, "model": model, "site": "hq"});
        let mut device: Device = serde_json::from_value(device).unwrap();
        device.assignment = Some(Owner::User("alice@example.com".parse().unwrap()));
        let windows = WindowPolicy { now: clock.now(), lasts: Period::hours(24) };
        let secrets = DeviceSecrets {
            token: Secret::token(TokenLength::Full).unwrap(),
            admin_password: Secret::admin_password().unwrap(),
        };
        store.enrol(device, secrets, &EnrolRules { devices_per_user: 9, windows }, &by).unwrap();
    }
    Pipeline::new(store, Arc::new(ArcSwap::from_pointee(snapshot)), Arc::new(Pending::default()), clock)
}

fn serving(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let pipeline = pipeline(dir.path());
    let snapshot = pipeline.snapshot.load_full();
    let mut group = criterion.benchmark_group("serving");
    for (maker, model, mac) in PHONES {
        let mac: MacAddr = mac.parse().unwrap();
        let model = makers::by_spelling(maker, model).expect("a model");
        let file = makers::by_id(maker).expect("a maker").files(mac, model).pop().expect("a file");
        let phone = pipeline.store.phone(mac).unwrap().expect("a phone");
        group.bench_function(format!("render/{maker}"), |bencher| {
            bencher.iter(|| black_box(device_file(&*pipeline.store, &snapshot, &phone, None, &file).unwrap()));
        });
        // A phone of a shape nobody has had yet: its structure is found out by a second render.
        let facts = device_facts(&*pipeline.store, &snapshot, &phone).unwrap();
        let template = makers::by_id(&model.maker).expect("a maker").device_template(model);
        let mut expires = 0;
        group.bench_function(format!("render-new-shape/{maker}"), |bencher| {
            bencher.iter(|| {
                expires += 1;
                let mut facts = facts.clone();
                facts.lines[0].expires = expires;
                black_box(snapshot.templates.render(template, &facts).unwrap())
            });
        });
        let request = Request {
            plane: Plane::Https,
            method: Method::Get,
            target: format!("/t/{}/{file}", phone.token.reveal()),
            user_agent: None,
            authorization: None,
            peer: [127, 0, 0, 1].into(),
            local: ([127, 0, 0, 1], 8443).into(),
            time: pipeline.clock.now(),
            certificate: ClientCertificate::None,
            proxied_tls: None,
        };
        group.bench_function(format!("pipeline/{maker}"), |bencher| {
            bencher.iter(|| {
                let answer = pipeline.answer(&request);
                assert_eq!(answer.status, 200);
                black_box(answer)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, serving);
criterion_main!(benches);
