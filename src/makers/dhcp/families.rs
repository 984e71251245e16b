//! One row per family of phones. (Makers' provisioning and administration guides; option 60 as seen by public projects.)

use super::Completion::{Cfg, Directory, File, Pair};
use super::Form::{Addresses, Pairs, SubOption, Text, Vendor};
use super::Scheme::{Ftp, Http, Https, Tftp};
use super::{Class, Family, PLAIN, Source, Vlan};
use crate::makers::cisco::SPA_OUIS;

const REDIRECTION: &str = "asks its maker's redirection service, then the URL it has stored";
const STORED: &str = "uses the URL it has stored";

const fn text(code: u8, bare: super::Scheme) -> Source {
    Source::new(Text(code), bare)
}

const fn addresses(code: u8, bare: super::Scheme) -> Source {
    Source::new(Addresses(code), bare)
}

/// Option 43 for phones whose sub-options are not known.
const fn vendor(bare: super::Scheme) -> Source {
    Source::new(Vendor, bare).doubted("the sub-options of option 43 are not published")
}

const BARE: Option<&str> = Some("what a host without scheme means");
const CISCO_BARE: Option<&str> = Some("a host without scheme is asked by the phone's Transport_Protocol, else by TFTP");
const CISCO_159: &str = "option 159 is an address by one guide, a URL by practice";

/// Every family, those of one maker together; the first one that matches counts.
pub const FAMILIES: &[Family] = &[
    Family {
        maker: "cisco",
        name: "Cisco MPP",
        classes: &[Class::Has(b"-3PCC")],
        sources: &[
            text(66, Tftp),
            text(160, Tftp),
            text(159, Tftp).doubted(CISCO_159),
            addresses(150, Tftp),
            text(60, Tftp).doubted("option 60 of a reply is in the phone's list; its form is not published"),
            vendor(Tftp),
            // 125 is last in the phone's list; what it must hold is not published.
        ],
        completion: File,
        first_file: "<model>.xml",
        wanted: &[1, 3, 6, 12, 15, 2, 42, 43, 66, 125, 150, 159, 160],
        class: b"Cisco Systems, Inc. IP Phone CP-8841-3PCC\0",
        otherwise: "asks its maker's activation service",
        doubts: &["DHCP_Option_To_Use is as made: 66,160,159,150,60,43,125"],
        bare_doubt: CISCO_BARE,
        ..PLAIN
    },
    Family {
        maker: "cisco",
        name: "Cisco ATA 191/192",
        classes: &[Class::Begins(b"CISCO ATA191"), Class::Begins(b"CISCO ATA192")],
        sources: &[
            text(66, Https),
            text(160, Https),
            text(159, Https).doubted(CISCO_159),
            addresses(150, Https).doubted("whether an address of option 150 is asked by HTTPS or TFTP"),
        ],
        completion: File,
        first_file: "spa<model>.cfg",
        wanted: &[1, 3, 6, 12, 15, 2, 42, 66, 150, 159, 160],
        class: b"CISCO ATA191-MPP",
        otherwise: "asks its maker's activation service",
        ..PLAIN
    },
    Family {
        maker: "cisco",
        name: "Cisco SPA",
        classes: &[
            Class::Begins(b"LINKSYS "),
            Class::Begins(b"Cisco SPA"),
            Class::Begins(b"CISCO SPA"),
            Class::Begins(b"CISCO ATA190"),
            Class::Begins(b"Cisco Systems, Inc. IP Phone SPA"),
        ],
        ouis: SPA_OUIS,
        sources: &[text(66, Tftp), text(160, Tftp), text(159, Tftp).doubted(CISCO_159), addresses(150, Tftp)],
        completion: File,
        first_file: "spa<model>.cfg",
        wanted: &[1, 3, 6, 12, 15, 2, 42, 66, 150, 159, 160],
        class: b"Cisco SPA504G",
        otherwise: STORED,
        bare_doubt: CISCO_BARE,
        ..PLAIN
    },
    Family {
        maker: "cisco",
        name: "Cisco enterprise",
        classes: &[Class::Begins(b"Cisco Systems")],
        sources: &[addresses(150, Tftp), text(66, Tftp)],
        completion: Directory,
        first_file: "CTLSEP<MAC>.tlv",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 150],
        class: b"Cisco Systems, Inc. IP Phone CP-7941G\0",
        otherwise: STORED,
        doubts: &["some loads prefer 66 to 150"],
        ..PLAIN
    },
    Family {
        maker: "grandstream",
        name: "Grandstream",
        classes: &[
            Class::Begins(b"Grandstream"),
            Class::Begins(b"GXP"),
            Class::Begins(b"GRP"),
            Class::Begins(b"GXV"),
            Class::Begins(b"DP7"),
            Class::Begins(b"WP8"),
        ],
        sources: &[vendor(Tftp).doubted("whether 43 or 66 wins is not published; 43 is taken to"), text(66, Tftp)],
        completion: Directory,
        first_file: "cfg<mac>.xml",
        wanted: &[1, 2, 3, 6, 12, 15, 42, 43, 66, 120, 150, 160],
        class: b"Grandstream GXP2170",
        otherwise: REDIRECTION,
        doubts: &["150 and 160 count only with P8337, which is 0 as made"],
        bare_doubt: Some("a host without scheme is asked by the phone's P212"),
        ..PLAIN
    },
    Family {
        maker: "grandstream",
        name: "Grandstream HT",
        classes: &[Class::Begins(b"HT")],
        sources: &[text(66, Tftp), vendor(Tftp)],
        completion: Directory,
        first_file: "cfg<mac>.xml",
        wanted: &[1, 2, 3, 6, 12, 15, 42, 43, 66, 120],
        class: b"HT802",
        otherwise: REDIRECTION,
        doubts: &["its option is as made, 66 and not 160"],
        bare_doubt: Some("a host without scheme is asked by the adapter's P212"),
        ..PLAIN
    },
    Family {
        maker: "poly",
        name: "Poly OBi",
        ouis: &[[0x9c, 0xad, 0xef]],
        sources: &[text(66, Tftp), text(160, Tftp), text(159, Tftp), addresses(150, Tftp)],
        completion: File,
        first_file: "<mac>.xml",
        vlan: Some(Vlan::VlanA(129)),
        wanted: &[1, 3, 6, 12, 15, 42, 66, 129, 150, 159, 160],
        otherwise: REDIRECTION,
        doubts: &["the order of its options"],
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "poly",
        name: "Poly UCS",
        classes: &[Class::Begins(&[0, 0, 0x36, 0x3d]), Class::Begins(b"Polycom"), Class::Begins(b"Poly")],
        sources: &[text(160, Ftp), text(66, Ftp), vendor(Ftp).doubted("whether option 43 comes before or after 66")],
        completion: Cfg,
        first_file: "<mac>.cfg",
        vlan: Some(Vlan::VlanA(128)),
        wanted: &[1, 2, 3, 6, 7, 12, 15, 42, 43, 66, 128, 160],
        class: &[0, 0, 0x36, 0x3d],
        otherwise: "asks its maker's redirection service, or the server it has stored",
        ..PLAIN
    },
    Family {
        maker: "snom",
        name: "Snom",
        classes: &[Class::Begins(b"snom"), Class::Begins(b"Snom")],
        sources: &[text(66, Http).with_file(), vendor(Http).doubted("whether option 43 names a server")],
        completion: File,
        first_file: "snom<model>.htm",
        vlan: Some(Vlan::Number(132)),
        wanted: &[1, 3, 4, 6, 12, 15, 42, 43, 51, 66, 67, 120, 125, 132, 133],
        class: b"snomD785",
        otherwise: "uses setting_server, as made its maker's redirection service",
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "yealink",
        name: "Yealink",
        classes: &[Class::Begins(b"yealink"), Class::Begins(b"Yealink")],
        sources: &[text(66, Tftp), vendor(Tftp)],
        completion: Directory,
        first_file: "<mac>.boot",
        vlan: Some(Vlan::Number(132)),
        wanted: &[1, 2, 3, 4, 6, 12, 15, 42, 43, 66, 132],
        class: b"yealink",
        otherwise: REDIRECTION,
        doubts: &["options from 128 on count only if its custom list names them, which is empty as made"],
        bare_doubt: Some("that a host without scheme means TFTP"),
        ..PLAIN
    },
    Family {
        maker: "algo",
        name: "Algo",
        ouis: &[[0x00, 0x22, 0xee]],
        sources: &[text(66, Tftp), text(160, Tftp), addresses(150, Tftp)],
        completion: Directory,
        first_file: "algop<model>.conf",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 150, 160],
        otherwise: STORED,
        doubts: &["the order of 66, 160 and 150"],
        bare_doubt: Some("a host without scheme is asked by prov.download.method"),
        ..PLAIN
    },
    Family {
        maker: "audiocodes",
        name: "AudioCodes",
        ouis: &[[0x00, 0x90, 0x8f]],
        sources: &[text(160, Tftp), text(66, Tftp).with_file(), vendor(Tftp)],
        completion: Pair,
        first_file: "<MAC>.cfg",
        wanted: &[1, 3, 6, 12, 15, 42, 43, 66, 67, 120, 160],
        otherwise: REDIRECTION,
        ..PLAIN
    },
    Family {
        maker: "fanvil",
        name: "Fanvil",
        ouis: &[[0x0c, 0x38, 0x3e], [0x00, 0xa8, 0x59], [0x00, 0xa8, 0x5a], [0xe0, 0xe6, 0x56]],
        sources: &[text(66, Tftp)],
        completion: File,
        first_file: "<mac>.cfg",
        wanted: &[1, 3, 6, 12, 15, 42, 66],
        otherwise: REDIRECTION,
        doubts: &["one option is read, 66 as made", "whether a folder is completed on every firmware"],
        bare_doubt: Some("a host without scheme is asked by the protocol set in the phone"),
        ..PLAIN
    },
    Family {
        maker: "gigaset",
        name: "Gigaset N510/N720",
        classes: &[Class::Begins(b"Gigaset_N510"), Class::Begins(b"Gigaset_N720")],
        sources: &[text(114, Http), text(66, Http)],
        completion: File,
        first_file: "<MAC>.xml",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 114],
        class: b"Gigaset_N720_DM_PRO",
        otherwise: REDIRECTION,
        doubts: &["the N720 reads 66 only when that is switched on"],
        ..PLAIN
    },
    Family {
        maker: "gigaset",
        name: "Gigaset",
        classes: &[Class::Begins(b"Gigaset")],
        ouis: &[[0x7c, 0x2f, 0x80], [0x58, 0x9e, 0xc6], [0x00, 0x21, 0x04]],
        sources: &[text(114, Http), text(66, Http)],
        completion: File,
        first_file: "provisioning.xml",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 114],
        class: b"Gigaset_N870_IP_PRO",
        otherwise: REDIRECTION,
        ..PLAIN
    },
    Family {
        maker: "mitel",
        name: "Mitel",
        classes: &[Class::Begins(b"AastraIPPhone"), Class::Begins(b"MitelIPPhone")],
        ouis: &[[0x00, 0x08, 0x5d], [0x00, 0x10, 0xbc], [0x08, 0x00, 0x0f], [0x14, 0x00, 0xe9]],
        sources: &[Source::new(SubOption(2), Tftp), text(160, Tftp), text(159, Tftp), text(66, Tftp)],
        completion: Directory,
        first_file: "startup.cfg",
        vlan: Some(Vlan::Number(132)),
        wanted: &[1, 3, 6, 12, 15, 42, 43, 66, 120, 132, 159, 160],
        class: b"MitelIPPhone",
        otherwise: "uses the server it has stored; as made it asks its maker's redirection service before DHCP",
        doubts: &["the order 43, 160, 159, 66"],
        bare_doubt: Some("that a host without scheme means TFTP"),
    },
    Family {
        maker: "panasonic",
        name: "Panasonic",
        classes: &[Class::Begins(b"Panasonic")],
        ouis: &[[0x00, 0x80, 0xf0], [0xbc, 0xc3, 0x42], [0x4c, 0x36, 0x4e], [0x08, 0x00, 0x23]],
        sources: &[
            text(160, Tftp),
            text(159, Tftp),
            text(66, Tftp).with_file().doubted("models not made for the USA ignore option 67"),
        ],
        completion: File,
        first_file: "<model>.cfg",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 67, 159, 160],
        class: b"Panasonic",
        otherwise: REDIRECTION,
        ..PLAIN
    },
    Family {
        maker: "digium",
        name: "Digium",
        classes: &[Class::Begins(b"digium_")],
        ouis: &[[0x00, 0x0f, 0xd3]],
        sources: &[text(66, Http)],
        completion: Directory,
        first_file: "000000000000.cfg",
        wanted: &[1, 3, 6, 12, 15, 42, 66],
        class: b"digium_D40_1_1_0_0_48178",
        otherwise: "looks for a server by mDNS",
        bare_doubt: Some("what a host without scheme means; TFTP is not spoken"),
        ..PLAIN
    },
    Family {
        maker: "sangoma",
        name: "Sangoma",
        ouis: &[[0x00, 0x50, 0x58]],
        sources: &[text(66, Tftp)],
        completion: Directory,
        first_file: "cfg<mac>.xml",
        wanted: &[1, 3, 6, 12, 15, 42, 66],
        otherwise: REDIRECTION,
        doubts: &["S-series; the A-series asks for a common file of its model first"],
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "avaya",
        name: "Avaya J100",
        ouis: &[[0xc8, 0x1f, 0xea], [0x00, 0x04, 0x0d], [0x00, 0x1b, 0x4f], [0x00, 0x09, 0x6e]],
        sources: &[
            Source::new(Pairs(242), Http),
            Source::new(SubOption(5), Https).doubted("the order of 242 and 43"),
            Source::new(SubOption(2), Http),
        ],
        completion: Directory,
        first_file: "J100Supgrade.txt",
        vlan: Some(Vlan::Pairs(242)),
        wanted: &[1, 3, 6, 12, 15, 42, 43, 242],
        otherwise: "asks for a code on its screen",
        ..PLAIN
    },
    Family {
        maker: "ale",
        name: "ALE Myriad",
        classes: &[Class::Begins(b"aledevice"), Class::Begins(b"ictouch.0")],
        ouis: &[[0x3c, 0x28, 0xa6]],
        sources: &[Source::new(SubOption(66), Https)],
        completion: Directory,
        first_file: "config.<model>.xml",
        wanted: &[1, 3, 6, 12, 15, 42, 43],
        class: b"aledevice",
        otherwise: REDIRECTION,
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "ale",
        name: "ALE 8000 SIP",
        classes: &[Class::Begins(b"alcatel.sip.0")],
        sources: &[Source::new(SubOption(67), Tftp)],
        completion: Directory,
        first_file: "sipconfig-<mac>.txt",
        wanted: &[1, 3, 6, 12, 15, 42, 43],
        class: b"alcatel.sip.0",
        otherwise: STORED,
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "vtech",
        name: "VTech",
        classes: &[Class::Begins(b"Vtech")],
        sources: &[text(66, Http).with_file(), text(159, Http), text(160, Http)],
        completion: File,
        first_file: "<model>.cfg",
        wanted: &[1, 3, 6, 12, 15, 42, 66, 67, 159, 160],
        class: b"Vtech Vesa VCS754",
        otherwise: REDIRECTION,
        doubts: &["the order can be set: 66, 159, 160 as made"],
        bare_doubt: BARE,
        ..PLAIN
    },
    Family {
        maker: "cyberdata",
        name: "CyberData",
        ouis: &[[0x00, 0x20, 0xf7]],
        sources: &[Source::new(Vendor, Http), addresses(72, Http), addresses(150, Tftp), text(66, Tftp)],
        completion: Directory,
        first_file: "<mac>.xml",
        wanted: &[1, 3, 6, 12, 15, 42, 43, 66, 72, 150],
        otherwise: STORED,
        doubts: &["every server that is named is tried, this one first"],
        ..PLAIN
    },
];
