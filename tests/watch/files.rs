//! The alerts and the dashboard: they are what Prometheus and Grafana take, and speak of figures that there are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::scraped;
use crate::support::{Site, curl};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("package/monitoring").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// promtool on a file of ours; `None` where it is not installed.
fn promtool(arguments: &[&str], at: &Path) -> Option<String> {
    let mut command = Command::new("promtool");
    match command.args(arguments).arg(at.file_name().unwrap()).current_dir(at.parent().unwrap()).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            assert!(output.status.success(), "{said}");
            Some(said)
        }
        Err(error) => {
            println!("skipped: promtool (package prometheus): {error}");
            None
        }
    }
}

/// The names of all series that a scrape can have.
fn series(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["up".to_owned()]);
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_count", "_sum"],
            _ => &[""],
        };
        names.extend(suffixes.iter().map(|suffix| format!("{name}{suffix}")));
    }
    names
}

/// The figures of ours that an expression names.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
    words.filter(|word| word.starts_with("ztpd_")).map(str::to_owned).collect()
}

/// Every expression of the dashboard.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        _ => {}
    }
}

#[test]
fn the_alerts_are_taken_by_prometheus_and_ring_when_they_should() {
    let Some(checked) = promtool(&["check", "rules"], &file("ztpd.rules.yml")) else { return };
    assert!(checked.contains("SUCCESS"), "{checked}");
    let tried = promtool(&["test", "rules"], &file("ztpd.rules.test.yml")).unwrap();
    assert!(tried.contains("SUCCESS"), "{tried}");
    // Each alert is tried.
    let tests = read("ztpd.rules.test.yml");
    for alert in read("ztpd.rules.yml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(tests.matches(alert).count() >= 2, "{alert} is not tried");
    }
}

#[test]
fn alerts_and_dashboard_name_figures_that_there_are() {
    // What was never counted has no figure yet: something of everything has to happen first.
    let site = Site::start();
    site.enrol("80:5e:c0:11:22:33", "T46U", "alice@example.com");
    for source in ["127.0.0.1", "127.0.0.2"] {
        if curl(&site, source, "805ec0112233.cfg", &[]).is_none() {
            return;
        }
    }
    assert!(!Command::new("curl").args(["-sS", &site.url]).output().unwrap().status.success());
    let wanted = |text: &String| text.contains("ztpd_handshake_failures_total");
    let text = (0..200).map(|_| scraped(&site).unwrap().1).find(wanted).expect("a handshake that failed");
    let known = series(&text);
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let mut expressions_of = Vec::new();
    expressions(&dashboard["panels"], &mut expressions_of);
    assert!(expressions_of.len() >= 15, "{expressions_of:?}");
    let rules = read("ztpd.rules.yml");
    expressions_of.extend(rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned));
    for expression in &expressions_of {
        let named = named(expression);
        assert!(named.iter().all(|name| known.contains(name)), "{expression}: {named:?} of {known:?}");
        assert!(!named.is_empty() || expression.contains("up{"), "{expression}");
    }
    // Two panels that overlap, or two of one number, are not shown.
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len());
}

/// Grafana takes any text for an expression; Prometheus does not.
#[test]
fn every_expression_of_the_dashboard_is_one() {
    let dashboard: Value = serde_json::from_str(&read("grafana-dashboard.json")).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard["panels"], &mut found);
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, expression) in found.iter().enumerate() {
        let plain = expression.replace("$__rate_interval", "5m").replace("$instance", ".*");
        assert!(!plain.contains('$'), "{expression}");
        rules += &format!("      - record: dashboard:panel{number}\n        expr: {}\n", Value::from(plain));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("dashboard.yml");
    std::fs::write(&path, rules).unwrap();
    promtool(&["check", "rules"], &path);
}

#[test]
fn what_a_scrape_gives_is_taken_by_promtool() {
    let site = Site::start();
    let Some((_, text)) = scraped(&site) else { return };
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let Ok(mut child) = command.spawn() else { return println!("skipped: promtool (package prometheus)") };
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // 3: it reads them, and has advice on names that the older format would have.
    assert!(matches!(output.status.code(), Some(0 | 3)) && !said.contains("error while linting"), "{said}");
}
