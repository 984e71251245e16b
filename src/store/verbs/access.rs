//! What phones have been given: windows, claims and tokens, each decided in one change (policy D8–D9a, Z5–Z8).

use std::net::IpAddr;

use jiff::Timestamp;

use super::devices;
use crate::inventory::access::{Access, AccessState, Bar, Barred, CLAIMS_AN_HOUR, ClaimWindow, OpenedBy};
use crate::inventory::certificate::{Fingerprint, Pin};
use crate::inventory::mac::MacAddr;
use crate::inventory::period::Period;
use crate::inventory::secret::{Secret, TokenHash};
use crate::store::rows::{Table, decode, token_key};
use crate::store::secrets::{self, Field};
use crate::store::txn::{Rows, Span, Txn, read};
use crate::store::{Actor, ClaimOutcome, Conflict, StoreFault, Stored, WindowPolicy};

/// How many addresses that have not claimed for an hour are forgotten with each new claim.
const FORGET_AT_ONCE: usize = 8;

/// How a request for a claim goes, if that is decided without beginning one.
pub fn claim_state(rows: &dyn Rows, mac: MacAddr, address: IpAddr, now: Timestamp) -> Stored<Option<ClaimOutcome>> {
    let access = require(rows, mac)?;
    if let Some(claim) = access.running_claim(now) {
        let by = claim.address;
        return Ok(Some(if by == address { ClaimOutcome::Yours } else { ClaimOutcome::Taken { by } }));
    }
    Ok(access.open_window(now).is_none().then_some(ClaimOutcome::Closed))
}

pub fn begin_claim(
    txn: &mut Txn<'_>,
    mac: MacAddr,
    address: IpAddr,
    now: Timestamp,
    counted: bool,
) -> Stored<ClaimOutcome> {
    if let Some(decided) = claim_state(txn, mac, address, now)? {
        return Ok(decided);
    }
    if counted && !count_claim(txn, address, now)? {
        return Ok(ClaimOutcome::TooMany);
    }
    change(txn, mac, |access| access.begin_claim(address, now))?;
    Ok(ClaimOutcome::Yours)
}

pub fn open_window(txn: &mut Txn<'_>, mac: MacAddr, window: ClaimWindow, fresh: &Secret) -> Stored<Access> {
    let access = require(txn, mac)?;
    if let Some(barred) = access.barred {
        return Err(Conflict::Barred { mac, reason: barred.reason }.into());
    }
    // A second window before anybody got the new token must not cost the phone the old one, which it still has.
    let pending = access.previous_token.as_ref().is_some_and(|previous| previous.until.is_none());
    let nobody_has_it = pending && access.claim.is_none() && !access.token_used;
    let current = readable_token(txn, mac)?;
    if current.is_none() || (access.bound && !nobody_has_it) {
        set_tokens(txn, mac, fresh, current.as_ref())?;
    }
    change(txn, mac, |access| access.open(window))
}

/// Opens the windows of those phones that were never given anything; which they were.
pub fn open_unclaimed(txn: &mut Txn<'_>, windows: Vec<(MacAddr, ClaimWindow)>) -> Stored<Vec<MacAddr>> {
    let mut opened = Vec::new();
    for (mac, window) in windows {
        // Between the caller's look and this change, a phone may have been removed or may have claimed.
        let Some(access) = read::<Access>(txn, &Table::Access.of(mac))? else { continue };
        let waits = matches!(access.state(window.opened), AccessState::ClaimOpen | AccessState::Known);
        if waits && !access.bound {
            change(txn, mac, |access| access.open(window))?;
            opened.push(mac);
        }
    }
    Ok(opened)
}

pub fn close_window(txn: &mut Txn<'_>, mac: MacAddr) -> Stored<Access> {
    change(txn, mac, |access| access.window = None)
}

/// Whether it would change anything that the phone shows this token.
pub fn is_news(rows: &dyn Rows, mac: MacAddr, shown: &TokenHash) -> Stored<bool> {
    let Some(before) = read::<Access>(rows, &Table::Access.of(mac))? else { return Ok(false) };
    let mut after = before.clone();
    after.token_shown();
    Ok(before != after && token(rows, mac)?.hash().matches(shown))
}

pub fn token_shown(txn: &mut Txn<'_>, mac: MacAddr, shown: &TokenHash) -> Stored<()> {
    if !is_news(txn, mac, shown)? {
        return Ok(());
    }
    let current = token(txn, mac)?;
    set_tokens(txn, mac, &current, None)?;
    change(txn, mac, Access::token_shown)?;
    Ok(())
}

/// The phone showed a certificate with this key. False: it is known by another one than `replaces`, or barred.
pub fn pin_key(
    txn: &mut Txn<'_>,
    mac: MacAddr,
    pin: Pin,
    replaces: Option<Fingerprint>,
    shown: Option<&TokenHash>,
) -> Stored<bool> {
    let access = require(txn, mac)?;
    let known_by = access.pin.map(|pin| pin.key);
    if access.barred.is_some() || (known_by != replaces && known_by != Some(pin.key)) {
        return Ok(false);
    }
    change(txn, mac, |access| access.pinned(pin))?;
    if let Some(shown) = shown {
        token_shown(txn, mac, shown)?;
    }
    Ok(true)
}

/// Forgets the keys that this authority vouched for.
pub fn forget_pins(txn: &mut Txn<'_>, authority: &Fingerprint) -> Stored<()> {
    for row in txn.scan(Span::all(Table::Access.prefix()))? {
        let mut access: Access = decode(&row.key, &row.value)?;
        if access.pin.take_if(|pin| pin.authority == *authority).is_some() {
            txn.put(&row.key, &access)?;
        }
    }
    Ok(())
}

pub fn rotate_token(txn: &mut Txn<'_>, mac: MacAddr, fresh: &Secret, now: Timestamp) -> Stored<Access> {
    in_service(txn, mac)?;
    let current = readable_token(txn, mac)?;
    set_tokens(txn, mac, fresh, current.as_ref())?;
    change(txn, mac, |access| access.rotated(now))
}

pub fn revoke_token(txn: &mut Txn<'_>, exposed: &TokenHash, fresh: &Secret, now: Timestamp) -> Stored<Option<MacAddr>> {
    let Some(mac) = read::<MacAddr>(txn, &token_key(exposed))? else { return Ok(None) };
    set_tokens(txn, mac, fresh, None)?;
    change(txn, mac, |access| access.revoked(now))?;
    Ok(Some(mac))
}

/// Nothing opens for the phone until it is released. One that is barred already keeps its first reason.
pub fn quarantine(txn: &mut Txn<'_>, mac: MacAddr, reason: Bar, by: &Actor) -> Stored<Access> {
    let access = in_service(txn, mac)?;
    if access.barred.is_some() {
        return Ok(access);
    }
    change(txn, mac, |access| access.bar(reason, by.time))
}

/// The phone is served again as before it was quarantined; no change for one that is not.
pub fn release(txn: &mut Txn<'_>, mac: MacAddr) -> Stored<Access> {
    match in_service(txn, mac)?.barred {
        // Whose key is the right one only a rebind can say (policy D7).
        Some(Barred { reason: Bar::IdentityChanged, .. }) => {
            Err(Conflict::Barred { mac, reason: Bar::IdentityChanged }.into())
        }
        _ => change(txn, mac, |access| access.barred = None),
    }
}

/// Forgets everything the phone is known by: its tokens die at once, and who comes through the window is the phone.
pub fn rebind(txn: &mut Txn<'_>, mac: MacAddr, window: Option<ClaimWindow>, fresh: &Secret) -> Stored<Access> {
    in_service(txn, mac)?;
    set_tokens(txn, mac, fresh, None)?;
    change(txn, mac, |access| access.rebound(window))
}

/// Out of service: the tokens die at once and nothing opens any more. `fresh` is given to nobody.
pub fn retire(txn: &mut Txn<'_>, mac: MacAddr, fresh: &Secret, by: &Actor) -> Stored<Access> {
    let access = require(txn, mac)?;
    if access.is_retired() {
        return Ok(access);
    }
    set_tokens(txn, mac, fresh, None)?;
    change(txn, mac, |access| {
        *access = Access { bound: access.bound, ..Access::default() };
        access.bar(Bar::Retired, by.time);
    })
}

/// The window that opens by itself, for a phone that was never given anything and has none open.
pub fn open_by_site(txn: &mut Txn<'_>, mac: MacAddr, windows: &WindowPolicy) -> Stored<()> {
    let access = require(txn, mac)?;
    if access.barred.is_some() || access.bound || access.open_window(windows.now).is_some() {
        return Ok(());
    }
    let closes = windows.now.saturating_add(windows.lasts.signed()).unwrap_or(Timestamp::MAX);
    let window = ClaimWindow { from: Vec::new(), opened: windows.now, closes, opened_by: OpenedBy::Site };
    change(txn, mac, |access| access.open(window))?;
    Ok(())
}

/// Writes a phone's tokens and finds it by them; the ones before find nothing any more.
pub fn set_tokens(
    txn: &mut Txn<'_>,
    mac: MacAddr,
    current: &Secret,
    previous: Option<&Secret>,
) -> Result<(), StoreFault> {
    drop_tokens(txn, mac)?;
    for (field, token) in [(Field::Token, Some(current)), (Field::PreviousToken, previous)] {
        let Some(token) = token else { continue };
        secrets::put(txn, &secrets::of_phone(mac, field), token)?;
        txn.put(&token_key(&token.hash()), &mac)?;
    }
    Ok(())
}

/// Removes a phone's tokens.
pub fn drop_tokens(txn: &mut Txn<'_>, mac: MacAddr) -> Result<(), StoreFault> {
    for field in [Field::Token, Field::PreviousToken] {
        let key = secrets::of_phone(mac, field);
        match secrets::read(txn, &key) {
            Ok(Some(token)) => txn.delete(&token_key(&token.hash()))?,
            Ok(None) => continue,
            Err(StoreFault::Altered { .. }) => drop_hashes(txn, mac)?,
            Err(fault) => return Err(fault),
        }
        txn.delete(&key)?;
    }
    Ok(())
}

/// Removes what finds a phone by tokens that cannot be read any more.
fn drop_hashes(txn: &mut Txn<'_>, mac: MacAddr) -> Result<(), StoreFault> {
    for row in txn.scan(Span::all(Table::TokenHash.prefix()))? {
        if decode::<MacAddr>(&row.key, &row.value)? == mac {
            txn.delete(&row.key)?;
        }
    }
    Ok(())
}

/// The token, unless it was altered: then the phone's own copy of it opens nothing either, and a fresh one is the cure.
fn readable_token(rows: &dyn Rows, mac: MacAddr) -> Result<Option<Secret>, StoreFault> {
    secrets::readable(rows, &secrets::of_phone(mac, Field::Token))
}

fn token(rows: &dyn Rows, mac: MacAddr) -> Result<Secret, StoreFault> {
    secrets::require(rows, &secrets::of_phone(mac, Field::Token))
}

fn require(rows: &dyn Rows, mac: MacAddr) -> Stored<Access> {
    Ok(read(rows, &Table::Access.of(mac))?.ok_or_else(|| devices::unknown(mac))?)
}

/// What a phone has been given, unless it is retired: that is final.
fn in_service(rows: &dyn Rows, mac: MacAddr) -> Stored<Access> {
    let access = require(rows, mac)?;
    if access.is_retired() {
        return Err(Conflict::Barred { mac, reason: Bar::Retired }.into());
    }
    Ok(access)
}

fn change(txn: &mut Txn<'_>, mac: MacAddr, change: impl FnOnce(&mut Access)) -> Stored<Access> {
    let before = require(txn, mac)?;
    let mut access = before.clone();
    change(&mut access);
    if access != before {
        txn.put(&Table::Access.of(mac), &access)?;
    }
    Ok(access)
}

/// Counts a claim that begins, unless the address began too many within the hour (Z8).
fn count_claim(txn: &mut Txn<'_>, address: IpAddr, now: Timestamp) -> Stored<bool> {
    let hour_ago = now.saturating_sub(Period::hours(1).signed()).unwrap_or(Timestamp::MIN);
    let key = Table::Claim.key(&address.to_string());
    let mut began = claims_since(txn, &key, hour_ago)?;
    if began.len() >= CLAIMS_AN_HOUR {
        return Ok(false);
    }
    began.push(now);
    txn.put(&key, &began)?;
    txn.put(&Table::ClaimTime.key(&format!("{:020}/{address}", now.as_microsecond().max(0))), &address)?;
    forget_claims(txn, hour_ago)?;
    Ok(true)
}

fn claims_since(rows: &dyn Rows, key: &str, since: Timestamp) -> Result<Vec<Timestamp>, StoreFault> {
    let mut began = read::<Vec<Timestamp>>(rows, key)?.unwrap_or_default();
    began.retain(|began| *began > since);
    Ok(began)
}

/// Forgets some of the claims that count no more, so that the table holds little more than the last hour.
fn forget_claims(txn: &mut Txn<'_>, hour_ago: Timestamp) -> Result<(), StoreFault> {
    let end = Table::ClaimTime.key(&format!("{:020}", hour_ago.as_microsecond().max(0)));
    let oldest = txn.scan(Span { limit: FORGET_AT_ONCE, ..Span::all(Table::ClaimTime.prefix()) })?;
    for row in oldest.into_iter().filter(|row| row.key < end) {
        let address = row.key.rsplit('/').next().unwrap_or_default();
        let key = Table::Claim.key(address);
        let left = claims_since(txn, &key, hour_ago)?;
        if left.is_empty() {
            txn.delete(&key)?;
        } else {
            txn.put(&key, &left)?;
        }
        txn.delete(&row.key)?;
    }
    Ok(())
}
