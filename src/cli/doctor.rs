//! `ztpd doctor`: every check there is, and what to do about what they find. A running daemon is asked to check, since it
//! knows the phones; without one everything is checked from here. Exit codes: 0 nothing wrong, 1 findings.

mod local;
mod shown;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use self::local::Local;
use super::client::Ask;
use super::failure::Failure;
use super::pages::{Paging, pages};
use super::reach::{Endpoint, Reach};
use super::session::Session;
use crate::diagnose::{Code, Finding, Severity, Subject};
use crate::inventory::mac::MacAddr;

/// `ztpd doctor`.
#[derive(Args, Debug)]
#[command(after_help = "Root or CAP_NET_RAW lets it ask DHCP servers. It takes about half a minute.")]
pub struct Doctor {
    /// A phone that does not come up: also what is known of it.
    mac: Option<MacAddr>,
    /// Where DHCP servers are asked; needed where there are several interfaces and the settings name none.
    #[arg(long, value_name = "IF")]
    interface: Option<String>,
    /// The configuration file; without one /etc/ztpd/ztpd.toml if it is there.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// A check that ran.
#[derive(Debug, Serialize)]
struct Ran {
    check: String,
    /// Where, or who did it.
    place: String,
    findings: usize,
}

/// Everything that came of it.
#[derive(Debug, Default, Serialize)]
struct Diagnosis {
    /// Nothing is wrong.
    ok: bool,
    /// Whether a daemon was there to be asked.
    daemon: bool,
    checks: Vec<Ran>,
    findings: Vec<Finding>,
    /// What happened to the phone, as the daemon knows it.
    explain: Option<Value>,
}

impl Doctor {
    /// Does it.
    pub async fn run(self, reach: &Reach) -> Result<(), Failure> {
        let session = Session::open(reach)?;
        if session.output.terminal.is_some() && !session.output.json {
            eprintln!("ztpd: checking DHCP, time servers and what phones must reach; this takes about half a minute");
        }
        let mut found = match session.try_send(Ask::get("status")).await {
            Ok(_) => self.with_daemon(&session, reach).await?,
            // Not one that was named, and is not there.
            Err(Failure::Unreachable(_)) if !reach.names_a_daemon() => {
                self.alone(&Local::read(self.config.as_deref())?).await
            }
            Err(failure) => return Err(failure),
        };
        found.findings.sort_by(|one, other| other.severity.cmp(&one.severity).then_with(|| one.id.cmp(&other.id)));
        found.ok = found.findings.iter().all(|finding| finding.severity == Severity::Info);
        match session.output.json {
            true => session.output.value(&json!(found))?,
            false => session.output.write(&shown::text(&found, self.mac))?,
        }
        if found.ok { Ok(()) } else { Err(Failure::Findings) }
    }

    async fn with_daemon(&self, session: &Session, reach: &Reach) -> Result<Diagnosis, Failure> {
        let mut found = Diagnosis { daemon: true, ..Diagnosis::default() };
        let mut wish = json!({"kind": "all"});
        if let Some(interface) = &self.interface {
            wish = json!({"kind": "all", "interface": interface});
        }
        let checked = session.send(Ask::post("checks", wish).patient()).await?.json()?;
        let ran = checked.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
        for check in ran {
            let text = |name: &str| check.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let findings = check.get("findings").and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
            found.checks.push(Ran {
                check: text("check"),
                place: text("place"),
                findings: findings.unwrap_or_default(),
            });
        }
        let open = pages(session, "findings", "", &Paging::default()).await?;
        let open = open.items.into_iter().map(serde_json::from_value).collect::<Result<Vec<Finding>, _>>();
        found.findings =
            open.map_err(|error| Failure::Failed(format!("the daemon's findings cannot be read: {error}")))?;
        let unasked = found.findings.iter().any(|finding| finding.code == Code::DhcpProbeUnavailable);
        let here = matches!(reach.endpoint()?, Endpoint::Socket(_));
        // Whoever runs this may be allowed what the daemon is not, where both are in one network.
        if unasked
            && here
            && let Ok(local) = Local::read(self.config.as_deref())
        {
            let phones = phones(session).await?;
            self.probe(&mut found, &local.knowing(phones)).await;
        }
        if let Some(mac) = self.mac {
            found.findings.retain(|finding| concerns(finding, mac));
            found.explain = self.explain(session, mac).await?;
        }
        Ok(found)
    }

    async fn alone(&self, local: &Local) -> Diagnosis {
        let mut found = Diagnosis::default();
        let local = match self.mac {
            Some(mac) => local.of(mac),
            None => local.clone(),
        };
        let told = self.probe(&mut found, &local).await;
        let (ran, findings) = local.reach(told).await;
        found.checks.extend(ran);
        found.findings.extend(findings);
        found
    }

    /// Asks DHCP servers from here; what is found takes the place of what the daemon could not find.
    async fn probe(&self, found: &mut Diagnosis, local: &Local) -> local::Told {
        let (ran, findings, told) = local.dhcp(self.interface.as_deref()).await;
        found.checks.retain(|ran| ran.check != "dhcp");
        found.findings.retain(|finding| finding.code != Code::DhcpProbeUnavailable);
        found.checks.extend(ran);
        found.findings.extend(findings);
        told
    }

    /// What happened to the phone; a daemon that does not explain has said what it knows in its findings.
    async fn explain(&self, session: &Session, mac: MacAddr) -> Result<Option<Value>, Failure> {
        match session.try_send(Ask::get(format!("devices/{mac}/explain"))).await {
            Ok(answer) => answer.json().map(Some),
            Err(Failure::Refused(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// Whether a finding may be why this phone does not come up.
fn concerns(finding: &Finding, mac: MacAddr) -> bool {
    !matches!(&finding.subject, Subject::Device(other) if *other != mac)
}

/// How many phones of each maker the daemon knows.
async fn phones(session: &Session) -> Result<BTreeMap<String, usize>, Failure> {
    let mut phones: BTreeMap<String, usize> = BTreeMap::new();
    for device in pages(session, "devices", "", &Paging::default()).await?.items {
        let maker = device.get("maker").and_then(Value::as_str).unwrap_or_default();
        let count = phones.entry(maker.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
    Ok(phones)
}
