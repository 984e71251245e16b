//! D23, D25, D26: encrypted files are nobody's excuse, the ninth phone is the last, and what a packet says is only looked at.

use std::process::Command;

use crate::program::{Daemon, PROGRAM, found};
use crate::support::{Site, admin, curl, fetch};

/// A maker's own encryption is never a reason to give a file to who has shown nothing, nor does it begin a claim.
#[test]
fn sec_d23_an_encrypted_form_is_given_to_nobody_over_any_protocol() {
    let site = Site::start();
    for (maker, model, mac, names) in [
        ("cisco", "CP-8841-3PCC", "d0:ec:35:11:22:33", "SEP{MAC}.cnf.xml.enc.sgn CTLSEP{MAC}.tlv"),
        ("grandstream", "GRP2614", "c0:74:ad:11:22:33", "cfg{mac} cfg{mac}.bin"),
        ("poly", "OBi202", "9c:ad:ef:11:22:33", "{MAC}.aes {mac}.aes"),
        ("yealink", "T46U", "80:5e:c0:11:22:33", "{mac}_Security.enc y000000000108_Security.enc {mac}.enc"),
    ] {
        site.enrol_of(maker, mac, model);
        let (plain, upper) = (mac.replace(':', ""), mac.replace(':', "").to_uppercase());
        for name in names.split(' ') {
            let file = name.replace("{mac}", &plain).replace("{MAC}", &upper);
            let Some(got) = curl(&site, "127.0.0.1", &file, &[]) else { return };
            assert_eq!((got.status, got.body.as_str()), (404, "not found\n"), "{file}, though the window is open");
            let (tftp, http) =
                (format!("tftp://127.0.0.1:{}/{file}", site.tftp), format!("http://127.0.0.1:{}/{file}", site.http));
            for url in [tftp, http] {
                assert_eq!(fetch(&site, &url, "curl"), None, "{url}");
            }
        }
        let (_, _, device) = admin(&site, "GET", &format!("devices/{mac}"), "", &[]).unwrap();
        assert_eq!(device["access"], "claim_open", "{maker}: nothing was begun");
    }
    // No public file hands out a key that such a file would be opened with.
    for file in ["y000000000108.cfg", "cfg.xml", "000000000000.cfg", "ztpd-poly.cfg", "snomD785.htm", "8841-3PCC.xml"] {
        for base in
            [site.url.clone(), format!("http://127.0.0.1:{}", site.http), format!("tftp://127.0.0.1:{}", site.tftp)]
        {
            let text =
                String::from_utf8(fetch(&site, &format!("{base}/{file}"), "curl").unwrap()).unwrap().to_lowercase();
            // A certificate's octets spell anything.
            let said: String = text.split("-----end certificate-----").map(before_certificate).collect();
            for word in ["aes", "encrypt", "p1359", "--key"] {
                assert!(!said.contains(word), "{base}/{file} has {word}: {text}");
            }
        }
    }
}

/// What stands before a certificate, if one follows.
fn before_certificate(text: &str) -> &str {
    text.split_once("-----begin certificate-----").map_or(text, |(before, _)| before)
}

/// Registered by the API, registered by the command line, assigned from stock: all at once, and nine it is.
#[test]
fn sec_d25_however_many_come_at_once_a_user_has_nine_phones_and_no_more() {
    let daemon = Daemon::start();
    daemon.done(&["site", "add", "hq", "--networks", "127.0.0.0/8"]);
    daemon.done(&["user", "add", "alice@example.com"]);
    let stock: Vec<String> = (0..8).map(|number| format!("80:5e:c0:00:01:{number:02x}")).collect();
    for mac in &stock {
        daemon.done(&["device", "add", mac, "--maker", "yealink", "--model", "T46U"]);
    }
    let assign = |mac: &String| daemon.ask(&["device", "assign", mac, "--user", "alice@example.com"]).code;
    let add = |number: usize| {
        let mac = format!("80:5e:c0:00:02:{number:02x}");
        daemon
            .ask(&["device", "add", &mac, "--maker", "yealink", "--model", "T46U", "--user", "alice@example.com"])
            .code
    };
    let post = |number: usize| posted(&daemon, number);
    let codes: Vec<i32> = std::thread::scope(|scope| {
        let assigning: Vec<_> = stock.iter().map(|mac| scope.spawn(move || Some(assign(mac)))).collect();
        let adding = (0..8).map(|number| scope.spawn(move || Some(add(number))));
        let posting: Vec<_> = (0..8).map(|number| scope.spawn(move || post(number))).collect();
        let all = assigning.into_iter().chain(adding.collect::<Vec<_>>()).chain(posting);
        all.filter_map(|thread| thread.join().unwrap()).collect()
    });
    let done = codes.iter().filter(|code| **code == 0).count();
    assert!(done == 9 && codes.iter().all(|code| [0, 4].contains(code)), "{codes:?}");
    let phones = daemon.json(&["user", "show", "alice@example.com"])["devices"].as_array().unwrap().len();
    assert_eq!(phones, 9);
    let late = daemon.ask(&[
        "device",
        "add",
        "80:5e:c0:00:09:09",
        "--maker",
        "yealink",
        "--model",
        "T46U",
        "--user",
        "alice@example.com",
    ]);
    assert!(late.code == 4 && late.err.contains('9'), "{late:?}");
}

/// Registered by the API, with curl: the exit code that the command line would end with; `None` where curl is missing.
fn posted(daemon: &Daemon, number: usize) -> Option<i32> {
    let body = format!(
        r#"{{"mac": "80:5e:c0:00:03:{number:02x}", "maker": "yealink", "model": "T46U", "assignment": {{"user": "alice@example.com"}}}}"#
    );
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/json", "-d", &body]);
    curl.arg("--unix-socket").arg(daemon.socket()).arg("http://ztpd/api/v1/devices");
    let output = found(&mut curl)?;
    match String::from_utf8_lossy(&output.stdout).as_ref() {
        "201" => Some(0),
        "409" => Some(4),
        other => panic!("{other}"),
    }
}

/// A capture whose options name servers, with and without passwords: they are judged, nobody is spoken to, no clock is set.
#[test]
fn sec_d26_what_a_packet_names_is_looked_at_and_never_asked() {
    let captures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures/made");
    let dir = tempfile::tempdir().unwrap();
    for name in ["ok_66-userinfo", "bad_66-escape", "ok_150-two-addresses", "bad_43-not-tlv", "ok_rogue-pair"] {
        let trace = dir.path().join(name);
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=%net,clock_settime,settimeofday,adjtimex,clock_adjtime", "-o"]);
        command.arg(&trace).arg(PROGRAM).args(["dhcp", "decode"]).arg(captures.join(name).with_extension("pcap"));
        let Some(output) = found(&mut command) else { return };
        if !trace.exists() {
            println!("skipped: strace may not trace here: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(!said.is_empty() && said.chars().all(|c| c == '\n' || !c.is_control()), "{name}: {said:?}");
        assert!(!said.contains("s3cret"), "{said}");
        let asked = std::fs::read_to_string(&trace).unwrap();
        let calls: Vec<&str> = asked.lines().filter(|line| !line.contains("+++") && !line.contains("---")).collect();
        assert!(calls.is_empty(), "{name}: {calls:?}");
    }
}
