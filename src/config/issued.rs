//! The certificate that an ACME server has issued, as it is kept: one file with the chain and the key, so that they are
//! replaced as one; its first line says whose it is.

use std::path::{Path, PathBuf};

use super::certificate::{Certificate, CertificateError, write_private};

/// The file.
const FILE: &str = "certificate.pem";

impl Certificate {
    /// The one there is, if this server has issued it for all of these names.
    pub fn issued(folder: &Path, directory: &str, names: &[String]) -> Option<Certificate> {
        let path = folder.join(FILE);
        let text = std::fs::read_to_string(&path).ok()?;
        if text.lines().next() != Some(first_line(directory).as_str()) {
            return None;
        }
        let certificate = Certificate::read(&path, &path)
            .inspect_err(
                |error| tracing::error!(%error, "the issued certificate cannot be used; another one is ordered"),
            )
            .ok()?;
        names.iter().all(|name| certificate.names(name)).then_some(certificate)
    }

    /// Keeps what was issued, chain and key as PEM, if it is what was asked for.
    pub fn keep_issued(
        folder: &Path,
        directory: &str,
        names: &[String],
        chain: &str,
        key: &str,
    ) -> Result<(), CertificateError> {
        let (path, fresh) = (folder.join(FILE), folder.join("issued.pem"));
        let text = format!("{}\n{}\n{key}", first_line(directory), chain.trim_end());
        let failed = |path: &PathBuf, error: std::io::Error| CertificateError::NotMade(path.clone(), error.to_string());
        write_private(&fresh, &text).map_err(|error| failed(&fresh, error))?;
        let issued = Certificate::read(&fresh, &fresh)?;
        if let Some(missing) = names.iter().find(|name| !issued.names(name)) {
            return Err(CertificateError::NotMade(fresh, format!("it is not for {missing}")));
        }
        std::fs::rename(&fresh, &path).map_err(|error| failed(&path, error))
    }
}

fn first_line(directory: &str) -> String {
    format!("issued by {directory}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_issued_is_used_for_its_names_and_its_server_and_nothing_else() {
        let (made, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, two) = ("prov.example.com".to_owned(), "two.example.com".to_owned());
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        Certificate::own(made.path(), &one, std::slice::from_ref(&one), now).unwrap();
        let read = |file: &str| std::fs::read_to_string(made.path().join(file)).unwrap();
        let (chain, key) = (read("leaf.crt"), read("leaf.key"));
        let folder = dir.path().join("tls/acme");
        let names = std::slice::from_ref(&one);
        assert!(Certificate::issued(&folder, "https://a/", names).is_none());
        Certificate::keep_issued(&folder, "https://a/", names, &chain, &key).unwrap();
        assert_eq!(Certificate::issued(&folder, "https://a/", names).unwrap().chain.len(), 2);
        assert!(Certificate::issued(&folder, "https://b/", names).is_none(), "another server's");
        assert!(Certificate::issued(&folder, "https://a/", &[one.clone(), two.clone()]).is_none(), "another name");
        // What does not fit leaves the one there is.
        assert!(Certificate::keep_issued(&folder, "https://a/", &[two], &chain, &key).is_err());
        assert!(Certificate::keep_issued(&folder, "https://a/", names, &chain, "no key").is_err());
        assert!(Certificate::keep_issued(&folder, "https://a/", names, "no chain", &key).is_err());
        assert!(Certificate::issued(&folder, "https://a/", names).is_some());
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
    }
}
