//! The order of life: read, bind, drop, open, serve, reload, drain. Alone names the store's own form.

mod log;
mod privilege;
mod reload;
mod sockets;
mod watchdog;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use arc_swap::ArcSwap;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use log::start_log;
pub use privilege::{become_keeper_of_store, become_owner_of_store};
pub use reload::read_config;
pub use sockets::{ProxyListening, Sockets, bind_tcp};

use crate::admin::{self, AdminPlane};
use crate::config::{Config, PublicUrl, Snapshot};
use crate::host::clock::Clock;
use crate::host::signals::{Signals, Wish};
use crate::host::systemd;
use crate::inventory::master_key::MasterKey;
use crate::provision::{Pending, Pipeline};
use crate::serve::{self, Connections, Listener, PhoneFiles, ProxySocket, Security, TlsInForce, tftp};
use crate::store::backup::BackUp;
use crate::store::sled::SledStore;
use crate::store::{self, Opening, Store};

/// How long requests under way may take after a stop was asked for.
const DRAIN: Duration = Duration::from_secs(20);

/// How often it is looked at whether phones may be sent to the public URL.
const HANDOVER_CHECK: Duration = Duration::from_secs(60);

/// The most threads that wait for the disk or compute (policy U3).
const BLOCKING_THREADS: usize = 16;

/// A daemon that is ready to serve.
pub struct Daemon {
    /// What the operator's file is, to be read again.
    config_path: Option<PathBuf>,
    sockets: Sockets,
    admin: std::os::unix::net::UnixListener,
    snapshot: Arc<ArcSwap<Snapshot>>,
    store: Arc<SledStore>,
    pipeline: Arc<Pipeline>,
    tls: Arc<TlsInForce>,
    admin_tls: Arc<ArcSwap<rustls::ServerConfig>>,
    clock: Clock,
}

/// A whole life, from the settings to the last answer.
pub fn serve(path: Option<&Path>) -> anyhow::Result<()> {
    let (config, path) = read_config(path)?;
    start_log(&config);
    let sockets = Sockets::open(&config)?;
    let early = config.master_key.find_as_root(store::is_empty(&config.data_dir)?)?;
    privilege::drop_privileges(&config)?;
    let daemon = Daemon::open(config, path, sockets, early)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build()?;
    runtime.block_on(daemon.run(CancellationToken::new()))
}

impl Daemon {
    /// Opens the store and builds the snapshot over sockets that are bound already.
    pub fn prepare(config: Config, config_path: Option<PathBuf>, sockets: Sockets) -> anyhow::Result<Daemon> {
        Daemon::open(config, config_path, sockets, None)
    }

    fn open(
        config: Config,
        config_path: Option<PathBuf>,
        mut sockets: Sockets,
        master: Option<MasterKey>,
    ) -> anyhow::Result<Daemon> {
        let admin = sockets.take_admin(&config)?;
        sockets.bind_proxies(&config)?;
        let clock = Clock::resume(&config.data_dir);
        let master = match master {
            Some(master) => master,
            None => config.master_key.find(store::is_empty(&config.data_dir)?)?,
        };
        let (store, opening) = SledStore::open(&config.data_dir, &master)?;
        tell(&opening);
        store.retain(config.retention);
        keep_clock(&clock, &config.data_dir);
        if !sockets.admin_tcp.is_empty() {
            need_a_token(&store, &clock)?;
        }
        let bound = sockets.first_https()?;
        let snapshot = reload::build(config, bound, &clock)?;
        let admin_tls = Arc::new(ArcSwap::from(admin_tls(&snapshot)?));
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot));
        let store = Arc::new(store);
        let shared: Arc<dyn Store> = Arc::clone(&store) as Arc<dyn Store>;
        let tls = Arc::new(TlsInForce::new(Arc::clone(&snapshot), Arc::clone(&shared))?);
        let pipeline = Pipeline::new(shared, Arc::clone(&snapshot), Arc::new(Pending::default()), clock);
        let pipeline = Arc::new(pipeline);
        Ok(Daemon { config_path, sockets, admin, snapshot, store, pipeline, tls, admin_tls, clock })
    }

    /// Where phones are sent.
    pub fn public_url(&self) -> PublicUrl {
        self.snapshot.load().public_url.clone()
    }

    /// Everything that is kept.
    pub fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    fn backups(&self) -> Arc<dyn BackUp> {
        Arc::clone(&self.store) as Arc<dyn BackUp>
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
        let (rules, heard) = watch::channel(Arc::new(reload::tftp_rules(config)));
        let mut listeners = JoinSet::new();
        self.spawn_listeners(&mut listeners, &stop, heard)?;
        if let Some(within) = systemd::watchdog() {
            let store = self.store();
            let ask = move || drop(store.flush());
            listeners.spawn(watchdog::watch(ask, systemd::tell_alive, within, stop.child_token()));
        }
        tracing::info!(url = %self.public_url(), "serving");
        systemd::tell_ready(&format!("serving {}", self.public_url()));
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
                    Wish::Reload => self.reload(bound, &rules).await,
                },
                _ = look.tick() => {
                    reload::look_at_handover(&self).await;
                    let (clock, data_dir) = (self.clock, self.snapshot.load().config.data_dir.clone());
                    drop(tokio::task::spawn_blocking(move || keep_clock(&clock, &data_dir)).await);
                }
            }
        }
        systemd::tell_stopping("finishing what is under way");
        stop.cancel();
        let drained = tokio::time::timeout(DRAIN, async { while listeners.join_next().await.is_some() {} }).await;
        if drained.is_err() {
            tracing::warn!("some transfers did not end within {DRAIN:?} and were cut off");
        }
        listeners.shutdown().await;
        keep_clock(&self.clock, &self.snapshot.load().config.data_dir);
        self.store.flush()?;
        self.store.close();
        tracing::info!("stopped");
        Ok(())
    }

    /// Reads everything again and says what came of it.
    async fn reload(&self, bound: SocketAddr, rules: &watch::Sender<Arc<tftp::Rules>>) {
        systemd::tell_reloading();
        match reload::reload(self, bound, rules).await {
            Ok(()) => {
                tracing::info!("settings, templates and certificate read again");
                systemd::tell_ready(&format!("serving {}", self.public_url()));
            }
            Err(error) => {
                tracing::error!("the reload failed and the old settings stay: {error:#}");
                systemd::tell_ready(&format!("serving with the old settings, the reload failed: {error:#}"));
            }
        }
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
        for socket in &self.sockets.proxy {
            tracing::info!(address = %socket, "https behind a proxy");
            let listener = self.behind_proxy(socket, &connections)?;
            tasks.spawn(serve::serve_proxied(listener, stop.child_token()));
        }
        let files = Arc::new(PhoneFiles { pipeline: Arc::clone(&self.pipeline) });
        for socket in &self.sockets.tftp {
            tracing::info!(address = %socket.local_addr()?, "tftp");
            tasks.spawn(tftp::serve(socket.try_clone()?, rules.clone(), Arc::clone(&files), stop.child_token()));
        }
        self.spawn_admin(tasks, stop)
    }

    fn behind_proxy(
        &self,
        socket: &ProxyListening,
        connections: &Arc<Connections>,
    ) -> anyhow::Result<serve::ProxyListener> {
        let socket = match socket {
            ProxyListening::Tcp(socket) => {
                socket.set_nonblocking(true)?;
                ProxySocket::Tcp(tokio::net::TcpListener::from_std(socket.try_clone()?)?)
            }
            ProxyListening::Unix(socket) => {
                socket.set_nonblocking(true)?;
                ProxySocket::Unix(tokio::net::UnixListener::from_std(socket.try_clone()?)?)
            }
        };
        let (pipeline, connections) = (Arc::clone(&self.pipeline), Arc::clone(connections));
        Ok(serve::ProxyListener { socket, pipeline, connections })
    }

    fn spawn_admin(&self, tasks: &mut JoinSet<std::io::Result<()>>, stop: &CancellationToken) -> anyhow::Result<()> {
        let addresses = self.sockets.addresses().into_iter();
        let mut listeners: Vec<_> = addresses.map(|(plane, address)| (plane, address.to_string())).collect();
        listeners.extend(self.sockets.proxy.iter().map(|socket| ("proxy", socket.to_string())));
        listeners.push(("admin", self.snapshot.load().config.admin_socket.display().to_string()));
        let (snapshot, changed) = (Arc::clone(&self.snapshot), authorities_changed(&self.tls));
        let plane = AdminPlane::new(self.store(), snapshot, &self.pipeline, listeners, changed, self.backups());
        let router = admin::router(Arc::new(plane));
        let socket = tokio::net::UnixListener::from_std(self.admin.try_clone()?)?;
        tasks.spawn(admin::socket::serve(socket, router.clone(), stop.child_token()));
        for socket in &self.sockets.admin_tcp {
            tracing::info!(address = %socket.local_addr()?, "admin");
            let socket = socket.try_clone()?;
            socket.set_nonblocking(true)?;
            let socket = tokio::net::TcpListener::from_std(socket)?;
            let tls = Arc::clone(&self.admin_tls);
            tasks.spawn(admin::tcp::serve(socket, tls, router.clone(), stop.child_token()));
        }
        Ok(())
    }
}

/// Writes the time down, so that no deadline is extended if the wall clock is set back while the daemon is stopped.
fn keep_clock(clock: &Clock, data_dir: &Path) {
    if let Err(error) = clock.keep(data_dir) {
        tracing::warn!(%error, folder = %data_dir.display(), "the time could not be written down");
    }
}

/// Who listens on the network must know somebody to listen to (policy A2).
fn need_a_token(store: &dyn Store, clock: &Clock) -> anyhow::Result<()> {
    let now = clock.now();
    if store.admin_tokens()?.iter().any(|token| now < token.expires) {
        return Ok(());
    }
    bail!(
        "admin.listen needs a token, and there is none that is valid: start without admin.listen, make one over the \
         socket (`ztpd token add NAME`), then start with it"
    )
}

/// The admin plane's TLS settings: a certificate of its own, else that of HTTPS.
fn admin_tls(snapshot: &Snapshot) -> Result<Arc<rustls::ServerConfig>, rustls::Error> {
    serve::server_config(snapshot.admin_certificate.as_ref().unwrap_or(&snapshot.certificate))
}

/// What the admin plane calls when authorities came or went.
fn authorities_changed(tls: &Arc<TlsInForce>) -> Box<dyn Fn() + Send + Sync> {
    let tls = Arc::clone(tls);
    Box::new(move || match tls.renew() {
        Ok(()) => tracing::info!("the list of makers' authorities changed"),
        Err(error) => tracing::error!("the change of the makers' authorities has to wait for a reload: {error}"),
    })
}

/// Says how the store was found. A rebuilt store is loud.
fn tell(opening: &Opening) {
    match opening {
        Opening::AsItWas | Opening::Fresh => {}
        Opening::Upgraded => {
            tracing::info!("the store has this version's form now, and its secrets are sealed under the master key")
        }
        Opening::Replayed(changes) => tracing::warn!(changes, "the store was behind its journal; caught up"),
        other => tracing::error!("the store was damaged and has been made again from its journal: {other:?}"),
    }
}
