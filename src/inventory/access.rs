//! What a phone has been given, and what lets it have more: its claim window, its claim, the age of its token.
//! The words of policy D8–D9a and D24; the decision itself is `provision/policy.rs`.

use std::net::IpAddr;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::certificate::Pin;

/// What a device has been given so far, and what may still be taken.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Access {
    /// Why nothing opens for it, whatever is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub barred: Option<Barred>,
    /// Whether its secrets have left at least once.
    pub bound: bool,
    /// The claim that is going on or was the last.
    pub claim: Option<Claim>,
    /// The key it is known by since it showed the certificate it was made with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// The token before the current one, while it still opens.
    pub previous_token: Option<PreviousToken>,
    /// When its token was sent unencrypted, if it has not claimed since (D2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_exposed: Option<Timestamp>,
    /// Whether the phone has shown its current token: from then on only the token opens.
    pub token_used: bool,
    /// The window in which a claim may begin; gone once one began.
    pub window: Option<ClaimWindow>,
}

/// A time in which a phone may fetch its secrets from certain networks without other proof.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClaimWindow {
    /// From where; none: from the networks of the device's site, as they are when it asks.
    pub from: Vec<IpNet>,
    /// Since when.
    pub opened: Timestamp,
    /// Until when a claim may begin.
    pub closes: Timestamp,
    /// Who opened it.
    pub opened_by: OpenedBy,
}

/// Who opened a window.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedBy {
    /// An administrator.
    Operator,
    /// The device came to a site that lists its networks, or its site got them.
    Site,
}

/// One phone fetching its secrets for the first time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Claim {
    /// The address that may fetch until the token is used.
    pub address: IpAddr,
    /// Since when.
    pub began: Timestamp,
    /// Until when, at the latest.
    pub ends: Timestamp,
}

/// How long the token before the current one still opens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PreviousToken {
    /// Until then; `None`: until the current one is used.
    pub until: Option<Timestamp>,
}

/// A device that gets nothing until an operator says otherwise.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Barred {
    /// Why.
    pub reason: Bar,
    /// Since when.
    pub since: Timestamp,
}

/// Why a device gets nothing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// Quarantined: it showed another key than the one it is known by (policy D7); only a rebind helps.
    IdentityChanged,
    /// Quarantined by an operator; a release or a rebind helps.
    Operator,
    /// Out of service for good: it must be removed and registered again.
    Retired,
}

/// Where a device stands (policy D24).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessState {
    /// In the inventory, and nothing lets it have its secrets.
    Known,
    /// A claim may begin.
    ClaimOpen,
    /// It has its secrets; its token or nothing.
    Bound,
    /// Nothing opens until an operator releases or rebinds it.
    Quarantined,
    /// Out of service: nothing opens any more.
    Retired,
}

impl AccessState {
    /// All of them.
    pub const ALL: &[AccessState] = &[
        AccessState::Known,
        AccessState::ClaimOpen,
        AccessState::Bound,
        AccessState::Quarantined,
        AccessState::Retired,
    ];
}

/// How long the address that began a claim may fetch again (policy D9).
pub const CLAIM_LASTS: super::period::Period = super::period::Period::minutes(60);

/// How long the old token opens after a rotation (policy D8).
pub const ROTATION_OVERLAP: super::period::Period = super::period::Period::hours(24);

/// How many claims one address may begin in an hour (Z8).
pub const CLAIMS_AN_HOUR: usize = 3;

impl Access {
    /// Whether it is out of service for good.
    pub fn is_retired(&self) -> bool {
        self.barred.is_some_and(|barred| barred.reason == Bar::Retired)
    }

    /// Where the device stands now.
    pub fn state(&self, now: Timestamp) -> AccessState {
        match self.barred {
            Some(Barred { reason: Bar::Retired, .. }) => AccessState::Retired,
            Some(Barred { reason: Bar::IdentityChanged | Bar::Operator, .. }) => AccessState::Quarantined,
            None if self.open_window(now).is_some() => AccessState::ClaimOpen,
            None if self.bound => AccessState::Bound,
            None => AccessState::Known,
        }
    }

    /// The window, if a claim may begin now.
    pub fn open_window(&self, now: Timestamp) -> Option<&ClaimWindow> {
        self.window.as_ref().filter(|window| now < window.closes)
    }

    /// The claim, if its address may still fetch now.
    pub fn running_claim(&self, now: Timestamp) -> Option<&Claim> {
        self.claim.as_ref().filter(|claim| !self.token_used && now < claim.ends)
    }

    /// Whether the token before the current one still opens now.
    pub fn previous_token_opens(&self, now: Timestamp) -> bool {
        let Some(previous) = &self.previous_token else { return false };
        !self.token_used && previous.until.is_none_or(|until| now < until)
    }

    /// A window was opened; the caller has made a new token if the device was bound. A running claim ends.
    pub fn open(&mut self, window: ClaimWindow) {
        if self.bound {
            // The phone may still be out there with its old token, which dies when the new one is first used (D9a).
            self.previous_token = Some(PreviousToken { until: None });
            self.token_used = false;
        }
        self.claim = None;
        self.window = Some(window);
    }

    /// A claim begins: the window is spent.
    pub fn begin_claim(&mut self, address: IpAddr, now: Timestamp) {
        self.window = None;
        self.bound = true;
        self.token_exposed = None;
        self.claim = Some(Claim { address, began: now, ends: now.saturating_add(CLAIM_LASTS.signed()).unwrap_or(now) });
    }

    /// The phone showed its current token.
    pub fn token_shown(&mut self) {
        self.token_exposed = None;
        self.bound = true;
        self.token_used = true;
        self.previous_token = None;
        self.window = None;
    }

    /// The phone showed the certificate it was made with: from now on it is known by its key (policy D7, D10).
    pub fn pinned(&mut self, pin: Pin) {
        self.pin = Some(pin);
        self.bound = true;
        self.window = None;
        self.claim = None;
    }

    /// The token was replaced by an administrator; the old one opens for a while.
    pub fn rotated(&mut self, now: Timestamp) {
        let until = now.saturating_add(ROTATION_OVERLAP.signed()).unwrap_or(now);
        self.previous_token = Some(PreviousToken { until: Some(until) });
        self.token_used = false;
        // Who fetched under a claim holds the old token; a second reader must not get the new one by address alone.
        self.claim = None;
    }

    /// The token was seen where others could read it: it and its predecessor open nothing any more (D2).
    pub fn revoked(&mut self, now: Timestamp) {
        self.token_exposed = Some(now);
        self.previous_token = None;
        self.token_used = false;
        self.claim = None;
        self.bound = true;
    }

    /// Nothing opens any more; a window and a claim are over for good. What the device is known by stays, so that a
    /// released one is served as before.
    pub fn bar(&mut self, reason: Bar, since: Timestamp) {
        self.barred = Some(Barred { reason, since });
        self.window = None;
        self.claim = None;
    }

    /// Everything it was known by is forgotten and its tokens are gone. That it once had its secrets stays true, so
    /// that no window opens by itself (D9a).
    pub fn rebound(&mut self, window: Option<ClaimWindow>) {
        *self = Access { window, bound: self.bound, ..Access::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap()
    }

    fn window(closes: Timestamp) -> ClaimWindow {
        ClaimWindow { from: Vec::new(), opened: at(0), closes, opened_by: OpenedBy::Site }
    }

    #[test]
    fn a_claim_outlives_its_window_and_ends_with_the_token() {
        let mut access = Access::default();
        access.open(window(at(5)));
        assert_eq!(access.state(at(4)), AccessState::ClaimOpen);
        access.begin_claim([10, 0, 0, 1].into(), at(4));
        assert_eq!(access.state(at(6)), AccessState::Bound);
        assert!(access.running_claim(at(6)).is_some());
        assert!(access.running_claim(at(64)).is_none());
        access.token_shown();
        assert!(access.running_claim(at(6)).is_none());
    }

    #[test]
    fn the_old_token_dies_with_the_first_use_of_the_new_one() {
        let mut access = Access { bound: true, token_used: true, ..Access::default() };
        access.rotated(at(0));
        assert!(access.previous_token_opens(at(24 * 60 - 1)));
        assert!(!access.previous_token_opens(at(24 * 60)));
        access.token_shown();
        assert!(!access.previous_token_opens(at(1)));
    }

    #[test]
    fn a_barred_device_has_neither_window_nor_claim_and_keeps_what_it_is_known_by() {
        let mut access = Access { bound: true, token_used: true, ..Access::default() };
        access.open(window(at(60)));
        access.bar(Bar::Operator, at(1));
        assert_eq!(access.state(at(2)), AccessState::Quarantined);
        assert!(access.open_window(at(2)).is_none() && access.running_claim(at(2)).is_none());
        access.barred = None;
        assert_eq!(access.state(at(2)), AccessState::Bound);
        assert!(access.previous_token_opens(at(2)), "the window had given it a second token");
        access.bar(Bar::Retired, at(3));
        assert_eq!(access.state(at(4)), AccessState::Retired);
    }

    #[test]
    fn what_was_written_before_there_were_bars_is_read_as_not_barred() {
        let access: Access = serde_json::from_str(r#"{"bound":true,"token_used":true}"#).unwrap();
        assert_eq!(access.barred, None);
    }

    #[test]
    fn a_token_read_by_others_opens_nothing() {
        let mut access = Access { bound: true, token_used: true, ..Access::default() };
        access.rotated(at(0));
        access.revoked(at(0));
        assert!(!access.previous_token_opens(at(1)));
        assert_eq!(access.state(at(1)), AccessState::Bound);
    }
}
