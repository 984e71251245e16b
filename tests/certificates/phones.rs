//! What phones get for their certificates, from the real daemon, with curl.

use serde_json::{Value, json};
use ztpd::makers;

use crate::lookalike::{Pair, Wish, Workshop};
use crate::support::{Client, Site, admin, curl};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";
const SUBJECT: &str = "/O=Yealink/CN=805EC0112233";

/// A site without networks: nothing opens by itself there.
pub fn start() -> Site {
    start_with("")
}

fn start_with(more: &str) -> Site {
    let site = Site::start_with(more);
    let (status, ..) = admin(&site, "POST", "sites", r#"{"id": "far", "name": "Far"}"#, &[]).unwrap();
    assert_eq!(status, 201);
    site
}

pub fn register(site: &Site, maker: &str, model: &str, mac: &str) {
    let device = json!({"mac": mac, "maker": maker, "model": model, "site": "far"}).to_string();
    let (status, _, answer) = admin(site, "POST", "devices", &device, &[]).unwrap();
    assert_eq!(status, 201, "{answer}");
}

/// Trusts an authority for a maker's phones.
pub fn trust(site: &Site, maker: &str, authority: &Pair, tolerate: &[&str]) -> String {
    let wish = json!({"maker": maker, "pem": authority.pem(), "tolerate": tolerate, "confirm": true}).to_string();
    let (status, _, answer) = admin(site, "POST", "authorities", &wish, &[]).unwrap();
    assert_eq!(status, 201, "{answer}");
    answer["sha256"].as_str().unwrap().to_owned()
}

/// Asks with a certificate.
pub fn get(site: &Site, path: &str, with: &Pair) -> Client {
    let (certificate, key) = (with.certificate.to_str().unwrap(), with.key.to_str().unwrap());
    curl(site, "127.0.0.1", path, &["--cert", certificate, "--key", key]).unwrap()
}

fn bare(site: &Site, path: &str) -> Client {
    curl(site, "127.0.0.1", path, &[]).unwrap()
}

fn last(site: &Site) -> Value {
    let (_, _, events) = admin(site, "GET", &format!("devices/{MAC}/events?limit=1"), "", &[]).unwrap();
    events["items"][0].clone()
}

fn access(site: &Site) -> Value {
    admin(site, "GET", &format!("devices/{MAC}"), "", &[]).unwrap().2["access"].clone()
}

/// A site with one phone, and what signs its certificate. `None` where curl or openssl is not installed.
pub fn one_phone(more: &str) -> Option<(Site, Workshop, Pair)> {
    let shop = Workshop::open()?;
    let site = start_with(more);
    curl(&site, "127.0.0.1", "y000000000108.cfg", &[])?;
    register(&site, "yealink", "T46U", MAC);
    let root = shop.make(Wish::authority("/O=Yealink/CN=Root"), None);
    trust(&site, "yealink", &root, &[]);
    Some((site, shop, root))
}

fn by_token(file: &Client) -> String {
    let url = file.value("static.auto_provision.server.url");
    format!("t/{}/{FILE}", url.split("/t/").nth(1).unwrap().trim_end_matches('/'))
}

#[test]
fn sec_d06_a_phone_of_every_maker_is_served_by_the_certificate_it_was_made_with() {
    let Some(shop) = Workshop::open() else { return };
    let site = start();
    if curl(&site, "127.0.0.1", "y000000000108.cfg", &[]).is_none() {
        return;
    }
    for (maker, model, mac, subject) in [
        ("cisco", "CP-8841-3PCC", "d0:ec:35:00:00:01", "/OU=CP-8841-3PCC/L=FCH2443D9R4/ST=d0ec35000001"),
        ("grandstream", "GRP2614", "c0:74:ad:00:00:01", "/CN=C074AD000001"),
        ("poly", "VVX450", "64:16:7f:00:00:01", "/CN=64167F000001"),
        ("snom", "D785", "00:04:13:00:00:01", "/O=snom technology AG/CN=000413000001"),
        ("yealink", "T46U", "80:5e:c0:00:00:01", "/CN=805EC0000001"),
    ] {
        let root = shop.make(Wish::authority(&format!("/CN={maker}")), None);
        let phone = shop.make(Wish::phone(subject), Some(&root));
        register(&site, maker, model, mac);
        let model = makers::by_spelling(maker, model).unwrap();
        for file in makers::by_id(maker).unwrap().files(mac.parse().unwrap(), model) {
            assert_eq!(bare(&site, &file).status, 404, "{maker}: {file}");
            assert_eq!(get(&site, &file, &phone).status, 404, "{maker}: {file}: nobody vouches yet");
        }
        trust(&site, maker, &root, &[]);
        for file in makers::by_id(maker).unwrap().files(mac.parse().unwrap(), model) {
            let served = get(&site, &file, &phone);
            assert_eq!(served.status, 200, "{maker}: {file}");
            assert!(served.headers.to_lowercase().contains("cache-control: no-store"), "{maker}: {file}");
            assert_eq!(bare(&site, &file).status, 404, "{maker}: {file}");
        }
        let (_, _, events) = admin(&site, "GET", &format!("devices/{mac}/events?limit=50"), "", &[]).unwrap();
        let proofs: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|event| &event["proof"]).collect();
        assert!(proofs.contains(&&"certificate".into()), "{maker}: {events}");
        let notes: Vec<&Value> = events["items"].as_array().unwrap().iter().map(|e| &e["certificate"]).collect();
        assert!(notes.contains(&&"pinned".into()), "{maker}: {events}");
        assert!(notes.contains(&&json!({"rejected": "unknown_issuer"})), "{maker}: {events}");
    }
}

#[test]
fn sec_d06_a_certificate_opens_the_files_of_its_own_phone_only() {
    let Some((site, shop, root)) = one_phone("") else { return };
    register(&site, "yealink", "T46U", "80:5e:c0:99:99:99");
    let other = shop.make(Wish::phone("/CN=805EC0999999"), Some(&root));
    let token = by_token(&get(&site, FILE, &shop.make(Wish::phone(SUBJECT), Some(&root))));
    // Not even beside that phone's token.
    for path in [FILE, token.as_str()] {
        let refused = get(&site, path, &other);
        assert_eq!((refused.status, refused.body.as_str()), (404, "not found\n"), "{path}");
        assert_eq!(last(&site)["reason"], "certificate_mac_mismatch", "{path}");
    }
    assert_eq!(access(&site), "bound", "somebody else's certificate changes nothing here");
    // A phone in no inventory looks the same, whatever it shows.
    let stranger = shop.make(Wish::phone("/CN=805EC0777777"), Some(&root));
    let unknown = get(&site, "805ec0777777.cfg", &stranger);
    assert_eq!(unknown.headers_without_date(), get(&site, FILE, &other).headers_without_date());
    assert_eq!(unknown.headers_without_date(), bare(&site, FILE).headers_without_date());
}

#[test]
fn sec_d06_what_proves_nothing_is_recorded_with_its_fault_and_begins_nothing() {
    let Some((site, shop, root)) = one_phone("") else { return };
    for (fault, wish) in [
        ("no_mac", Wish::phone("/CN=Yealink")),
        ("several_macs", Wish::phone("/CN=805EC0112233 805EC0112234")),
        ("foreign_mac", Wish::phone("/CN=000413112233")),
        ("v1", Wish { extensions: "", ..Wish::phone(SUBJECT) }),
        ("ca_leaf", Wish { extensions: crate::lookalike::AUTHORITY, ..Wish::phone(SUBJECT) }),
    ] {
        assert_eq!(get(&site, FILE, &shop.make(wish, Some(&root))).status, 404, "{fault}");
        let event = last(&site);
        assert_eq!(event["certificate"], json!({"rejected": fault}), "{event}");
        assert_eq!(access(&site), "known", "{fault}");
    }
    let late = Wish { days: -1, ..Wish::phone(SUBJECT) };
    assert_eq!(get(&site, FILE, &shop.make(late, Some(&root))).status, 404);
    assert_eq!(last(&site)["certificate"], "out_of_date");
}

#[test]
fn sec_d07_the_first_key_is_kept_and_another_one_quarantines_until_a_rebind() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let phone = shop.make(Wish::phone(SUBJECT), Some(&root));
    let clone = shop.make(Wish::phone(SUBJECT), Some(&root));
    // A HEAD keeps nothing.
    let head = curl(
        &site,
        "127.0.0.1",
        FILE,
        &["-I", "--cert", clone.certificate.to_str().unwrap(), "--key"]
            .iter()
            .copied()
            .chain([clone.key.to_str().unwrap()])
            .collect::<Vec<_>>(),
    )
    .unwrap();
    assert_eq!(head.status, 200);
    let served = get(&site, FILE, &phone);
    assert_eq!(served.status, 200);
    assert_eq!((last(&site)["certificate"].clone(), access(&site)), ("pinned".into(), "bound".into()));
    assert_eq!(get(&site, FILE, &phone).body, served.body);
    assert_eq!(last(&site)["certificate"], "good");
    // The same key in a renewed certificate is the same phone.
    let renewed = shop.certify(Wish::phone(SUBJECT), Some(&root), phone.clone());
    assert_eq!(get(&site, FILE, &renewed).status, 200);

    assert_eq!(get(&site, FILE, &clone).status, 404);
    assert_eq!((last(&site)["reason"].clone(), access(&site)), ("identity_changed".into(), "quarantined".into()));
    for path in [FILE.to_owned(), by_token(&served)] {
        assert_eq!(get(&site, &path, &phone).status, 404, "{path}");
        assert_eq!(last(&site)["reason"], "quarantined");
    }
    let (status, ..) = admin(&site, "POST", &format!("devices/{MAC}/release"), "{}", &[]).unwrap();
    assert_eq!(status, 409, "whose key is the right one only a rebind can say");
    let (status, ..) = admin(&site, "POST", &format!("devices/{MAC}/rebind"), "{}", &[]).unwrap();
    assert_eq!(status, 200);
    assert_eq!(get(&site, FILE, &clone).status, 200, "the first one after the rebind is the phone");
    assert_eq!(get(&site, FILE, &phone).status, 404);
}

#[test]
fn sec_d07_a_renewed_key_beside_the_phones_token_replaces_the_old_one() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let old = shop.make(Wish::phone(SUBJECT), Some(&root));
    let token = by_token(&get(&site, FILE, &old));
    let new = shop.make(Wish::phone(SUBJECT), Some(&root));
    assert_eq!(get(&site, &token, &new).status, 200);
    let event = last(&site);
    assert_eq!((&event["certificate"], &event["proof"]), (&"renewed".into(), &"certificate".into()));
    assert_eq!(get(&site, FILE, &new).status, 200, "known by the new key, token or not");
    assert_eq!(get(&site, FILE, &old).status, 404);
    assert_eq!(access(&site), "quarantined");
    // A wrong token helps nobody.
    let (status, ..) = admin(&site, "POST", &format!("devices/{MAC}/rebind"), "{}", &[]).unwrap();
    assert_eq!(status, 200);
    assert_eq!(get(&site, FILE, &new).status, 200);
    let wrong = format!("t/{}/{FILE}", "A".repeat(43));
    assert_eq!(get(&site, &wrong, &old).status, 404);
    assert_eq!(last(&site)["reason"], "identity_changed");
}

#[test]
fn sec_d10_after_a_good_certificate_token_and_claim_open_nothing() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let phone = shop.make(Wish::phone(SUBJECT), Some(&root));
    let token = by_token(&get(&site, FILE, &phone));
    assert_eq!(bare(&site, &token).status, 404);
    assert_eq!(last(&site)["reason"], "no_proof");
    assert_eq!(get(&site, &token, &phone).status, 200, "both together are the usual request");
    let from = r#"{"from": ["127.0.0.0/8"], "for": "30m"}"#;
    let (status, _, answer) = admin(&site, "POST", &format!("devices/{MAC}/claims"), from, &[]).unwrap();
    assert!((200..300).contains(&status), "{answer}");
    assert_eq!(bare(&site, FILE).status, 404);
    assert_eq!(last(&site)["reason"], "no_proof");
    // A certificate that counts for nothing is no better than none.
    let weak = shop.make(Wish { extensions: "", ..Wish::phone(SUBJECT) }, Some(&root));
    assert_eq!(get(&site, &token, &weak).status, 404);
    assert_eq!(get(&site, FILE, &phone).status, 200);
}

#[test]
fn sec_d10_a_certificate_whose_only_fault_is_a_date_does_not_bar_the_token() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let phone = shop.make(Wish::phone(SUBJECT), Some(&root));
    let token = by_token(&get(&site, FILE, &phone));
    let late = Wish { days: -1, ..Wish::phone(SUBJECT) };
    let expired = shop.certify(late, Some(&root), phone.clone());
    assert_eq!(get(&site, &token, &expired).status, 200);
    let event = last(&site);
    assert_eq!((&event["proof"], &event["certificate"]), (&"token".into(), &"out_of_date".into()));
    let (_, _, found) = admin(&site, "GET", "findings?code=phone_certificate_date", "", &[]).unwrap();
    assert_eq!(found["items"][0]["subject"]["id"], MAC, "{found}");
    assert_eq!(get(&site, FILE, &expired).status, 404, "alone it proves nothing");
    // Dates are no excuse for another key, or for another fault beside them.
    let other = shop.make(late, Some(&root));
    assert_eq!(get(&site, &token, &other).status, 404);
    let weak = shop.certify(Wish { extensions: "", ..late }, Some(&root), phone);
    assert_eq!(get(&site, &token, &weak).status, 404);
    assert_eq!(access(&site), "bound");
}

#[test]
fn sec_d10_weaker_proofs_come_back_when_an_operator_says_so() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let phone = shop.make(Wish::phone(SUBJECT), Some(&root));
    let token = by_token(&get(&site, FILE, &phone));
    assert_eq!(bare(&site, &token).status, 404);
    // The settings say that certificates do not count.
    let site = site.restart("[access]\nproofs = [\"token\", \"claim\"]\n");
    assert_eq!(bare(&site, &token).status, 200);
    assert_eq!(get(&site, FILE, &phone).status, 404);
    let site = site.restart("");
    assert_eq!(bare(&site, &token).status, 404, "what was pinned is on the disk");
    assert_eq!(get(&site, FILE, &phone).status, 200, "and so is who vouches");
    // Nobody vouches for the phone any more: it is known by its token again.
    let (_, _, list) = admin(&site, "GET", "authorities", "", &[]).unwrap();
    let sha256 = list["items"][0]["sha256"].as_str().unwrap();
    let (status, ..) = admin(&site, "DELETE", &format!("authorities/{sha256}"), "", &[]).unwrap();
    assert_eq!(status, 204);
    assert_eq!(get(&site, FILE, &phone).status, 404);
    assert_eq!(bare(&site, &token).status, 200);
}
