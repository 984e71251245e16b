//! Which link of the chain is the first that is broken? The newest of what a phone got, how its connections failed and
//! where DHCP led it decides: whatever came before it worked.

use jiff::{SignedDuration, Timestamp};

use super::refused::{refused, wrong_maker};
use super::steps::StepKind;
use super::{Cause, Facts, Near, Registered, dhcp, tls};
use crate::diagnose::near_miss::Slip;
use crate::inventory::access::Bar;
use crate::inventory::event::{Event, Outcome, Plane, Reason, Rule};
use crate::provision::Provisioning;

/// A bootstrap so long after anything else begins the phone's life anew: it was reset.
const ANEW: SignedDuration = SignedDuration::from_mins(10);
/// More phones that look alike are a series, not a slip.
const MOST_NEAR: usize = 3;

/// The cause, in words, and the step that shows it.
pub(super) struct Verdict {
    pub cause: Cause,
    pub summary: String,
    pub fix: String,
    pub broken: Option<(StepKind, Timestamp)>,
}

impl Verdict {
    pub(super) fn new(cause: Cause, summary: String, fix: String) -> Verdict {
        Verdict { cause, summary, fix, broken: None }
    }

    pub(super) fn at(self, kind: StepKind, time: Timestamp) -> Verdict {
        Verdict { broken: Some((kind, time)), ..self }
    }
}

/// The first broken link.
pub(super) fn verdict(facts: &Facts) -> Verdict {
    match &facts.registered {
        None => stranger(facts),
        Some(phone) => barred(facts, phone).unwrap_or_else(|| known(facts, phone)),
    }
}

/// A phone of nobody.
fn stranger(facts: &Facts) -> Verdict {
    let mac = facts.mac;
    let seen = facts.pending.is_some() || facts.dhcp.is_some();
    let near: Vec<&Near> = facts.near.iter().filter(|near| !seen || !near.seen).collect();
    if let [first, ..] = near.as_slice()
        && near.len() <= MOST_NEAR
    {
        let found = if seen { "asks, and is not in the inventory" } else { "is not in the inventory" };
        let never = if first.seen { "" } else { ", which was never seen" };
        let summary = format!("{mac} {found}; {} is{never}: the two differ by {}", list(&near), differing(first.slip));
        let fix = format!(
            "compare the label on the phone: if it says {mac}, remove {other} (`ztpd device rm {other}`) and add {mac} in \
             its place; if not, ask for {other}",
            other = first.mac
        );
        return Verdict::new(Cause::NearMiss, summary, fix);
    }
    match (&facts.pending, &facts.dhcp) {
        (Some(pending), _) if pending.plane != Plane::Dhcp => {
            let summary = format!("{mac} asks for its settings and is not in the inventory");
            let fix = format!("if it is yours: ztpd device adopt {mac}");
            Verdict::new(Cause::NotInInventory, summary, fix).at(StepKind::Request, pending.last_seen)
        }
        (Some(_), _) | (None, Some(_)) => {
            let summary = format!("{mac} was seen by DHCP and is not in the inventory");
            let fix = format!("if it is yours: ztpd device adopt {mac} --model MODEL");
            Verdict::new(Cause::NotInInventory, summary, fix)
        }
        (None, None) => {
            let summary = format!("{mac} was never seen here, and is not in the inventory");
            let fix =
                "look at the label on the phone: is that its MAC? Then let it boot while you watch: ztpd dhcp watch";
            Verdict::new(Cause::NeverSeen, summary, fix.to_owned())
        }
    }
}

fn list(near: &[&Near]) -> String {
    near.iter().map(|near| near.mac.to_string()).collect::<Vec<_>>().join(", ")
}

fn differing(slip: Slip) -> &'static str {
    match slip {
        Slip::OneDigit => "one digit",
        Slip::Swapped => "digits that changed places",
    }
}

/// A phone that gets nothing whatever it does.
fn barred(facts: &Facts, phone: &Registered) -> Option<Verdict> {
    let mac = facts.mac;
    let barred = phone.access.barred?;
    let since = barred.since;
    let (cause, summary, fix) = match barred.reason {
        Bar::IdentityChanged => (
            Cause::IdentityChanged,
            format!("{mac} showed another key than the one it is known by, and is in quarantine since {since}"),
            format!("if it was repaired or replaced: ztpd device rebind {mac}; else look for who has its name"),
        ),
        Bar::Operator => (
            Cause::Quarantined,
            format!("{mac} is in quarantine since {since}, and gets nothing"),
            format!("ztpd device release {mac}"),
        ),
        Bar::Retired => (
            Cause::Retired,
            format!("{mac} is out of service since {since}"),
            format!("to use it again: ztpd device rm {mac}, then add it anew"),
        ),
    };
    Some(Verdict::new(cause, summary, fix))
}

/// A phone of the inventory that is not barred.
fn known(facts: &Facts, phone: &Registered) -> Verdict {
    let request = telling(&facts.events);
    let served = request.is_some_and(|event| event.decision == Outcome::Served);
    let connection = tls::newest_failure(&facts.handshakes, served);
    let asked_last = facts.events.iter().find(|event| event.plane != Plane::Admin).map(|event| event.time);
    let heard = asked_last.max(connection.map(|failed| failed.last_seen));
    if let Some(verdict) = dhcp::problem(facts, phone, heard).filter(|_| !served) {
        return verdict;
    }
    match (request, connection) {
        (Some(event), Some(failed)) if failed.last_seen > event.time => tls::verdict(facts, phone, failed),
        (None, Some(failed)) => tls::verdict(facts, phone, failed),
        (Some(event), _) => asked(facts, phone, event),
        (None, None) if phone.sighting.served_sha256.is_some() => provisioned(facts, phone, None),
        (None, None) => never_asked(facts, phone),
    }
}

/// The event that says how far the phone is. Phones ask for much that does not exist, and some for the common file after
/// their own: a bootstrap counts when nothing else tells, or when it came unencrypted and long after what does.
fn telling(events: &[Event]) -> Option<&Event> {
    let decides = |event: &&Event| match event.decision {
        Outcome::Bootstrap => false,
        Outcome::Failed | Outcome::Served => event.plane != Plane::Admin,
        Outcome::Refused => !matches!(event.reason, None | Some(Reason::InsecureChannel | Reason::NotAPhoneFile)),
    };
    let public =
        |event: &&Event| event.decision == Outcome::Bootstrap && matches!(event.rule, Some(Rule::Public | Rule::Gate));
    let (decisive, bootstrap) = (events.iter().find(decides), events.iter().find(public));
    match (decisive, bootstrap) {
        (Some(decisive), Some(bootstrap))
            if bootstrap.plane != Plane::Https && is_past(bootstrap.time, decisive.time, ANEW) =>
        {
            Some(bootstrap)
        }
        (decisive, bootstrap) => decisive.or(bootstrap),
    }
}

/// It asked: what it got decides.
fn asked(facts: &Facts, phone: &Registered, event: &Event) -> Verdict {
    let verdict = match event.decision {
        Outcome::Served => provisioned(facts, phone, Some(event)),
        Outcome::Bootstrap => bootstrapped(facts, phone, event),
        Outcome::Failed | Outcome::Refused => refused(facts, phone, event),
    };
    verdict.at(StepKind::Request, event.time)
}

fn provisioned(facts: &Facts, phone: &Registered, event: Option<&Event>) -> Verdict {
    let mac = facts.mac;
    let time = event.map(|event| event.time).or_else(|| Some(phone.sighting.last_seen.as_ref()?.time));
    let time = time.map(|time| format!(" at {}", seconds(time))).unwrap_or_default();
    let (cause, summary, fix) = match phone.provisioning {
        Provisioning::Failed => (
            Cause::TemplateFault,
            format!("{mac} got its settings{time}, and would get nothing now: its template fails"),
            format!("see what is wrong: ztpd device render {mac}"),
        ),
        Provisioning::Outdated => (
            Cause::Outdated,
            format!("{mac} got its settings{time}, and they have changed since"),
            "nothing: it fetches them at its next poll; or let it boot now".to_owned(),
        ),
        _ if phone.device.assignment.is_none() => (
            Cause::NotAssigned,
            format!("{mac} got its settings{time}, with all lines off: it belongs to nobody"),
            format!("ztpd device assign {mac} --user EMAIL, or --common-area ID"),
        ),
        _ => (
            Cause::Provisioned,
            format!("{mac} got its settings{time}, and would get the same now"),
            "nothing; if it does not register, look at the registrar of its lines".to_owned(),
        ),
    };
    Verdict::new(cause, summary, fix)
}

fn bootstrapped(facts: &Facts, phone: &Registered, event: &Event) -> Verdict {
    let (mac, url) = (facts.mac, &facts.public_url);
    let time = seconds(event.time);
    if let Some(why) = facts.parked.as_ref().filter(|_| phone.keeps_url) {
        let summary = format!("{mac} was given a bootstrap that leads nowhere at {time}: {why}");
        let fix = format!("make {url} work (`ztpd finding list` says how); the phone asks again by itself");
        return Verdict::new(Cause::BootstrapParked, summary, fix);
    }
    let due = event.time.saturating_add(phone.poll.signed()).unwrap_or(event.time);
    let summary = format!("{mac} was given the bootstrap at {time}, which sends it to {url}, and has not come back");
    let fix = if facts.now < due {
        format!("wait: it is expected until {}", seconds(due))
    } else {
        format!(
            "let it boot again; if it still does not come, look whether {url} resolves and opens from its network: a \
             firewall, a VLAN, a name server that does not know the name"
        )
    };
    Verdict::new(Cause::BootstrapOnly, summary, fix)
}

/// It never asked us for anything.
fn never_asked(facts: &Facts, phone: &Registered) -> Verdict {
    let mac = facts.mac;
    if let Some(event) = facts.events.iter().find(|event| event.reason == Some(Reason::InsecureChannel)) {
        let file = event.file.as_deref().unwrap_or("its own file");
        let summary = format!("{mac} asks for {file} unencrypted, where no secret is given, and for nothing else");
        let fix = format!("lead it to {} (DHCP), or let it ask for its maker's common file first", facts.public_url);
        return Verdict::new(Cause::InsecureChannel, summary, fix).at(StepKind::Request, event.time);
    }
    if let Some(row) = &facts.dhcp {
        if row.maker.is_some_and(|maker| maker != phone.device.maker.as_str()) {
            return wrong_maker(facts, phone, None);
        }
        return dhcp::silent(facts, row);
    }
    let near: Vec<&Near> = facts.near.iter().collect();
    if let [first, ..] = near.as_slice()
        && near.len() <= MOST_NEAR
    {
        let summary = format!(
            "{mac} was never seen; {} asks and is not in the inventory: the two differ by {}",
            list(&near),
            differing(first.slip)
        );
        let fix = format!(
            "compare the label on the phone: if it says {other}, remove {mac} (`ztpd device rm {mac}`) and run: ztpd device \
             adopt {other}",
            other = first.mac
        );
        return Verdict::new(Cause::NearMiss, summary, fix);
    }
    let summary = format!("{mac} is in the inventory and was never seen");
    let fix = format!(
        "is it plugged in, and is its network led here? Let it boot while you watch: ztpd dhcp watch; and look at the label: \
         is {mac} its MAC?"
    );
    Verdict::new(Cause::NeverSeen, summary, fix)
}

/// A time as people read it.
pub(super) fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Whether something is longer ago than that.
pub(super) fn is_past(now: Timestamp, time: Timestamp, longer_than: SignedDuration) -> bool {
    now.duration_since(time) > longer_than
}
