//! Stores of every older version are opened by this program and found as they were: `tests/stores`.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{Place, told};

/// Unpacks a store into a place, with what its version answered; its own master key, if it has one.
fn unpacked(archive: &Path) -> Place {
    let place = Place::new();
    let own = std::fs::read(place.path("master.key")).unwrap();
    let tar = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(place.path("")).output().unwrap();
    assert!(tar.status.success(), "{}", told(&tar));
    if std::fs::metadata(place.path("master.key")).unwrap().len() == 0 {
        std::fs::write(place.path("master.key"), own).unwrap();
    }
    place
}

/// Every field there was is as it was; newer versions may have more.
fn kept(name: &str, before: &Value, now: &Value) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => {
            for (field, value) in before {
                let missing = || panic!("{name}.{field} is gone: {now:?}");
                kept(&format!("{name}.{field}"), value, now.get(field).unwrap_or_else(missing));
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            assert_eq!(before.len(), now.len(), "{name}");
            before.iter().zip(now).for_each(|(before, now)| kept(name, before, now));
        }
        _ => assert_eq!(before, now, "{name}"),
    }
}

/// Without what depends on the day (claims and tokens end) or on the program (its templates, its shipped roles).
fn lasting(mut answer: Value) -> Value {
    let Some(items) = answer["items"].as_array_mut() else { return answer };
    items.retain(|item| item["permissions"].is_null() || item["id"] == "mine");
    for item in items.iter_mut().filter_map(Value::as_object_mut) {
        item.retain(|field, value| {
            let ends = field == "access" && value == "claim_open";
            !ends && !matches!(field.as_str(), "provisioning" | "expired")
        });
    }
    answer
}

fn expected(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(place.path("expected").join(name)).unwrap()).unwrap()
}

#[test]
fn stores_of_every_older_version_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stores");
    let mut archives: Vec<_> = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect();
    archives.retain(|path| path.extension().is_some_and(|suffix| suffix == "gz"));
    archives.sort();
    assert!(archives.len() >= 2);
    for archive in archives {
        println!("{}", archive.display());
        opened(&archive);
    }
}

fn opened(archive: &Path) {
    let place = unpacked(archive);
    let daemon = place.serve();
    for entry in std::fs::read_dir(place.path("expected")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let path = match name.as_str() {
            "secrets.json" | "verification.json" => continue,
            "account.json" => "api/v1/account".to_owned(),
            list => format!("api/v1/{}?limit=500", list.trim_end_matches(".json")),
        };
        let Some((status, now)) = place.api("GET", &path, "") else { return };
        assert_eq!(status, 200, "{path}: {now}");
        kept(&name, &lasting(expected(&place, &name)), &lasting(now));
    }
    let (status, audit) = place.api("GET", "api/v1/audit/verification", "").unwrap();
    let before = expected(&place, "verification.json");
    assert_eq!((status, &audit["ok"]), (200, &true.into()), "{audit}");
    assert_eq!(audit["administration"]["head"], before["administration"]["head"]);
    let secrets = expected(&place, "secrets.json");
    let secret = |name: &str| secrets[name].as_str().unwrap();
    let file = format!("t/{}/805ec0000001.cfg", secret("token"));
    let (status, given) = place.phone(&daemon, &file).unwrap();
    assert_eq!(status, 200, "its token opens");
    assert!(given.contains(secret("sip_password")), "{given}");
    let events = place.api("GET", "api/v1/devices/805ec0000001/events", "").unwrap().1;
    assert!(events["items"].as_array().unwrap().len() >= 3, "what happened before is told: {events}");
    daemon.stop();
    // What was brought forward is a store like any other.
    let again = place.serve();
    assert_eq!(place.phone(&again, &file).unwrap().0, 200);
}
