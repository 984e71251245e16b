//! Did DHCP lead this phone here? From what each server told it to a cause, if it lies there.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::judge::{Verdict, is_past, seconds};
use super::steps::StepKind;
use super::{Cause, Facts, Registered};
use crate::diagnose::dhcp_choice::{Choice, ChoiceFault};
use crate::diagnose::dhcp_options::MessageType;
use crate::diagnose::dhcp_report::{PhoneRow, Told};
use crate::diagnose::here::Verdict as Place;

/// A phone that has its address and does not ask anybody within this does not want to.
const PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// What is wrong with where DHCP led it after it was last heard.
pub(super) fn problem(facts: &Facts, _: &Registered, heard: Option<Timestamp>) -> Option<Verdict> {
    let row = facts.dhcp.as_ref()?;
    let time = last_seen(row)?;
    if heard.is_some_and(|heard| heard >= time) {
        return None;
    }
    let found = unanswered(facts, row).or_else(|| rogue(facts, row)).or_else(|| led(facts, row, heard))?;
    Some(found.at(StepKind::Dhcp, time))
}

/// It has its address, DHCP is right as far as that can be told, and it has not asked us for anything.
pub(super) fn silent(facts: &Facts, row: &PhoneRow) -> Verdict {
    let mac = facts.mac;
    let time = last_seen(row).unwrap_or(facts.now);
    let here = believed(row).any(|told| told.choice.as_ref().is_some_and(|choice| choice.verdict == Place::Here));
    let leads = believed(row).find_map(|told| Some((told.server, told.choice.as_ref()?)));
    let strange = believed(row).find_map(|told| strange(facts, told));
    if let Some(found) = strange.filter(|_| is_past(facts.now, time, PATIENCE)) {
        return found.at(StepKind::Dhcp, time);
    }
    let verdict = match leads {
        Some((server, choice)) if choice.option.is_none() => {
            let summary = format!("{server} gave {mac} an address and names no server to it: it {}", otherwise(choice));
            let fix =
                format!("let the DHCP server of its network name {} to phones (docs/explain.md)", facts.public_url);
            Verdict::new(Cause::NoProvisioningOption, summary, fix)
        }
        Some((server, choice)) if here && is_past(facts.now, time, PATIENCE) => {
            let option = choice.option.unwrap_or_default();
            let summary = format!(
                "option {option} of {server} leads {mac} here since {}, and it has not asked: as a rule its last provider \
                 still owns it, by settings in the phone or at its maker's redirect service",
                seconds(time)
            );
            let fix = "reset the phone to factory settings; have its last provider release it at the maker's redirect \
                       service; and see that no firewall lies between its network and this server";
            Verdict::new(Cause::PreviousProvider, summary, fix.to_owned())
        }
        _ => {
            let summary = format!("{mac} was seen by DHCP at {}, and has not asked here yet", seconds(time));
            let fix = if is_past(facts.now, time, PATIENCE) {
                "see where DHCP leads it (the steps say); is a firewall between its network and this server?"
            } else {
                "wait: phones ask a few seconds to three minutes after they have their address"
            };
            Verdict::new(Cause::DhcpOnly, summary, fix.to_owned())
        }
    };
    verdict.at(StepKind::Dhcp, time)
}

/// An option that leads elsewhere, though phones of its maker do not read it as they leave the factory.
fn strange(facts: &Facts, told: &Told) -> Option<Verdict> {
    let wins = told.choice.as_ref().and_then(|choice| choice.option);
    let named = told.named.iter().find(|named| named.verdict != Place::Here && Some(named.option) != wins)?;
    let (option, server, host) = (named.option, told.server, &named.host);
    let summary = format!(
        "option {option} of {server} leads to {host}, which is not this server; {} may have been set to read it",
        facts.mac
    );
    let fix = format!("take option {option} out of {server}; then reset the phone to factory settings and let it boot");
    Some(Verdict::new(Cause::SentElsewhere, summary, fix))
}

fn otherwise(choice: &Choice) -> String {
    choice.notes.first().and_then(|note| note.split_once(": it ")).map_or("asks nobody", |(_, does)| does).to_owned()
}

/// When DHCP last saw it.
fn last_seen(row: &PhoneRow) -> Option<Timestamp> {
    row.last_seen.as_ref()?.parse().ok()
}

/// What it was told by the server it took, if that is known; else by all.
fn believed(row: &PhoneRow) -> impl Iterator<Item = &Told> {
    let took = row.took.filter(|took| row.told.iter().any(|told| told.server == *took));
    row.told.iter().filter(move |told| took.is_none_or(|took| told.server == took))
}

fn unanswered(facts: &Facts, row: &PhoneRow) -> Option<Verdict> {
    let asked = row.sent.iter().any(|kind| matches!(kind, MessageType::Discover | MessageType::Inform));
    if !asked || !row.told.is_empty() {
        return None;
    }
    let summary = format!("{} asks for an address and no DHCP server answers", facts.mac);
    let fix = "is there a DHCP server in its network, or a relay to one, and are addresses left? Is the port in the right \
               VLAN?";
    Some(Verdict::new(Cause::DhcpNoAnswer, summary, fix.to_owned()))
}

/// Where a server leads it, if that is not here.
fn elsewhere(told: &Told) -> Option<(Ipv4Addr, u8, &str)> {
    let choice = told.choice.as_ref()?;
    let leads = matches!(choice.verdict, Place::Elsewhere | Place::OtherName);
    leads.then_some((told.server, choice.option?, choice.url.as_ref()?.host.as_str()))
}

/// Several servers, one of which leads it elsewhere, and it took that one or none is known to be taken.
fn rogue(facts: &Facts, row: &PhoneRow) -> Option<Verdict> {
    let (server, option, host) = believed(row).find_map(elsewhere)?;
    let right = row.told.iter().find(|told| told.server != server && elsewhere(told).is_none())?;
    let summary = format!(
        "two DHCP servers answer {}: {} and {server}, whose option {option} leads it to {host}",
        facts.mac, right.server
    );
    let fix = format!(
        "switch {server} off, or let the switches pass DHCP answers from {} alone (DHCP snooping), then let the phone boot",
        right.server
    );
    Some(Verdict::new(Cause::RogueDhcp, summary, fix))
}

/// What is wrong with what it was told; a name that is not ours is believed to be elsewhere until the phone comes.
fn led(facts: &Facts, row: &PhoneRow, heard: Option<Timestamp>) -> Option<Verdict> {
    let url = &facts.public_url;
    for told in believed(row) {
        let Some(choice) = &told.choice else { continue };
        let sure = choice.verdict == Place::Elsewhere || heard.is_none();
        if let Some((server, option, host)) = elsewhere(told).filter(|_| sure) {
            let also = match choice.passed_over.as_slice() {
                [] => String::new(),
                over => format!(
                    "; these phones pass over option {}",
                    over.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")
                ),
            };
            let summary =
                format!("option {option} of {server} leads {} to {host}, which is not this server{also}", facts.mac);
            let fix = format!("let option {option} of {server} say {url}, or take it out; then let the phone boot");
            return Some(Verdict::new(Cause::SentElsewhere, summary, fix));
        }
        let fault = choice.faults.iter().find(|fault| !matches!(fault, ChoiceFault::LedElsewhere { .. }));
        if let Some(fault) = fault {
            let summary =
                format!("{} told {} what {} phones make nothing of: {fault}", told.server, facts.mac, choice.family);
            let fix = format!("let option {} of {} say {url}", choice.option.unwrap_or_default(), told.server);
            return Some(Verdict::new(Cause::DhcpOptionUnusable, summary, fix));
        }
    }
    None
}
