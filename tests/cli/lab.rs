//! `ztpd lab`, as far as the command line has to do with it.

use crate::support::Daemon;

fn settings(seconds: i64) -> String {
    let until = ztpd::host::clock::Clock::start().now() + jiff::SignedDuration::from_secs(seconds);
    format!("[lab]\nnetworks = [\"127.0.0.0/8\"]\nuntil = \"{until}\"\nmac_is_enough = true\n")
}

#[test]
fn sec_x1_a_lab_is_confirmed_on_the_command_line_and_every_command_says_that_it_is_on() {
    let daemon = Daemon::furnished();
    let refused = daemon.ask(&["lab", "enable", "--confirm"]);
    assert_eq!((refused.code, refused.err.contains("mode = \"lab\"")), (4, true), "{refused:?}");
    let daemon = daemon.again_with("mode = \"lab\"\n", &settings(3600));
    let refused = daemon.ask(&["lab", "enable"]);
    assert_eq!((refused.code, refused.err.contains("mac_is_enough")), (4, true), "nobody said yes: {refused:?}");
    assert_eq!(daemon.json(&["lab", "show"])["on"], false);
    let enabled = daemon.ask(&["lab", "enable", "--confirm"]);
    assert_eq!(enabled.code, 0, "{enabled:?}");
    assert!(enabled.out.contains("lab mode is on until") && enabled.err.contains("LAB MODE"), "{enabled:?}");
    for command in [&["site", "list"][..], &["status"], &["device", "show", "80:5e:c0:11:22:33"], &["status", "--json"]]
    {
        let said = daemon.ask(command);
        assert_eq!((said.code, said.err.matches("LAB MODE").count()), (0, 1), "{command:?}: {said:?}");
    }
    let disabled = daemon.ask(&["lab", "disable"]);
    assert_eq!((disabled.code, disabled.err.as_str()), (0, ""), "{disabled:?}");
    assert_eq!(daemon.json(&["lab", "show"])["on"], false);
}
