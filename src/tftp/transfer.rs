//! What is sent next? One download as a state machine without socket or timer: a packet or a passed deadline goes in,
//! a [`Step`] comes out. Times are counted from the beginning of the transfer.
//!
//! A peer that has acknowledged nothing may be somebody else's address, so it gets at most 3 datagrams and 1,600 bytes
//! and is given up after 5 s. Duplicated and old acknowledgements send nothing, otherwise every block would travel
//! twice from there on (the Sorcerer's Apprentice, RFC 1123 §4.2.3.1).

use std::time::Duration;

use crate::tftp::packet::{DATA_HEADER, DEFAULT_BLOCK_SIZE, ErrorCode, Options, Packet};

/// How long a peer may be silent before its first acknowledgement.
pub const FIRST_ACK_WITHIN: Duration = Duration::from_secs(5);

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(8);
/// A `timeout` option may ask for more, but sending a little early does no harm and a dead peer is noticed sooner.
const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(30);
/// With the waits above 39 s of silence: a phone may erase its flash between two blocks.
const RESENDS_IN_A_ROW: u32 = 6;
/// Resends in all, besides one for every four blocks.
const SPARE_RESENDS: u64 = 64;
/// The time for a transfer: this much, and the file at the slowest rate in bytes a second.
const SPARE_TIME: Duration = Duration::from_secs(120);
const SLOWEST_RATE: u64 = 4096;

/// The most a client may negotiate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes in a block; 1428 passes every usual tunnel unfragmented.
    pub block_size: u16,
    /// Blocks for one acknowledgement.
    pub window_size: u16,
}

/// What a peer that has acknowledged nothing may still be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    datagrams: u8,
    bytes: usize,
}

/// One download.
#[derive(Debug)]
pub struct Transfer {
    length: u64,
    block_size: u16,
    window_size: u16,
    /// The number of the last block, counted from 1 without wrapping.
    last: u64,
    /// The last block the peer has; 0 for none.
    acknowledged: u64,
    /// The last block that was ever sent.
    sent: u64,
    /// The options to be acknowledged before the first block.
    offer: Option<Options>,
    budget: Budget,
    first_acknowledged_at: Option<Duration>,
    patience: Duration,
    wait: Duration,
    resend_at: Duration,
    resends_in_a_row: u32,
    resends_left: u64,
    over_at: Duration,
}

/// What to do now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Nothing more to send; the transfer is over.
    End(Ending),
    /// Send these blocks.
    SendBlocks(Blocks),
    /// Send an OACK.
    SendOptions(Options),
    /// Wait for a packet or for [`Transfer::wake_at`].
    Wait,
}

/// How a transfer ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The peer has acknowledged the last block.
    Completed,
    /// We stopped trying.
    GivenUp(Reason),
    /// The peer sent an ERROR. With [`ErrorCode::OPTIONS_REFUSED`] it often just wanted to know the size.
    Stopped(ErrorCode),
}

/// Why we stopped trying.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// All was sent, only the last acknowledgement is missing; some clients never send it.
    LastAckMissing,
    /// The peer never acknowledged anything.
    NeverAnswered,
    /// The peer fell silent.
    Silent,
    /// More packets were lost than a usable network loses.
    TooManyResends,
    /// The peer is too slow to be waited for.
    TooSlow,
}

/// Some blocks in a row, to be sent in this order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Blocks {
    next: u64,
    last: u64,
    block_size: u16,
    length: u64,
}

/// Which bytes of the file make up one DATA packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Block {
    /// The number on the wire, which wraps from 65535 to 0.
    pub number: u16,
    /// Where it begins in the file.
    pub offset: u64,
    /// How many bytes it has; less than the block size in the last one.
    pub length: usize,
}

impl Transfer {
    /// A transfer of `length` bytes to a peer that asked for `options`, and its first step.
    pub fn begin(length: u64, asked: &Options, limits: &Limits, budget: Budget) -> (Transfer, Step) {
        let offer = negotiate(asked, length, limits);
        let block_size = offer.block_size.unwrap_or(DEFAULT_BLOCK_SIZE).max(1);
        let last = (length / u64::from(block_size)).saturating_add(1);
        let slowest = Duration::from_secs(length / SLOWEST_RATE);
        let mut transfer = Transfer {
            length,
            block_size,
            window_size: offer.window_size.unwrap_or(1),
            last,
            acknowledged: 0,
            sent: 0,
            offer: (offer != Options::default()).then_some(offer),
            budget,
            first_acknowledged_at: None,
            patience: offer.patience().unwrap_or(FIRST_WAIT).min(LONGEST_ASKED_WAIT),
            wait: FIRST_WAIT,
            resend_at: Duration::ZERO,
            resends_in_a_row: 0,
            resends_left: SPARE_RESENDS.saturating_add(last / 4),
            over_at: SPARE_TIME.saturating_add(slowest),
        };
        let step = transfer.send(Duration::ZERO);
        (transfer, step)
    }

    /// The peer sent a packet.
    pub fn heard(&mut self, packet: &Packet<'_>, now: Duration) -> Step {
        match packet {
            Packet::Error { code, .. } => Step::End(Ending::Stopped(*code)),
            Packet::Ack(number) => match self.reached_by(*number) {
                Some(block) => self.advance(block, now),
                None => self.over(now).unwrap_or(Step::Wait),
            },
            _ => self.over(now).unwrap_or(Step::Wait),
        }
    }

    /// Time has passed; something is done about it once [`Transfer::wake_at`] is reached.
    pub fn waited(&mut self, now: Duration) -> Step {
        if let Some(end) = self.over(now) {
            return end;
        }
        if now < self.resend_at {
            return Step::Wait;
        }
        if self.first_acknowledged_at.is_some() {
            if self.resends_in_a_row >= RESENDS_IN_A_ROW {
                let reason = if self.sent == self.last { Reason::LastAckMissing } else { Reason::Silent };
                return Step::End(Ending::GivenUp(reason));
            }
            let Some(left) = self.resends_left.checked_sub(1) else {
                return Step::End(Ending::GivenUp(Reason::TooManyResends));
            };
            self.resends_left = left;
            self.resends_in_a_row = self.resends_in_a_row.saturating_add(1);
        }
        self.wait = self.wait.saturating_mul(2).min(self.patience.max(LONGEST_WAIT));
        self.send(now)
    }

    /// When [`Transfer::waited`] has something to do.
    pub fn wake_at(&self) -> Duration {
        self.resend_at.min(self.give_up_at())
    }

    /// When the peer first acknowledged something, if it has.
    pub fn first_acknowledged_at(&self) -> Option<Duration> {
        self.first_acknowledged_at
    }

    /// What the peer may still be sent, while it has acknowledged nothing.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// How many bytes of the file the peer has acknowledged.
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged.saturating_mul(u64::from(self.block_size)).min(self.length)
    }

    /// Which block an acknowledgement is about, if it is news.
    fn reached_by(&self, number: u16) -> Option<u64> {
        if self.offer.is_some() {
            return (number == 0).then_some(0);
        }
        let ahead = u64::from(number.wrapping_sub(wire_number(self.acknowledged)));
        let under_way = self.sent.saturating_sub(self.acknowledged);
        (1..=under_way).contains(&ahead).then(|| self.acknowledged.saturating_add(ahead))
    }

    fn advance(&mut self, block: u64, now: Duration) -> Step {
        self.offer = None;
        self.acknowledged = block;
        self.first_acknowledged_at.get_or_insert(now);
        if block == self.last {
            return Step::End(Ending::Completed);
        }
        if let Some(end) = self.over(now) {
            return end;
        }
        self.wait = self.patience;
        self.resends_in_a_row = 0;
        self.send(now)
    }

    /// Sends what follows the last acknowledged block, again or for the first time.
    fn send(&mut self, now: Duration) -> Step {
        self.resend_at = now.saturating_add(self.wait);
        if let Some(offer) = self.offer {
            return match self.pay(Packet::OptionAck(offer).encode().len()) {
                true => Step::SendOptions(offer),
                false => Step::Wait,
            };
        }
        let proven = self.first_acknowledged_at.is_some();
        let window = if proven { u64::from(self.window_size) } else { 1 };
        let blocks = Blocks {
            next: self.acknowledged.saturating_add(1),
            last: self.acknowledged.saturating_add(window).min(self.last),
            block_size: self.block_size,
            length: self.length,
        };
        let bytes: usize = blocks.clone().map(|block| block.length.saturating_add(DATA_HEADER)).sum();
        if !self.pay(bytes) {
            return Step::Wait;
        }
        self.sent = self.sent.max(blocks.last);
        Step::SendBlocks(blocks)
    }

    /// Takes one datagram of this size out of the budget, unless the peer is known to be there.
    fn pay(&mut self, bytes: usize) -> bool {
        if self.first_acknowledged_at.is_some() || self.budget.spend(bytes) {
            return true;
        }
        self.resend_at = FIRST_ACK_WITHIN;
        false
    }

    fn over(&self, now: Duration) -> Option<Step> {
        let reason = if self.first_acknowledged_at.is_some() { Reason::TooSlow } else { Reason::NeverAnswered };
        (now >= self.give_up_at()).then_some(Step::End(Ending::GivenUp(reason)))
    }

    fn give_up_at(&self) -> Duration {
        if self.first_acknowledged_at.is_some() { self.over_at } else { FIRST_ACK_WITHIN }
    }
}

impl Iterator for Blocks {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        if self.next > self.last {
            return None;
        }
        let size = u64::from(self.block_size);
        let offset = self.next.saturating_sub(1).saturating_mul(size);
        let length = self.length.saturating_sub(offset).min(size);
        let number = wire_number(self.next);
        self.next = self.next.saturating_add(1);
        Some(Block { number, offset, length: usize::try_from(length).unwrap_or(0) })
    }
}

impl Budget {
    fn spend(&mut self, bytes: usize) -> bool {
        let (Some(datagrams), Some(left)) = (self.datagrams.checked_sub(1), self.bytes.checked_sub(bytes)) else {
            return false;
        };
        *self = Budget { datagrams, bytes: left };
        true
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { datagrams: 3, bytes: 1_600 }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { block_size: 1428, window_size: 16 }
    }
}

/// The options we agree to; none at all means a transfer as of RFC 1350, without OACK.
fn negotiate(asked: &Options, length: u64, limits: &Limits) -> Options {
    Options {
        block_size: asked.block_size.map(|size| size.min(limits.block_size).max(8)),
        timeout: asked.timeout,
        transfer_size: asked.transfer_size.map(|_| length),
        window_size: asked.window_size.map(|blocks| blocks.min(limits.window_size).max(1)),
    }
}

fn wire_number(block: u64) -> u16 {
    u16::try_from(block % 65_536).unwrap_or_default()
}

#[cfg(test)]
mod tests;
