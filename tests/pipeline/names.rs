//! Every file name of the makers' guides, on every plane: what is public, what needs a proof, what is never there
//! (ZERO-TOUCH §3). Written from the guides, not from what our makers read.

use ztpd::inventory::event::Plane;

use crate::stage::{OWNERS, PHONES, Stage, by_token, noon};

/// The answer over TFTP and HTTP, over HTTPS without a proof, and with the phone's token.
#[derive(Clone, Copy)]
enum Answer {
    /// A fast, clean "not found" for everybody.
    Absent,
    /// For the phone alone.
    Own,
    /// For everybody.
    Public,
    /// The hand-over where nothing is secret, else for the phone alone.
    HandOverOrOwn,
}

use Answer::{Absent, HandOverOrOwn, Own, Public};

/// `{mac}` and `{MAC}` stand for the phone's address.
const NAMES: &[(&str, &[(Answer, &str)])] = &[
    (
        "cisco",
        &[
            (Public, "spa504G.cfg spa504g.cfg spa525G2.cfg spa301.cfg spa942.cfg spa2102.cfg spa8000.cfg spa112.cfg"),
            (Public, "spa122.cfg init.cfg spa191.cfg spa192.cfg ata191.cfg ata192.cfg ATA192.CFG"),
            (Public, "8841-3PCC.xml 6841-3PCC.xml 7861.xml V03.xml CP-8841-3PCC.xml CP-8841-3PCC.cfg 8841-3pcc.xml"),
            (Own, "{mac}.xml {MAC}.xml Cisco/CP-7832-3PCC/{mac}.cfg Cisco/CP-8841-3PCC/{mac}.xml"),
            (
                Absent,
                "CTLSEP{MAC}.tlv ITLSEP{MAC}.tlv ITLFile.tlv SEP{MAC}.cnf.xml SEP{mac}.cnf.xml SEP{MAC}.cnf.xml.sgn",
            ),
            (Absent, "SEP{MAC}.cnf.xml.enc.sgn XMLDefault.cnf.xml dialplan.xml ringlist.xml Ringlist-wb.xml"),
            (Absent, "DISTINCTIVERINGLIST.XML ATA{MAC}.cnf.xml OS79XX.TXT SIPDefault.cnf SIP{MAC}.cnf RINGLIST.DAT"),
            (Absent, "syncinfo.xml Communicator/SEP{MAC}.cnf.xml English_United_States/mk-sip.jar"),
            (Absent, "sip88xx.12-0-7MPP0201-66.loads sb288xx.BE-01-020.sbn"),
        ],
    ),
    (
        "gigaset",
        &[(Public, "provisioning.xml"), (Own, "{mac}.xml {MAC}.xml"), (Absent, "updates.xml configuration.xml")],
    ),
    (
        "grandstream",
        &[
            (Own, "cfg{mac}.xml cfg{MAC}.xml"),
            (Public, "cfg.xml"),
            (
                Absent,
                "cfg{mac} cfg{mac}.bin cfggrp2614.xml cfght802.xml cfggxp2170.xml phonebook.xml {mac}/phonebook.xml",
            ),
            (Absent, "gxp2140fw.bin grp2614fw.bin ht802fw.bin 02a7b3c4d5.xml"),
        ],
    ),
    (
        "poly",
        &[
            (Own, "{mac}.cfg {MAC}.cfg {mac}-user.cfg"),
            (Public, "000000000000.cfg ztpd-poly.cfg"),
            (Absent, "{mac}-phone.cfg {mac}-web.cfg {mac}-license.cfg 000000000000-license.cfg {mac}-directory.xml"),
            (Absent, "000000000000-directory.xml {mac}-calls.xml {mac}-boot.log {mac}-app.log sip.ld site.cfg"),
            (Absent, "2345-12600-001.sip.ld 3111-46135-002.sip.ld bootrom.ld 2345-12600-001.bootrom.ld bootblock.ld"),
            (Absent, "SoundPointIPLocalization/German_Germany/SoundPointIP-dictionary.xml ztpd-keep-firmware.ld"),
            (Absent, "VVXLocalization/French_France/VVX-dictionary.xml"),
        ],
    ),
    ("poly-obi", &[(HandOverOrOwn, "{MAC}.xml {mac}.xml"), (Absent, "{MAC}.aes obi202.fw")]),
    (
        "snom",
        &[
            (Public, "snomD345.htm snomD785.htm snom320.htm snomM900.htm .htm"),
            (Own, "snomD785-{MAC}.htm snomD785-{mac}.htm .htm-{MAC} {MAC}.xml {MAC}.htm"),
            (
                Absent,
                "snomD785.xml snomD785-firmware.xml gui_lang.xml web_lang.xml snom-general.xml {mac}/directory.xml",
            ),
            (Absent, "C520-WiMi_{MAC}.cfg {MAC}.cfg snomD785-10.1.184.15-SIP-r.swu"),
        ],
    ),
    (
        "yealink",
        &[
            (Absent, "{mac}.boot {MAC}.boot y000000000000.boot"),
            (Public, "y000000000028.cfg y000000000108.cfg Y000000000108.CFG y999999999999.cfg y000000000000.cfg"),
            (Own, "{mac}.cfg {MAC}.cfg"),
            (Absent, "{mac}-local.cfg {mac}-contact.xml {mac}-calllog.xml {mac}-boot.log {mac}-sys.log"),
            (Absent, "{mac}_Security.enc y000000000108_Security.enc T46S(T48S,T42S,T41S)-66.86.0.15.rom"),
        ],
    ),
];

#[test]
fn every_file_name_of_the_makers_guides_has_a_decided_answer_on_every_plane() {
    let stage = Stage::new();
    for (maker, rows) in NAMES {
        let (maker, place) = if *maker == "poly-obi" { ("poly", 2) } else { (*maker, 0) };
        let (_, model, mac, owner) = PHONES.iter().find(|(of, _, _, owner)| *of == maker && *owner == place).unwrap();
        let mac = stage.enrol(maker, model, mac, OWNERS[*owner].0, OWNERS[*owner].1);
        for (answer, names) in *rows {
            for name in names.split(' ') {
                let file = name.replace("{mac}", &mac.plain()).replace("{MAC}", &mac.upper());
                let expected = match answer {
                    Absent => [404, 404, 404, 404],
                    HandOverOrOwn => [200, 200, 404, 200],
                    Own => [404, 404, 404, 200],
                    Public => [200, 200, 200, 200],
                };
                // From outside the site's networks: no claim is to be had.
                let bare = format!("/{file}");
                let ask = |plane| stage.ask(plane, &bare, "172.16.0.1", noon()).status;
                let with_token = stage.ask(Plane::Https, &by_token(mac, &file), "172.16.0.1", noon()).status;
                let got = [ask(Plane::Tftp), ask(Plane::Http), ask(Plane::Https), with_token];
                assert_eq!(got, expected, "{maker}: {file}, over TFTP, HTTP, HTTPS, and with its token");
            }
        }
    }
}

/// What is not there is not there in the same words for everybody.
#[test]
fn sec_d12_a_file_that_is_not_there_looks_the_same_whoever_asks_for_whatever() {
    let stage = Stage::new();
    let phones = stage.one_of_each_maker();
    let refused = stage.ask(Plane::Https, "/nothing", "172.16.0.1", noon());
    for (mac, files) in phones {
        for file in files {
            let unknown = file.replacen(&mac.plain()[6..], "999999", 1).replacen(&mac.upper()[6..], "999999", 1);
            for path in [file.clone(), unknown, format!("/t/{}{file}", "A".repeat(43))] {
                assert_eq!(stage.ask(Plane::Https, &path, "172.16.0.1", noon()), refused, "{path}");
            }
        }
    }
}
