//! Where everything acknowledged is kept. The verbs of the trade, as every other room uses them; how and where the
//! rows lie is known to [`sled`] and its journal alone; the rules are written once, for it and for [`memory`] alike.
//!
//! Every writing verb is one transaction: it happens whole or not at all, and has reached the disk when it returns
//! `Ok`. They block: call them from a thread that may wait. Observations (events, sightings) are the exception: they
//! are written in groups within a second.

mod audit;
pub mod backend;
pub mod backup;
mod catalogues;
mod chain;
mod change_set;
mod disk;
mod fault;
mod journal;
mod keyfile;
pub mod ledger;
pub mod memory;
mod observed;
mod opening;
mod queue;
mod rotation;
mod rows;
pub mod seal;
mod secrets;
pub mod sled;
mod supposed;
mod txn;
mod upgrade;
mod verbs;
mod writer;

#[cfg(test)]
mod tests;

pub use catalogues::Catalogues;
pub use change_set::{ChangeSet, Deed, Made, NewSecrets, Refusal, Rehearsal, Step};
pub use fault::{Conflict, StoreError, StoreFault};
pub use opening::{Opening, RebuildReport, change_master_key, is_empty, rebuild};

use std::net::IpAddr;

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use seal::KeyId;

use crate::inventory::access::{Access, Bar, ClaimWindow};
use crate::inventory::account::{Account, AdminToken, AdminTokenId};
use crate::inventory::audit::{Act, AuditRecord, Verification};
use crate::inventory::certificate::{Authority, Fingerprint, Pin};
use crate::inventory::common_area::{CommonArea, CommonAreaId};
use crate::inventory::device::{AssignmentChange, Device, Owner};
use crate::inventory::event::{Event, Sighting};
use crate::inventory::extension::Extension;
use crate::inventory::lab::Confirmed;
use crate::inventory::mac::MacAddr;
use crate::inventory::plan::{Plan, PlanHead, PlanId};
use crate::inventory::role::{Grant, GrantId, Role, RoleId};
use crate::inventory::secret::{Secret, TokenHash};
use crate::inventory::site::{Site, SiteId};
use crate::inventory::user::{User, UserId};

/// A record and the revision it was last written at; what an `ETag` is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Versioned<T> {
    /// The store's revision when the record was last written by an administrator.
    pub revision: u64,
    /// The record.
    pub value: T,
}

/// A device with everything that decides what it may have, read at one moment.
#[derive(Clone, Debug)]
pub struct Phone {
    /// The device.
    pub device: Versioned<Device>,
    /// What it has been given and may still take.
    pub access: Access,
    /// Its token, the same in every file until rotated.
    pub token: Secret,
    /// The token before, if it may still open.
    pub previous_token: Option<Secret>,
    /// The password of its own web page.
    pub admin_password: Secret,
    /// Its site.
    pub site: Site,
}

/// Secrets a new device is given.
#[derive(Clone, Debug)]
pub struct DeviceSecrets {
    /// Its token.
    pub token: Secret,
    /// The password of its own web page.
    pub admin_password: Secret,
}

/// A part of a long list, in the order of its keys.
#[derive(Clone, Debug, Default)]
pub struct PageRequest {
    /// Continue after this key; `None`: from the beginning.
    pub after: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The kinds of records of which each belongs to one site.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AtSite {
    /// Common areas, by id.
    CommonAreas,
    /// Devices, by MAC in its plain form.
    Devices,
    /// Telephone numbers.
    Numbers,
    /// Users, by id.
    Users,
}

/// Which revision a change expects: the `If-Match` of the API.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// Whatever is there.
    Any,
    /// Just this one; else [`Conflict::Stale`].
    Revision(u64),
}

/// How a claim went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClaimOutcome {
    /// It is this address's, from now or from before: its files may go out.
    Yours,
    /// Another address has it.
    Taken {
        /// Which.
        by: IpAddr,
    },
    /// No window is open any more.
    Closed,
    /// The address began too many within the hour.
    TooMany,
}

/// Short for what every verb returns.
pub type Stored<T> = Result<T, StoreError>;

/// Everything that is kept, by the verbs of the trade. What an administrator does says by whom, and leaves a record of
/// what it changed in the same transaction.
pub trait Store: Catalogues + Send + Sync {
    /// The account-wide settings.
    fn account(&self) -> Stored<Versioned<Account>>;
    /// Replaces the account-wide settings.
    fn set_account(&self, account: Account, expected: Expected, by: &Actor) -> Stored<Versioned<Account>>;

    /// A site.
    fn site(&self, id: &SiteId) -> Stored<Option<Versioned<Site>>>;
    /// Sites by id.
    fn sites(&self, page: &PageRequest) -> Stored<Vec<Versioned<Site>>>;
    /// The main site: where what names no site belongs.
    fn main_site(&self) -> Stored<Option<Versioned<Site>>>;
    /// Adds a site; the first one is main whatever it says, a later main one takes that over.
    fn create_site(&self, site: Site, by: &Actor) -> Stored<Versioned<Site>>;
    /// Replaces a site. Networks on a site that had none open the windows of its unclaimed devices.
    fn replace_site(
        &self,
        site: Site,
        expected: Expected,
        windows: &WindowPolicy,
        by: &Actor,
    ) -> Stored<Versioned<Site>>;
    /// The names of the records of a kind that belong to a site, without a look at those of other sites.
    fn names_at(&self, site: &SiteId, kind: AtSite, page: &PageRequest) -> Stored<Vec<String>>;
    /// Removes a site nothing belongs to.
    fn remove_site(&self, id: &SiteId, expected: Expected, by: &Actor) -> Stored<()>;

    /// A user.
    fn user(&self, id: &UserId) -> Stored<Option<Versioned<User>>>;
    /// Users by id.
    fn users(&self, page: &PageRequest) -> Stored<Vec<Versioned<User>>>;
    /// Adds a user with a SIP password; without an extension, with the next free one of the site.
    fn create_user(&self, user: User, sip_password: Secret, by: &Actor) -> Stored<Versioned<User>>;
    /// Replaces a user; without an extension, the present one stays. A password replaces the present one.
    fn replace_user(
        &self,
        user: User,
        expected: Expected,
        sip_password: Option<Secret>,
        by: &Actor,
    ) -> Stored<Versioned<User>>;
    /// Gives a user another address; phones, lines, extension and password come along.
    fn rename_user(&self, from: &UserId, to: UserId, expected: Expected, by: &Actor) -> Stored<Versioned<User>>;
    /// Removes a user; the user's devices belong to nobody afterwards. Refused while the user's line appears elsewhere.
    fn remove_user(&self, id: &UserId, expected: Expected, by: &Actor) -> Stored<()>;

    /// A common area.
    fn common_area(&self, id: &CommonAreaId) -> Stored<Option<Versioned<CommonArea>>>;
    /// Common areas by id.
    fn common_areas(&self, page: &PageRequest) -> Stored<Vec<Versioned<CommonArea>>>;
    /// Adds a common area, as [`Store::create_user`] does.
    fn create_common_area(&self, area: CommonArea, sip_password: Secret, by: &Actor) -> Stored<Versioned<CommonArea>>;
    /// Replaces a common area, as [`Store::replace_user`] does.
    fn replace_common_area(
        &self,
        area: CommonArea,
        expected: Expected,
        sip_password: Option<Secret>,
        by: &Actor,
    ) -> Stored<Versioned<CommonArea>>;
    /// Removes a common area, as [`Store::remove_user`] does.
    fn remove_common_area(&self, id: &CommonAreaId, expected: Expected, by: &Actor) -> Stored<()>;

    /// Whose extension it is.
    fn holder_of(&self, extension: &Extension) -> Stored<Option<Owner>>;

    /// The SIP password of an owner.
    fn sip_password(&self, owner: &Owner) -> Stored<Option<Secret>>;
    /// Gives an owner a new SIP password.
    fn set_sip_password(&self, owner: &Owner, password: Secret, by: &Actor) -> Stored<()>;

    /// A device.
    fn device(&self, mac: MacAddr) -> Stored<Option<Versioned<Device>>>;
    /// What a device has been given and may still take.
    fn access(&self, mac: MacAddr) -> Stored<Option<Access>>;
    /// A device with all that decides over it, its secrets included.
    fn phone(&self, mac: MacAddr) -> Stored<Option<Phone>>;
    /// Devices by MAC.
    fn devices(&self, page: &PageRequest) -> Stored<Vec<Versioned<Device>>>;
    /// The devices an owner has, by MAC.
    fn devices_of(&self, owner: &Owner) -> Stored<Vec<MacAddr>>;
    /// The devices an owner's line appears on beside their owners', by MAC.
    fn appearances_of(&self, owner: &Owner) -> Stored<Vec<MacAddr>>;
    /// Those on whose phones a key is an owner's.
    fn watchers_of(&self, owner: &Owner) -> Stored<Vec<Owner>>;
    /// The devices at a site, by MAC.
    fn devices_at(&self, site: &SiteId) -> Stored<Vec<MacAddr>>;
    /// Registers a device; its window opens by itself when its site lists networks.
    fn enrol(
        &self,
        device: Device,
        secrets: DeviceSecrets,
        rules: &EnrolRules,
        by: &Actor,
    ) -> Stored<Versioned<Device>>;
    /// Replaces a device, assignment included; coming to a site that lists networks opens its window if unclaimed.
    fn replace_device(
        &self,
        device: Device,
        expected: Expected,
        rules: &EnrolRules,
        by: &Actor,
    ) -> Stored<Versioned<Device>>;
    /// Removes a device with its secrets and its history.
    fn remove_device(&self, mac: MacAddr, expected: Expected, by: &Actor) -> Stored<()>;
    /// Gives a device to somebody or nobody.
    fn assign(
        &self,
        mac: MacAddr,
        owner: Option<Owner>,
        expected: Expected,
        limit: usize,
        by: &Actor,
    ) -> Stored<Versioned<Device>>;
    /// Whom the device belonged to, oldest first.
    fn assignments(&self, mac: MacAddr) -> Stored<Vec<AssignmentChange>>;

    /// Opens a claim window; a bound device gets `fresh` as its new token.
    fn open_window(&self, mac: MacAddr, window: ClaimWindow, fresh: Secret, by: &Actor) -> Stored<Access>;
    /// Opens the windows of those devices of a site that were never given anything; which they were.
    fn open_unclaimed(&self, windows: Vec<(MacAddr, ClaimWindow)>, at: &SiteId, by: &Actor) -> Stored<Vec<MacAddr>>;
    /// Shuts a claim window.
    fn close_window(&self, mac: MacAddr, by: &Actor) -> Stored<Access>;
    /// Begins or continues a claim, decided in one transaction: of many addresses one wins. `counted` is false for
    /// addresses that may begin any number of claims (loopback, NAT exits).
    fn begin_claim(&self, mac: MacAddr, address: IpAddr, now: Timestamp, counted: bool) -> Stored<ClaimOutcome>;
    /// The device showed its current token for the first time; nothing if it is not the current one any more.
    fn token_shown(&self, mac: MacAddr, token: &TokenHash) -> Stored<()>;
    /// Gives a device a new token; the old one opens for a while.
    fn rotate_token(&self, mac: MacAddr, fresh: Secret, by: &Actor) -> Stored<Access>;
    /// The token was exposed: whichever device has it, as current or previous, gets `fresh`, and neither opens.
    fn revoke_token(&self, token: &TokenHash, fresh: Secret, now: Timestamp) -> Stored<Option<MacAddr>>;

    /// The device showed the certificate it was made with, and perhaps its current token: it is known by `pin` from now
    /// on, unless it became known by another key than `replaces` meanwhile, or is barred. Whether it is.
    fn pin_key(&self, mac: MacAddr, pin: Pin, replaces: Option<Fingerprint>, shown: Option<&TokenHash>)
    -> Stored<bool>;

    /// Nothing opens for the device until it is released or rebound; no change for one that is quarantined already.
    fn quarantine(&self, mac: MacAddr, reason: Bar, by: &Actor) -> Stored<Access>;
    /// Serves a quarantined device again as before; refused if a changed key is the reason.
    fn release(&self, mac: MacAddr, by: &Actor) -> Stored<Access>;
    /// Forgets what the device is known by: its tokens die at once, a quarantine ends, `fresh` is its token and
    /// `window`, if any, is open for it.
    fn rebind(&self, mac: MacAddr, window: Option<ClaimWindow>, fresh: Secret, by: &Actor) -> Stored<Access>;
    /// Takes the device out of service for good: its tokens die at once. `fresh` is given to nobody.
    fn retire(&self, mac: MacAddr, fresh: Secret, by: &Actor) -> Stored<Access>;

    /// The makers' authorities that vouch for their phones, by fingerprint.
    fn authorities(&self) -> Stored<Vec<Authority>>;
    /// Adds a maker's authority.
    fn add_authority(&self, authority: Authority, by: &Actor) -> Stored<()>;
    /// Removes a maker's authority, and forgets the keys it vouched for: those phones go by their tokens again.
    fn remove_authority(&self, sha256: &Fingerprint, by: &Actor) -> Stored<()>;

    /// The lab that somebody confirmed.
    fn lab(&self) -> Stored<Option<Confirmed>>;
    /// Keeps a lab that was confirmed, or ends the one there is.
    fn set_lab(&self, lab: Option<Confirmed>, by: &Actor) -> Stored<()>;

    /// Adds an administrator's token.
    fn create_admin_token(&self, token: AdminToken, by: &Actor) -> Stored<()>;
    /// The administrators' tokens, by id.
    fn admin_tokens(&self) -> Stored<Vec<AdminToken>>;
    /// Removes an administrator's token with its grants; refused if nobody would be account-wide super admin any more.
    fn remove_admin_token(&self, id: &AdminTokenId, by: &Actor) -> Stored<()>;

    /// The roles administrators made, by id.
    fn roles(&self) -> Stored<Vec<Versioned<Role>>>;
    /// Adds a role.
    fn create_role(&self, role: Role, by: &Actor) -> Stored<Versioned<Role>>;
    /// Replaces a role.
    fn replace_role(&self, role: Role, expected: Expected, by: &Actor) -> Stored<Versioned<Role>>;
    /// Removes a role nobody holds.
    fn remove_role(&self, id: &RoleId, expected: Expected, by: &Actor) -> Stored<()>;
    /// The grants, by id.
    fn grants(&self) -> Stored<Vec<Versioned<Grant>>>;
    /// Adds a grant; its token, role and sites must be there.
    fn create_grant(&self, grant: Grant, by: &Actor) -> Stored<Versioned<Grant>>;
    /// Removes a grant; refused if nobody would be account-wide super admin any more.
    fn remove_grant(&self, id: &GrantId, expected: Expected, by: &Actor) -> Stored<()>;

    /// How writing these records together would go; nothing is written. Secrets may be anything.
    fn rehearse(&self, set: &ChangeSet, by: &Actor) -> Stored<Rehearsal>;
    /// Keeps a plan under a number of its own; the oldest ones make room.
    fn keep_plan(&self, plan: Plan) -> Stored<PlanHead>;
    /// A plan.
    fn plan(&self, id: PlanId) -> Stored<Option<Plan>>;
    /// The plans, newest first.
    fn plans(&self) -> Stored<Vec<PlanHead>>;
    /// Carries a plan out: writes these records, all or none, if the inventory is still the one it was made for.
    fn apply_plan(&self, id: PlanId, set: ChangeSet, by: &Actor) -> Stored<PlanHead>;
    /// Takes a plan back: writes these records, all or none.
    fn undo_plan(&self, id: PlanId, set: ChangeSet, by: &Actor) -> Stored<PlanHead>;

    /// Keeps events and what they say of the phones seen; written within a second. `firmware` as the phone named it.
    fn record(&self, event: Event, firmware: Option<String>) -> Stored<()>;
    /// Events, newest first, of one phone or of all, before the event `before` if given.
    fn events(&self, mac: Option<MacAddr>, before: Option<u64>, limit: usize) -> Stored<Vec<Event>>;
    /// Where and when a phone was last seen.
    fn sighting(&self, mac: MacAddr) -> Stored<Sighting>;

    /// Records an act that changes nothing here: a secret was shown, somebody was turned away.
    fn note(&self, act: Act, by: &Actor) -> Stored<()>;
    /// What administrators did, newest first.
    fn audit(&self, query: &AuditQuery) -> Stored<Vec<AuditEntry>>;
    /// Whether what was recorded, of administrators and of phones, is as it was written. Reads all of it.
    fn verify_audit(&self) -> Stored<Verification>;

    /// Makes a new data key and seals every secret with it, then forgets the one before. One that was cut short is
    /// finished first: it counts as this one.
    fn rotate_keys(&self, by: &Actor) -> Stored<KeyRotation>;
    /// The data keys, the one that seals last. More than one: a rotation is under way.
    fn keys(&self) -> Vec<KeyId>;

    /// How many of each kind there are: sites, users, common areas, devices.
    fn counts(&self) -> Stored<Counts>;
    /// The store's revision: grows with every acknowledged change.
    fn revision(&self) -> Stored<u64>;
    /// How the writing of observations goes: what waits, and what was lost.
    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
    /// How long it took to bring changes and events to the disk.
    fn commit_times(&self) -> Histogram;
    /// The revision of the last change to what plans are made for: the inventory and its settings.
    fn inventory_revision(&self) -> Stored<u64>;
    /// Waits until everything handed over, events included, is on the disk.
    fn flush(&self) -> Stored<()>;
}

/// How many of each kind there are.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
pub struct Counts {
    /// Sites.
    pub sites: u64,
    /// Users.
    pub users: u64,
    /// Common areas.
    pub common_areas: u64,
    /// Devices.
    pub devices: u64,
}

/// How the writing of observations goes; whether secrets may leave is [`Backlog::check`]'s to say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Backlog {
    /// Events handed over and not written yet.
    pub waiting: usize,
    /// How long the oldest has waited, among them or those being written.
    pub oldest: std::time::Duration,
    /// Events lost since the start, because more came than could be written.
    pub lost: u64,
    /// Why nothing is written any more, if so.
    pub fault: Option<String>,
}

/// Why no secret should leave: what happens to phones could not be written down (policy L2).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Behind {
    /// The last write failed, or the store was shut down.
    #[error("events are not written any more: {0}")]
    Failed(String),
    /// As many wait as there is room for.
    #[error("{0} events wait to be written, the most there is room for; is the disk slow?")]
    Full(usize),
    /// The oldest has waited too long.
    #[error("an event has waited for {} s to be written; is the disk slow?", .0.as_secs())]
    Late(std::time::Duration),
}

/// How long an event may wait to be written while secrets leave (policy L2).
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

/// How many events may wait while secrets leave: fewer than there is room for, since many phones ask at once.
const ROOM: usize = 15_000;

impl Backlog {
    /// Whether a secret may leave: only while it will be written down that it did.
    pub fn check(&self) -> Result<(), Behind> {
        match &self.fault {
            Some(fault) => Err(Behind::Failed(fault.clone())),
            None if self.waiting >= ROOM => Err(Behind::Full(self.waiting)),
            None if self.oldest > PATIENCE => Err(Behind::Late(self.oldest)),
            None => Ok(()),
        }
    }
}

/// Who makes a change and when, for the history and the audit trail.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Actor {
    /// The administrator's name.
    pub name: String,
    /// For whom, as the administrator's program says; recorded, never trusted.
    pub on_behalf_of: Option<String>,
    /// When, by the wall clock.
    pub time: Timestamp,
    /// When, in milliseconds since the machine booted.
    pub boot_ms: u64,
}

/// What a rotation of data keys did.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct KeyRotation {
    /// The keys that are forgotten.
    pub forgotten: Vec<KeyId>,
    /// The key that seals everything now.
    pub key: KeyId,
}

/// Which acts are asked for, newest first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AuditQuery {
    /// Only before this one.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: usize,
    /// Only of this administrator.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only on things of this kind.
    pub kind: Option<String>,
    /// Only on the thing of this name.
    pub id: Option<String>,
}

/// An act and the hash that chains it to all before.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct AuditEntry {
    /// The act.
    #[serde(flatten)]
    pub record: AuditRecord,
    /// Its hash.
    pub hash: String,
}

/// How long windows stay open that open by themselves.
#[derive(Clone, Copy, Debug)]
pub struct WindowPolicy {
    /// Now.
    pub now: Timestamp,
    /// `access.claim_window`.
    pub lasts: crate::inventory::period::Period,
}

/// What holds when a device is registered or moved.
#[derive(Clone, Copy, Debug)]
pub struct EnrolRules {
    /// `access.devices_per_user`.
    pub devices_per_user: usize,
    /// How long its window stays open.
    pub windows: WindowPolicy,
}
