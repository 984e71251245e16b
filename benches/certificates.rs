//! What asking every phone for its certificate costs: a full TLS handshake with one and without, the judgement of its
//! chain, and the whole decision over a request, for comparison.

#![allow(clippy::expect_used, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RsaKeySize, SignatureAlgorithm,
};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use ztpd::config::{Config, Snapshot};
use ztpd::host::clock::Clock;
use ztpd::inventory::certificate::{Authority, Der, Fingerprint};
use ztpd::provision::ClientCertificate;
use ztpd::serve::{Authorities, Tls};

/// A phone's chain with its key, and the authority above it.
struct Phone {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    authority: Authority,
}

fn key(kind: &'static SignatureAlgorithm, size: RsaKeySize) -> KeyPair {
    if kind == &PKCS_RSA_SHA256 {
        KeyPair::generate_rsa_for(kind, size).unwrap()
    } else {
        KeyPair::generate_for(kind).unwrap()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A phone below an intermediate authority below a root, as makers have it.
fn phone(kind: &'static SignatureAlgorithm) -> Phone {
    let authority = |name| {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let root_key = key(kind, RsaKeySize::_4096);
    let root = authority("Root");
    let der = root.self_signed(&root_key).unwrap().der().to_vec();
    let root = Issuer::new(root, root_key);
    let middle_key = key(kind, RsaKeySize::_4096);
    let middle_params = authority("Middle");
    let middle = middle_params.signed_by(&middle_key, &root).unwrap();
    let issuer = Issuer::new(middle_params, middle_key);
    let own = key(kind, RsaKeySize::_2048);
    let leaf = params("805EC0112233").signed_by(&own, &issuer).unwrap();
    let sha256 = Fingerprint::of(&der);
    let (maker, added) = ("yealink".parse().unwrap(), Clock::start().now());
    let authority = Authority { sha256, maker, tolerate: [].into(), added, certificate: Der(der) };
    Phone {
        chain: vec![leaf.der().clone(), middle.der().clone()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own.serialize_der())),
        authority,
    }
}

/// A full handshake in memory; what the client showed.
fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> Vec<CertificateDer<'static>> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() {
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut sent = wire.as_slice();
        while !sent.is_empty() {
            server.read_tls(&mut sent).unwrap();
            server.process_new_packets().unwrap();
        }
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut sent = wire.as_slice();
        while !sent.is_empty() {
            client.read_tls(&mut sent).unwrap();
            client.process_new_packets().unwrap();
        }
        wire.clear();
    }
    server.peer_certificates().unwrap_or_default().to_vec()
}

fn client(snapshot: &Snapshot, phone: Option<&Phone>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(snapshot.certificate.authority.as_ref().unwrap().der.clone().into()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match phone {
        Some(phone) => config.with_client_auth_cert(phone.chain.clone(), phone.key.clone_key()).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

fn certificates(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::start();
    let mut config = Config::parse("").expect("settings");
    config.data_dir = dir.path().to_owned();
    let snapshot = Snapshot::build(config, ([127, 0, 0, 1], 8443).into(), clock.now()).expect("a snapshot");
    let mut group = criterion.benchmark_group("certificates");
    for (name, kind) in [("ecdsa", &PKCS_ECDSA_P256_SHA256), ("rsa", &PKCS_RSA_SHA256)] {
        let phone = phone(kind);
        let tls = Tls::new(&snapshot.certificate, Authorities::new(vec![phone.authority.clone()])).unwrap();
        let shows = client(&snapshot, Some(&phone));
        let judged = |chain: &[CertificateDer<'_>]| tls.authorities.judge(chain).at(clock.now());
        assert!(matches!(judged(&handshake(&shows, &tls.config)), ClientCertificate::Good(_)));
        group.bench_function(format!("handshake with one, judged/{name}"), |bencher| {
            bencher.iter(|| black_box(judged(&handshake(&shows, &tls.config))));
        });
        group.bench_function(format!("judgement alone/{name}"), |bencher| {
            bencher.iter(|| black_box(judged(&phone.chain)));
        });
    }
    let tls = Tls::new(&snapshot.certificate, Authorities::default()).unwrap();
    let without = client(&snapshot, None);
    group.bench_function("handshake without", |bencher| {
        bencher.iter(|| black_box(handshake(&without, &tls.config)));
    });
    group.finish();
}

criterion_group!(benches, certificates);
criterion_main!(benches);
