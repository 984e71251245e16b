//! The order of life: read, open, bind, serve, reload, drain. Alone names the store's own form.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admin::{self, AdminPlane};
use crate::config::{Config, PublicUrl, Snapshot, default_config_path};
use crate::host::clock::Clock;
use crate::host::signals::{Signals, Wish};
use crate::provision::{Pending, Pipeline};
use crate::serve::{self, Connections, Listener, PhoneFiles, Security, tftp};
use crate::store::sled::SledStore;
use crate::store::{self, Opening, Store};

/// How long requests under way may take after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(20);

/// How often it is looked at whether phones may be sent to the public URL.
const HANDOVER_CHECK: Duration = Duration::from_secs(60);

/// The sockets, bound.
pub struct Sockets {
    /// HTTPS for phones.
    pub https: Vec<TcpListener>,
    /// HTTP for phones.
    pub http: Vec<TcpListener>,
    /// TFTP for phones.
    pub tftp: Vec<UdpSocket>,
    /// The administrators' socket.
    pub admin: UnixListener,
}

/// A daemon that is ready to serve.
pub struct Daemon {
    /// What the operator's file is, to be read again.
    config_path: Option<PathBuf>,
    sockets: Sockets,
    snapshot: Arc<ArcSwap<Snapshot>>,
    store: Arc<SledStore>,
    pipeline: Arc<Pipeline>,
    tls: Arc<ArcSwap<rustls::ServerConfig>>,
    clock: Clock,
}

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

impl Sockets {
    /// Binds everything that is listened on. An IPv6 loopback address of the built-in settings may be missing.
    pub fn bind(config: &Config) -> anyhow::Result<Sockets> {
        let tcp = |what: &str, addresses: &[SocketAddr]| -> anyhow::Result<Vec<TcpListener>> {
            let mut bound = Vec::new();
            for address in addresses {
                match bind_tcp(*address) {
                    Ok(socket) => bound.push(socket),
                    Err(error) if !bound.is_empty() && is_no_ipv6(*address, &error) => {}
                    Err(error) => bail!(
                        "cannot listen for {what} on {address}: {error}; {}",
                        remedy(&error, &format!("{what}.listen"))
                    ),
                }
            }
            Ok(bound)
        };
        let mut udp = Vec::new();
        for address in &config.tftp {
            let socket = UdpSocket::bind(address).map_err(|error| {
                let remedy = remedy(&error, "tftp.listen");
                anyhow::anyhow!("cannot listen for tftp on {address}: {error}; {remedy}")
            })?;
            udp.push(socket);
        }
        let admin = bind_admin(config)?;
        Ok(Sockets { https: tcp("https", &config.https)?, http: tcp("http", &config.http)?, tftp: udp, admin })
    }

    /// The addresses really bound, with their plane.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        let tcp = |plane, sockets: &[TcpListener]| -> Vec<_> {
            sockets.iter().filter_map(|socket| Some((plane, socket.local_addr().ok()?))).collect()
        };
        let udp = self.tftp.iter().filter_map(|socket| Some(("tftp", socket.local_addr().ok()?)));
        tcp("https", &self.https).into_iter().chain(tcp("http", &self.http)).chain(udp).collect()
    }

    fn first_https(&self) -> anyhow::Result<SocketAddr> {
        let first = self.https.first().context("no HTTPS address could be bound")?;
        Ok(first.local_addr()?)
    }
}

/// Binds the administrators' socket.
pub fn bind_admin(config: &Config) -> anyhow::Result<UnixListener> {
    admin::socket::bind(&config.admin_socket, config.admin_group.as_deref()).with_context(|| {
        format!("cannot listen for administrators on {} (admin.socket)", config.admin_socket.display())
    })
}

/// Binds and listens, ready for a building whose phones all come at once.
pub fn bind_tcp(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    // After a restart the old connections' ends must not keep phones waiting.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_no_ipv6(address: SocketAddr, error: &std::io::Error) -> bool {
    address.is_ipv6()
        && address.ip().is_loopback()
        && matches!(error.raw_os_error(), Some(code) if code == nix::libc::EADDRNOTAVAIL || code == nix::libc::EAFNOSUPPORT)
}

fn remedy(error: &std::io::Error, key: &str) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("another program has that port (`ss -lnp` names it): stop it, or change {key}")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 need CAP_NET_BIND_SERVICE or a socket passed by systemd; or change {key}")
        }
        std::io::ErrorKind::AddrNotAvailable => format!("the address is none of this machine's: change {key}"),
        _ => format!("see {key}"),
    }
}

impl Daemon {
    /// Opens the store and builds the snapshot over sockets that are bound already.
    pub fn prepare(config: Config, config_path: Option<PathBuf>, sockets: Sockets) -> anyhow::Result<Daemon> {
        let clock = Clock::start();
        let master = config.master_key.find(store::is_empty(&config.data_dir)?)?;
        let (store, opening) = SledStore::open(&config.data_dir, &master)?;
        tell(&opening);
        let bound = sockets.first_https()?;
        let snapshot = build(config, bound, &clock)?;
        let tls = Arc::new(ArcSwap::from(serve::server_config(&snapshot.certificate)?));
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let store = Arc::new(store);
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let pipeline = Pipeline::new(shared, Arc::clone(&snapshot), Arc::new(Pending::default()), clock);
        Ok(Daemon { config_path, sockets, snapshot, store, pipeline: Arc::new(pipeline), tls, clock })
    }

    /// Where phones are sent.
    pub fn public_url(&self) -> PublicUrl {
        self.snapshot.load().public_url.clone()
    }

    /// Everything that is kept.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// The pipeline all listeners share.
    pub fn pipeline(&self) -> Arc<Pipeline> {
        Arc::clone(&self.pipeline)
    }

    /// Serves until `stop` or a signal; a listener that ends by itself ends the daemon with an error.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        let bound = self.sockets.first_https()?;
        let config = &self.snapshot.load().config;
        let (rules, heard) = watch::channel(Arc::new(tftp_rules(config)));
        let mut listeners = JoinSet::new();
        self.spawn_listeners(&mut listeners, &stop, heard)?;
        tracing::info!(url = %self.public_url(), "serving");
        let mut look = tokio::time::interval(HANDOVER_CHECK);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = listeners.join_next() => {
                    stop.cancel();
                    ended??;
                    bail!("a listener ended by itself");
                }
                wish = signals.next() => match wish {
                    Wish::Stop => break,
                    Wish::Reload => reload(&self, bound, &rules).await,
                },
                _ = look.tick() => look_at_handover(&self).await,
            }
        }
        stop.cancel();
        let drained = tokio::time::timeout(DRAIN, async { while listeners.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("some transfers did not end within {DRAIN:?} and were cut off");
        }
        listeners.shutdown().await;
        self.store.flush()?;
        self.store.close();
        tracing::info!("stopped");
        Ok(())
    }

    fn spawn_listeners(
        &self,
        tasks: &mut JoinSet<std::io::Result<()>>,
        stop: &CancellationToken,
        rules: watch::Receiver<Arc<tftp::Rules>>,
    ) -> anyhow::Result<()> {
        let connections = Arc::new(Connections::default());
        let mut spawn = |socket: &TcpListener, security: Security| -> anyhow::Result<()> {
            let socket = socket.try_clone()?;
            socket.set_nonblocking(true)?;
            let listener = Listener {
                socket: tokio::net::TcpListener::from_std(socket)?,
                security,
                pipeline: Arc::clone(&self.pipeline),
                connections: Arc::clone(&connections),
            };
            tasks.spawn(serve::serve(listener, stop.child_token()));
            Ok(())
        };
        for socket in &self.sockets.https {
            tracing::info!(address = %socket.local_addr()?, "https");
            spawn(socket, Security::Tls(Arc::clone(&self.tls)))?;
        }
        for socket in &self.sockets.http {
            tracing::info!(address = %socket.local_addr()?, "http");
            spawn(socket, Security::None)?;
        }
        let files = Arc::new(PhoneFiles { pipeline: Arc::clone(&self.pipeline) });
        for socket in &self.sockets.tftp {
            tracing::info!(address = %socket.local_addr()?, "tftp");
            tasks.spawn(tftp::serve(socket.try_clone()?, rules.clone(), Arc::clone(&files), stop.child_token()));
        }
        let plane = AdminPlane {
            store: self.store(),
            snapshot: Arc::clone(&self.snapshot),
            pending: Arc::clone(&self.pipeline.pending),
            clock: self.clock,
        };
        let socket = tokio::net::UnixListener::from_std(self.sockets.admin.try_clone()?)?;
        tasks.spawn(admin::socket::serve(socket, admin::router(Arc::new(plane)), stop.child_token()));
        Ok(())
    }
}

/// Begins to write the log, as the settings say; a second call changes nothing.
pub fn start_log(config: &Config) {
    use crate::config::LogFormat;
    let level = config.log_level.parse().unwrap_or(tracing::level_filters::LevelFilter::INFO);
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let _ = match config.log_format {
        LogFormat::Json => log.json().try_init(),
        // The journal stamps its lines itself and shows no colours.
        LogFormat::Auto if std::env::var_os("JOURNAL_STREAM").is_some() => {
            log.without_time().with_ansi(false).try_init()
        }
        LogFormat::Auto | LogFormat::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
    };
}

fn tftp_rules(config: &Config) -> tftp::Rules {
    tftp::Rules { networks: config.tftp_networks.clone(), ..tftp::Rules::default() }
}

/// Builds the snapshot, or names every fault.
fn build(config: Config, bound: SocketAddr, clock: &Clock) -> anyhow::Result<Snapshot> {
    let snapshot = Snapshot::build(config, bound, clock.now()).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", lines.join("\n"))
    })?;
    if let Err(parked) = &snapshot.handover() {
        tracing::warn!("phones are not sent to {} for good: {parked}", snapshot.public_url);
    }
    Ok(snapshot)
}

/// Builds a new snapshot and swaps it in; a fault keeps the old one and says so.
async fn reload(daemon: &Daemon, bound: SocketAddr, rules: &watch::Sender<Arc<tftp::Rules>>) {
    let path = daemon.config_path.clone();
    let clock = daemon.clock;
    let built = tokio::task::spawn_blocking(move || {
        let (config, _) = read_config(path.as_deref())?;
        let snapshot = build(config, bound, &clock)?;
        let tls = serve::server_config(&snapshot.certificate)?;
        anyhow::Ok((snapshot, tls))
    });
    match built.await {
        Ok(Ok((snapshot, tls))) => {
            rules.send_replace(Arc::new(tftp_rules(&snapshot.config)));
            daemon.tls.store(tls);
            daemon.snapshot.store(Arc::new(snapshot));
            tracing::info!("settings, templates and certificate read again");
        }
        Ok(Err(error)) => tracing::error!("the reload failed and the old settings stay: {error:#}"),
        Err(error) => tracing::error!("the reload failed and the old settings stay: {error}"),
    }
}

/// A name may begin or cease to lead here while the daemon runs.
async fn look_at_handover(daemon: &Daemon) {
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

/// Says how the store was found. A rebuilt store is loud.
fn tell(opening: &Opening) {
    match opening {
        Opening::AsItWas | Opening::Fresh => {}
        Opening::Upgraded => tracing::info!("the store's secrets are sealed now, under the master key"),
        Opening::Replayed(changes) => tracing::warn!(changes, "the store was behind its journal; caught up"),
        other => tracing::error!("the store was damaged and has been made again from its journal: {other:?}"),
    }
}
