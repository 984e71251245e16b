//! What may be given away in a lab, where, and until when (policy X1)? What an operator has written, and what of it
//! has been confirmed: only both together open anything, and only until the end.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The longest a lab lasts.
pub const LONGEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is weaker in the lab, where and how long.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lab {
    /// From where phones are treated so.
    pub networks: Vec<IpNet>,
    /// When it ends by itself.
    pub until: Timestamp,
    /// Whether a phone's own files are given over plain HTTP.
    pub allow_secrets_over_http: bool,
    /// Whether they are given over TFTP.
    pub allow_secrets_over_tftp: bool,
    /// Whether the MAC a phone names is proof enough.
    pub mac_is_enough: bool,
}

/// A lab that somebody has confirmed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Confirmed {
    /// What was confirmed, to the letter.
    pub lab: Lab,
    /// By whom.
    pub by: String,
    /// When.
    pub since: Timestamp,
}

/// Why nothing is weaker.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Off {
    /// The settings were changed after they were confirmed.
    #[error("the settings of [lab] were changed after they were confirmed: run `ztpd lab enable` again")]
    Changed,
    /// The settings do not ask for it.
    #[error("[server] mode is not \"lab\"")]
    Normal,
    /// Its time is over.
    #[error("it ended at {0}; lab.until names another end, and `ztpd lab enable` confirms it")]
    Over(Timestamp),
    /// It has not begun.
    #[error("nobody has confirmed it: run `ztpd lab enable`")]
    Unconfirmed,
}

/// A lab cannot last as long as its settings say.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UntilError {
    /// Its end has come.
    #[error("lab.until is {0}, which is over: name a later end, at most 30 days from now")]
    Over(Timestamp),
    /// Its end is too far away.
    #[error("lab.until is {0}, more than 30 days from now: a lab is no way of life")]
    TooLate(Timestamp),
}

/// What one request may have besides what phones may have anyway.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Leave {
    /// Secrets over the channel it came on, were it none for them.
    pub secrets_in_clear: bool,
    /// Its files for its name alone.
    pub mac_is_enough: bool,
}

/// Channels that are open to others on the way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Clear {
    /// Plain HTTP.
    Http,
    /// TFTP.
    Tftp,
}

impl Lab {
    /// Whether its end is one that may be confirmed now.
    pub fn check_until(&self, now: Timestamp) -> Result<(), UntilError> {
        if self.until <= now {
            return Err(UntilError::Over(self.until));
        }
        if self.until.duration_since(now) > LONGEST {
            return Err(UntilError::TooLate(self.until));
        }
        Ok(())
    }

    /// What a request from there may have; `clear`: the open channel it came on, if it was one.
    pub fn leave(&self, from: IpAddr, clear: Option<Clear>) -> Leave {
        if !self.networks.iter().any(|network| network.contains(&from)) {
            return Leave::default();
        }
        let secrets_in_clear = match clear {
            None => false,
            Some(Clear::Http) => self.allow_secrets_over_http,
            Some(Clear::Tftp) => self.allow_secrets_over_tftp,
        };
        Leave { secrets_in_clear, mac_is_enough: self.mac_is_enough }
    }

    /// The switches that are on, by their names in the settings.
    pub fn switches(&self) -> Vec<&'static str> {
        let all = [
            ("allow_secrets_over_http", self.allow_secrets_over_http),
            ("allow_secrets_over_tftp", self.allow_secrets_over_tftp),
            ("mac_is_enough", self.mac_is_enough),
        ];
        all.into_iter().filter(|(_, on)| *on).map(|(name, _)| name).collect()
    }
}

impl fmt::Display for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        write!(f, "{} for {} until {}", self.switches().join(", "), networks.join(", "), self.until)
    }
}

/// The lab in force; else why there is none. `wished` is what the settings say, `confirmed` what somebody said yes to.
pub fn in_force<'a>(wished: Option<&'a Lab>, confirmed: Option<&Confirmed>, now: Timestamp) -> Result<&'a Lab, Off> {
    let wished = wished.ok_or(Off::Normal)?;
    let confirmed = confirmed.ok_or(Off::Unconfirmed)?;
    if confirmed.lab != *wished {
        return Err(Off::Changed);
    }
    if now >= wished.until {
        return Err(Off::Over(wished.until));
    }
    Ok(wished)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(days: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + days * 86_400).unwrap()
    }

    fn lab() -> Lab {
        Lab {
            networks: vec!["10.9.0.0/16".parse().unwrap()],
            until: at(7),
            allow_secrets_over_http: true,
            allow_secrets_over_tftp: false,
            mac_is_enough: true,
        }
    }

    #[test]
    fn sec_x1_only_settings_and_their_own_confirmation_together_open_anything() {
        let confirmed = Confirmed { lab: lab(), by: "root".to_owned(), since: at(0) };
        assert_eq!(in_force(Some(&lab()), Some(&confirmed), at(1)), Ok(&lab()));
        assert_eq!(in_force(None, Some(&confirmed), at(1)), Err(Off::Normal));
        assert_eq!(in_force(Some(&lab()), None, at(1)), Err(Off::Unconfirmed));
        let mut others = vec![Lab { until: at(8), ..lab() }, Lab { allow_secrets_over_tftp: true, ..lab() }];
        others.push(Lab { networks: vec!["10.0.0.0/8".parse().unwrap()], ..lab() });
        for other in others {
            assert_eq!(in_force(Some(&other), Some(&confirmed), at(1)), Err(Off::Changed), "{other}");
        }
    }

    #[test]
    fn sec_x2_it_ends_by_itself() {
        let confirmed = Confirmed { lab: lab(), by: "root".to_owned(), since: at(0) };
        let before = at(7) - SignedDuration::from_secs(1);
        assert!(in_force(Some(&lab()), Some(&confirmed), before).is_ok());
        assert_eq!(in_force(Some(&lab()), Some(&confirmed), at(7)), Err(Off::Over(at(7))));
    }

    #[test]
    fn sec_x1_it_lasts_thirty_days_at_most() {
        assert_eq!(lab().check_until(at(-23)), Ok(()));
        assert_eq!(lab().check_until(at(-23) - SignedDuration::from_secs(1)), Err(UntilError::TooLate(at(7))));
        assert_eq!(lab().check_until(at(7)), Err(UntilError::Over(at(7))));
    }

    #[test]
    fn sec_x1_each_switch_opens_its_own_door_and_only_from_the_labs_networks() {
        let inside = "10.9.1.1".parse().unwrap();
        let leave = |secrets_in_clear| Leave { secrets_in_clear, mac_is_enough: true };
        assert_eq!(lab().leave(inside, Some(Clear::Http)), leave(true));
        assert_eq!(lab().leave(inside, Some(Clear::Tftp)), leave(false));
        assert_eq!(lab().leave(inside, None), leave(false));
        assert_eq!(lab().leave("10.10.1.1".parse().unwrap(), Some(Clear::Http)), Leave::default());
        let neither = Lab { mac_is_enough: false, allow_secrets_over_http: false, ..lab() };
        assert_eq!(neither.leave(inside, Some(Clear::Http)), Leave::default());
        assert_eq!(lab().switches(), ["allow_secrets_over_http", "mac_is_enough"]);
    }
}
