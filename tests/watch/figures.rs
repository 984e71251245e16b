//! `/metrics`: what is counted, who may see it, and that nobody makes it grow.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{Site, admin, curl, fetch};
use crate::{figure, scraped};

const MAC: &str = "80:5e:c0:11:22:33";
const FILE: &str = "805ec0112233.cfg";

#[test]
fn figures_are_read_by_a_parser_of_open_metrics_that_nobody_here_wrote() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(_) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    let (headers, text) = scraped(&site).unwrap();
    assert!(headers.starts_with("HTTP/1.1 200 ") && headers.contains("application/openmetrics-text; version=1.0.0"));
    assert!(text.ends_with("# EOF\n"), "{text}");
    let script = "import sys\nfrom prometheus_client.openmetrics.parser import text_string_to_metric_families as read\n\
                  for family in read(sys.stdin.read()): print(family.name, family.type, len(family.samples))";
    let mut python = Command::new("python3");
    python.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = python.spawn() else { return println!("skipped: python3") };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (read, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if said.contains("No module named") {
        return println!("skipped: python3-prometheus-client is missing");
    }
    assert!(output.status.success(), "{said}\n{text}");
    for family in [
        "ztpd_requests counter",
        "ztpd_answer_seconds histogram",
        "ztpd_render_seconds histogram",
        "ztpd_handshake_failures counter",
        "ztpd_store_commit_seconds histogram",
        "ztpd_store_bytes gauge",
        "ztpd_findings gauge",
        "ztpd_devices gauge",
        "ztpd_limiter_failures counter",
        "ztpd_limiter_blocked_sources gauge",
        "ztpd_certificate_days_left gauge",
        "ztpd_ready gauge",
        "ztpd_build_info gauge",
    ] {
        assert!(read.lines().any(|line| line.starts_with(&format!("{family} "))), "{family}: {read}");
    }
}

#[test]
fn what_phones_get_and_why_not_is_counted_by_maker_plane_outcome_and_reason() {
    let site = Site::start();
    site.enrol(MAC, "T46U", "alice@example.com");
    let Some(first) = curl(&site, "127.0.0.1", FILE, &[]) else { return };
    assert_eq!(first.status, 200);
    assert_eq!(curl(&site, "127.0.0.2", FILE, &[]).unwrap().status, 404);
    for _ in 0..3 {
        assert_eq!(curl(&site, "127.0.0.1", "805ec0999999.cfg", &[]).unwrap().status, 404);
    }
    fetch(&site, &format!("tftp://127.0.0.1:{}/y000000000108.cfg", site.tftp), "curl").unwrap();
    let (_, text) = scraped(&site).unwrap();
    let yealink = "maker=\"yealink\"";
    for (plane, outcome, reason, number) in [
        ("https", "served", "none", 1.0),
        ("https", "refused", "claim_taken", 1.0),
        ("https", "refused", "unknown_device", 3.0),
        ("tftp", "bootstrap", "none", 1.0),
    ] {
        let labels = [
            yealink.to_owned(),
            format!("plane=\"{plane}\""),
            format!("outcome=\"{outcome}\""),
            format!("reason=\"{reason}\""),
        ];
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        assert_eq!(figure(&text, "ztpd_requests_total", &labels), number, "{labels:?}: {text}");
    }
    assert_eq!(figure(&text, "ztpd_render_seconds_count", &[yealink]), 1.0);
    assert_eq!(figure(&text, "ztpd_answer_seconds_count", &["plane=\"https\""]), 5.0);
    assert!(figure(&text, "ztpd_store_commit_seconds_count", &[]) > 2.0);
    assert!(figure(&text, "ztpd_store_bytes", &[]) > 1000.0);
    assert_eq!(figure(&text, "ztpd_devices", &["access=\"bound\""]), 1.0);
    assert_eq!(figure(&text, "ztpd_findings", &["code=\"claim_taken\"", "severity=\"critical\""]), 1.0);
    assert_eq!((figure(&text, "ztpd_ready", &[]), figure(&text, "ztpd_pending_phones", &[])), (0.0, 1.0));
    // The daemon's own certificate lasts long.
    assert!(figure(&text, "ztpd_certificate_days_left", &[]) > 1000.0, "{text}");
    assert!(figure(&text, "ztpd_limiter_failures_total", &["verdict=\"within\""]) >= 1.0, "{text}");
}

#[test]
fn a_handshake_that_fails_is_counted_by_its_cause() {
    let site = Site::start();
    let mut distrustful = Command::new("curl");
    distrustful.args(["-sS", &format!("{}/y000000000108.cfg", site.url)]);
    let Ok(output) = distrustful.output() else { return println!("skipped: curl") };
    assert!(!output.status.success(), "it trusts our authority");
    let mut old = Command::new("curl");
    old.args(["-sSk", "--tls-max", "1.1", "--tlsv1.0", "--ciphers", "ALL:@SECLEVEL=0"]).arg(&site.url);
    assert!(!old.output().unwrap().status.success(), "TLS 1.1 is spoken");
    // The daemon hears of it when the alert arrives, which may be after curl has ended.
    let counted = (0..200).map(|_| scraped(&site).unwrap().1).find(|text| {
        let of = |cause| figure(text, "ztpd_handshake_failures_total", &[cause]);
        of("cause=\"unknown_authority\"") == 1.0 && of("cause=\"old_version\"") == 1.0
    });
    assert!(counted.is_some(), "{}", scraped(&site).unwrap().1);
}

/// Labels are words of closed lists: who invents phones, agents and paths adds to numbers, not to lines.
#[test]
fn no_stranger_makes_the_figures_grow() {
    let site = Site::start();
    let ask = |number: usize| {
        let agent = format!("Yealink SIP-T{number}U 108.86.0.{number} 80:5e:c0:00:{number:02x}:01");
        curl(&site, "127.0.0.1", &format!("805ec00{number:05x}.cfg"), &["-A", &agent])?;
        curl(&site, "127.0.0.1", &format!("x{number}/y{number}.html"), &["-A", &format!("agent{number}")])
    };
    // The first ten fail within the limits, the eighth unknown phone shuts the source out: every word has been said.
    for number in 0..20 {
        let Some(_) = ask(number) else { return };
    }
    let lines = |text: &str| text.lines().count();
    let before = scraped(&site).unwrap().1;
    for number in 20..60 {
        ask(number).unwrap();
    }
    let after = scraped(&site).unwrap().1;
    assert_eq!(lines(&before), lines(&after), "{before}\n{after}");
    assert!(!after.contains("agent") && !after.contains("805ec0"), "{after}");
}

#[test]
fn figures_are_for_who_may_see_the_whole_account() {
    let site = Site::start();
    let made = |name: &str, scope: &str| {
        let (status, _, token) =
            admin(&site, "POST", "tokens", &format!(r#"{{"name": "{name}", "expires": "1h"}}"#), &[])?;
        assert_eq!(status, 201);
        let grant = format!(r#"{{"subject": {{"token": "{name}"}}, "role": "report_viewer", "scope": {scope}}}"#);
        assert_eq!(admin(&site, "POST", "grants", &grant, &[]).unwrap().0, 201);
        Some(format!("Authorization: Bearer {}", token["token"].as_str().unwrap()))
    };
    let Some(prometheus) = made("prometheus", "\"account\"") else { return };
    let local = made("local", r#"{"sites": ["hq"]}"#).unwrap();
    let site = site.restart("[admin]\nlisten = [\"127.0.0.1:0\"]\n");
    let asked = |options: &[&str]| {
        let mut command = Command::new("curl");
        command.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert"]).arg(&site.authority).args(options);
        command.arg(format!("https://127.0.0.1:{}/metrics", site.admin.unwrap()));
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert_eq!(asked(&["-H", &prometheus]), "200");
    assert_eq!(asked(&["-H", &local]), "403");
    assert_eq!(asked(&[]), "401");
    assert_eq!(asked(&["-H", "Authorization: Bearer wrong"]), "401");
    assert_eq!(asked(&["-H", &prometheus, "-X", "POST"]), "405");
}
