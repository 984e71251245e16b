use super::*;
use crate::inventory::access::{AccessState, OpenedBy};
use crate::store::Expected;

fn main_sites(store: &dyn Store) -> Vec<String> {
    let sites = store.sites(&all()).unwrap();
    sites.into_iter().filter(|site| site.value.main).map(|site| site.value.id.to_string()).collect()
}

#[test]
fn the_first_site_is_main_and_exactly_one_always_is() {
    let store = MemoryStore::new();
    assert_eq!(store.main_site().unwrap(), None);
    store.create_site(site("b"), &by()).unwrap();
    assert_eq!(main_sites(&store), ["b"]);
    store.create_site(site("a"), &by()).unwrap();
    assert_eq!(main_sites(&store), ["b"]);
    store.create_site(Site { main: true, ..site("c") }, &by()).unwrap();
    assert_eq!(main_sites(&store), ["c"]);
    store.replace_site(Site { main: true, ..site("a") }, Expected::Any, &windows(0), &by()).unwrap();
    assert_eq!(main_sites(&store), ["a"]);
    assert_eq!(store.main_site().unwrap().unwrap().value.id.as_str(), "a");
}

#[test]
fn the_main_site_is_not_given_up_without_another() {
    let store = two_sites();
    let hq = "hq".parse().unwrap();
    let refused = conflict(store.replace_site(site("hq"), Expected::Any, &windows(0), &by()));
    assert_eq!(refused, Conflict::MainSite("hq".parse().unwrap()));
    assert_eq!(conflict(store.remove_site(&hq, Expected::Any, &by())), Conflict::MainSite(hq.clone()));
    store.remove_site(&"lab".parse().unwrap(), Expected::Any, &by()).unwrap();
    store.remove_site(&hq, Expected::Any, &by()).unwrap();
    assert_eq!(store.main_site().unwrap(), None);
    assert_eq!(store.counts().unwrap().sites, 0);
    store.create_site(site("new"), &by()).unwrap();
    assert_eq!(main_sites(&store), ["new"]);
}

#[test]
fn a_site_is_not_removed_while_anything_belongs_to_it() {
    let store = two_sites();
    let lab = "lab".parse().unwrap();
    let in_use = |by: &str| Conflict::InUse { kind: "site", id: "lab".into(), by: by.into() };
    enrol(&store, device(1, "lab")).unwrap();
    assert_eq!(conflict(store.remove_site(&lab, Expected::Any, &by())), in_use("device 001565000001"));
    store.remove_device(mac(1), Expected::Any, &by()).unwrap();
    store.create_user(user("alice", "lab"), password(), &by()).unwrap();
    assert_eq!(conflict(store.remove_site(&lab, Expected::Any, &by())), in_use("user alice@example.com"));
    store.replace_user(user("alice", "hq"), Expected::Any, None, &by()).unwrap();
    store.create_common_area(area("lobby", "lab"), password(), &by()).unwrap();
    assert_eq!(conflict(store.remove_site(&lab, Expected::Any, &by())), in_use("common_area lobby"));
    store.remove_common_area(&"lobby".parse().unwrap(), Expected::Any, &by()).unwrap();
    store.remove_site(&lab, Expected::Any, &by()).unwrap();
}

#[test]
fn a_site_exists_once_and_unknown_ones_are_said_so() {
    let store = two_sites();
    assert_eq!(conflict(store.create_site(site("hq"), &by())), Conflict::Exists { kind: "site", id: "hq".into() });
    let unknown = Conflict::Unknown { kind: "site", id: "x".into() };
    assert_eq!(conflict(store.replace_site(site("x"), Expected::Any, &windows(0), &by())), unknown);
    assert_eq!(conflict(store.remove_site(&"x".parse().unwrap(), Expected::Any, &by())), unknown);
    assert_eq!(conflict(store.create_user(user("alice", "x"), password(), &by())), unknown);
    assert_eq!(conflict(enrol(&store, device(1, "x"))), unknown);
}

#[test]
fn a_site_that_gets_networks_opens_the_windows_of_its_unclaimed_phones() {
    let store = two_sites();
    for number in 1..=3 {
        enrol(&store, device(number, "hq")).unwrap();
    }
    enrol(&store, device(4, "lab")).unwrap();
    let elsewhere = store.phone(mac(4)).unwrap().unwrap().access;
    // Phone 2 has its secrets already, phone 3 has a window of its own.
    let window = crate::inventory::access::ClaimWindow {
        from: vec!["192.0.2.0/24".parse().unwrap()],
        opened: at(0),
        closes: at(100),
        opened_by: OpenedBy::Operator,
    };
    store.token_shown(mac(2), &token(2).hash()).unwrap();
    store.open_window(mac(3), window.clone(), token(33), &by()).unwrap();
    let networked = Site { main: true, ..with_networks(site("hq")) };
    store.replace_site(networked.clone(), Expected::Any, &windows(5), &by()).unwrap();

    let access = |number| store.phone(mac(number)).unwrap().unwrap().access;
    let opened = access(1).window.unwrap();
    assert_eq!((opened.opened, opened.closes), (at(5), at(5 + 24 * 60)));
    assert_eq!((opened.opened_by, opened.from.len()), (OpenedBy::Site, 0));
    assert_eq!(access(2).state(at(6)), AccessState::Bound);
    assert_eq!(access(3).window, Some(window));
    assert_eq!(access(4), elsewhere);
    // Networks that were there before open nothing again.
    store.close_window(mac(1), &by()).unwrap();
    store.replace_site(networked, Expected::Any, &windows(6), &by()).unwrap();
    assert_eq!(access(1).window, None);
}

#[test]
fn a_change_of_a_record_read_before_another_change_is_refused() {
    let store = two_sites();
    let read = store.site(&"lab".parse().unwrap()).unwrap().unwrap();
    let written =
        store.replace_site(read.value.clone(), Expected::Revision(read.revision), &windows(0), &by()).unwrap();
    assert_eq!(written.revision, store.revision().unwrap());
    let stale = Conflict::Stale { kind: "site", id: "lab".into(), found: written.revision };
    let late = store.replace_site(read.value, Expected::Revision(read.revision), &windows(0), &by());
    assert_eq!(conflict(late), stale);
    assert_eq!(conflict(store.remove_site(&"lab".parse().unwrap(), Expected::Revision(1), &by())), stale);

    let account = store.account().unwrap();
    assert_eq!(account.revision, 0);
    let written = store.set_account(account.value.clone(), Expected::Revision(0), &by()).unwrap();
    assert_eq!(store.account().unwrap(), written);
    let late = conflict(store.set_account(account.value, Expected::Revision(0), &by()));
    assert_eq!(late, Conflict::Stale { kind: "account", id: String::new(), found: written.revision });
}

#[test]
fn administrators_tokens_come_and_go() {
    let store = MemoryStore::new();
    let token = crate::inventory::account::AdminToken {
        id: "ci".parse().unwrap(),
        name: "CI".parse().unwrap(),
        hash: "00".into(),
        created: at(0),
        expires: at(1),
    };
    store.create_admin_token(token.clone(), &by()).unwrap();
    let exists = Conflict::Exists { kind: "token", id: "ci".into() };
    assert_eq!(conflict(store.create_admin_token(token.clone(), &by())), exists);
    assert_eq!(store.admin_tokens().unwrap(), [token]);
    store.remove_admin_token(&"ci".parse().unwrap(), &by()).unwrap();
    let unknown = Conflict::Unknown { kind: "token", id: "ci".into() };
    assert_eq!(conflict(store.remove_admin_token(&"ci".parse().unwrap(), &by())), unknown);
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let store = two_sites();
    for number in 1..=7 {
        enrol(&store, device(number, "hq")).unwrap();
    }
    let mut after = None;
    let mut seen = Vec::new();
    loop {
        let page = store.devices(&PageRequest { after: after.clone(), limit: 3 }).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.value.mac.to_string());
        seen.extend(page.iter().map(|device| device.value.mac));
    }
    assert_eq!(seen, (1..=7).map(mac).collect::<Vec<_>>());
    let first = store.sites(&PageRequest { after: Some("hq".into()), limit: 1 }).unwrap();
    assert_eq!(first.first().map(|site| site.value.id.to_string()), Some("lab".into()));
}
