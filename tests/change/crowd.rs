//! Many at once, and a power cut in the middle.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::files::file;
use crate::support::Daemon;

/// New users with a phone each.
fn users(first: usize, count: usize) -> String {
    let row = |number: usize| {
        format!("u{number}@example.com,U{number},Yealink,T46U,00156500{:02x}{:02x}\n", number / 256, number % 256)
    };
    let rows: String = (first..first + count).map(row).collect();
    format!("Email,First Name,Desk Phone 1's Brand,Desk Phone 1's Model,Desk Phone 1's MAC Address\n{rows}")
}

fn count(daemon: &Daemon, kind: &str) -> u64 {
    daemon.json(&["status"])["store"]["counts"][kind].as_u64().unwrap()
}

#[test]
fn sec_d25_eight_writers_and_an_import_break_no_limit_and_leave_nothing_half_done() {
    let daemon = Daemon::furnished();
    let path = file(&daemon, "many.csv", users(0, 100));
    std::thread::scope(|scope| {
        for hand in 0..8 {
            let daemon = &daemon;
            scope.spawn(move || {
                for number in 0..3 {
                    let mac = format!("00:15:65:ff:{hand:02x}:{number:02x}");
                    let phone = ["--maker", "yealink", "--model", "T46U", "--user", "alice@example.com"];
                    let said = daemon.ask(&[&["device", "add", &mac][..], &phone].concat());
                    assert!(matches!(said.code, 0 | 4), "{said:?}");
                    daemon.done(&["user", "add", &format!("w{hand}-{number}@example.com")]);
                }
            });
        }
        let said = daemon.ask(&["import", &path, "--apply"]);
        assert!(matches!(said.code, 0 | 4), "{said:?}");
        if said.code == 4 {
            assert!(said.err.contains("others change the inventory all the time"), "{said:?}");
        }
    });
    let said = daemon.ask(&["import", &path, "--apply"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!((count(&daemon, "users"), count(&daemon, "devices")), (1 + 100 + 24, 9 + 100));
    let alice = daemon.json(&["user", "show", "alice@example.com"]);
    assert_eq!(alice["devices"].as_array().unwrap().len(), 9, "{alice}");
    let list = daemon.json(&["user", "list"]);
    let mut extensions: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|user| &user["extension"]).collect();
    let all = extensions.len();
    extensions.sort_by_key(|extension| extension.as_str());
    extensions.dedup();
    assert_eq!(extensions.len(), all, "no extension is given twice");
}

/// How many octets the journal has.
fn journal(daemon: &Daemon) -> u64 {
    let folder = daemon.dir().join("data/journal");
    let lengths = |path: &Path| -> u64 {
        std::fs::read_dir(path).unwrap().flatten().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
    };
    lengths(&folder)
}

#[test]
fn a_kill_in_the_middle_of_an_apply_leaves_all_or_nothing() {
    let mut daemon = Daemon::furnished();
    let mut outcomes = Vec::new();
    let mut there = 1;
    for (round, grown) in [0, 1, 20_000, 120_000, 250_000, 1_000_000_000].into_iter().enumerate() {
        let path = file(&daemon, "many.csv", users(round * 200, 200));
        let id = daemon.json(&["import", &path])["id"].as_str().unwrap().to_owned();
        let before = journal(&daemon);
        let mut apply = daemon.command();
        let apply =
            apply.args(["plan", "apply", &id]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut apply = apply.spawn().unwrap();
        // Killed once the journal has grown so far, or the apply was acknowledged.
        while journal(&daemon).saturating_sub(before) < grown && apply.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        daemon = daemon.killed();
        let acknowledged = apply.wait().unwrap().code() == Some(0);
        let users = count(&daemon, "users");
        assert!(users == there || users == there + 200, "half an import: {users} after {there}");
        assert!(users == there + 200 || !acknowledged, "what was acknowledged is lost");
        assert_eq!(count(&daemon, "devices"), users, "each new user has a phone");
        let state = daemon.json(&["plan", "show", &id])["state"].clone();
        assert_eq!(state == "applied", users > there, "{state}");
        outcomes.push((grown, users > there));
        there = users;
    }
    println!("octets of journal before the kill, and whether it had happened: {outcomes:?}");
    assert!(outcomes.last().unwrap().1, "without a kill it happens");
}
