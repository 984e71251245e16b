//! Who may have a phone explained: what is out of scope is not there, and looks like what was never seen.

use serde_json::{Value, json};

use crate::support::{Site, admin, curl};
use crate::{FILE, MAC, has_curl};

/// A site reached over TCP too, and a token that sees only another place.
fn site() -> Option<(Site, String)> {
    let site = Site::start_with("[admin]\nlisten = []\n");
    if !has_curl(&site) {
        return None;
    }
    let post = |path: &str, body: Value| admin(&site, "POST", path, &body.to_string(), &[]).unwrap();
    assert_eq!(post("sites", json!({"id": "far", "name": "Far", "networks": ["10.9.0.0/16"]})).0, 201);
    let token = post("tokens", json!({"name": "Far"})).2["token"].as_str().unwrap().to_owned();
    let grant = json!({"subject": {"token": "far"}, "role": "site_admin", "scope": {"sites": ["far"]}});
    assert_eq!(post("grants", grant).0, 201);
    Some((site.restart("[admin]\nlisten = [\"127.0.0.1:0\"]\n"), token))
}

fn explained_to(site: &Site, token: &str, mac: &str) -> Value {
    let url = format!("https://127.0.0.1:{}/api/v1/devices/{mac}/explain", site.admin.unwrap());
    let mut command = std::process::Command::new("curl");
    command.args(["-sS", "--fail-with-body", "--cacert"]).arg(&site.authority);
    let output = command.args(["-H", &format!("Authorization: Bearer {token}"), &url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn sec_a04_a_phone_of_another_site_is_one_that_nobody_ever_saw() {
    let Some((site, token)) = site() else { return };
    site.enrol(MAC, "T46U", "alice@example.com");
    site.enrol_device("yealink", "80:5e:c0:22:22:22", "T46U", "alice@example.com", "far");
    assert_eq!(curl(&site, "127.0.0.1", FILE, &[]).unwrap().status, 200);
    assert_eq!(curl(&site, "127.0.0.1", "805ec0330001.cfg", &[]).unwrap().status, 404);
    let mut nothing = explained_to(&site, &token, "80:5e:c0:99:99:99");
    assert_eq!(nothing["cause"], "never_seen");
    for mac in [MAC, "80:5e:c0:11:22:34", "80:5e:c0:33:00:01"] {
        let found = explained_to(&site, &token, mac);
        let text = nothing.to_string().replace("80:5e:c0:99:99:99", mac);
        assert_eq!(found.to_string(), text, "it tells of what is elsewhere");
    }
    let own = explained_to(&site, &token, "80:5e:c0:22:22:22");
    assert_eq!(own["phone"]["registered"], true, "{own}");
    nothing = explained_to(&site, &token, "80:5e:c0:22:22:23");
    assert_eq!(nothing["cause"], "near_miss", "{nothing}");
}

#[test]
fn what_is_no_mac_is_malformed() {
    let site = Site::start();
    let Some((status, _, problem)) = admin(&site, "GET", "devices/nonsense/explain", "", &[]) else { return };
    assert_eq!((status, &problem["code"]), (400, &"malformed".into()));
}
