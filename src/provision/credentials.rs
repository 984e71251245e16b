//! Which user name and password does a request show? `Authorization` of HTTP: Basic (RFC 7617) and Digest (RFC 7616,
//! MD5 and SHA-256, `qop=auth`). The user name of a device is its MAC, the password its token. What is not understood
//! counts as nothing shown.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::password::Password;
use crate::inventory::mac::MacAddr;
use crate::inventory::secret::{Secret, TokenHash};

/// The name of what is protected, as phones show it to people.
pub const REALM: &str = "phone provisioning";

/// A user name with the proof of knowing its password.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Credentials {
    /// The password itself, hashed.
    Basic {
        /// The device that the user name means.
        user: MacAddr,
        /// The password's hash.
        password: TokenHash,
    },
    /// A hash over the password and more.
    Digest(DigestResponse),
}

/// A response to a Digest challenge.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DigestResponse {
    /// The device that the user name means.
    pub user: MacAddr,
    /// The nonce of the challenge.
    pub nonce: String,
    /// How often the nonce was used, this time included.
    pub count: u32,
    algorithm: Algorithm,
    /// As they were sent, since the hash is over them.
    username: String,
    uri: String,
    count_text: String,
    client_nonce: String,
    response: String,
}

/// The hash of a response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// For phones that know nothing else.
    Md5,
    /// For all others.
    Sha256,
}

/// What a phone is asked for: values of `WWW-Authenticate`. MD5 comes first, since some phones answer the first
/// question whatever it is; the password is long and random, so that no more than its secrecy hangs on the sum. Basic
/// is taken from who sends it unasked, and asked of nobody.
pub fn challenges(nonce: &str, password: Password) -> Vec<String> {
    let stale = if password == Password::Stale { ", stale=true" } else { "" };
    let of = |algorithm: Algorithm| {
        let name = algorithm.name();
        format!("Digest realm=\"{REALM}\", qop=\"auth\", algorithm={name}, nonce=\"{nonce}\"{stale}")
    };
    [Algorithm::Md5, Algorithm::Sha256].map(of).into()
}

impl Credentials {
    /// Reads the value of the header.
    pub fn parse(value: &str) -> Option<Credentials> {
        let (scheme, rest) = value.trim().split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "basic" => {
                let octets = STANDARD.decode(rest.trim()).ok()?;
                let text = Secret::new(String::from_utf8(octets).ok()?);
                let (user, password) = text.reveal().split_once(':')?;
                Some(Credentials::Basic { user: user.parse().ok()?, password: TokenHash::of(password) })
            }
            "digest" => DigestResponse::parse(rest).map(Credentials::Digest),
            _ => None,
        }
    }
}

impl DigestResponse {
    fn parse(text: &str) -> Option<DigestResponse> {
        let mut fields = parameters(text)?;
        let mut take = |name: &str| fields.remove(name);
        let algorithm = match take("algorithm").unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "md5" => Algorithm::Md5,
            "sha-256" => Algorithm::Sha256,
            _ => return None,
        };
        let username = take("username")?;
        let count_text = take("nc")?;
        if take("qop")? != "auth" || take("realm")? != REALM || count_text.len() != 8 {
            return None;
        }
        Some(DigestResponse {
            user: username.parse().ok()?,
            nonce: take("nonce")?,
            count: u32::from_str_radix(&count_text, 16).ok()?,
            algorithm,
            username,
            uri: take("uri")?,
            count_text,
            client_nonce: take("cnonce")?,
            response: take("response")?,
        })
    }

    /// Whether who wrote it knows the password and asked for just this; in the same time for every wrong one.
    pub fn proves(&self, password: &Secret, method: &str, path: &str) -> bool {
        let uri_path = self.uri.split('?').next().unwrap_or_default();
        let expected = match self.algorithm {
            Algorithm::Md5 => self.expected::<Md5>(password, method),
            Algorithm::Sha256 => self.expected::<Sha256>(password, method),
        };
        let same: bool = expected.as_bytes().ct_eq(self.response.to_ascii_lowercase().as_bytes()).into();
        same && uri_path == path
    }

    fn expected<H: Digest>(&self, password: &Secret, method: &str) -> String {
        let a1 = Secret::new(format!("{}:{REALM}:{}", self.username, password.reveal()));
        let secret = Secret::new(hex(&H::digest(a1.reveal())));
        let a2 = hex(&H::digest(format!("{method}:{}", self.uri)));
        let (nonce, count, client) = (&self.nonce, &self.count_text, &self.client_nonce);
        hex(&H::digest(format!("{}:{nonce}:{count}:{client}:auth:{a2}", secret.reveal())))
    }
}

impl Algorithm {
    /// Its name in a challenge.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Md5 => "MD5",
            Algorithm::Sha256 => "SHA-256",
        }
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// `name=token` and `name="quoted"`, separated by commas (RFC 9110 §11.2); `None` if a name comes twice.
fn parameters(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.trim_start().strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                let (value, after) = after.split_at_checked(end)?;
                (value.trim().to_owned(), after)
            }
        };
        if found.insert(name.trim().to_ascii_lowercase(), value).is_some() {
            return None;
        }
        let after = after.trim_start();
        rest = if after.is_empty() { after } else { after.strip_prefix(',')?.trim_start() };
    }
    Some(found)
}

/// A quoted string up to its end, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 §3.9.1, whose user is no MAC and whose realm is another: the sum itself is what is tried here.
    fn rfc_7616(algorithm: Algorithm) -> DigestResponse {
        DigestResponse {
            user: MacAddr::new([0, 0x15, 0x65, 0, 0, 1]).unwrap(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            count: 1,
            algorithm,
            username: "Mufasa".into(),
            uri: "/dir/index.html".into(),
            count_text: "00000001".into(),
            client_nonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into(),
            response: String::new(),
        }
    }

    fn sum<H: Digest>(response: &DigestResponse, realm: &str) -> String {
        let a1 = hex(&H::digest(format!("{}:{realm}:Circle of Life", response.username)));
        let a2 = hex(&H::digest(format!("GET:{}", response.uri)));
        let (nonce, count, client) = (&response.nonce, &response.count_text, &response.client_nonce);
        hex(&H::digest(format!("{a1}:{nonce}:{count}:{client}:auth:{a2}")))
    }

    #[test]
    fn sec_d08_the_sums_are_those_of_the_rfc() {
        let realm = "http-auth@example.org";
        let (md5, sha) = (rfc_7616(Algorithm::Md5), rfc_7616(Algorithm::Sha256));
        assert_eq!(sum::<Md5>(&md5, realm), "8ca523f5e9506fed4657c9700eebdbec");
        assert_eq!(sum::<Sha256>(&sha, realm), "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1");
        // Ours is the same sum, with our realm.
        let password = Secret::new("Circle of Life".into());
        assert_eq!(md5.expected::<Md5>(&password, "GET"), sum::<Md5>(&md5, REALM));
        assert_eq!(sha.expected::<Sha256>(&password, "GET"), sum::<Sha256>(&sha, REALM));
    }

    #[test]
    fn sec_d08_only_the_right_password_for_the_right_file_proves_anything() {
        let mut response = rfc_7616(Algorithm::Sha256);
        let password = Secret::new("Circle of Life".into());
        response.response = response.expected::<Sha256>(&password, "GET");
        assert!(response.proves(&password, "GET", "/dir/index.html"));
        assert!(!response.proves(&Secret::new("circle of life".into()), "GET", "/dir/index.html"));
        assert!(!response.proves(&password, "HEAD", "/dir/index.html"));
        assert!(!response.proves(&password, "GET", "/dir/other.html"));
        response.response.clear();
        assert!(!response.proves(&password, "GET", "/dir/index.html"));
    }

    #[test]
    fn basic_is_read_as_its_rfc_writes_it() {
        let value = format!("Basic {}", STANDARD.encode("80:5e:c0:11:22:33".replace(':', "") + ":a:b"));
        let expected = Credentials::Basic { user: "805ec0112233".parse().unwrap(), password: TokenHash::of("a:b") };
        assert_eq!(Credentials::parse(&value), Some(expected));
        for value in ["Basic", "Basic !", "Basic OmE=", "Bearer abc", "", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="] {
            assert_eq!(Credentials::parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn parameters_are_read_quoted_and_plain() {
        let found = parameters(r##"a="x, \"y\"", B = z,c="""##).unwrap();
        let pairs: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "x, \"y\""), ("b", "z"), ("c", "")]);
        for text in ["a", r#"a="x"#, r#"a="x"b=c"#, "a=1,a=2", r#"a="\"#] {
            assert_eq!(parameters(text), None, "{text}");
        }
    }
}
