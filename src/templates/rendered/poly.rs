//! Poly: every file a phone of either firmware is given.

use super::{Document, assert_tidy, mac, templates};
use crate::inventory::daylight::{Change, Dst};
use crate::inventory::keys::KeyKind;
use crate::templates::facts::{DeviceFacts, KeyFact, Native};
use crate::templates::lint::{sample_device, sample_public};

const PHONE: &str = "64167faabbcc";

fn device() -> DeviceFacts {
    let mut facts = sample_device("poly", mac(PHONE));
    facts.device.accounts = 4;
    facts.native = Vec::new();
    facts
}

fn rendered(name: &str, facts: &DeviceFacts) -> Document {
    let text = templates().render(name, facts).unwrap();
    assert_tidy(&text);
    Document::read(&text)
}

/// Every `device.` parameter is paired with its switch, and the file has the switch of them all.
fn assert_switched_on(document: &Document) {
    let names = || document.attributes.keys().filter(|name| name.starts_with("device.") && *name != "device.set");
    for name in names() {
        let partner = name.strip_suffix(".set").map_or_else(|| format!("{name}.set"), str::to_owned);
        assert!(document.attribute(&partner).is_some(), "{name} without {partner}");
    }
    assert!(names().next().is_none() || document.attribute("device.set") == Some("1"));
}

#[test]
fn the_masters_list_the_phones_own_file_first_and_freeze_the_firmware() {
    let zero = Document::read(&templates().render("poly/zero-master.cfg", &sample_public(mac(PHONE))).unwrap());
    assert_eq!(zero.elements[0].0, "APPLICATION");
    assert_eq!(zero.attribute("CONFIG_FILES"), Some("ztpd-poly.cfg"));
    let own = rendered("poly/master.cfg", &device());
    assert_eq!(own.attribute("CONFIG_FILES"), Some("64167faabbcc-user.cfg, ztpd-poly.cfg"));
    for master in [zero, own] {
        assert_eq!(master.attribute("APP_FILE_PATH"), Some("ztpd-keep-firmware.ld"));
        assert_eq!(master.elements.len(), 1);
    }
}

#[test]
fn the_hand_over_leads_to_https_and_the_neutral_form_nowhere() {
    let facts = sample_public(mac(PHONE));
    let text = templates().render("poly/bootstrap.cfg", &facts).unwrap();
    assert_tidy(&text);
    let hand_over = Document::read(&text);
    assert_switched_on(&hand_over);
    for (name, value) in [
        ("device.prov.serverType", "HTTPS"),
        ("device.prov.serverName", "prov.example.com"),
        ("device.dhcp.bootSrvUseOpt", "Static"),
        ("device.prov.tagSerialNo", "1"),
        ("device.sntp.serverName", "ntp.example.com"),
        ("device.sec.TLS.prov.strictCertCommonNameValidation", "1"),
        ("device.sec.TLS.customCaCert1", "-----BEGIN CERTIFICATE-----\n"),
        ("prov.polling.mode", "rel"),
        ("prov.polling.period", "300"),
    ] {
        assert_eq!(hand_over.attribute(name), Some(value), "{name}");
    }
    let text = templates().render("poly/common.cfg", &facts).unwrap();
    assert_tidy(&text);
    let neutral = Document::read(&text);
    let names: Vec<_> = neutral.attributes.keys().map(String::as_str).collect();
    let polling = ["prov.polling.enabled", "prov.polling.mode", "prov.polling.period"];
    assert_eq!(names, [&polling[..], &["tcpIpApp.sntp.address"]].concat());
}

#[test]
fn the_device_file_leads_to_the_token_and_keeps_the_phone_there() {
    let document = rendered("poly/device.cfg", &device());
    assert_switched_on(&document);
    for (name, value) in [
        ("device.prov.serverName", "prov.example.com/t/sample"),
        ("device.prov.serverType", "HTTPS"),
        ("device.dhcp.bootSrvUseOpt", "Static"),
        ("device.prov.ztpEnabled", "0"),
        ("device.auth.localAdminPassword", "sample"),
        ("device.sec.TLS.customCaCert1", "-----BEGIN CERTIFICATE-----\n"),
        ("device.sec.TLS.prov.strictCertCommonNameValidation", "1"),
        ("sec.TLS.SIP.strictCertCommonNameValidation", "1"),
        ("voIpProt.SIP.specialEvent.checkSync.alwaysReboot", "0"),
        ("prov.polling.period", "3601"),
        ("reg.1.address", "100"),
        ("reg.1.auth.password", "sample"),
        ("reg.1.server.1.transport", "TLS"),
        ("reg.1.outboundProxy.address", "proxy.example.com"),
        ("reg.1.srtp.require", "1"),
        ("sec.srtp.require", "1"),
        ("reg.2.address", ""),
        ("reg.4.address", ""),
        ("attendant.resourceList.1.address", "200"),
        ("device.net.vlanId", "1"),
        ("device.syslog.serverName", "host.example.com"),
        ("device.syslog.renderLevel", "6"),
        ("lcl.ml.lang", "English"),
    ] {
        assert_eq!(document.attribute(name), Some(value), "{name}");
    }
    assert_eq!(document.attribute("reg.5.address"), None);
    assert_eq!(document.attribute("attendant.resourceList.2.address"), None);
}

#[test]
fn poll_is_above_the_hour_and_otherwise_as_set() {
    let mut facts = device();
    for (seconds, period) in [(3_600, "3601"), (3_660, "3660"), (86_400, "86400")] {
        facts.settings.insert("refetch.interval".into(), seconds.into());
        assert_eq!(rendered("poly/device.cfg", &facts).attribute("prov.polling.period"), Some(period));
    }
}

#[test]
fn summer_time_is_told_in_the_phones_own_count() {
    let mut facts = device();
    let text = |document: &Document, name: &str| {
        document.attribute(&format!("tcpIpApp.sntp.daylightSavings.{name}")).map(str::to_owned)
    };
    let berlin = rendered("poly/device.cfg", &facts);
    assert_eq!(berlin.attribute("tcpIpApp.sntp.gmtOffset"), Some("3600"));
    assert_eq!(text(&berlin, "start.month").as_deref(), Some("3"));
    assert_eq!(text(&berlin, "start.dayOfWeek").as_deref(), Some("1"));
    assert_eq!(text(&berlin, "start.dayOfWeek.lastInMonth").as_deref(), Some("1"));
    assert_eq!(text(&berlin, "start.date"), None);
    assert_eq!(text(&berlin, "stop.month").as_deref(), Some("10"));
    let change = |month, week, weekday| Change { month, week, weekday, hour: 2, minute: 0 };
    facts.time.dst = Some(Dst { start: change(3, 2, 7), end: change(11, 1, 1), shift: 60 });
    facts.time.utc_offset_minutes = -300;
    let new_york = rendered("poly/device.cfg", &facts);
    assert_eq!(new_york.attribute("device.sntp.gmtOffset"), Some("-18000"));
    assert_eq!(text(&new_york, "start.date").as_deref(), Some("8"));
    assert_eq!(text(&new_york, "start.dayOfWeek.lastInMonth").as_deref(), Some("0"));
    assert_eq!(text(&new_york, "stop.date").as_deref(), Some("1"));
    assert_eq!(text(&new_york, "stop.dayOfWeek").as_deref(), Some("2"));
    facts.time.dst = None;
    let phoenix = rendered("poly/device.cfg", &facts);
    assert_eq!(text(&phoenix, "enable").as_deref(), Some("0"));
    assert_eq!(text(&phoenix, "start.month"), None);
}

#[test]
fn encryption_is_demanded_of_the_whole_phone_only_where_every_line_demands_it() {
    let mut facts = device();
    let mut second = facts.lines[0].clone();
    (second.index, second.srtp, second.transport) = (2, "optional".into(), "tcp".into());
    facts.lines.push(second);
    let mixed = rendered("poly/device.cfg", &facts);
    assert_eq!(mixed.attribute("sec.srtp.enable"), Some("1"));
    assert_eq!(mixed.attribute("sec.srtp.require"), Some("0"));
    assert_eq!(mixed.attribute("reg.1.srtp.require"), Some("1"));
    assert_eq!(mixed.attribute("reg.2.srtp.offer"), Some("1"));
    assert_eq!(mixed.attribute("reg.2.server.1.transport"), Some("TCPOnly"));
    facts.lines.iter_mut().for_each(|line| line.srtp = "off".into());
    let clear = rendered("poly/device.cfg", &facts);
    assert_eq!(clear.attribute("sec.srtp.enable"), Some("0"));
    assert_eq!(clear.attribute("reg.1.srtp.enable"), Some("0"));
    facts.lines.clear();
    let unassigned = rendered("poly/device.cfg", &facts);
    assert_eq!(unassigned.attribute("reg.1.address"), Some(""));
    assert_eq!(unassigned.attribute("sec.srtp.require"), None);
}

#[test]
fn watched_extensions_follow_in_order_without_holes() {
    let mut facts = device();
    let key = |position, kind, value: &str| KeyFact { position, kind, value: value.into(), label: "x".into(), line: 2 };
    facts.keys = vec![
        key(1, KeyKind::Line, ""),
        key(3, KeyKind::Blf, "203"),
        key(4, KeyKind::SpeedDial, "0123"),
        key(7, KeyKind::Blf, "207"),
    ];
    let document = rendered("poly/device.cfg", &facts);
    assert_eq!(document.attribute("attendant.reg"), Some("2"));
    assert_eq!(document.attribute("attendant.resourceList.1.address"), Some("203"));
    assert_eq!(document.attribute("attendant.resourceList.2.address"), Some("207"));
    assert_eq!(document.attribute("attendant.resourceList.3.address"), None);
}

#[test]
fn what_the_operator_passes_through_counts_before_ours() {
    let mut facts = device();
    facts.native = vec![Native { key: "reg.1.label".into(), value: "\"mine\" & <yours>".into() }];
    let text = templates().render("poly/device.cfg", &facts).unwrap();
    assert_tidy(&text);
    assert_eq!(Document::read(&text).attribute("reg.1.label"), Some("\"mine\" & <yours>"));
}

/// Name and value of each parameter, below its object.
fn obi(document: &Document) -> Vec<(String, String)> {
    let mut object = String::new();
    let mut name = String::new();
    let mut found = Vec::new();
    for (element, text) in &document.elements {
        match element.as_str() {
            "N" if text.ends_with('.') => object.clone_from(text),
            "N" => name = format!("{object}{text}"),
            "V" => found.push((name.clone(), text.clone())),
            _ => {}
        }
    }
    found
}

#[test]
fn an_obi_is_led_to_its_own_file_and_stays_there() {
    let text = templates().render("poly/obi-bootstrap.xml", &sample_public(mac("9cadefaabbcc"))).unwrap();
    assert_tidy(&text);
    let hand_over = obi(&Document::read(&text));
    let has = |found: &[(String, String)], name: &str, value: &str| {
        assert!(found.contains(&(name.to_owned(), value.to_owned())), "{name} {value}: {found:#?}");
    };
    has(&hand_over, "X_DeviceManagement.ITSPProvisioning.ConfigURL", "https://prov.example.com/$MAC.xml");
    has(&hand_over, "X_DeviceManagement.ITSPProvisioning.Interval", "300");
    let mut facts = device();
    facts.native = vec![Native { key: "DeviceInfo.Time.LocalTimeZone".into(), value: "GMT-10:00(Hawaii)".into() }];
    let own = obi(&rendered("poly/obi-device.xml", &facts));
    has(&own, "X_DeviceManagement.ITSPProvisioning.ConfigURL", "https://prov.example.com/t/sample/$MAC.xml");
    has(&own, "X_DeviceManagement.WebServer.AdminPassword", "sample");
    has(&own, "VoiceService.1.VoiceProfile.1.Line.1.SIP.AuthPassword", "sample");
    has(&own, "VoiceService.1.VoiceProfile.1.SIP.ProxyServerTransport", "TLS");
    has(&own, "VoiceService.1.VoiceProfile.1.Line.4.Enable", "false");
    has(&own, "DeviceInfo.Time.LocalTimeZone", "GMT-10:00(Hawaii)");
}
