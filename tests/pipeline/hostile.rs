//! Whatever people write into a field is refused, or arrives as it is and changes nothing else (policy D19 to D21).

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Value, json};
use ztpd::inventory::device::Device;
use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::period::Period;
use ztpd::inventory::user::User;
use ztpd::store::{EnrolRules, Expected, WindowPolicy};

use crate::stage::{OWNERS, PHONES, Stage, by, by_token, noon};

/// What people wrote.
#[derive(Clone, Debug)]
struct Written {
    first_name: String,
    last_name: String,
    key_value: String,
    key_label: String,
    line_label: String,
    device_name: String,
    ring_tone: String,
    native: String,
}

/// Texts that would be something else in one of the makers' formats, or to a terminal, or to a template.
const NASTY: &[&str] = &[
    "</x> & \"1\" '; fnc=sd;ext=9",
    "a = 1",
    "#!version:1.0.0.1",
    "]]>",
    "<![CDATA[",
    "<!--",
    "&#10;account.2.enable=1",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "$PROXY $MA",
    "a|b",
    "%4a",
    "a\nb = 1",
    "a\rb",
    "a\tb",
    "a\0b",
    "\u{1b}[31m",
    "\u{7f}",
    "\u{85}",
    "a\u{2028}b",
    "\u{2029}",
    "\u{202e}txt.exe",
    "\u{2066}a",
    "\u{200f}",
    "\u{feff}a",
    "\u{fffe}",
    "\u{ffff}",
    "\u{a0}a\u{3000}",
    "İ",
    "𝒵𝑜𝑒",
    "👩‍👩‍👧",
];

fn text() -> impl Strategy<Value = String> {
    let any_text = vec(any::<char>(), 1..40).prop_map(String::from_iter);
    let printable = "[a-zäöüß<>&\"'=;#|$%{}@ ]{1,66}";
    prop_oneof![any_text, printable, proptest::sample::select(NASTY).prop_map(str::to_owned)]
}

fn written() -> impl Strategy<Value = Written> {
    let texts = (text(), text(), text(), text(), text(), text(), text(), text());
    texts.prop_map(|(first_name, last_name, key_value, key_label, line_label, device_name, ring_tone, native)| {
        Written { first_name, last_name, key_value, key_label, line_label, device_name, ring_tone, native }
    })
}

/// Whether policy D19 forbids a character, spelt a second time: C0, C1, DEL, line and paragraph separator, what turns
/// the direction of writing, and what no XML can hold.
fn is_forbidden(character: char) -> bool {
    character.is_control()
        || "\u{2028}\u{2029}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}"
            .contains(character)
        || matches!(character, '\u{fffe}' | '\u{ffff}')
}

/// The phones with what is asked of each: its maker's format, and whether everything written must be found in its file.
const ASKED: &[(&str, &str, bool)] = &[
    ("cisco", "CP-8841-3PCC", true),
    ("cisco", "SPA504G", false),
    ("cisco", "ATA192", false),
    ("grandstream", "GXP2170", true),
    ("grandstream", "HT802", false),
    ("poly", "VVX450", true),
    ("poly", "OBi202", false),
    ("snom", "D785", true),
    ("snom", "M900", false),
    ("yealink", "T46U", true),
];

/// What a phone reads: the structure, as keys or as a tree, and every value in it.
#[derive(Debug, Default)]
struct Read {
    structure: Vec<String>,
    values: BTreeSet<String>,
}

fn read(text: &str) -> Read {
    if text.starts_with("<?xml") { read_xml(text) } else { read_lines(text) }
}

fn read_lines(text: &str) -> Read {
    let mut read = Read::default();
    for line in text.split('\n').filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
        read.structure.push(key.to_owned());
        read.values.insert(value.trim().to_owned());
    }
    read
}

fn read_xml(text: &str) -> Read {
    let (mut reader, mut read, mut texts) = (Reader::from_str(text), Read::default(), vec![String::new()]);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Start(element) | Event::Empty(element) => {
                read.structure.push(element.name().as_ref().to_owned());
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap();
                    read.structure.push(attribute.key.as_ref().to_owned());
                    read.values.insert(quick_xml::escape::unescape(&attribute.value).unwrap().into_owned());
                }
                texts.push(String::new());
            }
            Event::End(_) => {
                read.structure.push("/".to_owned());
                read.values.insert(texts.pop().unwrap());
            }
            Event::Text(part) => texts.last_mut().unwrap().push_str(&part),
            Event::GeneralRef(name) => {
                let resolved = quick_xml::escape::unescape(&format!("&{};", &*name)).unwrap().into_owned();
                texts.last_mut().unwrap().push_str(&resolved);
            }
            Event::Eof => break,
            Event::Decl(_) => {}
            other => panic!("{other:?}: {text}"),
        }
    }
    read
}

/// A phone of each kind, all with the same person's line, in one room.
struct House {
    stage: Stage,
    phones: Vec<(MacAddr, bool, String)>,
}

impl House {
    fn new() -> House {
        let stage = Stage::new();
        let mut phones = Vec::new();
        for (number, (maker, model, whole)) in ASKED.iter().enumerate() {
            let oui = if *model == "OBi202" { "9c:ad:ef" } else { "02:00:00" };
            let mac = stage.enrol(maker, model, &format!("{oui}:00:01:{number:02x}"), "berlin", OWNERS[0].1);
            let known = ztpd::makers::by_spelling(maker, model).unwrap();
            let file = ztpd::makers::by_id(maker).unwrap().files(mac, known).pop().unwrap();
            phones.push((mac, *whole, by_token(mac, &file)));
        }
        assert!(PHONES.len() > ASKED.len());
        House { stage, phones }
    }

    /// Writes what is not refused, and says what stands there now.
    fn write(&self, written: &Written) -> Written {
        let kept = kept(written);
        let record = user(&kept.first_name, &kept.last_name, &kept.key_value, &kept.key_label);
        self.stage.store.replace_user(serde_json::from_value(record).unwrap(), Expected::Any, None, &by()).unwrap();
        for (mac, ..) in &self.phones {
            let now = self.stage.store.phone(*mac).unwrap().unwrap().device.value;
            let texts = [&kept.line_label, &kept.device_name, &kept.ring_tone, &kept.native].map(String::as_str);
            let record = device(*mac, now.maker.as_str(), now.model.as_str(), texts);
            let record = serde_json::from_value(record).unwrap();
            self.stage.store.replace_device(record, Expected::Any, &rules(), &by()).unwrap();
        }
        kept
    }

    fn files(&self) -> Vec<(bool, Read)> {
        let ask = |(mac, whole, path): &(MacAddr, bool, String)| {
            let got = self.stage.ask(Plane::Https, path, "10.9.9.9", noon());
            assert_eq!(got.status, 200, "{path}: {:?}", self.stage.last_reason(*mac));
            assert!(got.text.len() <= 256 * 1024);
            (*whole, read(&got.text))
        };
        self.phones.iter().map(ask).collect()
    }
}

fn rules() -> EnrolRules {
    EnrolRules { devices_per_user: 99, windows: WindowPolicy { now: noon(), lasts: Period::hours(24) } }
}

fn user(first: &str, last: &str, value: &str, label: &str) -> Value {
    let keys = json!([
        {"position": 3, "kind": "blf", "value": value, "label": label},
        {"position": 4, "kind": "speed_dial", "value": value, "label": label}
    ]);
    json!({"id": "zoe@example.com", "first_name": first, "last_name": last, "site": "berlin", "extension": "1001", "keys": keys})
}

/// With its second line's label, its name, its ring tone and a native value.
fn device(mac: MacAddr, maker: &str, model: &str, [line, name, ring_tone, native]: [&str; 4]) -> Value {
    json!({"mac": mac, "maker": maker, "model": model, "site": "berlin", "name": name,
        "assignment": {"user": "zoe@example.com"}, "lines": [{"index": 2, "user": "bob@example.com", "label": line}],
        "settings": {"ring_tone": ring_tone, format!("{maker}:native.key"): native}})
}

/// What the inventory keeps of what was written: each text in its field alone, so that each refusal has one reason.
fn kept(written: &Written) -> Written {
    let mut kept = written.clone();
    let plain = "plain";
    for (what, text, most, record) in [
        ("first_name", &mut kept.first_name, 64, user(&written.first_name, plain, plain, plain)),
        ("last_name", &mut kept.last_name, 64, user(plain, &written.last_name, plain, plain)),
        ("key value", &mut kept.key_value, 128, user(plain, plain, &written.key_value, plain)),
        ("key label", &mut kept.key_label, 64, user(plain, plain, plain, &written.key_label)),
    ] {
        let taken = takes::<User>(what, record, text.trim(), text, most);
        keep(text, taken);
    }
    let snom = |texts| device("00:04:13:00:00:01".parse().unwrap(), "snom", "D785", texts);
    for (what, text, most, record) in [
        ("line label", &mut kept.line_label, 64, snom([&written.line_label, plain, plain, plain])),
        ("device name", &mut kept.device_name, 255, snom([plain, &written.device_name, plain, plain])),
    ] {
        let taken = takes::<Device>(what, record, text.trim(), text, most);
        keep(text, taken);
    }
    // The length of a setting is counted with the blanks at its ends.
    for (what, text, most, record) in [
        ("ring_tone", &mut kept.ring_tone, 64, snom([plain, plain, &written.ring_tone, plain])),
        ("native value", &mut kept.native, 512, snom([plain, plain, plain, &written.native])),
    ] {
        let taken = takes::<Device>(what, record, text, text, most);
        keep(text, taken);
    }
    kept
}

/// One text into one field: taken, or refused for a reason that can be seen.
fn takes<T: serde::de::DeserializeOwned>(what: &str, record: Value, counted: &str, text: &str, most: usize) -> bool {
    let taken = serde_json::from_value::<T>(record);
    let good = !text.chars().any(is_forbidden) && counted.chars().count() <= most;
    assert_eq!(taken.is_ok(), good, "{what}: {text:?}: {:?}", taken.err().map(|error| error.to_string()));
    good
}

/// A refused text leaves the plain one where it was; a taken one loses the blanks at its ends.
fn keep(text: &mut String, taken: bool) {
    *text = if taken { text.trim().to_owned() } else { "plain".to_owned() };
    if text.is_empty() {
        *text = "plain".to_owned();
    }
}

#[test]
fn sec_d19_sec_d21_whatever_is_written_is_refused_or_arrives_and_changes_nothing_else() {
    let house = House::new();
    let plain = || "plain".to_owned();
    let usual = Written {
        first_name: plain(),
        last_name: plain(),
        key_value: plain(),
        key_label: plain(),
        line_label: plain(),
        device_name: plain(),
        ring_tone: plain(),
        native: plain(),
    };
    house.write(&usual);
    let usual: Vec<Vec<String>> = house.files().into_iter().map(|(_, read)| read.structure).collect();
    let mut runner =
        TestRunner::new(Config { cases: 64, max_shrink_iters: 64, failure_persistence: None, ..Config::default() });
    let tried = runner.run(&written(), |written| {
        let kept = house.write(&written);
        let name = format!("{} {}", kept.first_name, kept.last_name);
        for ((whole, read), usual) in house.files().into_iter().zip(&usual) {
            prop_assert!(&read.structure == usual, "another structure of {:?}", read.structure.first());
            for text in [&name, &kept.line_label, &kept.key_label, &kept.native] {
                prop_assert!(
                    !whole || read.values.contains(text),
                    "{:?} did not arrive in {:?}",
                    text,
                    read.structure.first()
                );
            }
            // In Cisco's and Snom's own notation of a key, the sign that would end the number is left out.
            let spellings = ["", ";", "|"]
                .map(|sign| if sign.is_empty() { kept.key_value.clone() } else { kept.key_value.replace(sign, "") });
            let dialled = |value: &String| spellings.iter().any(|number| value.contains(number));
            prop_assert!(
                !whole || read.values.iter().any(dialled),
                "{:?} did not arrive in {:?}",
                spellings,
                read.structure.first()
            );
        }
        Ok(())
    });
    tried.unwrap();
}

/// A template that lets a name decide over what the file is made of is caught at the first phone, which gets nothing.
#[test]
fn sec_d21_a_structure_that_hangs_on_free_text_is_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("yealink")).unwrap();
    let template =
        "#!version:1.0.0.1\n{% if device.name == \"lobby\" %}\nfeatures.dnd.enable = 1\n{% endif %}\nx = 1\n";
    std::fs::write(dir.path().join("yealink/device.cfg"), template).unwrap();
    let stage = Stage::with_templates(Some(dir.path()));
    let mac = stage.enrol("yealink", "T46U", "80:5e:c0:00:00:01", "berlin", OWNERS[0].1);
    let path = by_token(mac, &format!("{}.cfg", mac.plain()));
    assert_eq!(stage.ask(Plane::Https, &path, "10.9.9.9", noon()).status, 200);
    let mut device = stage.store.phone(mac).unwrap().unwrap().device.value;
    device.name = "lobby".parse().unwrap();
    stage.store.replace_device(device, Expected::Any, &rules(), &by()).unwrap();
    let got = stage.ask(Plane::Https, &path, "10.9.9.9", noon());
    assert_eq!((got.status, stage.last_reason(mac).as_deref()), (500, Some("template_fault")));
    assert!(!got.text.contains("dnd"));
}
