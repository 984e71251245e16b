//! What must hold whatever a stranger sends or a disk gives back: the properties of the fuzz targets, at random and from
//! what phones really send, a little broken.

// A test that cannot set itself up shall fail loudly.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../fuzz/properties.rs"]
mod properties;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const PATHS: &[&str] = &[
    "/t/4GqkZ0dGxqz0bXo3-AbC/805ec0112233.cfg",
    "//Cisco/CP-7832-3PCC/00562b043615.cfg",
    "/y000000000108.cfg",
    "/snomD785-000413A11FA7.htm",
    "/cfgc074ad0b63ee.xml",
    "/64167f9f4c90-user.cfg",
    "/SEP00562B043615.cnf.xml.enc.sgn",
    "/..%2f%2e%2e\\t/t//%00",
];

const AGENTS: &[&str] = &[
    "Yealink SIP VP-T49G  51.80.0.10 00:15:65:9b:5a:44",
    "FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application",
    "OBIHAI/OBi202-3.2.2.5921",
    "Cisco/SPA501G-7.4.4 (8843E157DDCC)(CBT141100HR)",
    "Cisco-CP-7832-3PCC/11.0.1 (00562b043615)",
    "Grandstream Model HW GXV3350  V1.3A SW 1.0.1.8 DevId c074ad150b88",
    "Grandstream GXP2000 (gxp2000e.bin:1.2.5.3/boot55e.bin:1.1.6.9) DevId 000b822726c8",
    "Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;7C2F80AABBCC;Handset=250",
    "Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 2010.12 (Feb 25 2019 - 14:19:43) 00041396D9B4 SXM:0)",
];

const AUTHORIZATIONS: &[&str] = &[
    "Basic N2MyZjgwYWFiYjAxOjRHcWtaMGRHeHF6MGJYbzMtQWJD",
    r#"Digest username="7c2f80aabb01", realm="phone provisioning", nonce="AAAB", uri="/provisioning.xml", cnonce="YTQ=",
       nc=00000001, qop=auth, response="8ca523f5e9506fed4657c9700eebdbec", algorithm=MD5"#,
    r#"Digest username="7C:2F:80:AA:BB:01",realm="phone provisioning",nonce="",uri="",cnonce="\"",nc=ffffffff,qop="auth",
       response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",algorithm=SHA-256"#,
];

const FILES: &[&str] = &[
    "Email,First Name,Last Name,Site Name,Extension Number,Phone Number,Package,SMS,User Status\r\na@b.c,A,\"B \"\"C\"\"\r\nD\",HQ,0,\"+4940123456, 040 1\",x,on,activate\r\n",
    "Email;Desk Phone 1's Brand;Desk Phone 1’s Model;Desk Phone 1 MAC Address\na@b.c;Yealink;SIP-T46U;805E.C011.2233\n",
    "Display Name,Site,Language,ID\nLobby,HQ,de_DE,lobby\n'=x y,,,\n",
    "MAC,Brand,Model,Assigned To\n80-5e-c0-11-22-33,Polycom,VVX 450,\",a@b.c, ext:100\"\n",
    "Phone Number,Type,Status\n+4940123456,Toll-free,pending\n",
];

const ROWS: &[&str] = &[
    r#"{"mac": "80:5e:c0:11:22:33", "maker": "yealink", "model": "T46U", "site": "hq", "assignment": {"user": "a@b.c"},
        "lines": [{"index": 2, "common_area": "lobby", "label": "L"}], "settings": {"vlan.id": 20}, "locks": ["vlan.id"]}"#,
    r#"{"id": "a@b.c", "first_name": "A", "site": "hq", "extension": "1001", "locale": "de-DE", "timezone": "UTC",
        "keys": [{"position": 2, "kind": "blf", "value": "1002"}], "sip": {"user": "a"}}"#,
    r#"{"id": "lobby", "name": "Lobby", "site": "hq", "extension": "0"}"#,
    r#"{"id": "hq", "name": "HQ", "networks": ["10.0.0.0/8", "::1/128"], "ntp": ["a.b"], "extension_ranges": ["100-199"],
        "sip": {"server": "pbx", "port": 5061, "transport": "tls", "expires": "1h"}}"#,
    r#"{"bound": true, "claim": {"address": "10.0.0.1", "began": "2026-01-01T00:00:00Z", "ends": "2026-01-01T01:00:00Z"}}"#,
];

/// One of these texts with some octets changed, taken away or put in.
fn broken(texts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<Option<u8>>(), any::<bool>());
    (select(texts), vec(change, 0..6)).prop_map(|(text, changes)| {
        let mut octets = text.as_bytes().to_vec();
        for (place, octet, instead) in changes {
            let at = place.index(octets.len() + 1);
            match octet {
                Some(octet) if instead && at < octets.len() => octets[at] = octet,
                Some(octet) => octets.insert(at, octet),
                None if at < octets.len() => drop(octets.remove(at)),
                None => {}
            }
        }
        octets
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn sec_g4_no_datagram_is_misread(octets in vec(any::<u8>(), 0..600), opcode in 0u8..7) {
        properties::tftp_packet(&octets);
        properties::tftp_packet(&[&[0, opcode], octets.as_slice()].concat());
    }

    #[test]
    fn sec_g4_no_path_climbs_hides_or_breaks_a_line(octets in broken(PATHS), text in "\\PC{0,80}") {
        properties::http_path(&octets);
        properties::http_path(text.as_bytes());
    }

    #[test]
    fn sec_g4_no_file_is_read_in_two_ways(octets in broken(FILES)) {
        properties::csv(&octets);
    }

    #[test]
    fn sec_g4_no_user_agent_is_believed_more_than_it_says(octets in broken(AGENTS), text in ".{0,120}") {
        properties::user_agent(&octets);
        properties::user_agent(text.as_bytes());
    }

    #[test]
    fn sec_g4_nothing_in_a_message_of_dhcp_reaches_a_terminal(
        texts in vec((select(&[43u8, 60, 66, 67, 114, 120, 125, 160, 161, 242][..]), vec(any::<u8>(), 1..40)), 0..6),
        six in vec((select(&[13u8, 16, 17, 21, 56, 59, 60][..]), vec(any::<u8>(), 0..40)), 0..6),
    ) {
        // A reply to one phone (RFC 2131), and one over IPv6 (RFC 8415).
        let mut reply = vec![2, 1, 6, 0, 0, 0, 0, 7];
        reply.resize(28, 0);
        reply.extend([0x00, 0x15, 0x65, 0, 0, 1]);
        reply.resize(236, 0);
        reply.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 2]);
        for (code, text) in &texts {
            reply.extend([*code, u8::try_from(text.len()).unwrap()]);
            reply.extend(text);
        }
        properties::dhcp(&reply);
        let mut reply = vec![7, 0, 0, 7, 0, 1, 0, 4, 0, 4, 1, 2];
        for (code, value) in &six {
            reply.extend([0, *code, 0, u8::try_from(value.len()).unwrap()]);
            reply.extend(value);
        }
        properties::dhcp(&reply);
    }

    #[test]
    fn sec_g4_no_octets_are_a_password_that_nobody_knows(octets in broken(AUTHORIZATIONS), text in ".{0,120}") {
        properties::authorization(&octets);
        properties::authorization(format!("Digest {text}").as_bytes());
    }

    #[test]
    fn sec_g4_no_row_changes_by_being_read(octets in broken(ROWS)) {
        properties::store_row(&octets);
    }
}

#[test]
fn the_passwords_that_are_broken_here_are_whole_before() {
    for text in AUTHORIZATIONS {
        assert!(ztpd::provision::Credentials::parse(&text.replace("\n      ", "")).is_some(), "{text}");
    }
}

#[test]
fn the_rows_that_are_broken_here_are_whole_before() {
    use ztpd::inventory::{access::Access, common_area::CommonArea, device::Device, site::Site, user::User};
    serde_json::from_str::<Device>(ROWS[0]).unwrap();
    serde_json::from_str::<User>(ROWS[1]).unwrap();
    serde_json::from_str::<CommonArea>(ROWS[2]).unwrap();
    serde_json::from_str::<Site>(ROWS[3]).unwrap();
    serde_json::from_str::<Access>(ROWS[4]).unwrap();
}
