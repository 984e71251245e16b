//! Why a verb did not do what was asked: a wish that cannot be granted, or a store that is not able to.

use super::change_set::Refusal;
use crate::inventory::access::Bar;
use crate::inventory::device::Owner;
use crate::inventory::extension::{Extension, SiteCode};
use crate::inventory::mac::MacAddr;
use crate::inventory::master_key::Fingerprint;
use crate::inventory::number::PhoneNumber;
use crate::inventory::package::{Licence, PackageError, PackageId};
use crate::inventory::plan::{PlanId, PlanState};
use crate::inventory::role::GrantId;
use crate::inventory::settings_template::SettingsTemplateId;
use crate::inventory::site::SiteId;

/// What the store refuses, with everything needed to mend it. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// The phone is quarantined or retired.
    #[error("{mac} {}", bar_note(*.reason, .mac))]
    Barred {
        /// Which.
        mac: MacAddr,
        /// Why it gets nothing.
        reason: Bar,
    },
    /// Somebody would show a number that is another person's.
    #[error("{number} is the number of {owner}; show one that is nobody else's as the outbound caller id")]
    CallerIdTaken {
        /// Which.
        number: PhoneNumber,
        /// Whose.
        owner: Owner,
    },
    /// The tenth device of a user.
    #[error("{owner} has {limit} devices already, the most allowed (access.devices_per_user); unassign one first")]
    DeviceLimit {
        /// Whose.
        owner: Owner,
        /// How many are allowed.
        limit: usize,
    },
    /// There is one by that name.
    #[error("{kind} {id} exists already")]
    Exists {
        /// What it is.
        kind: &'static str,
        /// Its name.
        id: String,
    },
    /// The site's code leaves no room for it.
    #[error("extension {extension} behind the site code {code} has more than 6 digits; use a shorter one")]
    ExtensionTooLong {
        /// Which.
        extension: Extension,
        /// Behind which code.
        code: SiteCode,
    },
    /// Somebody has the extension.
    #[error("extension {extension} belongs to {owner} already")]
    ExtensionTaken {
        /// Which.
        extension: Extension,
        /// Whose.
        owner: Owner,
    },
    /// Others refer to it.
    #[error("{kind} {id} is still used by {by}; change or remove those first")]
    InUse {
        /// What it is.
        kind: &'static str,
        /// Its name.
        id: String,
        /// Who uses it.
        by: String,
    },
    /// A phone with that MAC is registered.
    #[error("{mac} is registered already, at site {site}{}", owner_note(.owner))]
    MacTaken {
        /// Which.
        mac: MacAddr,
        /// Where.
        site: SiteId,
        /// Whose.
        owner: Option<Owner>,
    },
    /// Nobody could administer the whole account any more.
    #[error("{0} is the last grant of super_admin for the whole account; give it to somebody else first")]
    LastSuperAdmin(GrantId),
    /// Two further lines of a phone have the same index.
    #[error("{mac} has two lines {index}; give each line its own index")]
    LineTwice {
        /// Which phone.
        mac: MacAddr,
        /// Which line.
        index: u8,
    },
    /// The main site can only be replaced by naming another one main.
    #[error("site {0} is the main site; make another site main first")]
    MainSite(SiteId),
    /// All seats of a package are taken.
    #[error(
        "package {package} has {seats} seats and {taken} would be taken, {} too many; add seats \
         (`ztpd package set {package} --seats`) or take the package from somebody",
        taken.saturating_sub(*seats)
    )]
    NoSeat {
        /// Which package.
        package: PackageId,
        /// How many there are.
        seats: u32,
        /// How many would be taken.
        taken: u32,
    },
    /// The account has site codes, and a site has none.
    #[error("site {0} has no code, and the account has site codes; give it one of 1 to 3 digits")]
    NoSiteCode(SiteId),
    /// More numbers than the packages allow.
    #[error("{owner} would have {count} numbers; the packages allow {limit}")]
    NumberLimit {
        /// Whose.
        owner: Owner,
        /// How many there would be.
        count: usize,
        /// How many are allowed.
        limit: u32,
    },
    /// A number without a plan.
    #[error("{owner} has no plan (state {state}), and numbers come with one; give a package of kind plan first")]
    NumberNeedsPlan {
        /// Whose.
        owner: Owner,
        /// How far the extension may be used.
        state: Licence,
    },
    /// A number that the inventory does not have.
    #[error("{0} is not in the inventory of numbers; add it first: `ztpd number add {0}`")]
    NumberNotListed(PhoneNumber),
    /// A number that is not there yet.
    #[error("{0} is pending; once it works, `ztpd number set {0} --status active`")]
    NumberPending(PhoneNumber),
    /// Somebody has the number.
    #[error("{number} belongs to {owner} already")]
    NumberTaken {
        /// Which.
        number: PhoneNumber,
        /// Whose.
        owner: Owner,
    },
    /// One list names a number twice.
    #[error("{0} is listed twice")]
    NumberTwice(PhoneNumber),
    /// A package that makes no sense.
    #[error(transparent)]
    Package(PackageError),
    /// A package that is not for the site's country.
    #[error("package {package} is for {regions} alone; site {site} is not there (its country says where it is)")]
    PackageElsewhere {
        /// Which package.
        package: PackageId,
        /// Which site.
        site: SiteId,
        /// The countries it is for.
        regions: String,
    },
    /// A plan that was carried out or taken back already, or was never carried out.
    #[error("plan {id} is {}; {}", state_name(*.state), state_cure(*.state))]
    PlanState {
        /// Which.
        id: PlanId,
        /// Where it stands.
        state: PlanState,
    },
    /// A plan whose basis has changed.
    #[error("plan {0} was made for an inventory that has changed since; make it anew and look at what it would do now")]
    PlanStale(PlanId),
    /// A plan without an extension.
    #[error("{0} has a plan, which is for an extension; take the plan away first")]
    PlanNeedsExtension(Owner),
    /// No extension left in the site's ranges.
    #[error("site {0} has no free extension left in its ranges; add a range to extension_ranges")]
    RangeExhausted(SiteId),
    /// A site's extensions would be too long behind its code.
    #[error("the extensions {range} of site {site} behind its code {code} have more than 6 digits; shorten either")]
    RangeTooLong {
        /// Which site.
        site: SiteId,
        /// Which extensions.
        range: String,
        /// Behind which code.
        code: SiteCode,
    },
    /// Another site has the code.
    #[error("site code {code} is that of site {site} already")]
    SiteCodeTaken {
        /// Which.
        code: SiteCode,
        /// Whose.
        site: SiteId,
    },
    /// It was changed since it was read.
    #[error("{kind} {id} was changed meanwhile (revision {found}); read it again and repeat the change")]
    Stale {
        /// What it is.
        kind: &'static str,
        /// Its name.
        id: String,
        /// The revision it has.
        found: u64,
    },
    /// A settings template of another site.
    #[error("settings template {template} is for site {there} alone, not for {site}")]
    TemplateElsewhere {
        /// Which.
        template: SettingsTemplateId,
        /// Whose.
        there: SiteId,
        /// Who may not name it.
        site: SiteId,
    },
    /// Of records that should be written together, these cannot be.
    #[error("{}", together(.0))]
    Together(Vec<Refusal>),
    /// More further lines than any phone is given.
    #[error("{mac} has {count} further lines; at most {most} are allowed")]
    TooManyLines {
        /// Which phone.
        mac: MacAddr,
        /// How many it would have.
        count: usize,
        /// How many are allowed.
        most: usize,
    },
    /// No such thing.
    #[error("there is no {kind} {id}")]
    Unknown {
        /// What it is.
        kind: &'static str,
        /// Its name.
        id: String,
    },
}

impl Conflict {
    /// What programs call it.
    pub fn code(&self) -> &'static str {
        match self {
            Conflict::Barred { reason: Bar::IdentityChanged, .. } => "identity_changed",
            Conflict::Barred { reason: Bar::Operator, .. } => "quarantined",
            Conflict::Barred { reason: Bar::Retired, .. } => "retired",
            Conflict::CallerIdTaken { .. } => "caller_id_taken",
            Conflict::DeviceLimit { .. } => "device_limit",
            Conflict::Exists { .. } => "exists",
            Conflict::ExtensionTaken { .. } => "extension_taken",
            Conflict::ExtensionTooLong { .. } | Conflict::RangeTooLong { .. } => "extension_too_long",
            Conflict::InUse { .. } => "in_use",
            Conflict::LastSuperAdmin(_) => "last_super_admin",
            Conflict::LineTwice { .. } => "line_twice",
            Conflict::MacTaken { .. } => "mac_taken",
            Conflict::MainSite(_) => "main_site",
            Conflict::NoSeat { .. } => "no_seat",
            Conflict::NoSiteCode(_) => "no_site_code",
            Conflict::NumberLimit { .. } => "number_limit",
            Conflict::NumberNeedsPlan { .. } => "number_needs_plan",
            Conflict::NumberNotListed(_) => "number_not_listed",
            Conflict::NumberPending(_) => "number_pending",
            Conflict::NumberTaken { .. } => "number_taken",
            Conflict::NumberTwice(_) => "number_twice",
            Conflict::Package(_) => "invalid_package",
            Conflict::PackageElsewhere { .. } => "package_elsewhere",
            Conflict::PlanNeedsExtension(_) => "plan_needs_extension",
            Conflict::PlanStale(_) => "plan_stale",
            Conflict::PlanState { state, .. } => match state {
                PlanState::Applied => "plan_applied",
                PlanState::Open => "plan_open",
                PlanState::Stale => "plan_stale",
                PlanState::Undone => "plan_undone",
            },
            Conflict::RangeExhausted(_) => "range_exhausted",
            Conflict::SiteCodeTaken { .. } => "site_code_taken",
            Conflict::Stale { .. } => "stale",
            Conflict::TemplateElsewhere { .. } => "template_elsewhere",
            Conflict::Together(_) => "plan_conflict",
            Conflict::TooManyLines { .. } => "too_many_lines",
            Conflict::Unknown { .. } => "unknown_reference",
        }
    }

    /// The one it tells of, if it tells of somebody other than who was asked about.
    pub fn tells_of(&self) -> Option<&Owner> {
        match self {
            Conflict::CallerIdTaken { owner, .. }
            | Conflict::ExtensionTaken { owner, .. }
            | Conflict::NumberTaken { owner, .. }
            | Conflict::MacTaken { owner: Some(owner), .. } => Some(owner),
            _ => None,
        }
    }
}

fn state_name(state: PlanState) -> &'static str {
    match state {
        PlanState::Applied => "applied already",
        PlanState::Open => "not applied",
        PlanState::Stale => "stale",
        PlanState::Undone => "undone already",
    }
}

fn state_cure(state: PlanState) -> &'static str {
    match state {
        PlanState::Applied => "`ztpd plan undo` takes it back",
        PlanState::Open => "there is nothing to undo",
        PlanState::Stale | PlanState::Undone => "make a new one",
    }
}

/// The first few of them, and how many there are.
fn together(refused: &[Refusal]) -> String {
    let shown: Vec<String> = refused.iter().take(5).map(ToString::to_string).collect();
    let more = refused.len().saturating_sub(shown.len());
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", shown.join("; "))
}

fn bar_note(reason: Bar, mac: &MacAddr) -> String {
    match reason {
        Bar::IdentityChanged => format!(
            "is quarantined since it showed another key than the one it is known by; if that is the phone all the \
             same, run `ztpd device rebind {mac}`"
        ),
        Bar::Operator => format!("is quarantined; run `ztpd device release {mac}` first"),
        Bar::Retired => "is retired, which is final; to use the phone again, remove it and add it anew".to_owned(),
    }
}

fn owner_note(owner: &Option<Owner>) -> String {
    owner.as_ref().map(|owner| format!(", for {owner}")).unwrap_or_default()
}

/// What keeps the store from working at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreFault {
    /// A sealed secret was altered, or lies where another one belongs. Everything else goes on.
    #[error("the {field} of {whose} was altered or moved in the store and does not open any more; {cure}")]
    Altered {
        /// Which secret.
        field: &'static str,
        /// Whose.
        whose: String,
        /// What helps.
        cure: &'static str,
    },
    /// The writer has stopped: the daemon is shutting down, or an earlier write failed.
    #[error("the store takes no changes any more: {0}")]
    Closed(String),
    /// What lies on the disk makes no sense.
    #[error("the store is damaged: {0}; stop the daemon and run `ztpd store rebuild`")]
    Corrupt(String),
    /// Another process has it.
    #[error(
        "{0} is held by another process; is another ztpd running? one process holds the store, the rest use its API"
    )]
    Held(String),
    /// The disk or its permissions.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        error: String,
    },
    /// The data keys are gone.
    #[error(
        "{0}/keys.json and its copy {0}/keys/copy.json are missing or damaged, and without the data keys in them no \
         secret opens; put either back from a backup. Nothing was touched"
    )]
    KeysLost(String),
    /// The machine has no randomness to give.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// The disk is nearly full.
    #[error(
        "the disk of {path} has {free_mib} MiB left, and changes are taken while there are {reserve} MiB: make room, and \
         they are taken again by themselves",
        reserve = super::disk::RESERVE >> 20
    )]
    NoSpace {
        /// Whose disk.
        path: String,
        /// What is left.
        free_mib: u64,
    },
    /// The disk takes nothing.
    #[error(
        "the file system of {0} is read-only: the kernel's log says why; once it can be written to again, changes are \
         taken by themselves"
    )]
    ReadOnly(String),
    /// Written by a newer ztpd.
    #[error("the store has schema version {found}, this ztpd knows {known}; install the newer ztpd again")]
    Schema {
        /// What lies on the disk.
        found: u32,
        /// What this program knows.
        known: u32,
    },
    /// The master key is another one than the store's.
    #[error(
        "the store is sealed under the master key with the fingerprint {wanted}, the key given has {found}: give the \
         right one, as the systemd credential master-key or as server.master_key_file. Nothing was touched"
    )]
    WrongKey {
        /// The one the store is sealed under.
        wanted: Fingerprint,
        /// The one that was given.
        found: Fingerprint,
    },
}

/// Why a verb did not do what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum StoreError {
    /// The wish cannot be granted.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The store is not able to.
    #[error(transparent)]
    Fault(#[from] StoreFault),
}
