use super::*;
use crate::inventory::account::Account;
use crate::inventory::extension::Extension;
use crate::store::Expected;

fn coded(id: &str, code: &str, range: &str) -> Site {
    Site { code: code.parse().ok(), extension_ranges: range.parse().into_iter().collect(), ..site(id) }
}

fn site_codes(store: &dyn Store, on: bool) -> Stored<()> {
    store.set_account(Account { site_codes: on, ..Account::default() }, Expected::Any, &by()).map(|_| ())
}

fn given(store: &dyn Store, name: &str, site: &str) -> Stored<String> {
    Ok(store.create_user(user(name, site), password(), &by())?.value.extension.unwrap().to_string())
}

fn wishing(name: &str, site: &str, extension: &str) -> User {
    User { extension: Some(extension.parse().unwrap()), ..user(name, site) }
}

fn long(store: &dyn Store, extension: &str, site: &str) -> String {
    store.long_extension(&extension.parse().unwrap(), &site.parse().unwrap()).unwrap().to_string()
}

#[test]
fn with_site_codes_an_extension_is_one_owners_of_its_site() {
    let store = MemoryStore::new();
    store.create_site(coded("a", "7", "200-299"), &by()).unwrap();
    store.create_site(coded("b", "81", "200-299"), &by()).unwrap();
    site_codes(&store, true).unwrap();
    assert_eq!(given(&store, "one", "a").unwrap(), "200");
    assert_eq!(given(&store, "two", "b").unwrap(), "200");
    assert_eq!((long(&store, "200", "a"), long(&store, "200", "b")), ("7200".to_owned(), "81200".to_owned()));
    let taken = Conflict::ExtensionTaken { extension: "200".parse().unwrap(), owner: user_owner("one") };
    assert_eq!(conflict(store.create_user(wishing("three", "a", "200"), password(), &by())), taken);
    let longer: Extension = "12345".parse().unwrap();
    let too_long = Conflict::ExtensionTooLong { extension: longer, code: "81".parse().unwrap() };
    assert_eq!(conflict(store.create_user(wishing("three", "b", "12345"), password(), &by())), too_long);
    // One who moves keeps the extension if it is free there.
    let moved = store.replace_user(user("two", "a"), Expected::Any, None, &by());
    assert_eq!(conflict(moved), taken);
    store.remove_user(&"one@example.com".parse().unwrap(), Expected::Any, &by()).unwrap();
    store.replace_user(user("two", "a"), Expected::Any, None, &by()).unwrap();
    assert_eq!(given(&store, "four", "b").unwrap(), "200");

    // Without codes both could not be dialled any more.
    assert!(matches!(conflict(site_codes(&store, false)), Conflict::ExtensionTaken { .. }));
    store.replace_user(wishing("four", "b", "201"), Expected::Any, None, &by()).unwrap();
    site_codes(&store, false).unwrap();
    assert_eq!(long(&store, "201", "b"), "201");
    let taken = Conflict::ExtensionTaken { extension: "200".parse().unwrap(), owner: user_owner("two") };
    assert_eq!(conflict(store.create_user(wishing("five", "b", "200"), password(), &by())), taken);
}

#[test]
fn two_sites_whose_long_forms_meet_are_kept_apart() {
    let store = MemoryStore::new();
    store.create_site(coded("a", "1", "2300-2399"), &by()).unwrap();
    store.create_site(coded("b", "12", "300-399"), &by()).unwrap();
    site_codes(&store, true).unwrap();
    store.create_user(wishing("one", "a", "2345"), password(), &by()).unwrap();
    let taken = Conflict::ExtensionTaken { extension: "345".parse().unwrap(), owner: user_owner("one") };
    assert_eq!(conflict(store.create_user(wishing("two", "b", "345"), password(), &by())), taken);
}

#[test]
fn what_a_site_code_or_a_cry_for_help_begins_with_is_never_given_out_by_itself() {
    let store = MemoryStore::new();
    store.create_site(Site { country: "AT".parse().ok(), ..coded("a", "70", "111-124") }, &by()).unwrap();
    store.create_site(coded("b", "109", "68-72"), &by()).unwrap();
    store.create_site(coded("c", "7", "800-899"), &by()).unwrap();
    // 112 and, in Austria, 122 call for help; a code counts for nothing while the account has none.
    let first: Vec<_> = (0..12).map(|turn| given(&store, &format!("u{turn}"), "a").unwrap()).collect();
    let expected = [111, 113, 114, 115, 116, 117, 118, 119, 120, 121, 123, 124].map(|number: u32| number.to_string());
    assert_eq!(first, expected);
    site_codes(&store, true).unwrap();
    // 70 is a site's code, and 7 one that 7x begins with.
    let others: Vec<_> = (0..2).map(|turn| given(&store, &format!("v{turn}"), "b").unwrap()).collect();
    assert_eq!(others, ["68", "69"]);
    assert_eq!(conflict(given(&store, "v3", "b")), Conflict::RangeExhausted("b".parse().unwrap()));
}

#[test]
fn a_site_without_a_code_or_with_anothers_is_refused_and_nothing_changes() {
    let store = two_sites();
    assert_eq!(conflict(site_codes(&store, true)), Conflict::NoSiteCode("hq".parse().unwrap()));
    assert!(!store.account().unwrap().value.site_codes);
    let set = |site: Site| store.replace_site(site, Expected::Any, &windows(0), &by());
    set(Site { main: true, ..coded("hq", "70", "1000-9999") }).unwrap();
    let taken = Conflict::SiteCodeTaken { code: "70".parse().unwrap(), site: "hq".parse().unwrap() };
    assert_eq!(conflict(set(coded("lab", "70", "1000-9999"))), taken);
    set(coded("lab", "71", "1000-9999")).unwrap();
    site_codes(&store, true).unwrap();
    assert!(matches!(conflict(set(coded("lab", "711", "1000-9999"))), Conflict::RangeTooLong { .. }));
    assert_eq!(conflict(set(site("lab"))), Conflict::NoSiteCode("lab".parse().unwrap()));
    assert_eq!(conflict(store.create_site(site("new"), &by())), Conflict::NoSiteCode("new".parse().unwrap()));
    // A code that is given up is free for others.
    set(coded("lab", "72", "1000-9999")).unwrap();
    store.create_site(coded("new", "71", "1000-9999"), &by()).unwrap();
    store.remove_site(&"new".parse().unwrap(), Expected::Any, &by()).unwrap();
    store.create_site(coded("newer", "71", "1000-9999"), &by()).unwrap();
}

#[test]
fn a_sites_new_code_stands_before_everybodys_extension_there() {
    let store = MemoryStore::new();
    store.create_site(coded("a", "70", "200-299"), &by()).unwrap();
    store.create_site(coded("b", "71", "200-299"), &by()).unwrap();
    site_codes(&store, true).unwrap();
    store.create_user(wishing("one", "a", "200"), password(), &by()).unwrap();
    let recoded = Site { main: true, ..coded("a", "72", "200-299") };
    store.replace_site(recoded, Expected::Any, &windows(0), &by()).unwrap();
    assert_eq!(long(&store, "200", "a"), "72200");
    assert_eq!(
        store.backend_rows().into_iter().filter(|key| key.starts_with("extension/")).collect::<Vec<_>>(),
        ["extension/72200"]
    );
}
