//! The main job on one machine: a daemon on loopback, phones of every maker that boot twice, and a table of what each
//! asked, what it was given and why, and the account it came up with.

mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::output::Output;
use crate::config::{Config, KeyPlace, PublicUrl};
use crate::daemon::{Daemon, Sockets, bind_tcp};
use crate::host::clock::Clock;
use crate::inventory::device::{Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::inventory::secret::Secret;
use crate::makers;
use crate::simulate::{Account, Boot, Expect, Model, Network, Outcome, Phone, Seen};
use crate::store::{Actor, DeviceSecrets, EnrolRules, Store, WindowPolicy};

/// How the demo ends and speaks.
#[derive(Args, Clone, Copy, Debug)]
pub struct Options {
    /// End when every phone has booted.
    #[arg(long)]
    once: bool,
    /// Print one JSON object instead of the table.
    #[arg(long)]
    json: bool,
}

/// One phone of the demo.
struct Cast {
    model: Model,
    mac: &'static str,
    owner: &'static str,
    site: &'static str,
    source: IpAddr,
}

/// What became of one phone.
#[derive(Serialize)]
struct Booted {
    mac: MacAddr,
    maker: String,
    model: String,
    site: String,
    assignee: String,
    expect: Expect,
    requests: Vec<Seen>,
    account: Option<Account>,
    ok: bool,
    #[serde(skip)]
    second: Vec<Seen>,
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    phones: &'a [Booted],
    https: String,
    tftp: String,
    socket: String,
}

/// Where the demo's daemon listens.
struct Stage {
    https: u16,
    tftp_v4: SocketAddr,
    tftp_v6: Option<SocketAddr>,
    dir: PathBuf,
    clock: Clock,
}

const SITES: &[&str] = &[
    r#"{"id": "berlin", "name": "Berlin", "main": true, "networks": ["127.0.0.0/8"], "timezone": "Europe/Berlin"}"#,
    r#"{"id": "lisbon", "name": "Lisbon", "networks": ["::1/128"], "timezone": "Europe/Lisbon"}"#,
];

const USERS: &[&str] = &[
    r#"{"id": "alice@example.com", "first_name": "Alice", "last_name": "Doe", "site": "berlin", "extension": "1001"}"#,
    r#"{"id": "bob@example.com", "first_name": "Bob", "last_name": "Müller", "site": "berlin", "locale": "de-DE"}"#,
    r#"{"id": "carla@example.com", "first_name": "Carla", "last_name": "Sá & Filhos", "site": "lisbon"}"#,
];

const LOBBY: &str = r#"{"id": "lobby", "name": "Lobby", "site": "berlin", "extension": "1500"}"#;

/// The phones, each at an address of its own; the site in Lisbon is on IPv6 where this machine has it.
fn cast(ipv6: bool) -> Vec<Cast> {
    let lisbon = if ipv6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::new(127, 0, 0, 30)) };
    let berlin = |host| IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
    let of = |model, mac, owner, site, source| Cast { model, mac, owner, site, source };
    vec![
        of(Model::YEALINK_T46U, "80:5e:c0:00:00:01", "alice@example.com", "berlin", berlin(10)),
        of(Model::YEALINK_T54W, "80:5e:c0:00:00:02", "lobby", "berlin", berlin(11)),
        of(Model::POLY_VVX450, "64:16:7f:00:00:01", "bob@example.com", "berlin", berlin(12)),
        of(Model::POLY_CCX500, "64:16:7f:00:00:02", "carla@example.com", "lisbon", lisbon),
        of(Model::CISCO_8841, "d0:ec:35:00:00:01", "alice@example.com", "berlin", berlin(13)),
        of(Model::CISCO_6841, "d0:ec:35:00:00:02", "bob@example.com", "berlin", berlin(14)),
        of(Model::CISCO_SPA504G, "00:26:99:00:00:01", "lobby", "berlin", berlin(15)),
        of(Model::GRANDSTREAM_GRP2614, "c0:74:ad:00:00:01", "alice@example.com", "berlin", berlin(16)),
        of(Model::GRANDSTREAM_GXP2170, "00:0b:82:00:00:02", "bob@example.com", "berlin", berlin(17)),
        of(Model::SNOM_D785, "00:04:13:00:00:01", "carla@example.com", "lisbon", lisbon),
        of(Model::SNOM_D735, "00:04:13:00:00:02", "alice@example.com", "berlin", berlin(18)),
    ]
}

/// Runs the demo; fails if a phone did not end as expected.
pub fn run(options: Options) -> Result<(), Failure> {
    let dir = tempfile_dir()?;
    let outcome = play(options, dir.clone());
    let _ = std::fs::remove_dir_all(dir);
    if outcome? { Ok(()) } else { Err(Failure::Failed("not every phone ended as expected".into())) }
}

fn tempfile_dir() -> anyhow::Result<PathBuf> {
    use std::os::unix::fs::DirBuilderExt as _;
    let name = Secret::token(crate::inventory::secret::TokenLength::Short)?;
    let dir = std::env::temp_dir().join(format!("ztpd-demo-{}", name.reveal()));
    std::fs::DirBuilder::new().mode(0o700).create(&dir).with_context(|| dir.display().to_string())?;
    Ok(dir)
}

fn play(options: Options, dir: PathBuf) -> Result<bool, Failure> {
    let (daemon, stage) = set_up(dir)?;
    let store = daemon.store();
    let cast = cast(stage.tftp_v6.is_some());
    fill(&*store, &cast, stage.tftp_v6.is_some(), &stage.clock)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(16).build();
    let runtime = runtime.map_err(anyhow::Error::from)?;
    let stop = CancellationToken::new();
    let running = runtime.spawn(daemon.run(stop.clone()));
    let stage = Arc::new(stage);
    let phones = runtime.block_on(boot_all(cast, Arc::clone(&stage)))?;
    let ok = phones.iter().all(|phone| phone.ok);
    show(options, &phones, ok, &stage)?;
    if options.once {
        stop.cancel();
    } else {
        Output::new(false).write(&to_try(&*store, &phones, &stage)?)?;
    }
    runtime.block_on(running).map_err(anyhow::Error::from)??;
    Ok(ok)
}

fn show(options: Options, phones: &[Booted], ok: bool, stage: &Stage) -> Result<(), Failure> {
    let output = Output::new(options.json);
    if !options.json {
        output.rows(table::TITLES, table::rows(phones))?;
        let ended = phones.iter().filter(|phone| phone.ok).count();
        let sentence =
            format!("{ended} of {} phones ended as expected, twice with the same DHCP answer.", phones.len());
        return output.line(&sentence);
    }
    let report = Report {
        ok,
        phones,
        https: format!("https://localhost:{}", stage.https),
        tftp: stage.tftp_v4.to_string(),
        socket: stage.dir.join("admin.sock").display().to_string(),
    };
    output.value(&serde_json::to_value(&report).map_err(anyhow::Error::from)?)
}

/// Binds everything to ports that are free and prepares a daemon over them.
fn set_up(dir: PathBuf) -> anyhow::Result<(Daemon, Stage)> {
    let text = "[sip]\nserver = \"pbx.example.com\"\n[time]\nntp = [\"ntp.example.com\"]\n[log]\nlevel = \"error\"\n\
                [diagnose]\ninterval = \"off\"\nmakers_reachability = false\n";
    let mut config = Config::parse(text).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    crate::daemon::start_log(&config);
    config.data_dir = dir.join("data");
    config.master_key = KeyPlace::Own(dir.join("master.key"));
    config.firmware_dir = dir.join("firmware");
    config.admin_socket = dir.join("admin.sock");
    config.templates_dir = None;
    let v4 = bind_tcp(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let https = v4.local_addr()?.port();
    let v6 = bind_tcp(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), https)).ok();
    config.https = vec![v4.local_addr()?];
    config.public_url = Some(PublicUrl::of("localhost", https));
    let udp_v4 = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let udp_v6 = std::net::UdpSocket::bind("[::1]:0").ok().filter(|_| v6.is_some());
    let stage = Stage {
        https,
        tftp_v4: udp_v4.local_addr()?,
        tftp_v6: udp_v6.as_ref().and_then(|socket| socket.local_addr().ok()),
        dir,
        clock: Clock::start(),
    };
    let sockets = Sockets {
        https: [v4].into_iter().chain(v6).collect::<Vec<TcpListener>>(),
        tftp: [udp_v4].into_iter().chain(udp_v6).collect(),
        ..Sockets::default()
    };
    Ok((Daemon::prepare(config, None, sockets)?, stage))
}

/// Puts the sites, the people and their phones into the inventory.
fn fill(store: &dyn Store, cast: &[Cast], ipv6: bool, clock: &Clock) -> anyhow::Result<()> {
    let now = clock.now();
    let by = Actor { name: "demo".to_owned(), on_behalf_of: None, time: now, boot_ms: clock.boot_ms() };
    for site in SITES {
        let site = if ipv6 { (*site).to_owned() } else { site.replace("::1/128", "127.0.0.0/8") };
        store.create_site(serde_json::from_str(&site)?, &by)?;
    }
    for user in USERS {
        store.create_user(serde_json::from_str(user)?, Secret::password()?, &by)?;
    }
    store.create_common_area(serde_json::from_str(LOBBY)?, Secret::password()?, &by)?;
    let windows = WindowPolicy { now, lasts: Period::hours(24) };
    for phone in cast {
        let maker = makers::by_id(&phone.model.maker().to_string()).context("no such maker")?;
        let model = makers::by_spelling(maker.id(), phone.model.name()).context("no such model")?;
        let mut device: Device = serde_json::from_value(serde_json::json!({
            "mac": phone.mac, "maker": maker.id(), "model": model.model, "site": phone.site,
        }))?;
        device.assignment = Some(owner(phone.owner)?);
        let secrets =
            DeviceSecrets { token: Secret::token(maker.token_length())?, admin_password: Secret::admin_password()? };
        store.enrol(device, secrets, &EnrolRules { devices_per_user: 9, windows }, &by)?;
    }
    Ok(())
}

fn owner(name: &str) -> anyhow::Result<Owner> {
    Ok(if name.contains('@') { Owner::User(name.parse()?) } else { Owner::CommonArea(name.parse()?) })
}

async fn boot_all(cast: Vec<Cast>, stage: Arc<Stage>) -> anyhow::Result<Vec<Booted>> {
    let mut tasks = JoinSet::new();
    for (place, cast) in cast.into_iter().enumerate() {
        let stage = Arc::clone(&stage);
        tasks.spawn(async move { anyhow::Ok((place, boot_twice(cast, &stage).await?)) });
    }
    let mut phones = Vec::new();
    while let Some(phone) = tasks.join_next().await {
        phones.push(phone??);
    }
    phones.sort_by_key(|(place, _)| *place);
    Ok(phones.into_iter().map(|(_, phone)| phone).collect())
}

async fn boot_twice(cast: Cast, stage: &Stage) -> anyhow::Result<Booted> {
    let mac: MacAddr = cast.mac.parse()?;
    let mut network = Network::new(cast.source, stage.clock.now());
    let tftp = if cast.source.is_ipv6() { stage.tftp_v6.unwrap_or(stage.tftp_v4) } else { stage.tftp_v4 };
    network.options.option_66 = Some(format!("tftp://{tftp}/"));
    let mut phone = Phone::new(cast.model, mac, "DEMO00000001");
    let first = phone.boot(&network).await;
    let second = phone.boot(&network).await;
    let expect = cast.model.expect();
    let ok = ended_well(expect, &first) && ended_well(expect, &second);
    Ok(Booted {
        mac,
        maker: cast.model.maker().to_string(),
        model: cast.model.name().to_owned(),
        site: cast.site.to_owned(),
        assignee: cast.owner.to_owned(),
        expect,
        requests: first.requests.into_iter().map(masked).collect(),
        second: second.requests.into_iter().map(masked).collect(),
        account: second.account,
        ok,
    })
}

fn ended_well(expect: Expect, boot: &Boot) -> bool {
    match expect {
        Expect::Account => boot.account.is_some(),
        Expect::BootstrapOnly => {
            let bootstrapped = boot.requests.iter().any(|seen| matches!(seen.outcome, Outcome::Served { .. }));
            let refused = boot.requests.iter().any(|seen| matches!(seen.outcome, Outcome::TlsFailed(_)));
            boot.account.is_none() && bootstrapped && refused
        }
    }
}

/// A token is a key: the demo's listings do not show it.
fn masked(mut seen: Seen) -> Seen {
    if let Some((before, rest)) = seen.url.split_once("/t/")
        && let Some((token, file)) = rest.split_once('/')
        && !token.is_empty()
    {
        seen.url = format!("{before}/t/***/{file}");
    }
    seen
}

/// Three lines to try while the demo goes on serving.
fn to_try(store: &dyn Store, phones: &[Booted], stage: &Stage) -> anyhow::Result<String> {
    let first = phones.first().context("no phone")?;
    let phone = store.phone(first.mac)?.context("no phone")?;
    let file = format!("{}.cfg", first.mac.plain());
    let authority = stage.dir.join("data/tls/authority.crt");
    let (authority, base, tftp) =
        (authority.display(), format!("https://localhost:{}", stage.https), stage.tftp_v4.port());
    let token = phone.token;
    let token = token.reveal();
    Ok(format!(
        "\nStill serving; stop with Ctrl-C. Try, in another terminal:\n\
         \x20 curl --cacert {authority} {base}/t/{token}/{file}      # its token: served\n\
         \x20 curl --cacert {authority} --interface 127.0.0.2 -i {base}/{file}      # no proof: 404\n\
         \x20 tftp -m octet 127.0.0.1 {tftp} -c get y000000000108.cfg      # the bootstrap, without secrets\n"
    ))
}
