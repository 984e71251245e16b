//! What does a template see? The shapes; `provision/facts.rs` fills them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::inventory::daylight::Dst;
use crate::inventory::keys::KeyKind;
use crate::inventory::mac::MacAddr;

/// What the template of a public file sees: nothing of the inventory (policy D1).
#[derive(Clone, Debug, Serialize)]
pub struct PublicFacts {
    /// The file that was asked for.
    pub file: PublicFile,
    /// Where the phone shall go.
    pub server: Server,
    /// Time servers.
    pub time: PublicTime,
    /// How often an unclaimed phone asks again.
    pub poll: Poll,
}

/// The public file that was asked for.
#[derive(Clone, Debug, Serialize)]
pub struct PublicFile {
    /// Its name, without folders.
    pub name: String,
    /// The MAC in its name, for formats that demand it repeated.
    pub mac: Option<MacAddr>,
}

/// Time servers, all that a public file says of time.
#[derive(Clone, Debug, Serialize)]
pub struct PublicTime {
    /// Hosts.
    pub ntp: Vec<String>,
}

/// A poll interval in the units makers count in.
#[derive(Clone, Debug, Serialize)]
pub struct Poll {
    /// Whole seconds.
    pub seconds: u64,
    /// Whole minutes.
    pub minutes: u64,
}

/// Where a phone fetches.
#[derive(Clone, Debug, Serialize)]
pub struct Server {
    /// `https://host[:port]/`, for everybody.
    pub base_url: String,
    /// `https://host[:port]/t/TOKEN/`, for this phone; empty in public files.
    pub device_url: String,
    /// The device's token alone, for makers that put it in a macro; empty in public files.
    pub token: String,
    /// Where firmware lies.
    pub firmware_url: String,
    /// Where our authority's certificate can be fetched, over the protocol the phone already speaks; empty: nowhere.
    pub authority_url: String,
    /// Our authority's certificate, if phones need one besides the public ones.
    pub authority: Option<Authority>,
}

/// The certificate of the authority that signed ours.
#[derive(Clone, Debug, Serialize)]
pub struct Authority {
    /// As PEM, with line breaks.
    pub pem: String,
    /// The DER certificate in base64, on one line.
    pub base64: String,
}

/// What the templates of roles `master` and `device` see.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFacts {
    /// The phone.
    pub device: DeviceFact,
    /// Its SIP accounts in use, by index; the first is its owner's.
    pub lines: Vec<Line>,
    /// Whom it belongs to; null: nobody.
    pub assignee: Option<Assignee>,
    /// Where it is.
    pub site: SiteFact,
    /// What time it is there.
    pub time: TimeFact,
    /// Where it fetches.
    pub server: Server,
    /// Its web page's administrator.
    pub admin: Admin,
    /// Its programmable keys, by position.
    pub keys: Vec<KeyFact>,
    /// Every setting of the catalogue; null where nothing is set. Lengths of time are seconds.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The maker's native keys that were passed through, by name.
    pub native: Vec<Native>,
}

/// The phone.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceFact {
    /// Its MAC.
    pub mac: MacAddr,
    /// Its maker's id.
    pub maker: String,
    /// Its model's name.
    pub model: String,
    /// Which of its maker's kinds of firmware it runs.
    pub family: String,
    /// Its name for people.
    pub name: String,
    /// Its site's id.
    pub site: String,
    /// The firmware it last named; empty if unknown.
    pub firmware: String,
    /// How many SIP accounts the model holds.
    pub accounts: u8,
    /// How many programmable keys the model has.
    pub key_count: u16,
    /// The language of its menus, as its maker spells it.
    pub language: String,
}

/// A SIP account.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// Which of the phone's lines, from 1.
    pub index: u8,
    /// What stands beside it.
    pub label: String,
    /// What the called see.
    pub display_name: String,
    /// User part of the address of record.
    pub user: String,
    /// Name used to authenticate.
    pub auth_user: String,
    /// The password.
    pub password: String,
    /// The owner's extension.
    pub extension: String,
    /// The registrar.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// How long a registration lasts, in seconds.
    pub expires: u64,
    /// Where requests go instead; empty: to the registrar.
    pub outbound_proxy: String,
    /// Encryption of speech: `off`, `optional` or `required`.
    pub srtp: String,
    /// Whether it is somebody else's line.
    pub shared: bool,
}

/// Whom a phone belongs to.
#[derive(Clone, Debug, Serialize)]
pub struct Assignee {
    /// `user` or `common_area`.
    pub kind: String,
    /// Their name.
    pub name: String,
    /// Their extension; empty: none.
    pub extension: String,
    /// What other sites dial; empty: none.
    pub long_extension: String,
    /// Their telephone numbers, the main one first.
    pub numbers: Vec<String>,
    /// Their language tag; empty: none of their own.
    pub locale: String,
}

/// Where a phone is.
#[derive(Clone, Debug, Serialize)]
pub struct SiteFact {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The time where a phone is.
#[derive(Clone, Debug, Serialize)]
pub struct TimeFact {
    /// Time servers.
    pub ntp: Vec<String>,
    /// IANA zone.
    pub timezone: String,
    /// Minutes east of UTC in standard time.
    pub utc_offset_minutes: i32,
    /// Daylight saving time, if the zone has a yearly rule.
    pub dst: Option<Dst>,
    /// The same as a POSIX `TZ` string.
    pub posix: String,
}

/// A phone's web page.
#[derive(Clone, Debug, Serialize)]
pub struct Admin {
    /// User name.
    pub user: String,
    /// Password, random for each phone.
    pub password: String,
}

/// A programmable key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyFact {
    /// Which key, from 1.
    pub position: u16,
    /// `blf`, `line` or `speed_dial`.
    pub kind: KeyKind,
    /// Extension or number; empty for a line.
    pub value: String,
    /// What stands beside it.
    pub label: String,
    /// Which of the phone's lines it uses.
    pub line: u8,
}

/// A native key passed through.
#[derive(Clone, Debug, Serialize)]
pub struct Native {
    /// The maker's key.
    pub key: String,
    /// Its value.
    pub value: String,
}
