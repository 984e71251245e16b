//! From the box to the first call, for a phone of every maker as its maker says it boots (ZERO-TOUCH §4): the same
//! DHCP answer at every start, power lost after any answer, the wrong VLAN first, a factory reset.

use std::net::IpAddr;

use ztpd::inventory::access::{ClaimWindow, OpenedBy};
use ztpd::inventory::mac::MacAddr;
use ztpd::inventory::period::Period;
use ztpd::inventory::secret::{Secret, TokenLength};
use ztpd::simulate::{Boot, Ending, Expect, Maker, Model, Network, NewServer, Outcome, Phone};

use crate::support::{Site, actor, admin, curl, fetch};

/// One model of each maker, for what is tried many times.
pub const ONE_OF_EACH: [Model; 5] =
    [Model::CISCO_8841, Model::GRANDSTREAM_GRP2614, Model::POLY_VVX450, Model::SNOM_D785, Model::YEALINK_T46U];

/// A phone of a model, registered; `number` tells it from its like.
pub fn phone(site: &Site, model: Model, number: u16) -> Phone {
    let mac = mac(model, number);
    site.enrol_of(&model.maker().to_string(), &mac.to_string(), model.name());
    Phone::new(model, mac, "SERIAL")
}

fn mac(model: Model, number: u16) -> MacAddr {
    let oui = match model.maker() {
        Maker::Cisco => "d0ec35",
        Maker::Grandstream => "c074ad",
        Maker::Poly => "64167f",
        Maker::Snom => "000413",
        Maker::Yealink => "805ec0",
    };
    // Models share their maker's range: the fourth octet tells them apart.
    let place = Model::ALL.iter().position(|known| *known == model).unwrap();
    format!("{oui}{place:02x}{number:04x}").parse().unwrap()
}

pub fn network(site: &Site, source: IpAddr) -> Network {
    let mut network = Network::new(source, site.now);
    network.options.option_66 = Some(format!("tftp://127.0.0.1:{}/", site.tftp));
    network
}

/// The phone came up with its line and has nothing more to ask.
fn assert_up(phone: &Phone, boot: &Boot, when: &str) {
    let model = phone.model();
    let account = boot.account.as_ref().unwrap_or_else(|| panic!("{model}, {when}: no account: {boot:#?}"));
    assert_eq!((account.user.as_str(), account.display_name.as_str()), ("1000", "Alice Doe"), "{model}, {when}");
    assert!(matches!(boot.ended, Ending::Stable), "{model}, {when}: {boot:#?}");
}

/// Besides, its settings came over the URL with its token.
fn assert_up_by_token(site: &Site, phone: &Phone, boot: &Boot, when: &str) {
    assert_up(phone, boot, when);
    let token = site.store.phone(phone.mac()).unwrap().unwrap().token;
    let by_token = format!("/t/{}/", token.reveal());
    let served = |outcome: &Outcome| matches!(outcome, Outcome::Served { .. });
    let own = boot.requests.iter().any(|seen| seen.url.contains(&by_token) && served(&seen.outcome));
    assert!(own, "{}, {when}: nothing came over the token's URL: {boot:#?}", phone.model());
}

/// It boots, comes up, and from then on lives at the token's URL.
fn comes_up(site: &Site, phone: &mut Phone, network: &Network, when: &str) {
    let boot = site.runtime.block_on(phone.boot(network));
    assert_up(phone, &boot, when);
    let polled = site.runtime.block_on(phone.poll(network));
    assert_up_by_token(site, phone, &polled, when);
}

#[test]
fn sec_d22_phones_of_every_maker_end_on_their_token_at_each_of_twenty_boots_with_the_same_dhcp_answer() {
    let site = Site::start();
    for (place, model) in Model::ALL.into_iter().enumerate().filter(|(_, model)| model.expect() == Expect::Account) {
        let mut phone = phone(&site, model, 1);
        let network = network(&site, [127, 0, 1, u8::try_from(place).unwrap() + 1].into());
        comes_up(&site, &mut phone, &network, "boot 1");
        for time in 2..=20 {
            let boot = site.runtime.block_on(phone.boot(&network));
            assert_up_by_token(&site, &phone, &boot, &format!("boot {time}"));
        }
    }
}

/// Where a maker is silent, a phone may ask a new server at once or at its next poll: both come up.
#[test]
fn a_phone_that_goes_to_its_new_server_at_the_next_poll_comes_up_there() {
    let site = Site::start();
    for (place, model) in ONE_OF_EACH.into_iter().enumerate() {
        let mut phone = phone(&site, model, 2);
        phone.take_new_server(NewServer::NextPoll);
        let network = network(&site, [127, 0, 2, u8::try_from(place).unwrap() + 1].into());
        site.runtime.block_on(phone.boot(&network));
        for _ in 0..2 {
            site.runtime.block_on(phone.poll(&network));
        }
        let boot = site.runtime.block_on(phone.poll(&network));
        assert_up_by_token(&site, &phone, &boot, "after three polls");
    }
}

#[test]
fn a_phone_of_every_maker_comes_up_though_its_power_failed_after_any_one_answer() {
    let site = Site::start();
    for (place, model) in ONE_OF_EACH.into_iter().enumerate() {
        let source = |number: u16| {
            let [high, low] = number.to_be_bytes();
            IpAddr::from([127, 3 + u8::try_from(place).unwrap(), high, low])
        };
        let mut whole = phone(&site, model, 1000);
        let answers = site.runtime.block_on(whole.boot(&network(&site, source(1000)))).requests.len();
        assert!(answers >= 4, "{model}: {answers}");
        for number in 1..=u16::try_from(answers).unwrap() {
            let mut phone = phone(&site, model, number);
            let network = network(&site, source(number));
            let cut = site.runtime.block_on(phone.boot_until(&network, number.into()));
            assert!(matches!(cut.ended, Ending::PowerCut), "{model} {number}: {cut:#?}");
            comes_up(&site, &mut phone, &network, &format!("power failed after answer {number} of {answers}"));
        }
    }
}

#[test]
fn a_phone_that_asks_from_the_data_vlan_first_comes_up_on_its_voice_vlan() {
    let site = Site::start();
    let voice = r#"{"id": "voice", "name": "Voice", "networks": ["127.20.0.0/16"]}"#;
    site.store.create_site(serde_json::from_str(voice).unwrap(), &actor(site.now)).unwrap();
    for (place, model) in ONE_OF_EACH.into_iter().enumerate() {
        let mac = mac(model, 3);
        let known = ztpd::makers::by_spelling(&model.maker().to_string(), model.name()).unwrap();
        site.enrol_device(&known.maker, &mac.to_string(), known.model.as_str(), "alice@example.com", "voice");
        let mut phone = Phone::new(model, mac, "SERIAL");
        let host = u8::try_from(place).unwrap() + 1;
        let data = site.runtime.block_on(phone.boot(&network(&site, [127, 21, 0, host].into())));
        assert!(data.account.is_none(), "{model}: {data:#?}");
        comes_up(&site, &mut phone, &network(&site, [127, 20, 0, host].into()), "on the voice VLAN");
    }
}

#[test]
fn a_phone_that_was_reset_comes_up_again_once_the_operator_says_so() {
    let site = Site::start();
    for (place, model) in ONE_OF_EACH.into_iter().enumerate() {
        let mut phone = phone(&site, model, 4);
        let network = network(&site, [127, 0, 4, u8::try_from(place).unwrap() + 1].into());
        comes_up(&site, &mut phone, &network, "first boot");
        phone.factory_reset();
        let boot = site.runtime.block_on(phone.boot(&network));
        assert!(boot.account.is_none(), "{model}: {boot:#?}");
        let now = ztpd::host::clock::Clock::start().now();
        let closes = now + jiff::SignedDuration::from_secs(Period::minutes(15).as_seconds().try_into().unwrap());
        let window = ClaimWindow { from: Vec::new(), opened: now, closes, opened_by: OpenedBy::Operator };
        site.store.open_window(phone.mac(), window, Secret::token(TokenLength::Full).unwrap(), &actor(now)).unwrap();
        // The hand-over keeps it asking: no hand needs to touch it.
        let polled = site.runtime.block_on(phone.poll(&network));
        assert_up(&phone, &polled, "after its window was opened");
        comes_up(&site, &mut phone, &network, "the boot after that");
    }
}

/// Poly's master and settings, or one maker's only file: the daemon is another one when the second is asked.
#[test]
fn a_claim_goes_on_byte_for_byte_when_the_daemon_is_started_again_between_two_files() {
    const URL: &str = "public_url = \"https://localhost:9443\"";
    let mut site = Site::start_with(URL);
    if curl(&site, "127.0.0.1", "y000000000108.cfg", &[]).is_none() {
        return;
    }
    let phones: Vec<(MacAddr, Vec<String>)> = ONE_OF_EACH
        .into_iter()
        .map(|model| {
            let (mac, maker) = (mac(model, 5), model.maker().to_string());
            site.enrol_of(&maker, &mac.to_string(), model.name());
            let known = ztpd::makers::by_spelling(&maker, model.name()).unwrap();
            (mac, ztpd::makers::by_id(&maker).unwrap().files(mac, known))
        })
        .collect();
    let ask = |site: &Site, file: &str| {
        let got = curl(site, "127.0.0.1", file, &[]).unwrap();
        assert_eq!(got.status, 200, "{file}");
        got.body
    };
    let before: Vec<Vec<String>> =
        phones.iter().map(|(_, files)| files.iter().map(|file| ask(&site, file)).collect()).collect();
    site = site.restart(URL);
    let after: Vec<Vec<String>> =
        phones.iter().map(|(_, files)| files.iter().map(|file| ask(&site, file)).collect()).collect();
    assert_eq!(before, after);
    for (mac, files) in &phones {
        let token = site.store.phone(*mac).unwrap().unwrap().token;
        let by_token = format!("t/{}/{}", token.reveal(), files.last().unwrap());
        assert!(after.iter().flatten().any(|text| *text == ask(&site, &by_token)), "{by_token}");
    }
}

#[test]
fn sec_d01_public_files_are_the_same_over_tftp_http_and_https_whatever_is_known_of_the_phone() {
    let site = Site::start();
    if curl(&site, "127.0.0.1", "y000000000108.cfg", &[]).is_none() {
        return;
    }
    let asked = [
        ("8841-3PCC.xml", "Cisco-CP-8841-3PCC/11.0 (d0ec35020006)"),
        ("CP-8841-3PCC.cfg", "Cisco-CP-8841-3PCC/11.0 (d0ec35020006)"),
        ("spa504G.cfg", "Cisco/SPA504G-7.4.4 (D0EC35020006)(CBT141100HR)"),
        ("ata192.cfg", "curl"),
        ("cfg.xml", "Grandstream Model HW GRP2614 SW 1.0.5.15 DevId c074ad040006"),
        ("000000000000.cfg", "FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 (SN:64167f070006) Type/Application"),
        ("ztpd-poly.cfg", "FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 (SN:64167f070006) Type/Application"),
        ("snomD785.htm", "Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 0004130A0006)"),
        ("y000000000108.cfg", "Yealink SIP-T46U 108.86.0.20 80:5e:c0:0c:00:06"),
        ("ztpd-ca.pem", "curl"),
        ("ztpd-ca.der", "curl"),
    ];
    let answers = || {
        let of = |(file, agent): &(&str, &str)| {
            let urls = [
                format!("tftp://127.0.0.1:{}", site.tftp),
                format!("http://127.0.0.1:{}", site.http),
                site.url.clone(),
            ];
            urls.map(|url| fetch(&site, &format!("{url}/{file}"), agent).unwrap_or_else(|| panic!("{url}/{file}")))
        };
        asked.iter().map(of).collect::<Vec<_>>()
    };
    let unknown = answers();
    let mut phones: Vec<Phone> = ONE_OF_EACH.into_iter().map(|model| phone(&site, model, 6)).collect();
    assert!(asked[6].1.contains(&phones[2].mac().plain()), "{:?}", phones[2]);
    assert_eq!(unknown, answers(), "known");
    for phone in &mut phones {
        comes_up(&site, phone, &network(&site, [127, 0, 6, 1].into()), "boot");
    }
    assert_eq!(unknown, answers(), "bound");
    for phone in &phones {
        let path = format!("devices/{}/retire", phone.mac());
        assert_eq!(admin(&site, "POST", &path, "{}", &[]).unwrap().0, 200);
    }
    assert_eq!(unknown, answers(), "retired");
    for phone in &phones {
        let path = format!("devices/{}", phone.mac());
        assert_eq!(admin(&site, "DELETE", &path, "", &[]).unwrap().0, 204);
    }
    assert_eq!(unknown, answers(), "removed");
}
