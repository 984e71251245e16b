//! Authorities and phones' certificates that look like the makers', made with the `openssl` program, with every fault
//! one can have. `None` where it is not installed.

use std::path::PathBuf;
use std::process::Command;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Where they lie.
pub struct Workshop {
    dir: tempfile::TempDir,
    made: std::cell::Cell<u32>,
}

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What a certificate shall be.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    pub subject: &'a str,
    pub key: &'a str,
    pub hash: &'a str,
    /// X.509 extensions; none: version 1.
    pub extensions: &'a str,
    pub days: i32,
}

pub const PHONE: &str = "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n";
pub const AUTHORITY: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n";

impl<'a> Wish<'a> {
    /// An ordinary one of a phone.
    pub fn phone(subject: &'a str) -> Wish<'a> {
        Wish { subject, key: "EC", hash: "sha256", extensions: PHONE, days: 3650 }
    }

    /// An ordinary one of an authority.
    pub fn authority(subject: &'a str) -> Wish<'a> {
        Wish { subject, key: "RSA:2048", hash: "sha256", extensions: AUTHORITY, days: 3650 }
    }
}

impl Workshop {
    pub fn open() -> Option<Workshop> {
        if let Err(error) = Command::new("openssl").arg("version").output() {
            println!("skipped: openssl: {error}");
            return None;
        }
        Some(Workshop { dir: tempfile::tempdir().unwrap(), made: std::cell::Cell::new(0) })
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.dir.path().join(format!("{}.{ending}", self.made.get()))
    }

    /// Makes a certificate, signed by `issuer` or by itself.
    pub fn make(&self, wish: Wish<'_>, issuer: Option<&Pair>) -> Pair {
        self.made.set(self.made.get() + 1);
        let pair = Pair { certificate: self.path("crt"), key: self.path("key") };
        let (kind, size) = wish.key.split_once(':').unwrap_or((wish.key, ""));
        let mut generate = Command::new("openssl");
        generate.args(["genpkey", "-quiet", "-algorithm", kind, "-out"]).arg(&pair.key);
        match kind {
            "EC" => generate.args(["-pkeyopt", "ec_paramgen_curve:P-256"]),
            "RSA" => generate.args(["-pkeyopt", &format!("rsa_keygen_bits:{size}")]),
            _ => &mut generate,
        };
        run(&mut generate);
        self.certify(wish, issuer, pair)
    }

    /// Another certificate for the key of `pair`.
    pub fn certify(&self, wish: Wish<'_>, issuer: Option<&Pair>, pair: Pair) -> Pair {
        self.made.set(self.made.get() + 1);
        let request = self.path("csr");
        let mut ask = Command::new("openssl");
        ask.args(["req", "-new", "-utf8", "-subj", wish.subject, "-key"]).arg(&pair.key).arg("-out").arg(&request);
        run(&mut ask);
        let certificate = self.path("crt");
        let mut sign = Command::new("openssl");
        sign.args(["x509", "-req", "-days", &wish.days.to_string(), &format!("-{}", wish.hash), "-in"]).arg(&request);
        sign.args(["-set_serial", &self.made.get().to_string(), "-out"]).arg(&certificate);
        match issuer {
            Some(issuer) => sign.arg("-CA").arg(&issuer.certificate).arg("-CAkey").arg(&issuer.key),
            None => sign.arg("-signkey").arg(&pair.key),
        };
        if !wish.extensions.is_empty() {
            let extensions = self.path("ext");
            std::fs::write(&extensions, wish.extensions).unwrap();
            sign.arg("-extfile").arg(&extensions);
        }
        run(&mut sign);
        Pair { certificate, key: pair.key }
    }

    /// The chain in one file, as a phone sends it.
    pub fn chain(&self, leaf: &Pair, above: &[&Pair]) -> Pair {
        self.made.set(self.made.get() + 1);
        let whole = self.path("chain");
        let parts = std::iter::once(&leaf).chain(above).map(|pair| std::fs::read_to_string(&pair.certificate).unwrap());
        std::fs::write(&whole, parts.collect::<String>()).unwrap();
        Pair { certificate: whole, key: leaf.key.clone() }
    }
}

impl Pair {
    pub fn pem(&self) -> String {
        std::fs::read_to_string(&self.certificate).unwrap()
    }

    /// The chain in DER.
    pub fn der(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(&self.certificate).unwrap().map(Result::unwrap).collect()
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
