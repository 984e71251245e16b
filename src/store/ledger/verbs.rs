//! What does each verb of [`Store`] come down to? Which rule decides it, and what the audit trail calls it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use prometheus_client::metrics::histogram::Histogram;

use super::Ledger;
use crate::inventory::access::{Access, Bar, ClaimWindow};
use crate::inventory::account::{Account, AdminToken, AdminTokenId};
use crate::inventory::audit::{Act, AuditObject, Verification};
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
use crate::store::backend::Backend;
use crate::store::queue::Observation;
use crate::store::rows::{COUNTS, INVENTORY, LAB, Table, owner_key};
use crate::store::seal::KeyId;
use crate::store::supposed::{Under, suppose};
use crate::store::txn::{read, record};
use crate::store::verbs::{access, account, authorities, belongings, devices, people, plans, roles, sites, together};
use crate::store::{
    Actor, AtSite, AuditEntry, AuditQuery, Backlog, ChangeSet, ClaimOutcome, Counts, DeviceSecrets, EnrolRules,
    Expected, KeyRotation, PageRequest, Phone, Rehearsal, Store, Stored, Versioned, WindowPolicy, audit, observed,
    secrets,
};

impl<B: Backend> Store for Ledger<B> {
    fn account(&self) -> Stored<Versioned<Account>> {
        self.look(account::account)
    }

    fn set_account(&self, account: Account, expected: Expected, by: &Actor) -> Stored<Versioned<Account>> {
        let act = Act::new("replace", AuditObject::new("account", ""));
        self.administer(by, act, move |txn, _| account::set_account(txn, account, expected))
    }

    fn site(&self, id: &SiteId) -> Stored<Option<Versioned<Site>>> {
        self.look(|rows| Ok(record(rows, &Table::Site.key(id.as_str()))?))
    }

    fn sites(&self, page: &PageRequest) -> Stored<Vec<Versioned<Site>>> {
        self.look(|rows| Ok(page.read(rows, Table::Site)?))
    }

    fn main_site(&self) -> Stored<Option<Versioned<Site>>> {
        self.look(|rows| Ok(sites::main_site(rows)?))
    }

    fn create_site(&self, site: Site, by: &Actor) -> Stored<Versioned<Site>> {
        self.administer(by, on_site("create", &site.id), move |txn, _| sites::create(txn, site))
    }

    fn replace_site(
        &self,
        site: Site,
        expected: Expected,
        windows: &WindowPolicy,
        by: &Actor,
    ) -> Stored<Versioned<Site>> {
        let windows = *windows;
        let act = on_site("replace", &site.id);
        self.administer(by, act, move |txn, _| sites::replace(txn, site, expected, &windows))
    }

    fn names_at(&self, site: &SiteId, kind: AtSite, page: &PageRequest) -> Stored<Vec<String>> {
        self.look(|rows| Ok(sites::names_at(rows, site, kind, page)?))
    }

    fn remove_site(&self, id: &SiteId, expected: Expected, by: &Actor) -> Stored<()> {
        let id = id.clone();
        self.administer(by, on_site("remove", &id), move |txn, _| sites::remove(txn, &id, expected))
    }

    fn user(&self, id: &UserId) -> Stored<Option<Versioned<User>>> {
        self.look(|rows| Ok(record(rows, &Table::User.key(id.as_str()))?))
    }

    fn users(&self, page: &PageRequest) -> Stored<Vec<Versioned<User>>> {
        self.look(|rows| Ok(page.read(rows, Table::User)?))
    }

    fn create_user(&self, user: User, sip_password: Secret, by: &Actor) -> Stored<Versioned<User>> {
        let act = on_owner("create", &Owner::User(user.id.clone()));
        self.administer(by, act, move |txn, _| people::create(txn, user, &sip_password))
    }

    fn replace_user(
        &self,
        user: User,
        expected: Expected,
        sip_password: Option<Secret>,
        by: &Actor,
    ) -> Stored<Versioned<User>> {
        let act = on_owner("replace", &Owner::User(user.id.clone()));
        self.administer(by, act, move |txn, _| people::replace(txn, user, expected, sip_password.as_ref()))
    }

    fn rename_user(&self, from: &UserId, to: UserId, expected: Expected, by: &Actor) -> Stored<Versioned<User>> {
        let from = from.clone();
        let act = on_owner("rename", &Owner::User(from.clone()));
        self.administer(by, act, move |txn, by| people::rename(txn, &from, to, expected, by))
    }

    fn remove_user(&self, id: &UserId, expected: Expected, by: &Actor) -> Stored<()> {
        let owner = Owner::User(id.clone());
        let act = on_owner("remove", &owner);
        self.administer(by, act, move |txn, by| people::remove::<User>(txn, &owner, expected, by))
    }

    fn common_area(&self, id: &CommonAreaId) -> Stored<Option<Versioned<CommonArea>>> {
        self.look(|rows| Ok(record(rows, &Table::Area.key(id.as_str()))?))
    }

    fn common_areas(&self, page: &PageRequest) -> Stored<Vec<Versioned<CommonArea>>> {
        self.look(|rows| Ok(page.read(rows, Table::Area)?))
    }

    fn create_common_area(&self, area: CommonArea, sip_password: Secret, by: &Actor) -> Stored<Versioned<CommonArea>> {
        let act = on_owner("create", &Owner::CommonArea(area.id.clone()));
        self.administer(by, act, move |txn, _| people::create(txn, area, &sip_password))
    }

    fn replace_common_area(
        &self,
        area: CommonArea,
        expected: Expected,
        sip_password: Option<Secret>,
        by: &Actor,
    ) -> Stored<Versioned<CommonArea>> {
        let act = on_owner("replace", &Owner::CommonArea(area.id.clone()));
        self.administer(by, act, move |txn, _| people::replace(txn, area, expected, sip_password.as_ref()))
    }

    fn remove_common_area(&self, id: &CommonAreaId, expected: Expected, by: &Actor) -> Stored<()> {
        let owner = Owner::CommonArea(id.clone());
        let act = on_owner("remove", &owner);
        self.administer(by, act, move |txn, by| people::remove::<CommonArea>(txn, &owner, expected, by))
    }

    fn holder_of(&self, extension: &Extension) -> Stored<Option<Owner>> {
        self.look(|rows| Ok(read(rows, &Table::Extension.key(extension.as_str()))?))
    }

    fn sip_password(&self, owner: &Owner) -> Stored<Option<Secret>> {
        self.look(|rows| Ok(secrets::read(rows, &secrets::of_owner(owner))?))
    }

    fn set_sip_password(&self, owner: &Owner, password: Secret, by: &Actor) -> Stored<()> {
        let owner = owner.clone();
        let act = on_owner("set_sip_password", &owner);
        self.administer(by, act, move |txn, _| people::set_sip_password(txn, &owner, &password))
    }

    fn device(&self, mac: MacAddr) -> Stored<Option<Versioned<Device>>> {
        self.look(|rows| Ok(record(rows, &Table::Device.of(mac))?))
    }

    fn access(&self, mac: MacAddr) -> Stored<Option<Access>> {
        self.look(|rows| Ok(read(rows, &Table::Access.of(mac))?))
    }

    fn phone(&self, mac: MacAddr) -> Stored<Option<Phone>> {
        self.look(|rows| devices::phone(rows, mac))
    }

    fn devices(&self, page: &PageRequest) -> Stored<Vec<Versioned<Device>>> {
        self.look(|rows| Ok(devices::plain(page).read(rows, Table::Device)?))
    }

    fn devices_of(&self, owner: &Owner) -> Stored<Vec<MacAddr>> {
        self.look(|rows| Ok(devices::devices_of(rows, owner)?))
    }

    fn appearances_of(&self, owner: &Owner) -> Stored<Vec<MacAddr>> {
        self.look(|rows| Ok(devices::appearances_of(rows, owner)?))
    }

    fn watchers_of(&self, owner: &Owner) -> Stored<Vec<Owner>> {
        self.look(|rows| Ok(belongings::users_of(rows, &owner_key(owner))?))
    }

    fn devices_at(&self, site: &SiteId) -> Stored<Vec<MacAddr>> {
        self.look(|rows| Ok(sites::phones_at(rows, site)?))
    }

    fn enrol(
        &self,
        device: Device,
        secrets: DeviceSecrets,
        rules: &EnrolRules,
        by: &Actor,
    ) -> Stored<Versioned<Device>> {
        let rules = *rules;
        let act = on_device("create", device.mac);
        self.administer(by, act, move |txn, by| devices::enrol(txn, device, &secrets, &rules, by))
    }

    fn replace_device(
        &self,
        device: Device,
        expected: Expected,
        rules: &EnrolRules,
        by: &Actor,
    ) -> Stored<Versioned<Device>> {
        let rules = *rules;
        let act = on_device("replace", device.mac);
        self.administer(by, act, move |txn, by| devices::replace(txn, device, expected, &rules, by))
    }

    fn remove_device(&self, mac: MacAddr, expected: Expected, by: &Actor) -> Stored<()> {
        self.administer(by, on_device("remove", mac), move |txn, _| devices::remove(txn, mac, expected))
    }

    fn assign(
        &self,
        mac: MacAddr,
        owner: Option<Owner>,
        expected: Expected,
        limit: usize,
        by: &Actor,
    ) -> Stored<Versioned<Device>> {
        let act = on_device(if owner.is_some() { "assign" } else { "unassign" }, mac);
        self.administer(by, act, move |txn, by| devices::assign(txn, mac, owner, expected, limit, by))
    }

    fn assignments(&self, mac: MacAddr) -> Stored<Vec<AssignmentChange>> {
        self.look(|rows| Ok(devices::assignments(rows, mac)?))
    }

    fn open_window(&self, mac: MacAddr, window: ClaimWindow, fresh: Secret, by: &Actor) -> Stored<Access> {
        self.administer(by, on_device("open_claim", mac), move |txn, _| access::open_window(txn, mac, window, &fresh))
    }

    fn open_unclaimed(&self, windows: Vec<(MacAddr, ClaimWindow)>, at: &SiteId, by: &Actor) -> Stored<Vec<MacAddr>> {
        self.administer(by, on_site("open_claims", at), move |txn, _| access::open_unclaimed(txn, windows))
    }

    fn close_window(&self, mac: MacAddr, by: &Actor) -> Stored<Access> {
        self.administer(by, on_device("close_claim", mac), move |txn, _| access::close_window(txn, mac))
    }

    fn begin_claim(&self, mac: MacAddr, address: IpAddr, now: Timestamp, counted: bool) -> Stored<ClaimOutcome> {
        // A claim takes many requests and a scanner makes many more: only one that could begin asks the writer.
        match self.look(|rows| access::claim_state(rows, mac, address, now))? {
            Some(decided) => Ok(decided),
            None => self.change(move |txn| access::begin_claim(txn, mac, address, now, counted)),
        }
    }

    fn token_shown(&self, mac: MacAddr, token: &TokenHash) -> Stored<()> {
        // Every request of a phone shows the token; only the first one changes anything.
        if !self.look(|rows| access::is_news(rows, mac, token))? {
            return Ok(());
        }
        let token = *token;
        self.change(move |txn| access::token_shown(txn, mac, &token))
    }

    fn rotate_token(&self, mac: MacAddr, fresh: Secret, by: &Actor) -> Stored<Access> {
        let act = on_device("rotate_token", mac);
        self.administer(by, act, move |txn, by| access::rotate_token(txn, mac, &fresh, by.time))
    }

    fn revoke_token(&self, token: &TokenHash, fresh: Secret, now: Timestamp) -> Stored<Option<MacAddr>> {
        let token = *token;
        self.change(move |txn| access::revoke_token(txn, &token, &fresh, now))
    }

    fn quarantine(&self, mac: MacAddr, reason: Bar, by: &Actor) -> Stored<Access> {
        let act = on_device("quarantine", mac);
        self.administer(by, act, move |txn, by| access::quarantine(txn, mac, reason, by))
    }

    fn release(&self, mac: MacAddr, by: &Actor) -> Stored<Access> {
        self.administer(by, on_device("release", mac), move |txn, _| access::release(txn, mac))
    }

    fn rebind(&self, mac: MacAddr, window: Option<ClaimWindow>, fresh: Secret, by: &Actor) -> Stored<Access> {
        let act = on_device("rebind", mac);
        self.administer(by, act, move |txn, _| access::rebind(txn, mac, window, &fresh))
    }

    fn retire(&self, mac: MacAddr, fresh: Secret, by: &Actor) -> Stored<Access> {
        self.administer(by, on_device("retire", mac), move |txn, by| access::retire(txn, mac, &fresh, by))
    }

    fn pin_key(
        &self,
        mac: MacAddr,
        pin: Pin,
        replaces: Option<Fingerprint>,
        shown: Option<&TokenHash>,
    ) -> Stored<bool> {
        let shown = shown.copied();
        self.change(move |txn| access::pin_key(txn, mac, pin, replaces, shown.as_ref()))
    }

    fn authorities(&self) -> Stored<Vec<Authority>> {
        self.look(|rows| Ok(authorities::all(rows)?))
    }

    fn add_authority(&self, authority: Authority, by: &Actor) -> Stored<()> {
        let act = Act::new("create", AuditObject::new("authority", authority.sha256));
        self.administer(by, act, move |txn, _| authorities::add(txn, &authority))
    }

    fn remove_authority(&self, sha256: &Fingerprint, by: &Actor) -> Stored<()> {
        let sha256 = *sha256;
        let act = Act::new("remove", AuditObject::new("authority", sha256));
        self.administer(by, act, move |txn, _| authorities::remove(txn, &sha256))
    }

    fn lab(&self) -> Stored<Option<Confirmed>> {
        self.look(|rows| Ok(read(rows, LAB)?))
    }

    fn set_lab(&self, lab: Option<Confirmed>, by: &Actor) -> Stored<()> {
        let act = Act::new(if lab.is_some() { "enable" } else { "disable" }, AuditObject::new("lab", ""));
        self.administer(by, act, move |txn, _| match lab {
            Some(lab) => Ok(txn.put(LAB, &lab)?),
            None => Ok(txn.delete(LAB)?),
        })
    }

    fn create_admin_token(&self, token: AdminToken, by: &Actor) -> Stored<()> {
        let act = Act::new("create", AuditObject::new("token", &token.id));
        self.administer(by, act, move |txn, _| account::create_admin_token(txn, &token))
    }

    fn admin_tokens(&self) -> Stored<Vec<AdminToken>> {
        self.look(|rows| Ok(account::admin_tokens(rows)?))
    }

    fn remove_admin_token(&self, id: &AdminTokenId, by: &Actor) -> Stored<()> {
        let id = id.clone();
        let act = Act::new("remove", AuditObject::new("token", &id));
        self.administer(by, act, move |txn, by| account::remove_admin_token(txn, &id, by.time))
    }

    fn roles(&self) -> Stored<Vec<Versioned<Role>>> {
        self.look(|rows| Ok(roles::roles(rows)?))
    }

    fn create_role(&self, role: Role, by: &Actor) -> Stored<Versioned<Role>> {
        let act = Act::new("create", AuditObject::new("role", &role.id));
        self.administer(by, act, move |txn, _| roles::create_role(txn, role))
    }

    fn replace_role(&self, role: Role, expected: Expected, by: &Actor) -> Stored<Versioned<Role>> {
        let act = Act::new("replace", AuditObject::new("role", &role.id));
        self.administer(by, act, move |txn, _| roles::replace_role(txn, role, expected))
    }

    fn remove_role(&self, id: &RoleId, expected: Expected, by: &Actor) -> Stored<()> {
        let id = id.clone();
        let act = Act::new("remove", AuditObject::new("role", &id));
        self.administer(by, act, move |txn, _| roles::remove_role(txn, &id, expected))
    }

    fn grants(&self) -> Stored<Vec<Versioned<Grant>>> {
        self.look(|rows| Ok(roles::grants(rows)?))
    }

    fn create_grant(&self, grant: Grant, by: &Actor) -> Stored<Versioned<Grant>> {
        let act = Act::new("create", AuditObject::new("grant", &grant.id));
        self.administer(by, act, move |txn, _| roles::create_grant(txn, grant))
    }

    fn remove_grant(&self, id: &GrantId, expected: Expected, by: &Actor) -> Stored<()> {
        let id = id.clone();
        let act = Act::new("remove", AuditObject::new("grant", &id));
        self.administer(by, act, move |txn, by| roles::remove_grant(txn, &id, expected, by.time))
    }

    fn rehearse(&self, set: &ChangeSet, by: &Actor) -> Stored<Rehearsal> {
        let (revision, outcome, changes) = self.rehearse_on(|txn| together::answered(together::make(txn, set, by)))?;
        let under: Arc<dyn Under> = Arc::clone(&self.shared) as Arc<dyn Under>;
        Ok(Rehearsal { revision, outcome, after: suppose(under, changes, self.shared.head.load(Ordering::SeqCst)) })
    }

    fn keep_plan(&self, plan: Plan) -> Stored<PlanHead> {
        self.change(move |txn| Ok(plans::keep(txn, plan)?))
    }

    fn plan(&self, id: PlanId) -> Stored<Option<Plan>> {
        self.look(|rows| Ok(plans::plan(rows, id)?))
    }

    fn plans(&self) -> Stored<Vec<PlanHead>> {
        self.look(|rows| Ok(plans::plans(rows)?))
    }

    fn apply_plan(&self, id: PlanId, set: ChangeSet, by: &Actor) -> Stored<PlanHead> {
        self.administer(by, on_plan("apply", id), move |txn, by| plans::apply(txn, id, &set, by))
    }

    fn undo_plan(&self, id: PlanId, set: ChangeSet, by: &Actor) -> Stored<PlanHead> {
        self.administer(by, on_plan("undo", id), move |txn, by| plans::undo(txn, id, &set, by))
    }

    fn record(&self, event: Event, firmware: Option<String>) -> Stored<()> {
        Ok(self.shared.queue.observe(Observation { event, firmware })?)
    }

    fn events(&self, mac: Option<MacAddr>, before: Option<u64>, limit: usize) -> Stored<Vec<Event>> {
        Ok(observed::events(&self.shared.backend, mac, before, limit)?)
    }

    fn sighting(&self, mac: MacAddr) -> Stored<Sighting> {
        Ok(observed::sighting(&self.shared.backend, mac)?)
    }

    fn note(&self, act: Act, by: &Actor) -> Stored<()> {
        self.append(act, by)
    }

    fn audit(&self, query: &AuditQuery) -> Stored<Vec<AuditEntry>> {
        Ok(audit::list(&self.shared.backend, query)?)
    }

    fn verify_audit(&self) -> Stored<Verification> {
        let backend = &self.shared.backend;
        Ok(Verification { administration: audit::verify(backend)?, devices: observed::verify(backend)? })
    }

    fn rotate_keys(&self, by: &Actor) -> Stored<KeyRotation> {
        self.rotate(by)
    }

    fn keys(&self) -> Vec<KeyId> {
        self.shared.backend.keys().ids()
    }

    fn counts(&self) -> Stored<Counts> {
        self.look(|rows| Ok(read(rows, COUNTS)?.unwrap_or_default()))
    }

    fn revision(&self) -> Stored<u64> {
        Ok(self.shared.head.load(Ordering::SeqCst))
    }

    fn commit_times(&self) -> Histogram {
        self.shared.commit_times.clone()
    }

    fn inventory_revision(&self) -> Stored<u64> {
        self.look(|rows| Ok(read(rows, INVENTORY)?.unwrap_or_default()))
    }

    fn backlog(&self) -> Backlog {
        self.shared.queue.backlog()
    }

    fn flush(&self) -> Stored<()> {
        self.change(|_| Ok(()))
    }
}
fn on_site(action: &str, id: &SiteId) -> Act {
    Act::new(action, AuditObject::new("site", id))
}

fn on_plan(action: &str, id: PlanId) -> Act {
    Act::new(action, AuditObject::new("plan", id))
}

fn on_device(action: &str, mac: MacAddr) -> Act {
    Act::new(action, AuditObject::new("device", mac))
}

fn on_owner(action: &str, owner: &Owner) -> Act {
    let object = match owner {
        Owner::CommonArea(id) => AuditObject::new("common_area", id),
        Owner::User(id) => AuditObject::new("user", id),
    };
    Act::new(action, object)
}
