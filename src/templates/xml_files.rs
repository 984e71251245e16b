//! Do the XML files phones are given hold together, and do they say what a phone must hear? Rendered with the samples
//! of [`super::lint`] and read again.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::events::Event;

use super::catalogue::Templates;
use super::facts::{DeviceFacts, PublicFacts};
use super::lint::{Richness, device, public};

/// The texts of all elements by name and, if there is one, `name[idx]`; a file that is not well-formed is a panic.
fn read(text: &str) -> BTreeMap<String, Vec<String>> {
    assert!(text.starts_with("<?xml version=\"1.0\" encoding=\""), "{text}");
    for (number, line) in text.lines().enumerate() {
        assert!(!line.trim().is_empty() && line.trim_end() == line, "line {}: {text}", number + 1);
    }
    let mut reader = Reader::from_str(text);
    let mut open = Vec::new();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Start(element) => {
                let mut name = element.name().as_ref().to_owned();
                for attribute in element.attributes() {
                    let attribute = attribute.unwrap();
                    if attribute.key.as_ref() == "idx" {
                        name = format!("{name}[{}]", attribute.value);
                    }
                }
                open.push((name, String::new()));
            }
            Event::End(_) => {
                let (name, text) = open.pop().unwrap();
                found.entry(name).or_default().push(text.trim().to_owned());
            }
            Event::Text(part) => {
                if let Some((_, text)) = open.last_mut() {
                    text.push_str(&part);
                }
            }
            Event::GeneralRef(part) => {
                let reference = part.to_string();
                let resolved = quick_xml::escape::unescape(&format!("&{reference};")).unwrap().into_owned();
                open.last_mut().unwrap().1.push_str(&resolved);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "{text}");
    found
}

fn sample(maker: &str, family: &str, richness: Richness) -> DeviceFacts {
    let mut facts = device(maker, "02:00:00:00:00:01".parse().unwrap(), richness);
    facts.device.family = family.to_owned();
    facts
}

fn sample_public() -> PublicFacts {
    let mut facts = public("02:00:00:00:00:01".parse().unwrap());
    // Whoever leaked these would have to look for them.
    facts.server.device_url = "https://prov.example.com/t/SECRET/".to_owned();
    facts.server.token = "SECRET".to_owned();
    facts
}

fn rendered<F: super::Facts>(name: &str, facts: &F) -> (String, BTreeMap<String, Vec<String>>) {
    let text = Templates::load(None).unwrap().render(name, facts).unwrap();
    let found = read(&text);
    (text, found)
}

/// Every element named has this text, and no other beside it.
fn says(found: &BTreeMap<String, Vec<String>>, expected: &[(&str, &str)]) {
    for (name, text) in expected {
        assert_eq!(found.get(*name).map(Vec::as_slice), Some(&[(*text).to_owned()][..]), "{name}");
    }
}

/// A name that tries to be something else in every format of ours.
const HOSTILE: &str = "</x> & \"1\" '; fnc=sd;ext=9";

fn hostile(mut facts: DeviceFacts) -> DeviceFacts {
    for line in &mut facts.lines {
        line.display_name = HOSTILE.to_owned();
        line.label = HOSTILE.to_owned();
        line.password = HOSTILE.to_owned();
    }
    for key in &mut facts.keys {
        key.label = HOSTILE.to_owned();
    }
    facts
}

#[test]
fn snom_is_led_to_its_url_and_kept_there() {
    let (text, found) = rendered("snom/bootstrap.xml", &sample_public());
    says(
        &found,
        &[
            ("certificate", "AAAA"),
            ("ntp_server", "ntp.example.com"),
            ("setting_server", "https://prov.example.com/"),
            ("provisioning_order", "tr69:stop"),
            ("prov_polling_enabled", "on"),
            ("prov_polling_mode", "rel"),
            ("prov_polling_period", "300"),
        ],
    );
    assert!(!text.contains("SECRET") && !found.contains_key("user_pass[1]"), "{text}");
    let mut without = sample_public();
    without.server.authority = None;
    assert!(!rendered("snom/bootstrap.xml", &without).1.contains_key("certificates"));
}

#[test]
fn the_neutral_file_of_snom_names_no_server() {
    let (text, found) = rendered("snom/common.xml", &sample_public());
    let names: Vec<_> = found.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "ntp_server",
            "phone-settings",
            "prov_polling_enabled",
            "prov_polling_mode",
            "prov_polling_period",
            "settings"
        ]
    );
    assert!(!text.contains("https:"), "{text}");
}

#[test]
fn a_snom_phone_gets_everything_it_needs() {
    let mut facts = sample("snom", "desk", Richness::Everything);
    facts.keys[1].line = 1;
    let (_, found) = rendered("snom/device.xml", &facts);
    says(
        &found,
        &[
            ("setting_server", "https://prov.example.com/t/sample/"),
            ("provisioning_order", "tr69:stop"),
            ("pnp_config", "off"),
            ("prov_polling_period", "3600"),
            ("http_pass", "sample"),
            ("webserver_admin_password", "sample"),
            ("timezone", ""),
            ("utc_offset", "+3600"),
            ("dst", "3600 03.05.07 02:00:00 10.05.07 02:00:00"),
            ("user_active[1]", "on"),
            ("user_pass[1]", "sample"),
            ("user_outbound[1]", "proxy.example.com:5061;transport=tls"),
            ("user_srtp[1]", "on"),
            ("user_savp[1]", "mandatory"),
            ("user_expiry[1]", "3600"),
            ("user_active[2]", "off"),
            ("fkey[0]", "line"),
            ("fkey[1]", "blf sip:200@pbx.example.com"),
            ("fkey[2]", "speed 200"),
            ("fkey[3]", "line"),
            ("challenge_checksync", "on"),
        ],
    );
}

#[test]
fn a_snom_phone_of_nobody_has_all_identities_off() {
    for template in ["snom/device.xml", "snom/dect.xml"] {
        let (_, found) = rendered(template, &sample("snom", "desk", Richness::Nothing));
        says(
            &found,
            &[
                ("user_active[1]", "off"),
                ("user_active[2]", "off"),
                ("dst", ""),
                ("setting_server", "https://prov.example.com/t/sample/"),
            ],
        );
        assert!(!found.contains_key("vlan_id"));
    }
}

#[test]
fn a_snom_base_joins_handset_and_server_by_number() {
    let (_, found) = rendered("snom/dect.xml", &sample("snom", "dect", Richness::Everything));
    says(
        &found,
        &[
            ("user_host[1]", "pbx.example.com"),
            ("user_name[1]", "100"),
            ("subscr_sip_hs_idx[1]", "1"),
            ("subscr_sip_ua_data_server_id[1]", "1"),
            ("user_active[2]", "off"),
            ("http_pass", "sample"),
        ],
    );
    assert!(!found.contains_key("functionKeys"));
}

#[test]
fn a_native_key_of_snom_may_name_an_identity() {
    let mut facts = sample("snom", "desk", Richness::Everything);
    facts.native[0].key = "user_mailbox.1".to_owned();
    says(&rendered("snom/device.xml", &facts).1, &[("user_mailbox[1]", "value")]);
}

#[test]
fn west_of_greenwich_and_ipv6_are_spelt_right_for_snom() {
    let mut facts = sample("snom", "desk", Richness::Everything);
    facts.time.utc_offset_minutes = -210;
    facts.lines[0].outbound_proxy = String::new();
    facts.lines[0].server = "2001:db8::1".to_owned();
    let (_, found) = rendered("snom/device.xml", &facts);
    says(&found, &[("utc_offset", "-12600"), ("user_outbound[1]", "[2001:db8::1]:5061;transport=tls")]);
}

#[test]
fn every_bootstrap_of_cisco_names_the_rule_and_nothing_secret() {
    for (template, authority) in [
        ("cisco/mpp-bootstrap.xml", Some("Custom_CA_Rule")),
        ("cisco/ata-bootstrap.xml", Some("Custom_CA_URL")),
        ("cisco/spa-bootstrap.xml", None),
    ] {
        let (text, found) = rendered(template, &sample_public());
        says(
            &found,
            &[
                ("Profile_Rule_B", "https://prov.example.com/t/$A/$MA.xml"),
                ("Resync_Error_Retry_Delay", "300"),
                ("Resync_Fails_On_FNF", "Yes"),
                ("Resync_On_Reset", "Yes"),
            ],
        );
        assert!(text.contains("ntp.example.com") && !text.contains("SECRET"), "{text}");
        assert!(!found.contains_key("Profile_Rule") && !found.contains_key("DHCP_Option_To_Use"), "{text}");
        for known in ["Custom_CA_Rule", "Custom_CA_URL"] {
            assert_eq!(found.contains_key(known), authority == Some(known), "{template}");
        }
        assert!(text.len() < 2048, "{} octets: {text}", text.len());
    }
}

#[test]
fn the_smallest_cisco_phones_can_hold_their_bootstrap_whatever_the_host() {
    let mut facts = sample_public();
    facts.server.base_url = format!("https://{}:65535/", "a".repeat(253));
    facts.time.ntp = vec!["b".repeat(253), "c".repeat(253), "d".repeat(253)];
    let (text, found) = rendered("cisco/spa-bootstrap.xml", &facts);
    assert!(text.len() < 4096, "{} octets", text.len());
    assert!(!found.contains_key("Custom_CA_Rule"));
}

#[test]
fn every_cisco_device_keeps_its_token_and_asks_nobody_else() {
    for (template, family) in [("cisco/mpp.xml", "mpp"), ("cisco/ata.xml", "ata"), ("cisco/spa.xml", "spa")] {
        for richness in [Richness::Everything, Richness::Nothing] {
            let (_, found) = rendered(template, &sample("cisco", family, richness));
            says(
                &found,
                &[
                    ("GPP_A", "sample"),
                    ("Profile_Rule", "https://prov.example.com/t/$A/$MA.xml"),
                    ("Profile_Rule_B", ""),
                    ("DHCP_Option_To_Use", ""),
                    ("Resync_Periodic", "3600"),
                    ("Line_Enable_2_", "No"),
                ],
            );
            let used = if richness == Richness::Everything { "Yes" } else { "No" };
            says(&found, &[("Line_Enable_1_", used)]);
        }
    }
}

#[test]
fn a_cisco_phone_gets_its_lines_keys_and_clock() {
    let (_, found) = rendered("cisco/mpp.xml", &sample("cisco", "mpp", Richness::Everything));
    says(
        &found,
        &[
            ("Custom_CA_Rule", "https://prov.example.com/ztpd-ca.pem"),
            ("Admin_Password", "sample"),
            ("Proxy_1_", "pbx.example.com:5061"),
            ("Use_Outbound_Proxy_1_", "Yes"),
            ("Outbound_Proxy_1_", "proxy.example.com:5061"),
            ("SIP_Transport_1_", "TLS"),
            ("Register_Expires_1_", "3600"),
            ("Use_Auth_ID_1_", "Yes"),
            ("Secure_Call_Option_1_", "Required"),
            ("Time_Zone", "GMT+01:00"),
            ("Daylight_Saving_Time_Enable", "Yes"),
            ("Daylight_Saving_Time_Rule", "start=3/-1/7/2:0:0;end=10/-1/7/2:0:0;save=1:0:0"),
            ("Extension_1_", "1"),
            ("Short_Name_1_", "Bob"),
            ("Extended_Function_1_", ""),
            ("Extension_2_", "Disabled"),
            ("Extended_Function_2_", "fnc=sd+blf+cp;sub=200@$PROXY;nme=Bob"),
            ("Extended_Function_3_", "fnc=sd;ext=200@$PROXY;nme=Bob"),
            ("Extension_4_", "Disabled"),
        ],
    );
}

#[test]
fn a_rule_of_the_second_sunday_begins_on_the_eighth() {
    let mut facts = sample("cisco", "mpp", Richness::Everything);
    let dst = facts.time.dst.as_mut().unwrap();
    (dst.start.week, dst.end.month, dst.end.week, dst.shift) = (2, 11, 1, 30);
    says(
        &rendered("cisco/mpp.xml", &facts).1,
        &[("Daylight_Saving_Time_Rule", "start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=0:30:0")],
    );
}

#[test]
fn spa_and_ata_speak_their_own_dialect() {
    let (_, spa) = rendered("cisco/spa.xml", &sample("cisco", "spa", Richness::Everything));
    says(&spa, &[("Admin_Passwd", "sample"), ("SPCP_Auto-detect", "No"), ("Time_Zone", "GMT+01:00")]);
    assert!(!spa.contains_key("Admin_Password") && !spa.contains_key("Custom_CA_Rule"));
    let (_, ata) = rendered("cisco/ata.xml", &sample("cisco", "ata", Richness::Everything));
    says(
        &ata,
        &[
            ("Custom_CA_URL", "https://prov.example.com/ztpd-ca.pem"),
            ("Admin_Password", "sample"),
            ("Web_Login_Admin_Password", "sample"),
            ("Time_Zone", "+01 2 2"),
            ("Daylight_Saving_Time_Rule", "start=3/-1/7/2:0:0;end=10/-1/7/2:0:0;save=1:0:0"),
            ("Time_Server", "ntp.example.com"),
            ("WAN_VLAN_ID", "1"),
        ],
    );
    assert!(!ata.contains_key("Custom_CA_Rule") && !ata.contains_key("Extension_1_"));
}

#[test]
fn the_clock_of_an_adapter_has_a_code_for_whole_hours_only() {
    for (minutes, code) in [(-300, Some("-05 2 1")), (-480, Some("-08 1 1")), (0, Some("+00 2 2")), (330, None)] {
        let mut facts = sample("cisco", "ata", Richness::Everything);
        facts.time.utc_offset_minutes = minutes;
        let (_, found) = rendered("cisco/ata.xml", &facts);
        assert_eq!(found.get("Time_Zone").map(|codes| codes[0].as_str()), code, "{minutes}");
    }
    let (_, found) = rendered("cisco/ata.xml", &sample("cisco", "ata", Richness::Nothing));
    says(&found, &[("Time_Zone", "+01 1 0"), ("Auto_Adjust_Clock", "0")]);
}

#[test]
fn no_name_leaves_its_place() {
    for (template, maker) in [
        ("cisco/ata.xml", "cisco"),
        ("cisco/mpp.xml", "cisco"),
        ("cisco/spa.xml", "cisco"),
        ("snom/dect.xml", "snom"),
        ("snom/device.xml", "snom"),
    ] {
        let plain = sample(maker, "", Richness::Everything);
        let (_, expected) = rendered(template, &plain);
        let (_, found) = rendered(template, &hostile(plain));
        assert!(expected.keys().eq(found.keys()), "{template}");
    }
    let (_, found) = rendered("cisco/mpp.xml", &hostile(sample("cisco", "mpp", Richness::Everything)));
    says(
        &found,
        &[("Password_1_", HOSTILE), ("Extended_Function_3_", "fnc=sd;ext=200@$PROXY;nme=</x> & \"1\" ', fnc=sd,ext=9")],
    );
}
