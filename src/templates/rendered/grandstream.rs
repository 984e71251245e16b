//! Grandstream: the public file and a phone's own, for each family.

use super::{Document, assert_tidy, mac, templates};
use crate::inventory::keys::KeyKind;
use crate::templates::facts::{DeviceFacts, KeyFact};
use crate::templates::lint::{sample_device, sample_public};

fn device(family: &str, model: &str, accounts: u8) -> DeviceFacts {
    let mut facts = sample_device("grandstream", mac("c074ad0b63ee"));
    facts.device.family = family.into();
    facts.device.model = model.into();
    facts.device.accounts = accounts;
    facts.native = Vec::new();
    facts
}

/// The device file, in which no value stands twice.
fn rendered(facts: &DeviceFacts) -> Document {
    let text = templates().render("grandstream/device.xml", facts).unwrap();
    assert_tidy(&text);
    let document = Document::read(&text);
    let mut names: Vec<_> = document.elements.iter().map(|(name, _)| name).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "{text}");
    document
}

fn assert_says(document: &Document, expected: &[(&str, &str)]) {
    for (name, value) in expected {
        assert_eq!(document.text(name), Some(*value), "{name}");
    }
}

/// Gives the sample phone a further line.
fn add_line(facts: &mut DeviceFacts, index: u8) {
    let mut line = facts.lines[0].clone();
    (line.index, line.user, line.transport, line.srtp) = (index, format!("10{index}"), "tcp".into(), "off".into());
    line.outbound_proxy = String::new();
    facts.lines.push(line);
}

#[test]
fn the_hand_over_leads_to_https_and_the_neutral_form_nowhere() {
    let facts = sample_public(mac("c074ad0b63ee"));
    let text = templates().render("grandstream/bootstrap.xml", &facts).unwrap();
    assert_tidy(&text);
    let hand_over = Document::read(&text);
    assert_says(
        &hand_over,
        &[
            ("P212", "2"),
            ("P237", "prov.example.com"),
            ("P145", "0"),
            ("P2386", "-----BEGIN CERTIFICATE-----\n"),
            ("P8433", "-----BEGIN CERTIFICATE-----\n"),
            ("P8502", "2"),
            ("P8463", "1"),
            ("P194", "1"),
            ("P30", "ntp.example.com"),
        ],
    );
    let text = templates().render("grandstream/common.xml", &facts).unwrap();
    assert_tidy(&text);
    let neutral = Document::read(&text);
    let names: Vec<_> = neutral.elements.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["gs_provision", "config", "P30", "P238", "P194", "P22296", "P193"]);
    assert_eq!(hand_over.text("mac").or(neutral.text("mac")), None);
}

#[test]
fn the_device_file_leads_to_the_token_and_keeps_the_phone_there() {
    let document = rendered(&device("grp", "GRP2614", 4));
    assert_says(
        &document,
        &[
            ("mac", "c074ad0b63ee"),
            ("P212", "2"),
            ("P237", "prov.example.com/t/sample"),
            ("P145", "0"),
            ("P1414", "0"),
            ("P8463", "1"),
            ("P2", "sample"),
            ("P64", "customize"),
            ("P246", "STD-1DST-2,M3.5.0/2,M10.5.0/3"),
            ("P193", "60"),
            ("P194", "1"),
            ("P271", "1"),
            ("P47", "pbx.example.com:5061"),
            ("P48", "proxy.example.com:5061"),
            ("P35", "100"),
            ("P34", "sample"),
            ("P32", "60"),
            ("P130", "2"),
            ("P183", "2"),
            ("P401", "0"),
            ("P501", "0"),
            ("P601", "0"),
            ("P51", "1"),
            ("P207", "host.example.com"),
            ("P208", "4"),
            ("P1362", "English"),
        ],
    );
    assert_eq!(document.text("P1701"), None);
}

#[test]
fn registrations_and_polls_are_counted_in_minutes_rounded_up() {
    let mut facts = device("grp", "GRP2614", 4);
    facts.lines[0].expires = 90;
    facts.settings.insert("refetch.interval".into(), 7_201.into());
    assert_says(&rendered(&facts), &[("P32", "2"), ("P193", "121")]);
}

#[test]
fn every_account_has_its_own_numbers() {
    let mut facts = device("gxv", "GXV3350", 16);
    for index in [2, 4, 5, 7] {
        add_line(&mut facts, index);
    }
    let document = rendered(&facts);
    assert_says(
        &document,
        &[("P401", "1"), ("P404", "102"), ("P448", "1"), ("P443", "0"), ("P403", ""), ("P2411", "1"), ("P501", "0")],
    );
    assert_says(&document, &[("P604", "104"), ("P1704", "105"), ("P2711", "1"), ("P1801", "0")]);
    assert_says(&document, &[("P50604", "107"), ("P50701", "0"), ("P51501", "0")]);
    assert_eq!(document.text("P701").or(document.text("P64")), None);
    let mut facts = device("grp260", "GRP2603", 6);
    add_line(&mut facts, 5);
    let document = rendered(&facts);
    assert_says(&document, &[("P704", "105"), ("P801", "0"), ("P1363", "31")]);
    assert_eq!(document.text("P1701"), None);
}

#[test]
fn an_adapters_second_port_has_numbers_of_its_own() {
    let mut facts = device("ht", "HT802", 2);
    assert_says(&rendered(&facts), &[("P194", "3"), ("P22296", "1"), ("P271", "1"), ("P401", "0")]);
    add_line(&mut facts, 2);
    let document = rendered(&facts);
    assert_says(&document, &[("P401", "1"), ("P735", "102"), ("P747", "pbx.example.com:5061"), ("P830", "1")]);
    assert_eq!(document.text("P404").or(document.text("P1363")), None);
}

#[test]
fn an_address_of_ipv6_stands_in_brackets() {
    let mut facts = device("grp", "GRP2614", 4);
    facts.lines[0].server = "2001:db8::1".into();
    assert_says(&rendered(&facts), &[("P47", "[2001:db8::1]:5061")]);
}

#[test]
fn keys_have_the_numbers_of_their_kind_and_a_list_has_no_holes() {
    let key = |position, kind, value: &str| KeyFact { position, kind, value: value.into(), label: "x".into(), line: 1 };
    let keys = vec![key(3, KeyKind::Blf, "203"), key(7, KeyKind::SpeedDial, "207")];
    let mut facts = device("grp", "GRP2614", 4);
    (facts.device.key_count, facts.keys) = (16, keys.clone());
    let document = rendered(&facts);
    // Idle before a used one: a line. Used: BLF and speed dial. Idle afterwards: nothing.
    assert_says(&document, &[("P1363", "31"), ("P1365", "31"), ("P1373", "31"), ("P1366", "0")]);
    assert_says(&document, &[("P1367", "1"), ("P1368", "0"), ("P1469", "x"), ("P1470", "203")]);
    assert_says(&document, &[("P23800", "0"), ("P23803", "207"), ("P23804", "-1"), ("P23836", "-1")]);
    let mut facts = device("gxp", "GXP2130", 3);
    (facts.device.key_count, facts.keys) = (8, keys);
    let document = rendered(&facts);
    assert_says(&document, &[("P323", "-1"), ("P325", "1"), ("P307", "0"), ("P308", "x"), ("P309", "203")]);
    assert_says(&document, &[("P329", "0"), ("P321", "207"), ("P353", "-1")]);
}

#[test]
fn a_phone_of_nobody_has_every_account_off() {
    let mut facts = device("grp", "GRP2616", 6);
    facts.lines.clear();
    let document = rendered(&facts);
    let off: Vec<(&str, &str)> =
        ["P271", "P401", "P501", "P601", "P1701", "P1801"].into_iter().map(|name| (name, "0")).collect();
    assert_says(&document, &off);
    assert_eq!(document.text("P34"), None);
}
