//! Tables from the makers' manuals: these options, that URL.

use super::*;
use crate::makers::dhcp::FAMILIES;

/// An answer with these options.
pub(crate) fn answer(options: &[(u8, &[u8])]) -> Message {
    let mut octets = vec![2, 1, 6, 0];
    octets.resize(236, 0);
    octets.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 5]);
    for (code, value) in options {
        octets.extend([*code, u8::try_from(value.len()).unwrap()]);
        octets.extend(*value);
    }
    octets.push(255);
    Message::read(&octets).unwrap()
}

fn family(name: &str) -> &'static Family {
    FAMILIES.iter().find(|family| family.name == name).unwrap_or_else(|| panic!("{name}"))
}

/// This server: 10.0.0.1, prov.example.com, HTTPS and TFTP on their usual ports, no HTTP.
fn here() -> Here {
    Here {
        names: vec!["prov.example.com".to_owned()],
        addresses: vec!["10.0.0.1".parse().unwrap()],
        speaks: Some(vec![(Scheme::Https, 443), (Scheme::Tftp, 69)]),
    }
}

fn chosen(name: &str, options: &[(u8, &[u8])]) -> Choice {
    let mac = "00:15:65:aa:bb:cc".parse().ok();
    choose(family(name), &answer(options), mac, &here())
}

/// Sub-options of option 43.
fn encapsulated(subs: &[(u8, &str)]) -> Vec<u8> {
    subs.iter()
        .flat_map(|(code, text)| [&[*code, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat())
        .collect()
}

#[test]
fn the_option_that_wins_is_the_makers_own() {
    // Everything at once, each leading elsewhere.
    let sub = encapsulated(&[(2, "http://a43"), (5, "a43tls"), (66, "https://a43-66"), (67, "a43-67")]);
    let all: Vec<(u8, &[u8])> = vec![
        (43, &sub),
        (66, b"https://a66/"),
        (114, b"https://a114/"),
        (150, &[10, 0, 0, 150]),
        (159, b"https://a159/"),
        (160, b"https://a160/"),
        (161, b"https://a161/"),
        (242, b"HTTPSRVR=a242,HTTPDIR=/avaya,L2QVLAN=110"),
    ];
    for (name, option, url) in [
        ("ALE 8000 SIP", 43, "tftp://a43-67/"),
        ("ALE Myriad", 43, "https://a43-66/"),
        ("Algo", 66, "https://a66/"),
        ("AudioCodes", 160, "https://a160/"),
        ("Avaya J100", 242, "http://a242/avaya/"),
        ("Cisco ATA 191/192", 66, "https://a66/"),
        ("Cisco MPP", 66, "https://a66/"),
        ("Cisco SPA", 66, "https://a66/"),
        ("Cisco enterprise", 150, "tftp://10.0.0.150/"),
        ("CyberData", 43, "http://a43/"),
        ("Digium", 66, "https://a66/"),
        ("Fanvil", 66, "https://a66/"),
        ("Gigaset", 114, "https://a114/"),
        ("Gigaset N510/N720", 114, "https://a114/"),
        ("Grandstream", 43, "http://a43/"),
        ("Grandstream HT", 66, "https://a66/"),
        ("Mitel", 43, "http://a43/"),
        ("Panasonic", 160, "https://a160/"),
        ("Poly OBi", 66, "https://a66/"),
        ("Poly UCS", 160, "https://a160/"),
        ("Sangoma", 66, "https://a66/"),
        ("Snom", 66, "https://a66/"),
        ("VTech", 66, "https://a66/"),
        ("Yealink", 66, "https://a66/"),
    ] {
        let choice = chosen(name, &all);
        assert_eq!(
            (choice.option, choice.url.map(|url| url.to_string())),
            (Some(option), Some(url.to_owned())),
            "{name}"
        );
    }
    assert_eq!(FAMILIES.len(), 24, "a family is missing in this table");
}

#[test]
fn without_the_first_option_the_next_one_counts() {
    for (name, options, option) in [
        ("Yealink", &[43][..], Some(43)),
        ("Yealink", &[150, 159, 160, 161], None),
        ("Poly UCS", &[43, 66], Some(66)),
        ("Poly UCS", &[43], Some(43)),
        ("Poly UCS", &[150, 159, 161], None),
        ("Cisco MPP", &[43, 150, 159, 160], Some(160)),
        ("Cisco MPP", &[43, 150, 159], Some(159)),
        ("Cisco MPP", &[43, 150], Some(150)),
        ("Cisco MPP", &[43], Some(43)),
        ("Cisco enterprise", &[66, 160], Some(66)),
        ("Grandstream", &[66], Some(66)),
        ("Grandstream", &[150, 160], None),
        ("Snom", &[43], Some(43)),
        ("Snom", &[150, 160, 161], None),
        ("Mitel", &[66, 159, 160], Some(160)),
        ("Mitel", &[66, 159], Some(159)),
        ("Panasonic", &[66, 159], Some(159)),
        ("AudioCodes", &[43, 66], Some(66)),
        ("Gigaset", &[66], Some(66)),
    ] {
        let options: Vec<(u8, &[u8])> =
            options.iter().map(|code| (*code, if *code == 150 { &[10, 0, 0, 1][..] } else { b"https://a/" })).collect();
        let choice = chosen(name, &options);
        assert_eq!(choice.option, option, "{name} {options:?}");
        assert_eq!(choice.url.is_some(), option.is_some(), "{name}");
    }
}

#[test]
fn the_first_request_is_spelt_as_the_phone_spells_it() {
    let request = |name, code, value: &[u8]| chosen(name, &[(code, value)]).first_request.unwrap();
    for (name, code, value, expected) in [
        // Yealink, Grandstream, Mitel: always a folder, one slash between.
        ("Yealink", 66, "https://a", "https://a/001565aabbcc.boot"),
        ("Yealink", 66, "https://a/", "https://a/001565aabbcc.boot"),
        ("Yealink", 66, "https://a/y", "https://a/y/001565aabbcc.boot"),
        ("Yealink", 66, "10.0.0.9", "tftp://10.0.0.9/001565aabbcc.boot"),
        ("Yealink", 43, "https://a/y/", "https://a/y/001565aabbcc.boot"),
        ("Grandstream", 66, "http://a:8080/gs", "http://a:8080/gs/cfg001565aabbcc.xml"),
        ("Mitel", 160, "https://a/mitel/", "https://a/mitel/startup.cfg"),
        // Poly: a name of five characters or more with .cfg is the master file.
        ("Poly UCS", 160, "https://a/dms", "https://a/dms/001565aabbcc.cfg"),
        ("Poly UCS", 160, "http://a:8667/000000000000.cfg", "http://a:8667/000000000000.cfg"),
        ("Poly UCS", 160, "10.0.0.9", "ftp://10.0.0.9/001565aabbcc.cfg"),
        // Snom, Cisco, Panasonic, Fanvil: what does not end in a slash is the file.
        ("Snom", 66, "https://a", "https://a/snom<model>.htm"),
        ("Snom", 66, "https://a/x/", "https://a/x/snom<model>.htm"),
        ("Snom", 66, "https://a/x/snomD785.htm", "https://a/x/snomD785.htm"),
        ("Cisco SPA", 66, "http://a:8667/spa$PSN.cfg", "http://a:8667/spa$PSN.cfg"),
        ("Cisco MPP", 66, "https://a/", "https://a/<model>.xml"),
        ("Cisco ATA 191/192", 66, "a", "https://a/spa<model>.cfg"),
        ("Panasonic", 66, "10.0.0.9", "tftp://10.0.0.9/<model>.cfg"),
        ("Fanvil", 66, "http://a/Fanvil/$mac.cfg", "http://a/Fanvil/$mac.cfg"),
        ("AudioCodes", 160, "https://a;phone.cfg", "https://a;phone.cfg"),
        ("AudioCodes", 160, "https://a/440HD.img", "https://a/001565AABBCC.cfg"),
        ("Gigaset N510/N720", 66, "http://a", "http://a/001565AABBCC.xml"),
    ] {
        assert_eq!(request(name, code, value.as_bytes()), expected, "{name} {value}");
    }
}

#[test]
fn several_addresses_are_tried_in_turn() {
    let choice = chosen("Cisco enterprise", &[(150, &[10, 0, 0, 1, 10, 0, 0, 2]), (66, b"a")]);
    assert_eq!(choice.url.unwrap().to_string(), "tftp://10.0.0.1/");
    assert_eq!(choice.fallback, [Ipv4Addr::new(10, 0, 0, 2)]);
    assert_eq!(choice.passed_over, [66]);
}

#[test]
fn whether_it_is_this_server_is_said() {
    for (value, verdict, fault) in [
        (&b"https://prov.example.com/"[..], Verdict::Here, None),
        (b"https://PROV.example.com./", Verdict::Here, None),
        (b"https://10.0.0.1/", Verdict::Here, None),
        (b"tftp://10.0.0.1", Verdict::Here, None),
        (b"10.0.0.1", Verdict::Here, None),
        (b"http://10.0.0.1/", Verdict::Here, Some("http_option_but_off")),
        (b"https://10.0.0.1:8443/", Verdict::Here, Some("protocol_not_spoken")),
        (b"ftp://10.0.0.1/", Verdict::Here, Some("protocol_not_spoken")),
        (b"https://10.0.0.9/", Verdict::Elsewhere, Some("led_elsewhere")),
        (b"https://pbx.example.com/", Verdict::OtherName, None),
        (b"https:/10.0.0.1/", Verdict::Unknown, Some("option_unreadable")),
    ] {
        let choice = chosen("Yealink", &[(66, value)]);
        assert_eq!(choice.verdict, verdict, "{:?}", String::from_utf8_lossy(value));
        let faults: Vec<&str> = choice.faults.iter().map(|fault| fault.code().as_str()).collect();
        assert_eq!(faults, fault.into_iter().collect::<Vec<_>>(), "{:?}", String::from_utf8_lossy(value));
    }
    let nobody = choose(family("Yealink"), &answer(&[(66, b"http://10.0.0.9/")]), None, &Here::default());
    assert_eq!((nobody.verdict, nobody.faults), (Verdict::Unknown, vec![]));
}

#[test]
fn a_poly_that_is_told_a_bare_address_speaks_ftp() {
    let choice = chosen("Poly UCS", &[(160, b"10.0.0.1")]);
    let codes: Vec<&str> = choice.faults.iter().map(|fault| fault.code().as_str()).collect();
    assert_eq!(codes, ["bare_address_means_ftp", "protocol_not_spoken"]);
    assert!(choice.faults[0].to_string().contains("https://10.0.0.1/"), "{}", choice.faults[0]);
}

#[test]
fn option_67_leads_a_snom_to_a_file_nobody_serves() {
    let choice = chosen("Snom", &[(66, b"https://10.0.0.1/"), (67, b"boot.cfg\0")]);
    assert_eq!(choice.first_request.as_deref(), Some("https://10.0.0.1/boot.cfg"));
    assert_eq!(choice.faults.iter().map(|fault| fault.code().as_str()).collect::<Vec<_>>(), ["file_not_served"]);
    assert!(choice.faults[0].to_string().contains("option 67"));
    // The others take no notice of it.
    let choice = chosen("Yealink", &[(66, b"https://10.0.0.1/"), (67, b"boot.cfg\0")]);
    assert_eq!(choice.first_request.as_deref(), Some("https://10.0.0.1/001565aabbcc.boot"));
    assert_eq!(choice.faults, []);
}

#[test]
fn the_voice_vlan_is_read_in_each_makers_form() {
    for (name, code, value, vlan) in [
        ("Yealink", 132, &b"110"[..], Some(110)),
        ("Yealink", 132, &[0, 110], Some(110)),
        ("Yealink", 132, b"5000", None),
        ("Poly UCS", 128, b"VLAN-A=10;", Some(10)),
        ("Poly UCS", 128, b"VLAN-A=0x0a;", Some(10)),
        ("Poly UCS", 128, b"VLAN-A=012;", Some(10)),
        ("Poly UCS", 132, b"VLAN-A=10;", None),
        ("Avaya J100", 242, b"HTTPSRVR=a,L2QVLAN=110", Some(110)),
    ] {
        assert_eq!(chosen(name, &[(code, value)]).vlan, vlan, "{name} {value:?}");
    }
}

#[test]
fn avaya_and_gigaset_have_forms_of_their_own() {
    let avaya = chosen("Avaya J100", &[(242, b"HTTPSRVR=a,TLSSRVR=b")]);
    assert_eq!(avaya.url.unwrap().to_string(), "https://b/");
    let gigaset = chosen("Gigaset", &[(66, b"prov"), (15, b"example.com")]);
    assert_eq!(gigaset.url.unwrap().to_string(), "http://prov.example.com/");
}

#[test]
fn what_no_source_confirms_is_said() {
    assert!(chosen("Yealink", &[(66, b"10.0.0.1")]).notes.iter().any(|note| note.starts_with("not certain:")));
    let nothing = chosen("Yealink", &[]);
    assert_eq!((nothing.option, nothing.url.clone()), (None, None));
    assert!(nothing.notes[0].contains("redirection service"), "{:?}", nothing.notes);
}
