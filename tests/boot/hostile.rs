//! What people write, as phones of every maker read it with parsers of their own (policy D19 to D21).

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use ztpd::inventory::secret::Secret;
use ztpd::inventory::user::User;
use ztpd::simulate::{Model, Phone};
use ztpd::store::Expected;

use crate::makers::{ONE_OF_EACH, network, phone};
use crate::support::{Site, actor};

fn name() -> impl Strategy<Value = String> {
    const NASTY: &[&str] =
        &["</x> & \"1\" ';", "a = 1", "#", "]]>", "&#10;x", "{{ 7 }}", "$MA", "\u{3000}a\u{a0}", "a\nb", "\u{202e}b"];
    prop_oneof![
        vec(any::<char>(), 1..30).prop_map(String::from_iter),
        "[^\\p{C}]{1,40}",
        proptest::sample::select(NASTY).prop_map(str::to_owned)
    ]
}

#[test]
fn sec_d21_every_makers_phone_reads_what_was_written_or_it_was_refused() {
    let site = Site::start();
    let mut phones: Vec<Phone> = ONE_OF_EACH.into_iter().map(|model: Model| phone(&site, model, 7)).collect();
    let network = network(&site, [127, 0, 7, 1].into());
    for phone in &mut phones {
        assert!(site.runtime.block_on(phone.boot(&network)).account.is_some(), "{phone:?}");
    }
    let mut runner =
        TestRunner::new(Config { cases: 24, max_shrink_iters: 32, failure_persistence: None, ..Config::default() });
    let phones = std::cell::RefCell::new(phones);
    let tried = runner.run(&(name(), name(), "[!-~]{8,64}", "[A-Za-z0-9._+~!*&-]{1,64}"), |(first, last, password, sip)| {
        let record = json!({"id": "alice@example.com", "first_name": first, "last_name": last, "site": "hq", "extension": "1000",
            "sip": {"user": sip, "auth_user": format!("a{}", &sip[..sip.len().min(63)])}});
        let Ok(user) = serde_json::from_value::<User>(record) else { return Ok(()) };
        let (shown, auth) = (user.display_name(), format!("a{}", &sip[..sip.len().min(63)]));
        site.store.replace_user(user, Expected::Any, Some(Secret::new(password.clone())), &actor(site.now)).unwrap();
        for phone in phones.borrow_mut().iter_mut() {
            let boot = site.runtime.block_on(phone.poll(&network));
            let account = boot.account.as_ref().unwrap_or_else(|| panic!("{phone:?}: {:?}", boot.trouble));
            let read = [&account.display_name, &account.user, &account.auth_user, account.password.reveal()].map(str::to_owned);
            prop_assert_eq!(read, [&shown, &sip, &auth, &password].map(String::to_owned), "{:?}: {:?}", phone, boot.trouble);
            prop_assert!(boot.other_lines.is_empty(), "{:?}", phone);
        }
        Ok(())
    });
    tried.unwrap();
}
