//! What the wire accepts: TLS as openssl speaks it, HTTP as curl and a bare connection do, odd requests included.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{Site, curl};

const PUBLIC: &str = "y000000000108.cfg";

/// `openssl s_client`, with what is typed into it; what it printed, and whether the handshake ended well. `None` where
/// openssl is missing.
fn s_client(site: &Site, options: &[&str], input: &str) -> Option<(String, bool)> {
    let mut command = Command::new("openssl");
    let address = site.url.trim_start_matches("https://");
    command.args(["s_client", "-connect", address, "-CAfile"]).arg(&site.authority).args(options);
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            println!("skipped: openssl: {error}");
            return None;
        }
    };
    // It may have given up already; what it printed says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some((said, output.status.success()))
}

/// A conversation over one connection: what is sent, as it is, and everything that came back.
fn conversation(site: &Site, sent: &str) -> Option<String> {
    s_client(site, &["-quiet", "-ign_eof", "-verify_return_error"], sent).map(|(said, _)| said)
}

#[test]
fn sec_d03_tls_12_and_13_are_spoken_with_authenticated_encryption_and_the_chain_is_complete() {
    let site = Site::start();
    for (options, spoken) in [
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"][..], "ECDHE-RSA-AES128-GCM-SHA256"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"], "ECDHE-RSA-AES256-GCM-SHA384"),
        (&["-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"], "ECDHE-RSA-CHACHA20-POLY1305"),
        (&["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"], "TLS_AES_128_GCM_SHA256"),
        (&["-tls1_3"], "TLSv1.3"),
    ] {
        let all = [options, &["-showcerts", "-verify_return_error", "-verify_ip", "127.0.0.1"]].concat();
        let Some((said, ok)) = s_client(&site, &all, "") else { return };
        assert!(ok && said.contains(spoken) && said.contains("Verify return code: 0 (ok)"), "{options:?}: {said}");
        assert!(said.contains("\n 0 s:") && said.contains("\n 1 s:CN = ztpd authority"), "leaf and authority: {said}");
    }
}

#[test]
fn sec_d03_old_tls_and_weak_suites_are_refused() {
    let site = Site::start();
    for options in [
        &["-tls1", "-cipher", "ALL:@SECLEVEL=0"][..],
        &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA384:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:AES128-SHA:AES256-SHA256:@SECLEVEL=0"],
        &["-tls1_2", "-cipher", "AES128-GCM-SHA256:AES256-GCM-SHA384:@SECLEVEL=0"],
    ] {
        let Some((said, ok)) = s_client(&site, options, "") else { return };
        let nothing = said.contains("Cipher is (NONE)") || said.contains("alert") || said.contains("no protocols");
        assert!(!ok && nothing, "{options:?}: {said}");
    }
}

#[test]
fn sec_d04_http_1_1_alone_is_offered() {
    let site = Site::start();
    let Some((said, _)) = s_client(&site, &["-alpn", "h2,http/1.1"], "") else { return };
    assert!(said.contains("ALPN protocol: http/1.1") || said.contains("No ALPN negotiated"), "{said}");
    // A phone that offers nothing else is not spoken to in a protocol it does not know.
    let (said, _) = s_client(&site, &["-alpn", "h2"], "").unwrap();
    assert!(!said.contains("ALPN protocol: h2"), "{said}");
}

#[test]
fn one_connection_carries_many_requests() {
    let site = Site::start();
    let Some(one) = curl(&site, "127.0.0.1", PUBLIC, &[]) else { return };
    let url = format!("{}/{PUBLIC}", site.url);
    let mut command = Command::new("curl");
    command.args(["-sS", "-w", "connects %{num_connects} %{http_code}\n", "--cacert"]).arg(&site.authority);
    let output = command.args(std::iter::repeat_n(&url, 100)).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.matches("connects 0 200\n").count(), 99, "{said}");
    assert_eq!(said.matches(&one.body).count(), 100);
}

#[test]
fn requests_sent_without_waiting_are_answered_in_their_order() {
    let site = Site::start();
    let get = |path: &str, more: &str| format!("GET /{path} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let sent = format!(
        "{}HEAD /{PUBLIC} HTTP/1.1\r\nHost: x\r\n\r\n{}{}",
        get(PUBLIC, ""),
        get("nothing.html", ""),
        get("ztpd-ca.pem", "Connection: close\r\n")
    );
    let Some(said) = conversation(&site, &sent) else { return };
    let statuses: Vec<&str> =
        said.match_indices("HTTP/1.1 ").map(|(at, _)| said.get(at + 9..at + 12).unwrap()).collect();
    assert_eq!(statuses, ["200", "200", "404", "200"], "{said}");
    assert_eq!(said.matches("#!version:1.0.0.1").count(), 1, "a HEAD has no body: {said}");
    assert!(said.contains("-----END CERTIFICATE-----"), "{said}");
}

#[test]
fn the_whole_url_may_stand_in_the_request_line() {
    let site = Site::start();
    let Some(plain) = curl(&site, "127.0.0.1", PUBLIC, &[]) else { return };
    for target in
        [format!("{}/{PUBLIC}", site.url), format!("https://elsewhere.example/{PUBLIC}"), format!("/a/b//{PUBLIC}")]
    {
        let got = curl(&site, "127.0.0.1", PUBLIC, &["--request-target", &target]).unwrap();
        assert_eq!((got.status, &got.body), (200, &plain.body), "{target}");
    }
}

#[test]
fn sec_d17_odd_escapes_and_endless_paths_find_nothing_and_break_nothing() {
    let site = Site::start();
    let Some(plain) = curl(&site, "127.0.0.1", PUBLIC, &[]) else { return };
    let long = "a".repeat(6000);
    let unescaped_percent = "y00000000010%38%2Ecfg";
    assert_eq!(curl(&site, "127.0.0.1", unescaped_percent, &[]).unwrap().body, plain.body);
    for path in [
        "%",
        "%zz",
        "%00",
        "%2e%2e/%2e%2e/etc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "..%5c..%5cwindows",
        "%ff%fe.cfg",
        "y%0a.cfg",
        "%e2%80%ae.cfg",
        "t/%2e%2e/x.cfg",
        "t/%00/805ec0112233.cfg",
        "?y000000000108.cfg",
        "",
        &long,
    ] {
        let got = curl(&site, "127.0.0.1", path, &["--path-as-is"]).unwrap();
        assert_eq!((got.status, got.body.as_str()), (404, "not found\n"), "{path:.60}");
    }
    assert_eq!(curl(&site, "127.0.0.1", PUBLIC, &[]).unwrap().body, plain.body);
}

#[test]
fn sec_d15_a_header_block_over_eight_kibibytes_is_refused_and_the_next_phone_served() {
    let site = Site::start();
    let big = format!("X-Big: {}", "a".repeat(9000));
    let Some(got) = curl(&site, "127.0.0.1", PUBLIC, &["-H", &big]) else { return };
    assert_eq!((got.status, got.body.as_str()), (431, ""));
    let path = "a".repeat(9000);
    let got = curl(&site, "127.0.0.1", &path, &[]).unwrap();
    assert!(got.status == 414 || got.status == 431, "{}", got.status);
    let many: Vec<String> = (0..100).map(|number| format!("X-{number}: a")).collect();
    let options: Vec<&str> = many.iter().flat_map(|header| ["-H", header.as_str()]).collect();
    assert_eq!(curl(&site, "127.0.0.1", PUBLIC, &options).unwrap().status, 431);
    assert_eq!(curl(&site, "127.0.0.1", PUBLIC, &[]).unwrap().status, 200);
}

#[test]
fn sec_d15_a_body_is_not_read_and_ends_the_connection() {
    let site = Site::start();
    for options in [&["-X", "GET", "-d", "x=1"][..], &["-X", "GET", "-H", "Transfer-Encoding: chunked", "-d", "x"]] {
        let Some(got) = curl(&site, "127.0.0.1", PUBLIC, options) else { return };
        assert_eq!((got.status, got.body.as_str()), (400, ""), "{options:?}");
        assert!(got.headers.to_lowercase().contains("connection: close"), "{}", got.headers);
    }
    let got = curl(&site, "127.0.0.1", PUBLIC, &["-T", "/proc/self/cmdline"]).unwrap();
    assert_eq!(got.status, 405);
}
