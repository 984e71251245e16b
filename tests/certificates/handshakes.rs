//! Every phone is asked for its certificate, and none is turned away for one; but whoever shows one has its key.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned};

use crate::lookalike::{PHONE, Pair, Wish};
use crate::phones::{get, one_phone, trust};
use crate::support::{Site, admin, curl};

const FILE: &str = "805ec0112233.cfg";
const SUBJECT: &str = "/CN=805EC0112233";
/// OpenSSL refuses 1024-bit keys and SHA-1 by itself; old phones do not.
const OLD: &[&str] = &["-tls1_2", "-cipher", "DEFAULT@SECLEVEL=0"];

/// What `openssl s_client` says and is answered, asking for a file.
fn s_client(site: &Site, path: &str, options: &[&str]) -> String {
    let address = site.url.strip_prefix("https://").unwrap();
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", address, "-ign_eof", "-CAfile"]).arg(&site.authority).args(options);
    let mut client =
        client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("openssl");
    let request = format!("GET /{path} HTTP/1.0\r\nConnection: close\r\n\r\n");
    client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn with<'a>(pair: &'a Pair, more: &[&'a str]) -> Vec<&'a str> {
    let own = ["-cert", pair.certificate.to_str().unwrap(), "-key", pair.key.to_str().unwrap()];
    own.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn sec_d04_no_certificate_makes_a_handshake_fail() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let stranger = shop.make(Wish::authority("/CN=Stranger"), None);
    for (what, wish, issuer) in [
        ("of nobody", Wish::phone(SUBJECT), Some(&stranger)),
        ("signed by itself", Wish::phone(SUBJECT), None),
        ("expired", Wish { days: -1, ..Wish::phone(SUBJECT) }, Some(&root)),
        ("version 1", Wish { extensions: "", ..Wish::phone(SUBJECT) }, Some(&root)),
        ("of a key that nobody verifies", Wish { key: "ED448", ..Wish::phone(SUBJECT) }, Some(&root)),
        ("for servers", Wish { extensions: "extendedKeyUsage=serverAuth\n", ..Wish::phone("/CN=x") }, Some(&root)),
    ] {
        let pair = shop.make(wish, issuer);
        for version in ["1.2", "1.3"] {
            let own = ["--cert", pair.certificate.to_str().unwrap(), "--key", pair.key.to_str().unwrap()];
            let options = [&own[..], &["--tls-max", version]].concat();
            let public = curl(&site, "127.0.0.1", "y000000000108.cfg", &options).unwrap();
            assert_eq!(public.status, 200, "{what}, TLS {version}");
            assert_eq!(curl(&site, "127.0.0.1", FILE, &options).unwrap().status, 404, "{what}, TLS {version}");
        }
    }
}

#[test]
fn sec_d04_the_subjects_of_all_authorities_are_named_as_soon_as_they_are_added() {
    let Some((site, shop, _)) = one_phone("") else { return };
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&site, "", &[version]);
        assert!(said.contains("Acceptable client certificate CA names"), "{said}");
        assert!(said.contains("O = Yealink, CN = Root") && !said.contains("Second"), "{said}");
    }
    let second = shop.make(Wish::authority("/O=Snom/CN=Second"), None);
    let sha256 = trust(&site, "snom", &second, &[]);
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&site, "", &[version]);
        assert!(said.contains("O = Yealink, CN = Root") && said.contains("O = Snom, CN = Second"), "{said}");
    }
    assert_eq!(admin(&site, "DELETE", &format!("authorities/{sha256}"), "", &[]).unwrap().0, 204);
    assert!(!s_client(&site, "", &["-tls1_3"]).contains("Second"));
}

#[test]
fn sec_d04_only_http_1_is_spoken() {
    let Some((site, ..)) = one_phone("") else { return };
    let said = s_client(&site, "", &["-alpn", "h2,http/1.1"]);
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
}

#[test]
fn sec_d04_old_keys_and_signatures_are_verified_too() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let old = Wish { key: "RSA:1024", hash: "sha1", ..Wish::phone(SUBJECT) };
    let phone = shop.make(old, Some(&root));
    let (_, _, list) = admin(&site, "GET", "authorities", "", &[]).unwrap();
    let strict = list["items"][0]["sha256"].as_str().unwrap().to_owned();
    for signature in ["RSA+SHA1", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "RSA-PSS+SHA256", "RSA-PSS+SHA384"] {
        let options = with(&phone, &[OLD, &["-client_sigalgs", signature]].concat());
        let said = s_client(&site, FILE, &options);
        assert!(said.contains("HTTP/1.0 404") || said.contains("HTTP/1.1 404"), "{signature}: {said}");
    }
    assert_eq!(admin(&site, "DELETE", &format!("authorities/{strict}"), "", &[]).unwrap().0, 204);
    trust(&site, "yealink", &root, &["rsa1024", "sha1"]);
    for signature in ["RSA+SHA1", "RSA+SHA256", "RSA+SHA384", "RSA+SHA512", "RSA-PSS+SHA256", "RSA-PSS+SHA384"] {
        let options = with(&phone, &[OLD, &["-client_sigalgs", signature]].concat());
        let said = s_client(&site, FILE, &options);
        assert!(said.contains(" 200 OK"), "{signature}: {said}");
    }
    let said = s_client(&site, FILE, &with(&phone, &["-tls1_3", "-cipher", "DEFAULT@SECLEVEL=0"]));
    assert!(said.contains(" 200 OK"), "TLS 1.3: {said}");
}

/// Shows a certificate and signs with another key: what a thief of the certificate alone can do.
#[derive(Debug)]
struct Thief(Arc<CertifiedKey>);

impl ResolvesClientCert for Thief {
    fn resolve(&self, _subjects: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// The answer to a request with this certificate and this key; an error if there was no connection.
fn ask(
    site: &Site,
    certificate: &Pair,
    key: &Pair,
    tls: &'static rustls::SupportedProtocolVersion,
) -> Result<String, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let secret = PrivateKeyDer::from_pem_file(&key.key).unwrap();
    let signing = provider.key_provider.load_private_key(secret).unwrap();
    let shown = Thief(Arc::new(CertifiedKey::new(certificate.der(), signing)));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&site.authority).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[tls]).unwrap();
    let config = config.with_root_certificates(roots).with_client_cert_resolver(Arc::new(shown));
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let socket = TcpStream::connect(site.url.strip_prefix("https://").unwrap()).unwrap();
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), socket);
    let request = format!("GET /{FILE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    Ok(answer)
}

#[test]
fn sec_d04_a_certificate_without_its_key_gets_no_connection() {
    let Some((site, shop, root)) = one_phone("") else { return };
    for key in ["EC", "RSA:2048"] {
        let phone = shop.make(Wish { key, ..Wish::phone(SUBJECT) }, Some(&root));
        let thief = shop.make(Wish { key, ..Wish::phone("/CN=thief") }, None);
        for tls in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let stolen = ask(&site, &phone, &thief, tls).unwrap_err();
            assert!(stolen.contains("alert") || stolen.contains("reset"), "{key}: {stolen}");
        }
        let (_, _, events) = admin(&site, "GET", "events?limit=5", "", &[]).unwrap();
        assert!(!events.to_string().contains("\"served\""), "{events}");
    }
    let phone = shop.make(Wish { key: "RSA:2048", ..Wish::phone(SUBJECT) }, Some(&root));
    for tls in [&rustls::version::TLS12, &rustls::version::TLS13] {
        assert!(ask(&site, &phone, &phone, tls).unwrap().starts_with("HTTP/1.1 200"), "{tls:?}");
    }
}

#[test]
fn sec_d04_a_resumed_session_is_judged_again() {
    let Some((site, shop, root)) = one_phone("") else { return };
    let phone = shop.make(Wish { extensions: PHONE, ..Wish::phone(SUBJECT) }, Some(&root));
    let dir = tempfile::tempdir().unwrap();
    let session = dir.path().join("session");
    let session = session.to_str().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let said = s_client(&site, FILE, &with(&phone, &[version, "-sess_out", session]));
        assert!(said.contains(" 200 OK"), "{said}");
        // The certificate is not sent again, but remembered with the session.
        let said = s_client(&site, FILE, &[version, "-sess_in", session]);
        assert!(said.contains("Reused, TLSv1") && said.contains(" 200 OK"), "{said}");
    }
    let (_, _, list) = admin(&site, "GET", "authorities", "", &[]).unwrap();
    let sha256 = list["items"][0]["sha256"].as_str().unwrap();
    assert_eq!(admin(&site, "DELETE", &format!("authorities/{sha256}"), "", &[]).unwrap().0, 204);
    let said = s_client(&site, FILE, &["-tls1_3", "-sess_in", session]);
    assert!(said.contains(" 404 Not Found"), "{said}");
    assert_eq!(get(&site, FILE, &phone).status, 404);
}
