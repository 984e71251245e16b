//! A download over a network that loses, doubles, delays and reorders packets.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const NOTHING_ASKED: Options = Options { block_size: None, timeout: None, transfer_size: None, window_size: None };

fn begin(length: u64, asked: Options) -> (Transfer, Step) {
    Transfer::begin(length, &asked, &Limits::default(), Budget::default())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The numbers on the wire of what is to be sent now.
fn numbers(step: Step) -> Vec<u16> {
    match step {
        Step::SendBlocks(blocks) => blocks.map(|block| block.number).collect(),
        other => panic!("no blocks but {other:?}"),
    }
}

fn ack(transfer: &mut Transfer, number: u16) -> Step {
    transfer.heard(&Packet::Ack(number), seconds(1))
}

#[test]
fn a_file_is_sent_block_by_block() {
    let (mut transfer, step) = begin(1000, NOTHING_ASKED);
    assert_eq!(numbers(step), [1]);
    let Step::SendBlocks(mut blocks) = ack(&mut transfer, 1) else { panic!("nothing sent") };
    assert_eq!(blocks.next(), Some(Block { number: 2, offset: 512, length: 488 }));
    assert_eq!(blocks.next(), None);
    assert_eq!(transfer.acknowledged_bytes(), 512);
    assert_eq!(ack(&mut transfer, 2), Step::End(Ending::Completed));
    assert_eq!(transfer.acknowledged_bytes(), 1000);
}

#[test]
fn a_file_of_whole_blocks_ends_with_an_empty_one() {
    for length in [0, 512, 1024] {
        let (mut transfer, mut step) = begin(length, NOTHING_ASKED);
        let mut lengths = Vec::new();
        while let Step::SendBlocks(mut blocks) = step {
            let block = blocks.next().unwrap();
            lengths.push(block.length);
            step = ack(&mut transfer, block.number);
        }
        assert_eq!(step, Step::End(Ending::Completed));
        assert_eq!(lengths.pop(), Some(0), "{length}");
        assert!(lengths.iter().all(|length| *length == 512));
    }
}

#[test]
fn options_are_agreed_to_within_the_limits() {
    let asked = Options { block_size: Some(65_464), timeout: Some(7), transfer_size: Some(0), window_size: Some(64) };
    let agreed =
        Options { block_size: Some(1428), timeout: Some(7), transfer_size: Some(40_000), window_size: Some(16) };
    let (mut transfer, step) = begin(40_000, asked);
    assert_eq!(step, Step::SendOptions(agreed));
    assert_eq!(ack(&mut transfer, 1), Step::Wait, "no block was sent yet");
    assert_eq!(numbers(ack(&mut transfer, 0)), (1..=16).collect::<Vec<_>>());
    assert_eq!(transfer.wake_at(), seconds(8), "the asked timeout after the acknowledgement");
}

#[test]
fn a_client_that_only_wants_the_size_ends_the_transfer() {
    let (mut transfer, step) = begin(4711, Options { transfer_size: Some(0), ..NOTHING_ASKED });
    assert_eq!(step, Step::SendOptions(Options { transfer_size: Some(4711), ..NOTHING_ASKED }));
    let error = Packet::Error { code: ErrorCode::OPTIONS_REFUSED, message: String::new() };
    assert_eq!(transfer.heard(&error, Duration::ZERO), Step::End(Ending::Stopped(ErrorCode::OPTIONS_REFUSED)));
}

#[test]
fn a_silent_peer_gets_three_datagrams_and_is_given_up_after_five_seconds() {
    for asked in [NOTHING_ASKED, Options { block_size: Some(1428), timeout: Some(255), ..NOTHING_ASKED }] {
        let (mut transfer, mut step) = begin(1_000_000, asked);
        let mut sent_at = Vec::new();
        let mut now = Duration::ZERO;
        while !matches!(step, Step::End(_)) {
            if step != Step::Wait {
                sent_at.push(now);
            }
            now = transfer.wake_at();
            step = transfer.waited(now);
        }
        assert_eq!(sent_at, [0, 1, 3].map(seconds));
        assert_eq!(step, Step::End(Ending::GivenUp(Reason::NeverAnswered)));
        assert_eq!(now, seconds(5));
    }
}

#[test]
fn what_a_peer_got_before_counts_for_its_next_request() {
    let (transfer, _) = begin(1_000_000, NOTHING_ASKED);
    let limits = Limits::default();
    let (transfer, step) = Transfer::begin(1_000_000, &NOTHING_ASKED, &limits, transfer.budget());
    assert_eq!(numbers(step), [1]);
    let (transfer, _) = Transfer::begin(1_000_000, &NOTHING_ASKED, &limits, transfer.budget());
    let (_, step) = Transfer::begin(1_000_000, &NOTHING_ASKED, &limits, transfer.budget());
    assert_eq!(step, Step::Wait);
}

#[test]
fn packets_that_acknowledge_nothing_do_not_prolong_the_five_seconds() {
    let (mut transfer, _) = begin(1000, NOTHING_ASKED);
    assert_eq!(ack(&mut transfer, 0), Step::Wait);
    assert_eq!(transfer.heard(&Packet::Ack(9), seconds(5)), Step::End(Ending::GivenUp(Reason::NeverAnswered)));
}

#[test]
fn doubled_old_and_future_acknowledgements_send_nothing() {
    let (mut transfer, _) = begin(10_000, NOTHING_ASKED);
    assert_eq!(numbers(ack(&mut transfer, 1)), [2]);
    for number in [1, 0, 3, 4, 65_535] {
        assert_eq!(ack(&mut transfer, number), Step::Wait, "{number}");
    }
    assert_eq!(numbers(ack(&mut transfer, 2)), [3]);
}

#[test]
fn an_acknowledgement_within_a_window_resends_what_follows_it() {
    let (mut transfer, _) = begin(100_000, Options { window_size: Some(4), ..NOTHING_ASKED });
    assert_eq!(numbers(ack(&mut transfer, 0)), [1, 2, 3, 4]);
    assert_eq!(numbers(ack(&mut transfer, 2)), [3, 4, 5, 6]);
    assert_eq!(ack(&mut transfer, 2), Step::Wait);
    assert_eq!(numbers(transfer.waited(seconds(3))), [3, 4, 5, 6]);
    assert_eq!(numbers(ack(&mut transfer, 6)), [7, 8, 9, 10]);
}

#[test]
fn block_numbers_wrap_and_the_file_goes_on() {
    let (mut transfer, _) = begin(8 * 200_000 + 3, Options { block_size: Some(8), ..NOTHING_ASKED });
    let mut step = ack(&mut transfer, 0);
    let mut offset = 0;
    while let Step::SendBlocks(mut blocks) = step {
        let block = blocks.next().unwrap();
        assert_eq!(block.offset, offset);
        offset += block.length as u64;
        step = ack(&mut transfer, block.number);
    }
    assert_eq!(step, Step::End(Ending::Completed));
    assert_eq!(offset, 8 * 200_000 + 3);
}

#[test]
fn a_peer_that_falls_silent_is_given_up() {
    for (length, reason) in [(10_000, Reason::Silent), (1_000, Reason::LastAckMissing)] {
        let (mut transfer, _) = begin(length, NOTHING_ASKED);
        ack(&mut transfer, 1);
        let mut waits = Vec::new();
        let mut now = seconds(1);
        loop {
            let before = now;
            now = transfer.wake_at();
            waits.push((now - before).as_secs());
            match transfer.waited(now) {
                Step::End(ending) => break assert_eq!(ending, Ending::GivenUp(reason)),
                step => assert_eq!(numbers(step), [2]),
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 8, 8, 8]);
    }
}

#[test]
fn a_peer_that_is_too_slow_is_given_up_however_often_it_answers() {
    let (mut transfer, _) = begin(1_000_000_000, NOTHING_ASKED);
    let mut now = Duration::ZERO;
    let over = SPARE_TIME + seconds(1_000_000_000 / SLOWEST_RATE);
    for number in (0..=65_535).cycle().skip(1) {
        let step = transfer.heard(&Packet::Ack(number), now);
        if let Step::End(ending) = step {
            assert_eq!(ending, Ending::GivenUp(Reason::TooSlow));
            break;
        }
        now += seconds(3);
    }
    assert!(now >= over && now < over + seconds(5), "{now:?}");
}

#[test]
fn a_network_that_loses_nearly_everything_is_given_up() {
    let (mut transfer, _) = begin(100 * 512, NOTHING_ASKED);
    for number in 1..=100 {
        ack(&mut transfer, number);
        match transfer.waited(transfer.wake_at()) {
            Step::End(ending) => return assert_eq!(ending, Ending::GivenUp(Reason::TooManyResends)),
            step => assert_eq!(numbers(step), [number + 1]),
        }
    }
    panic!("never given up");
}

/// What the network does with one packet.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Delay(u64),
    Deliver,
    Double(u64),
    Lose,
}

/// A client as of RFC 7440: it acknowledges the end of a window, and the last block in order when it sees a gap.
struct Client {
    window: u64,
    file: Vec<u8>,
    block_size: usize,
    blocks: u64,
    unacknowledged: u64,
    finished: bool,
}

impl Client {
    fn hears(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        match Packet::parse(datagram).unwrap() {
            Packet::OptionAck(options) if self.blocks == 0 => {
                self.block_size = options.block_size.map_or(512, usize::from);
                self.window = options.window_size.map_or(1, u64::from);
                Some(Packet::Ack(0).encode())
            }
            Packet::Data { block, bytes } if block == wire_number(self.blocks + 1) && !self.finished => {
                self.blocks += 1;
                self.unacknowledged += 1;
                self.file.extend_from_slice(bytes);
                self.finished = bytes.len() < self.block_size;
                (self.finished || self.unacknowledged == self.window).then(|| self.acknowledges())
            }
            Packet::Data { .. } => Some(self.acknowledges()),
            _ => None,
        }
    }

    fn acknowledges(&mut self) -> Vec<u8> {
        self.unacknowledged = 0;
        Packet::Ack(wire_number(self.blocks)).encode()
    }
}

enum To {
    Client,
    Server,
}

/// Datagrams under way, by the millisecond of their arrival.
struct Network {
    under_way: BTreeMap<(u64, u64), (To, Vec<u8>)>,
    fates: Vec<Fate>,
    carried: usize,
}

impl Network {
    /// Takes a datagram; once all fates are used up, everything arrives.
    fn carry(&mut self, now: u64, to: fn() -> To, datagram: Vec<u8>) {
        let fate = self.fates.get(self.carried).copied().unwrap_or(Fate::Deliver);
        let arrivals = match fate {
            Fate::Delay(later) => vec![now + 1 + later],
            Fate::Deliver => vec![now + 1],
            Fate::Double(later) => vec![now + 1, now + 1 + later],
            Fate::Lose => vec![],
        };
        for arrival in arrivals {
            self.carried += 1;
            self.under_way.insert((arrival, self.carried as u64), (to(), datagram.clone()));
        }
        self.carried += 1;
    }
}

/// Runs a download to its end: how it ended, what the client has, whether it has all, and how much the server sent.
fn download(file: &[u8], asked: Options, fates: Vec<Fate>) -> (Ending, Client, usize) {
    let mut network = Network { under_way: BTreeMap::new(), fates, carried: 0 };
    let mut client =
        Client { window: 1, file: Vec::new(), block_size: 512, blocks: 0, unacknowledged: 0, finished: false };
    let (mut transfer, mut step) = begin(file.len() as u64, asked);
    let mut now = 0;
    let mut sent = 0;
    loop {
        let datagrams = match step {
            Step::End(ending) => return (ending, client, sent),
            Step::SendBlocks(blocks) => blocks.map(|block| data(file, block)).collect(),
            Step::SendOptions(options) => vec![Packet::OptionAck(options).encode()],
            Step::Wait => vec![],
        };
        sent += datagrams.len();
        for datagram in datagrams {
            network.carry(now, || To::Client, datagram);
        }
        let wake_at = transfer.wake_at().as_millis() as u64;
        step = match network.under_way.first_entry() {
            Some(next) if next.key().0 <= wake_at => {
                now = next.key().0;
                match next.remove() {
                    (To::Client, datagram) => {
                        if let Some(answer) = client.hears(&datagram) {
                            network.carry(now, || To::Server, answer);
                        }
                        Step::Wait
                    }
                    (To::Server, datagram) => {
                        transfer.heard(&Packet::parse(&datagram).unwrap(), Duration::from_millis(now))
                    }
                }
            }
            _ => {
                now = wake_at;
                transfer.waited(Duration::from_millis(now))
            }
        };
    }
}

fn data(file: &[u8], block: Block) -> Vec<u8> {
    let start = block.offset as usize;
    Packet::Data { block: block.number, bytes: &file[start..start + block.length] }.encode()
}

fn any_fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        6 => Just(Fate::Deliver),
        2 => Just(Fate::Lose),
        1 => (0u64..4000).prop_map(Fate::Delay),
        1 => (0u64..4000).prop_map(Fate::Double),
    ];
    proptest::collection::vec(fate, 0..300)
}

fn any_asked() -> impl Strategy<Value = Options> {
    let block_size = proptest::option::of(8u16..2000);
    let window_size = proptest::option::of(1u16..40);
    let timeout = proptest::option::of(1u8..10);
    (block_size, window_size, timeout, any::<bool>()).prop_map(|(block_size, window_size, timeout, size)| Options {
        block_size,
        timeout,
        transfer_size: size.then_some(0),
        window_size,
    })
}

proptest! {
    #[test]
    fn whatever_the_network_does_the_file_arrives_whole_or_the_transfer_ends(
        file in proptest::collection::vec(any::<u8>(), 0..20_000),
        asked in any_asked(),
        fates in any_fates(),
    ) {
        let (ending, client, _) = download(&file, asked, fates);
        prop_assert!(file.starts_with(&client.file));
        match ending {
            Ending::Completed => prop_assert!(client.finished),
            Ending::GivenUp(_) => {}
            Ending::Stopped(_) => prop_assert!(false, "nobody stopped it"),
        }
        if client.finished {
            prop_assert_eq!(client.file, file);
        }
    }

    #[test]
    fn a_network_that_only_doubles_packets_does_not_make_us_send_more(
        length in 0usize..20_000,
        fates in proptest::collection::vec((0u64..20).prop_map(Fate::Double), 0..300),
    ) {
        let (ending, client, sent) = download(&vec![7; length], NOTHING_ASKED, fates);
        prop_assert_eq!(ending, Ending::Completed);
        prop_assert_eq!(client.file.len(), length);
        prop_assert_eq!(sent, length / 512 + 1);
    }

    #[test]
    fn a_good_network_carries_every_file_without_a_resend(
        file in proptest::collection::vec(any::<u8>(), 0..20_000),
        asked in any_asked(),
    ) {
        let (ending, client, sent) = download(&file, asked, vec![]);
        prop_assert_eq!(ending, Ending::Completed);
        let offers = usize::from(asked != NOTHING_ASKED);
        prop_assert_eq!(sent, offers + file.len() / client.block_size + 1);
        prop_assert_eq!(client.file, file);
    }
}
