//! From the box to the first call, at any hour (ZERO-TOUCH Z5 to Z9, Z15): who may take a phone's files, until when,
//! and what everybody else learns.

use ztpd::inventory::access::{ClaimWindow, OpenedBy};
use ztpd::inventory::event::Plane;
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::secret::Secret;
use ztpd::makers;
use ztpd::provision::Method;

use crate::stage::{Got, OWNERS, PHONES, PUBLIC, Stage, by, by_token, later, noon};

const DAY: i64 = 24 * 60;
/// An address of the site that begins no claim of its own.
const STRANGER: &str = "10.1.250.1";

/// Where a phone stands: an address of its own, since one begins few claims.
fn voice(mac: MacAddr) -> String {
    format!("10.1.{}.5", mac.oui().0[2])
}

/// Another address beside it.
fn beside(mac: MacAddr) -> String {
    format!("10.1.{}.6", mac.oui().0[2])
}

fn plain(stage: &Stage, path: &str, peer: &str, minutes: i64) -> Got {
    stage.ask(Plane::Https, path, peer, later(minutes))
}

/// The plain path of a file, behind the phone's token.
fn token_path(mac: MacAddr, path: &str) -> String {
    by_token(mac, path.trim_start_matches('/'))
}

fn open_window(stage: &Stage, mac: MacAddr, minutes: i64, fresh: &str) {
    let closes = later(minutes + 15);
    let window = ClaimWindow { from: Vec::new(), opened: later(minutes), closes, opened_by: OpenedBy::Operator };
    stage.store.open_window(mac, window, Secret::new(fresh.to_owned()), &by()).unwrap();
}

#[test]
fn sec_d09_a_claim_outlives_ten_minutes_of_firmware_between_two_files_of_every_maker() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let first: Vec<Got> = files.iter().map(|file| plain(&stage, file, &voice(mac), 0)).collect();
        assert!(first.iter().all(|got| got.status == 200), "{files:?}: {first:?}");
        let again: Vec<Got> = files.iter().map(|file| plain(&stage, file, &voice(mac), 10)).collect();
        assert_eq!(first, again, "{files:?}");
        let token: Vec<Got> = files.iter().map(|file| plain(&stage, &token_path(mac, file), &voice(mac), 20)).collect();
        assert_eq!(first, token, "{files:?}");
    }
}

#[test]
fn sec_d09_the_winner_is_served_again_after_half_an_hour_and_nobody_after_an_hour() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let own = files.last().unwrap();
        let first = plain(&stage, own, &voice(mac), 0);
        assert_eq!(plain(&stage, own, &beside(mac), 30).status, 404, "{own}");
        assert_eq!(stage.last_reason(mac).as_deref(), Some("claim_taken"), "{own}");
        assert_eq!(plain(&stage, own, &voice(mac), 30), first, "{own}");
        // The window itself would be open for a day; the claim ends it.
        for peer in [voice(mac), beside(mac)] {
            assert_eq!(plain(&stage, own, &peer, 61).status, 404, "{own}");
            assert_eq!(stage.last_reason(mac).as_deref(), Some("bound_without_proof"), "{own}");
        }
        assert_eq!(plain(&stage, &token_path(mac, own), &beside(mac), 62), first, "{own}");
    }
}

#[test]
fn sec_d09_a_claim_ends_when_its_token_is_first_used() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let own = files.last().unwrap();
        let first = plain(&stage, own, &voice(mac), 0);
        assert_eq!(plain(&stage, &token_path(mac, own), &voice(mac), 1), first, "{own}");
        assert_eq!(plain(&stage, own, &voice(mac), 2).status, 404, "{own}");
        assert_eq!(plain(&stage, &token_path(mac, own), &beside(mac), 60 * 24 * 400), first, "{own}");
    }
}

#[test]
fn sec_d09_a_phone_that_sat_unclaimed_for_a_day_comes_up_when_the_operator_opens_its_window() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let own = files.last().unwrap();
        assert_eq!(plain(&stage, own, &voice(mac), DAY + 1).status, 404, "{own}");
        assert_eq!(stage.last_reason(mac).as_deref(), Some("claim_closed"), "{own}");
        open_window(&stage, mac, DAY + 60, "unused");
        assert_eq!(plain(&stage, own, &voice(mac), DAY + 61).status, 200, "{own}");
        assert_eq!(plain(&stage, &token_path(mac, own), &voice(mac), DAY + 62).status, 200, "{own}");
    }
}

#[test]
fn sec_d09_the_data_vlan_is_refused_and_the_voice_vlan_served_afterwards() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        for file in &files {
            assert_eq!(plain(&stage, file, "10.77.0.5", 0).status, 404, "{file}");
        }
        assert_eq!(stage.last_reason(mac).as_deref(), Some("claim_contested"), "{files:?}");
        for file in &files {
            assert_eq!(plain(&stage, file, &voice(mac), 2).status, 200, "{file}");
        }
    }
}

#[test]
fn sec_d09a_a_phone_that_was_reset_gets_nothing_until_its_window_is_opened_and_its_old_token_dies_with_the_new_ones_first_use()
 {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let own = files.last().unwrap();
        let first = plain(&stage, own, &voice(mac), 0);
        assert_eq!(plain(&stage, &token_path(mac, own), &voice(mac), 1), first, "{own}");
        assert_eq!(plain(&stage, own, &voice(mac), DAY).status, 404, "{own}");
        assert_eq!(stage.last_reason(mac).as_deref(), Some("bound_without_proof"), "{own}");
        let fresh = format!("fresh-of-{}", mac.plain());
        open_window(&stage, mac, DAY, &fresh);
        let again = plain(&stage, own, &voice(mac), DAY + 1);
        assert_eq!(again.status, 200, "{own}");
        assert!(again.text.contains(&fresh) && !again.text.contains("token-of"), "{own}");
        assert_eq!(
            plain(&stage, &token_path(mac, own), &voice(mac), DAY + 2).status,
            200,
            "the old one still opens {own}"
        );
        let by_fresh = format!("/t/{fresh}{own}");
        assert_eq!(plain(&stage, &by_fresh, &voice(mac), DAY + 3), again, "{own}");
        assert_eq!(plain(&stage, &token_path(mac, own), &voice(mac), DAY + 4).status, 404, "{own}");
    }
}

#[test]
fn sec_d09_neither_head_nor_gate_nor_public_file_nor_another_makers_name_begins_a_claim() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let maker = stage.store.phone(mac).unwrap().unwrap().device.value.maker.to_string();
        let own = files.last().unwrap();
        let head = stage.ask_as(Plane::Https, own, &beside(mac), noon(), None, Method::Head);
        assert_eq!(head.status, 200, "{own}");
        for gate in files.iter().filter(|file| *file != own) {
            assert_eq!(plain(&stage, gate, &beside(mac), 0).status, 200, "{gate}");
        }
        for (_, public, _) in PUBLIC {
            plain(&stage, &format!("/{public}"), &beside(mac), 0);
        }
        let plain_mac = mac.plain();
        for foreign in
            [format!("/cfg{plain_mac}.xml"), format!("/{plain_mac}-user.cfg"), format!("/snomD785-{plain_mac}.htm")]
        {
            if !own.eq_ignore_ascii_case(&foreign) {
                assert_eq!(plain(&stage, &foreign, &beside(mac), 0).status, 404, "{maker}: {foreign}");
            }
        }
        assert_eq!(plain(&stage, own, &voice(mac), 1).status, 200, "{own}: somebody had begun a claim");
    }
}

#[test]
fn sec_d09_sixty_phones_behind_one_listed_host_all_come_up_and_behind_another_address_three_an_hour() {
    let stage = Stage::new();
    let phones: Vec<MacAddr> = (1..=60)
        .map(|number| stage.enrol("yealink", "T46U", &format!("80:5e:c0:00:10:{number:02x}"), "phoenix", OWNERS[2].1))
        .collect();
    let (behind_nat, others) = phones.split_at(50);
    for mac in behind_nat {
        assert_eq!(plain(&stage, &format!("/{}.cfg", mac.plain()), "192.0.2.7", 0).status, 200, "{mac}");
    }
    let served = |minutes| {
        let asked = others.iter().map(|mac| plain(&stage, &format!("/{}.cfg", mac.plain()), "10.3.0.9", minutes));
        asked.filter(|got| got.status == 200).count()
    };
    // Whoever began a claim may go on; nobody else begins one before the hour is over.
    assert_eq!((served(0), served(30)), (3, 3));
    assert_eq!(stage.last_reason(others[9]).as_deref(), Some("limited"));
    assert_eq!(served(61), 3, "three more");
}

#[test]
fn sixty_unknown_phones_do_not_keep_the_one_that_may_come_up_behind_the_same_address() {
    let stage = Stage::new();
    for number in 1..=60 {
        let unknown = format!("/805ec00020{number:02x}.cfg");
        assert_eq!(plain(&stage, &unknown, "192.0.2.7", 0).status, 404);
    }
    let mac = stage.enrol("yealink", "T46U", "80:5e:c0:00:30:01", "phoenix", OWNERS[2].1);
    assert_eq!(plain(&stage, &format!("/{}.cfg", mac.plain()), "192.0.2.7", 1).status, 200);
}

#[test]
fn sec_d09_of_fifty_racing_addresses_one_wins_whatever_the_maker() {
    let stage = Stage::new();
    for (mac, files) in stage.one_of_each_maker() {
        let own = files.last().unwrap();
        let served: Vec<String> = std::thread::scope(|scope| {
            let race = |host: u8| {
                let peer = format!("10.1.{}.{host}", mac.oui().0[2]);
                let stage = &stage;
                scope.spawn(move || (plain(stage, own, &peer, 0).status == 200).then_some(peer))
            };
            let racers: Vec<_> = (100..150).map(race).collect();
            racers.into_iter().filter_map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(served.len(), 1, "{own}: {served:?}");
        assert_eq!(plain(&stage, own, &served[0], 30).status, 200, "{own}");
    }
}

/// A certificate that phones could not trust, a name that leads elsewhere: who would be lost for good stays parked.
#[test]
fn sec_d22a_phones_that_dhcp_could_not_lead_back_are_not_sent_to_a_dead_url() {
    let stage = Stage::new();
    let ask = |file: &str| stage.ask(Plane::Tftp, &format!("/{file}"), STRANGER, noon());
    let handed_over: Vec<Got> = PUBLIC.iter().map(|(_, file, _)| ask(file)).collect();
    stage.pipeline.snapshot.load().set_handover(Err(ztpd::config::Parked::IncompleteChain)).unwrap();
    for ((maker, file, _), before) in PUBLIC.iter().zip(handed_over) {
        let parked = ask(file);
        if ["cisco", "gigaset"].contains(maker) || *file == "000000000000.cfg" {
            assert_eq!(parked, before, "{maker} {file}: DHCP leads it back, or it names no server");
            continue;
        }
        assert!(before.text.contains("prov.example.com"), "{maker} {file}");
        assert!(!parked.text.contains("prov.example.com"), "{maker} {file}: {}", parked.text);
        if !file.starts_with("9CADEF") {
            assert!(
                parked.status == 200 && parked.text.contains("ntp.example.com") || *maker == "poly",
                "{maker} {file}"
            );
        }
    }
}

/// A common file may be asked after the own one: it must not lead the phone away again (Z3). Cisco's, which is asked
/// first and names the own file, is the exception.
#[test]
fn sec_d01a_a_public_file_over_https_leads_nowhere() {
    let stage = Stage::new();
    for (maker, file, _) in PUBLIC.iter().filter(|(maker, ..)| *maker != "cisco") {
        let text = plain(&stage, &format!("/{file}"), STRANGER, 0).text.to_lowercase();
        for word in ["prov.example.com", "dhcp", "certificate", "pnp", "p237", "p145", "serverna", "setting_server"] {
            assert!(!text.contains(word), "{maker} {file} has {word}: {text}");
        }
    }
}

/// A public file's bytes depend on public things only (Z2): here on who is asked about in every way a request can.
#[test]
fn sec_d01_public_bytes_are_the_same_for_unknown_known_claimed_bound_and_retired_phones() {
    let stage = Stage::new();
    let answers = |stage: &Stage| {
        let mut all = Vec::new();
        for (maker, file, _) in PUBLIC {
            for plane in [Plane::Tftp, Plane::Http, Plane::Https] {
                for agent in agents(maker) {
                    let agent = (plane != Plane::Tftp).then_some(agent.as_str());
                    // Inside the networks a base may claim by this name, as it asks for no other.
                    let peer = if *maker == "gigaset" { "172.16.0.1" } else { STRANGER };
                    let got = stage.ask_as(plane, &format!("/{file}"), peer, noon(), agent, Method::Get);
                    all.push((*file, plane, got));
                }
            }
        }
        all
    };
    let unknown = answers(&stage);
    assert!(
        unknown
            .iter()
            .all(|(file, plane, got)| got.status == 200 || (*plane == Plane::Https && file.starts_with("9CADEF")))
    );
    let phones = stage.one_of_each_maker();
    stage.enrol("poly", "OBi202", "9c:ad:ef:00:00:03", "phoenix", OWNERS[2].1);
    assert_eq!(unknown, answers(&stage), "known");
    for (mac, files) in &phones {
        assert_eq!(plain(&stage, files.last().unwrap(), &voice(*mac), 0).status, 200);
    }
    assert_eq!(unknown, answers(&stage), "claimed");
    for (mac, files) in &phones {
        assert_eq!(plain(&stage, &token_path(*mac, files.last().unwrap()), STRANGER, 1).status, 200);
    }
    assert_eq!(unknown, answers(&stage), "bound");
    for (mac, files) in &phones {
        stage.store.retire(*mac, Secret::new(format!("fresh-of-{}", mac.plain())), &by()).unwrap();
        assert_eq!(plain(&stage, &token_path(*mac, files.last().unwrap()), STRANGER, 2).status, 404);
    }
    assert_eq!(unknown, answers(&stage), "retired");
}

/// What the first phone of a maker says of itself, and the same as if it were another one.
fn agents(maker: &str) -> Vec<String> {
    let (_, _, mac, _) = PHONES.iter().find(|(of, ..)| *of == maker).unwrap();
    let agent = |mac: &str| {
        let (colons, bare) = (mac.to_owned(), mac.replace(':', ""));
        match maker {
            "cisco" => format!("Cisco-CP-8841-3PCC/11.0 ({bare})"),
            "gigaset" => format!("Gigaset N870 IP PRO/83.V2.43.0+build.5f0a106;{};Handset=250", bare.to_uppercase()),
            "grandstream" => format!("Grandstream Model HW GXP2170 SW 1.0.5.15 DevId {bare}"),
            "poly" => format!("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 (SN:{bare}) Type/Application"),
            "snom" => format!("Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 {bare})"),
            _ => format!("Yealink SIP-T46U 108.86.0.20 {colons}"),
        }
    };
    let agents = vec![agent(mac), agent("00:15:65:99:99:99"), "curl/8".to_owned()];
    assert!(makers::by_user_agent(&agents[0]).is_some_and(|(found, _)| found.id() == maker), "{agents:?}");
    agents
}
