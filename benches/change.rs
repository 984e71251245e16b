//! What a company of 100,000 users and 150,000 phones costs: a plan of a 10,000-row file, its apply, its undo, an export of
//! everything, and the memory all of it takes. Run with `cargo bench --bench change`; a whole run takes minutes, most of
//! them to furnish the store, by imports.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::TempDir;
use ztpd::change::csv::{FileKind, Mode, Outcome, export, import};
use ztpd::change::{Ground, apply, losses, plan};
use ztpd::inventory::master_key::MasterKey;
use ztpd::inventory::period::Period;
use ztpd::inventory::plan::PlanId;
use ztpd::store::sled::SledStore;
use ztpd::store::{Actor, EnrolRules, Store, WindowPolicy};
use ztpd::templates::Templates;

const USERS: usize = 100_000;
const ROWS: usize = 10_000;

fn by() -> Actor {
    let time = Timestamp::from_second(1_800_000_000).unwrap();
    Actor { name: "bench".into(), on_behalf_of: None, time, boot_ms: 0 }
}

fn rules() -> EnrolRules {
    EnrolRules { devices_per_user: 9, windows: WindowPolicy { now: by().time, lasts: Period::hours(24) } }
}

/// Users with a phone each, and every other one with a second.
fn file(first: usize, last_name: &str) -> String {
    let header = "Email,First Name,Last Name,Site Name,Extension Number,Department,Desk Phone 1's Brand,Desk Phone 1's Model,\
                  Desk Phone 1's MAC Address,Desk Phone 2's Brand,Desk Phone 2's Model,Desk Phone 2's MAC Address\n";
    let row = |number: usize| {
        let second = if number.is_multiple_of(2) { format!("Snom,D785,000413{number:06x}") } else { ",,".to_owned() };
        format!("u{number:06}@example.com,U{number},{last_name},HQ,,Sales,Yealink,T46U,805ec0{number:06x},{second}\n")
    };
    let rows: String = (first..first + ROWS).map(row).collect();
    format!("{header}{rows}")
}

struct Bench {
    store: SledStore,
    templates: Templates,
}

impl Bench {
    fn planned(&self, text: &str) -> (PlanId, Duration) {
        let by = by();
        let begun = Instant::now();
        let ground = Ground {
            store: &self.store,
            templates: &self.templates,
            rules: rules(),
            may: &|_, _| true,
            forbids: &|_, _| None,
            by: &by,
        };
        let outcome = import(&ground, FileKind::Users, Mode::Exact, text.as_bytes()).expect("a store");
        let Outcome { draft, warnings, .. } = outcome.unwrap_or_else(|faults| panic!("{faults:?}"));
        let lost = losses(&draft.changes).len();
        let changes = draft.changes.len();
        let made = plan(draft, warnings, vec![], "bench".into(), String::new(), &by);
        let id = self.store.keep_plan(made).expect("kept").id;
        let took = begun.elapsed();
        println!("  plan {id}: {changes} records change, {lost} values lost");
        (id, took)
    }

    fn applied(&self, id: PlanId) -> Duration {
        let begun = Instant::now();
        let plan = self.store.plan(id).expect("read").expect("there");
        let set = apply::forwards(&self.store, &plan, rules()).expect("steps");
        self.store.apply_plan(id, set, &by()).expect("applied");
        begun.elapsed()
    }

    fn undone(&self, id: PlanId) -> Duration {
        let begun = Instant::now();
        let plan = self.store.plan(id).expect("read").expect("there");
        let set = apply::backwards(&self.store, &plan, rules()).expect("steps");
        self.store.undo_plan(id, set, &by()).expect("undone");
        begun.elapsed()
    }
}

/// The most memory the process has had so far, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kibi| kibi.parse::<u64>().ok()).unwrap_or_default() / 1024
}

fn told(what: &str, took: Duration) {
    println!("{what:<40} {:>8.2} s   peak {} MiB", took.as_secs_f64(), peak());
}

fn main() {
    // `cargo test --benches` runs this too; there it has nothing to prove.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = TempDir::new().expect("a folder");
    let master = MasterKey::read(b"the master key of stores in test").unwrap();
    let (store, _) = SledStore::open(folder.path(), &master).expect("a store");
    let site = serde_json::json!({"id": "hq", "name": "HQ", "extension_ranges": ["100000-999999"]});
    store.create_site(serde_json::from_value(site).unwrap(), &by()).expect("a site");
    let bench = Bench { store, templates: Templates::load(None).unwrap_or_else(|faults| panic!("{faults:?}")) };
    let (mut planning, mut applying) = (Vec::new(), Vec::new());
    for first in (0..USERS).step_by(ROWS) {
        let (id, took) = bench.planned(&file(first, "Doe"));
        planning.push(took);
        applying.push(bench.applied(id));
    }
    let counts = bench.store.counts().expect("counted");
    println!("{} users, {} devices", counts.users, counts.devices);
    told("plan of 10,000 new users, the last of 10", planning.pop().unwrap_or_default());
    told("its apply", applying.pop().unwrap_or_default());
    let (id, took) = bench.planned(&file(40_000, "Roe"));
    told("plan of 10,000 changed rows", took);
    told("its apply", bench.applied(id));
    told("its undo", bench.undone(id));
    let (_, took) = bench.planned(&file(40_000, "Doe"));
    told("plan of 10,000 rows that change nothing", took);
    let only: String = (40_000..50_000).map(|number| format!("u{number:06}@example.com\n")).collect();
    let (id, took) = bench.planned(&format!("Email\n{only}"));
    told("plan of 10,000 rows that lose everything", took);
    told("its apply", bench.applied(id));
    told("its undo", bench.undone(id));
    let mut octets = 0;
    let begun = Instant::now();
    for kind in FileKind::ALL {
        octets += export(&bench.store, *kind, &|_, _| true).expect("exported").len();
    }
    told("export of everything", begun.elapsed());
    println!("exported {} MiB", octets / 1024 / 1024);
}
