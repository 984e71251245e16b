//! How do settings, templates and certificate become a snapshot, at the start and at a reload?

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use tokio::sync::watch;

use super::Daemon;
use crate::config::{Config, Snapshot, default_config_path};
use crate::host::clock::Clock;
use crate::serve::{TlsInForce, tftp};

/// The file that is read: the named one, else the usual one if it is there.
pub fn read_config(path: Option<&Path>) -> anyhow::Result<(Config, Option<PathBuf>)> {
    let path = path.map(Path::to_owned).or_else(default_config_path);
    let Some(path) = path else { return Ok((Config::built_in(), None)) };
    match Config::read(&path) {
        Ok(config) => Ok((config, Some(path))),
        Err(faults) => {
            let lines: Vec<String> = faults.iter().map(|fault| format!("{}: {fault}", path.display())).collect();
            bail!("{}", lines.join("\n"))
        }
    }
}

/// How TFTP is answered, as the settings say.
pub fn tftp_rules(config: &Config) -> tftp::Rules {
    tftp::Rules { networks: config.tftp_networks.clone(), ..tftp::Rules::default() }
}

/// Builds the snapshot, or names every fault.
pub fn build(config: Config, bound: SocketAddr, clock: &Clock) -> anyhow::Result<Snapshot> {
    if config.public_url.is_none() && bound.ip().is_unspecified() {
        bail!("server.public_url is needed where HTTPS is on {bound}: phones must be told a name");
    }
    let snapshot = Snapshot::build(config, bound, clock.now()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    if let Err(parked) = &snapshot.handover() {
        tracing::warn!("phones are not sent to {} for good: {parked}", snapshot.public_url);
    }
    Ok(snapshot)
}

/// Builds a new snapshot and swaps it in; a fault keeps the old one and is given back.
pub async fn reload(daemon: &Daemon, bound: SocketAddr, rules: &watch::Sender<Arc<tftp::Rules>>) -> anyhow::Result<()> {
    let path = daemon.config_path.clone();
    let clock = daemon.clock;
    let (shared, in_force) = (Arc::clone(&daemon.snapshot), Arc::clone(&daemon.tls));
    let store = daemon.store();
    let built = tokio::task::spawn_blocking(move || {
        let (config, _) = read_config(path.as_deref())?;
        let snapshot = build(config, bound, &clock)?;
        TlsInForce::made(&snapshot, &*store)?;
        let admin_tls = super::admin_tls(&snapshot)?;
        let tftp = tftp_rules(&snapshot.config);
        shared.store(Arc::new(snapshot));
        in_force.renew()?;
        anyhow::Ok((tftp, admin_tls))
    });
    let (tftp, admin_tls) = built.await??;
    daemon.store.retain(daemon.snapshot.load().config.retention);
    rules.send_replace(Arc::new(tftp));
    daemon.admin_tls.store(admin_tls);
    Ok(())
}

/// A name may begin or cease to lead here while the daemon runs.
pub async fn look_at_handover(daemon: &Daemon) {
    let snapshot = daemon.snapshot.load_full();
    let now = daemon.clock.now();
    let asked = Arc::clone(&snapshot);
    let Ok(found) = tokio::task::spawn_blocking(move || asked.public_url.check(&asked.certificate, now)).await else {
        return;
    };
    let before = snapshot.set_handover(found.clone());
    match (&before, &found) {
        (Ok(()), Err(parked)) => tracing::warn!("phones are not sent to the public URL any more: {parked}"),
        (Err(_), Ok(())) => tracing::info!("phones are sent to the public URL again"),
        _ => {}
    }
}
