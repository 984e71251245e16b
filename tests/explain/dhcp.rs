//! Planted faults of DHCP: messages as real servers send them, handed in as the watcher does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{Site, admin, tftp};
use crate::{MAC, broken, explained, has_curl, names};

/// One message of DHCP (RFC 2131), written by hand.
pub struct Message {
    octets: Vec<u8>,
    source: String,
    ago: i64,
}

pub(crate) const DISCOVER: u8 = 1;
pub(crate) const OFFER: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const ACK: u8 = 5;

impl Message {
    /// From the phone, or from a server with the address it gives.
    pub fn of(kind: u8, mac: &str, given: [u8; 4]) -> Message {
        let is_answer = matches!(kind, OFFER | ACK);
        let mut octets = vec![if is_answer { 2 } else { 1 }, 1, 6, 0, 0, 0, 0, 7];
        octets.resize(16, 0);
        octets.extend(given);
        octets.resize(28, 0);
        octets.extend(mac.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()));
        octets.resize(236, 0);
        octets.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind]);
        Message { octets, source: "0.0.0.0".to_owned(), ago: 0 }
    }

    pub fn option(mut self, code: u8, value: &[u8]) -> Message {
        self.octets.extend([code, u8::try_from(value.len()).unwrap()]);
        self.octets.extend(value);
        self
    }

    /// By that server (option 54).
    pub fn server(mut self, last: u8) -> Message {
        self.source = format!("10.0.0.{last}");
        self.option(54, &[10, 0, 0, last])
    }

    pub fn ago(self, minutes: i64) -> Message {
        Message { ago: minutes * 60, ..self }
    }

    fn json(mut self) -> Value {
        self.octets.push(255);
        let time = ztpd::host::clock::Clock::start().now() - jiff::SignedDuration::from_secs(self.ago);
        json!({"time": time, "source": self.source, "payload": STANDARD.encode(&self.octets)})
    }
}

/// Hands them in; all must be kept.
pub fn observed(site: &Site, messages: Vec<Message>) {
    let count = messages.len();
    let body = json!({"messages": messages.into_iter().map(Message::json).collect::<Vec<_>>()});
    let (status, _, answer) = admin(site, "POST", "observations", &body.to_string(), &[]).unwrap();
    assert_eq!((status, &answer["kept"]), (200, &count.into()), "{answer}");
}

/// A Yealink that gets an address from server 10.0.0.`server`, with an option that says that, some minutes ago.
pub fn boots(mac: &str, server: u8, (code, value): (u8, &str), ago: i64) -> Vec<Message> {
    let class: &[u8] = b"yealink";
    let told = |kind| {
        let message = Message::of(kind, mac, [10, 0, 0, 77]).server(server).ago(ago);
        if value.is_empty() { message } else { message.option(code, value.as_bytes()) }
    };
    vec![
        Message::of(DISCOVER, mac, [0; 4]).option(60, class).ago(ago),
        told(OFFER),
        Message::of(REQUEST, mac, [0; 4]).option(60, class).option(54, &[10, 0, 0, server]).ago(ago),
        told(ACK),
    ]
}

fn site() -> Option<Site> {
    let site = Site::start();
    if !has_curl(&site) {
        return None;
    }
    site.enrol(MAC, "T46U", "alice@example.com");
    Some(site)
}

fn here(site: &Site) -> String {
    format!("tftp://127.0.0.1:{}/", site.tftp)
}

#[test]
fn dhcp_leads_it_elsewhere_by_option_66_160_161_or_43() {
    for (code, maker, mac, model, class, ago) in [
        (66, "yealink", MAC, "T46U", "yealink", 0),
        (43, "yealink", MAC, "T46U", "yealink", 0),
        (160, "poly", "64:16:7f:11:22:33", "VVX450", "Polycom-VVX450", 0),
        // No phone reads 161 as it leaves the factory, but many can be set to: it counts when the phone does not come.
        (161, "yealink", MAC, "T46U", "yealink", 20),
    ] {
        let site = Site::start();
        if !has_curl(&site) {
            return;
        }
        site.enrol_of(maker, mac, model);
        let value = "https://prov.old.example/";
        let right = here(&site);
        let told = |kind| {
            let message = Message::of(kind, mac, [10, 0, 0, 77]).server(3).option(code, value.as_bytes()).ago(ago);
            if code == 161 { message.option(66, right.as_bytes()) } else { message }
        };
        let asks = |kind| Message::of(kind, mac, [0; 4]).option(60, class.as_bytes()).ago(ago);
        observed(&site, vec![asks(DISCOVER), told(OFFER), asks(REQUEST).option(54, &[10, 0, 0, 3]), told(ACK)]);
        let (summary, fix) = names(&site, mac, "sent_elsewhere");
        assert!(summary.contains(&format!("option {code} of 10.0.0.3")), "{summary}");
        assert!(summary.contains("prov.old.example") && fix.contains("option"), "{summary} {fix}");
        let step = broken(&site, mac);
        assert_eq!((&step["kind"], &step["address"]), (&"dhcp".into(), &"10.0.0.77".into()), "{step:#}");
    }
}

#[test]
fn a_rogue_server_beside_the_right_one() {
    let Some(site) = site() else { return };
    let right = here(&site);
    let mut messages = boots(MAC, 3, (66, &right), 0);
    messages.truncate(2);
    messages.extend(boots(MAC, 4, (66, "https://10.0.0.66/"), 0).split_off(1));
    observed(&site, messages);
    let (summary, fix) = names(&site, MAC, "rogue_dhcp");
    assert!(summary.contains("10.0.0.3") && summary.contains("10.0.0.4") && summary.contains("10.0.0.66"), "{summary}");
    assert!(fix.contains("switch 10.0.0.4 off"), "{fix}");
}

/// What is open of those that were seen, once they are judged: kind, subject and phones.
fn open(site: &Site) -> Vec<(String, String, u64)> {
    let (status, _, answer) = admin(site, "POST", "checks", r#"{"kind": "dhcp"}"#, &[]).unwrap();
    assert_eq!(status, 200, "{answer:#}");
    let (_, _, answer) = admin(site, "GET", "findings?limit=500", "", &[]).unwrap();
    let shown = |finding: &Value| {
        let text = |pointer: &str| finding.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
        (text("/code"), text("/subject/id"), finding["phones"].as_u64().unwrap())
    };
    let of_dhcp = |(code, ..): &(String, String, u64)| code.contains("dhcp_servers") || code.contains("elsewhere");
    answer["items"].as_array().unwrap().iter().map(shown).filter(of_dhcp).collect()
}

#[test]
fn what_a_rogue_server_tells_phones_is_a_finding_until_they_boot_without_it_and_outlives_a_restart() {
    let Some(site) = site() else { return };
    let right = here(&site);
    let phones = [MAC, "80:5e:c0:11:22:34"];
    for mac in phones {
        let mut messages = boots(mac, 3, (66, &right), 40);
        messages.truncate(2);
        messages.extend(boots(mac, 4, (66, "https://10.0.0.66/"), 40).split_off(1));
        observed(&site, messages);
    }
    let found = |code: &str, subject: &str| (code.to_owned(), subject.to_owned(), 2);
    let both = [found("dhcp_servers_differ", "dhcp"), found("led_elsewhere", "10.0.0.4")];
    assert_eq!(open(&site), both);
    assert_eq!(open(&site), both, "and once");
    let (_, _, finding) = admin(&site, "GET", "findings/led-elsewhere-10.0.0.4", "", &[]).unwrap();
    assert!(finding["evidence"].to_string().contains(phones[1]) && !finding["paste"]["kea"].is_null(), "{finding:#}");
    let began = site.now.to_string();
    assert!(finding["last_seen"].as_str().unwrap() < began.as_str(), "{finding:#}");
    for mac in phones {
        observed(&site, boots(mac, 3, (66, &right), 20));
    }
    assert_eq!(open(&site), []);
    for mac in phones {
        observed(&site, boots(mac, 4, (66, "https://10.0.0.66/"), 1));
    }
    let led = [found("led_elsewhere", "10.0.0.4")];
    assert_eq!(open(&site), led);
    // What was seen is forgotten by then; what it showed is not.
    let site = site.restart("");
    assert_eq!(open(&site), led);
}

#[test]
fn nobody_answers_it() {
    let Some(site) = site() else { return };
    observed(&site, vec![Message::of(DISCOVER, MAC, [0; 4]).option(60, b"yealink")]);
    names(&site, MAC, "dhcp_no_answer");
}

#[test]
fn it_was_seen_by_dhcp_only_and_later_turns_out_to_be_owned_by_somebody_else() {
    let Some(site) = site() else { return };
    let right = here(&site);
    observed(&site, boots(MAC, 3, (66, &right), 0));
    let (_, fix) = names(&site, MAC, "dhcp_only");
    assert!(fix.contains("wait"), "{fix}");
    let other = Site::start();
    other.enrol(MAC, "T46U", "alice@example.com");
    observed(&other, boots(MAC, 3, (66, &here(&other)), 20));
    let (summary, fix) = names(&other, MAC, "previous_provider");
    assert!(summary.contains("option 66 of 10.0.0.3") && fix.contains("factory"), "{summary} {fix}");
    // It comes after all.
    if tftp(&other, "805ec0112233.cfg").is_some() {
        assert_ne!(explained(&other, MAC).unwrap()["cause"], "previous_provider");
    }
}

#[test]
fn dhcp_names_no_server_or_what_its_phones_make_nothing_of() {
    let Some(site) = site() else { return };
    observed(&site, boots(MAC, 3, (66, ""), 20));
    let (summary, _) = names(&site, MAC, "no_provisioning_option");
    assert!(summary.contains("10.0.0.3"), "{summary}");
    let other = Site::start();
    other.enrol(MAC, "T46U", "alice@example.com");
    observed(&other, boots(MAC, 3, (66, "10.0.0.1,10.0.0.2"), 0));
    let (summary, _) = names(&other, MAC, "dhcp_option_unusable");
    assert!(summary.contains("10.0.0.1,10.0.0.2"), "{summary}");
}

#[test]
fn it_calls_itself_another_makers_phone() {
    let Some(site) = site() else { return };
    let right = here(&site);
    let class: &[u8] = b"snom D785";
    let mut messages = boots(MAC, 3, (66, &right), 20);
    messages[0] = Message::of(DISCOVER, MAC, [0; 4]).option(60, class).ago(20);
    messages[2] = Message::of(REQUEST, MAC, [0; 4]).option(60, class).option(54, &[10, 0, 0, 3]).ago(20);
    observed(&site, messages);
    let (summary, _) = names(&site, MAC, "wrong_maker");
    assert!(summary.contains("Snom"), "{summary}");
}

#[test]
fn a_phone_of_no_inventory_that_dhcp_saw_waits_to_be_adopted() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    let mut messages = boots("00:04:13:11:22:33", 3, (66, "10.0.0.9"), 0);
    messages[0] = Message::of(DISCOVER, "00:04:13:11:22:33", [0; 4]).option(60, b"snom D785");
    messages[2] = Message::of(REQUEST, "00:04:13:11:22:33", [0; 4]).option(60, b"snom D785").option(54, &[10, 0, 0, 3]);
    observed(&site, messages);
    // A computer is none.
    observed(&site, vec![Message::of(DISCOVER, "02:00:00:00:00:01", [0; 4]).option(60, b"MSFT 5.0")]);
    let (_, _, pending) = admin(&site, "GET", "pending", "", &[]).unwrap();
    let phones = pending["items"].as_array().unwrap();
    assert_eq!(phones.len(), 1, "{pending}");
    let of = |name: &str| &phones[0][name];
    assert_eq!((of("mac"), of("maker"), of("model")), (&"00:04:13:11:22:33".into(), &"snom".into(), &"D785".into()));
    assert_eq!((of("address"), of("plane")), (&"10.0.0.77".into(), &"dhcp".into()));
    names(&site, "00:04:13:11:22:33", "not_in_inventory");
    assert_eq!(admin(&site, "POST", "pending/00:04:13:11:22:33/adopt", "{}", &[]).unwrap().0, 201);
    names(&site, "00:04:13:11:22:33", "sent_elsewhere");
    names(&site, "02:00:00:00:00:01", "not_in_inventory");
}

#[test]
fn what_is_handed_in_is_looked_at_and_what_cannot_be_kept_is_said() {
    let site = Site::start();
    if !has_curl(&site) {
        return;
    }
    let hand_in = |body: Value| admin(&site, "POST", "observations", &body.to_string(), &[]).unwrap();
    let now = ztpd::host::clock::Clock::start().now();
    let (status, _, answer) = hand_in(json!({"messages": [
        {"time": now, "source": "10.0.0.1", "payload": "AAAA"},
        {"time": "2001-01-01T00:00:00Z", "source": "10.0.0.1", "payload": "AAAA"},
    ]}));
    let expected = json!({"kept": 0, "out_of_time": 1, "unreadable": 1});
    assert_eq!((status, answer), (200, expected));
    for (body, said) in [
        (json!({"messages": [{"time": now, "source": "here", "payload": ""}]}), "/messages/0/source"),
        (json!({"messages": [{"time": now, "source": "10.0.0.1", "payload": "%"}]}), "/messages/0/payload"),
        (json!({"messages": [{"time": "yesterday", "source": "10.0.0.1", "payload": ""}]}), "/messages/0/time"),
        (json!({"messages": [{"time": now, "source": "10.0.0.1", "payload": "", "x": 1}]}), "/messages/0"),
        (json!({"messages": vec![json!({"time": now, "source": "10.0.0.1", "payload": ""}); 257]}), "/messages"),
        (json!({}), "messages"),
    ] {
        let (status, _, problem) = hand_in(body);
        assert_eq!(status, 422, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(said), "{said}: {problem}");
    }
}
