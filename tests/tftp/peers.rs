//! What a well-behaved client never does, and what must not be got wrong unseen: packets made by hand.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use ztpd::serve::tftp::{Ask, Ended, Rules, TurnedAway};
use ztpd::tftp::packet::{ErrorCode, Mode, Options, Packet, Request};
use ztpd::tftp::transfer::Reason;

use crate::support::{Event, Peer, Server};

const FILE: &[u8] = &[7; 5000];
const SMALL: &[u8] = b"<flat-profile/>";

#[test]
fn a_client_that_keeps_its_source_port_is_answered_every_time() {
    let server = Server::with(&[("small", SMALL), ("file", FILE)]);
    let peer = Peer::of(server.address);
    for round in 0..1000 {
        match round % 4 {
            0 => {
                peer.asks_for("file");
                assert_eq!(peer.downloads(), FILE, "{round}");
            }
            1 | 2 => {
                peer.asks_for("small");
                assert_eq!(peer.downloads(), SMALL, "{round}");
            }
            _ => {
                peer.asks_for("missing");
                assert_eq!(peer.hears().error(), ErrorCode::FILE_NOT_FOUND, "{round}");
            }
        }
    }
    let events = server.events_so_far();
    assert_eq!(events.iter().filter(|event| matches!(event, Event::Asked(_))).count(), 1000);
    for event in events {
        match event {
            Event::Asked(_) => {}
            Event::Finished(_, outcome) => assert_eq!(outcome.ended, Ended::Completed),
            Event::TurnedAway(_, why) => panic!("{why:?}"),
        }
    }
}

#[test]
fn sec_d16_a_silent_peer_gets_three_datagrams_and_no_more() {
    let server = Server::with(&[("file", FILE)]);
    let plain = Peer::of(server.address);
    let with_options = Peer::of(server.address);
    plain.asks_for("file");
    let options = Options { block_size: Some(1428), window_size: Some(16), ..Options::default() };
    with_options.asks_with("file", options);
    for _ in 0..2 {
        assert_eq!(server.outcome().ended, Ended::GivenUp(Reason::NeverAnswered));
    }
    for peer in [plain, with_options] {
        let heard = peer.heard_so_far();
        assert_eq!(heard.len(), 3);
        assert!(heard.iter().map(|received| received.bytes.len()).sum::<usize>() <= 1600);
    }
}

#[test]
fn a_repeated_request_neither_begins_anew_nor_sends_more() {
    let server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    for _ in 0..20 {
        peer.asks_for("file");
    }
    assert_eq!(server.outcome().ended, Ended::GivenUp(Reason::NeverAnswered));
    let heard = peer.heard_so_far();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|received| received.from == heard[0].from), "one transfer has one port");
    assert_eq!(server.events_so_far(), []);
}

#[test]
fn sec_d16_requests_that_replace_each_other_share_one_allowance() {
    let server = Server::with(&[("file", FILE), ("other", FILE)]);
    let peer = Peer::of(server.address);
    for _ in 0..20 {
        peer.asks_for("file");
        peer.asks_for("other");
    }
    while server.outcome().ended != Ended::GivenUp(Reason::NeverAnswered) {}
    let heard = peer.heard_so_far();
    assert!(heard.len() <= 3, "{}", heard.len());
    assert!(heard.iter().map(|received| received.bytes.len()).sum::<usize>() <= 1600);
}

#[test]
fn another_request_from_the_same_peer_replaces_the_first() {
    let server = Server::with(&[("file", FILE), ("small", SMALL)]);
    let peer = Peer::of(server.address);
    peer.asks_for("file");
    let first = peer.hears();
    peer.answers(first.from, Packet::Ack(1));
    assert!(matches!(peer.hears().packet(), Packet::Data { block: 2, .. }));
    peer.asks_for("small");
    assert_eq!(peer.downloads(), SMALL);
    let outcome = server.outcome();
    assert_eq!((outcome.ended, outcome.acknowledged), (Ended::Replaced, 512));
    server.completed();
}

#[test]
fn a_request_repeated_while_the_file_is_looked_for_is_served_once() {
    let server = Server::with(&[("slow", SMALL), ("small", SMALL)]);
    let peer = Peer::of(server.address);
    peer.asks_for("slow");
    assert!(matches!(server.event(), Event::Asked(_)));
    peer.asks_for("slow");
    peer.asks_for("slow");
    // An answered request from elsewhere shows that the two before it were read.
    let other = Peer::of(server.address);
    other.asks_for("small");
    assert_eq!(other.downloads(), SMALL);
    server.completed();
    server.shelf.permits.add_permits(3);
    assert_eq!(peer.downloads(), SMALL);
    server.completed();
    assert_eq!(server.events_so_far(), []);
}

#[test]
fn a_file_that_is_still_looked_for_gives_way_to_another_request() {
    let server = Server::with(&[("slow", SMALL), ("small", FILE)]);
    let peer = Peer::of(server.address);
    peer.asks_for("slow");
    assert!(matches!(server.event(), Event::Asked(_)));
    peer.asks_for("small");
    assert_eq!(peer.downloads(), FILE);
    server.completed();
}

#[test]
fn sec_d16_an_error_from_the_client_ends_the_transfer() {
    let server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    peer.asks_for("file");
    let first = peer.hears();
    peer.answers(first.from, Packet::Ack(1));
    let second = peer.hears();
    peer.answers(second.from, Packet::Error { code: ErrorCode(3), message: "flash full".to_owned() });
    let outcome = server.outcome();
    assert_eq!(outcome.ended, Ended::Stopped(ErrorCode(3)));
    assert_eq!((outcome.acknowledged, outcome.sent), (512, 1024));
    assert!(peer.heard_so_far().is_empty(), "an ERROR is never answered");
}

#[test]
fn a_client_may_ask_for_the_size_only_and_then_for_the_file() {
    let server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    for _ in 0..100 {
        peer.asks_with("file", Options { transfer_size: Some(0), ..Options::default() });
        let answer = peer.hears();
        assert_eq!(answer.packet(), Packet::OptionAck(Options { transfer_size: Some(5000), ..Options::default() }));
        peer.answers(answer.from, Packet::Error { code: ErrorCode::OPTIONS_REFUSED, message: String::new() });
        peer.asks_for("file");
        assert_eq!(peer.downloads(), FILE);
        assert_eq!(server.outcome().ended, Ended::Stopped(ErrorCode::OPTIONS_REFUSED));
        server.completed();
    }
}

#[test]
fn a_peer_whose_port_is_closed_is_not_waited_for() {
    let server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    peer.asks_for("file");
    peer.hears();
    drop(peer);
    assert_eq!(server.outcome().ended, Ended::PeerGone);
}

#[test]
fn sec_d16_a_source_outside_the_networks_gets_nothing() {
    let rules = Rules { networks: vec!["127.0.0.2/32".parse().unwrap()], ..Rules::default() };
    let server = Server::on("127.0.0.1:0", rules, &[("small", SMALL)], &[]).unwrap();
    let outside = Peer::from("127.0.0.3:0", server.address);
    let inside = Peer::from("127.0.0.2:0", server.address);
    outside.asks_for("small");
    outside.asks_for("missing");
    outside.sends(
        &Packet::Write(Request { file: "x".to_owned(), mode: Mode::Octet, options: Options::default() }).encode(),
    );
    inside.asks_for("small");
    assert_eq!(inside.downloads(), SMALL);
    for _ in 0..3 {
        let source = outside.socket.local_addr().unwrap();
        assert_eq!(server.event(), Event::TurnedAway(source, TurnedAway::OutsideNetworks));
    }
    assert!(outside.heard_so_far().is_empty());
}

#[test]
fn sec_d16_the_answer_comes_from_the_address_that_was_asked() {
    let asked = |server: &Server, address: &str| {
        let peer = Peer::of(SocketAddr::new(address.parse().unwrap(), server.address.port()));
        peer.asks_for("small");
        let answer = peer.hears();
        peer.answers(answer.from, Packet::Ack(1));
        let Event::Asked(Ask { local, .. }) = server.event() else { panic!("not asked") };
        server.completed();
        (answer.from.ip().to_string(), local.to_string())
    };
    let port = |server: &Server| server.address.port();

    let v4 = Server::on("0.0.0.0:0", Rules::default(), &[("small", SMALL)], &[]).unwrap();
    for address in ["127.0.0.1", "127.0.0.2"] {
        assert_eq!(asked(&v4, address), (address.to_owned(), format!("{address}:{}", port(&v4))));
    }
    let Ok(both) = Server::on("[::]:0", Rules::default(), &[("small", SMALL)], &[]) else {
        return println!("skipped: no IPv6 here");
    };
    assert_eq!(asked(&both, "127.0.0.2"), ("127.0.0.2".to_owned(), format!("127.0.0.2:{}", port(&both))));
    assert_eq!(asked(&both, "::1"), ("::1".to_owned(), format!("[::1]:{}", port(&both))));
}

#[test]
fn a_link_local_address_keeps_its_interface() {
    let Some(address) = link_local_address() else {
        return println!("skipped: no interface has a link-local address");
    };
    let server = Server::on("[::]:0", Rules::default(), &[("small", SMALL)], &[]).unwrap();
    let asked = SocketAddrV6::new(*address.ip(), server.address.port(), 0, address.scope_id());
    let peer = Peer::from(&address.to_string(), asked.into());
    peer.asks_for("small");
    assert_eq!(peer.downloads(), SMALL);
    let Event::Asked(ask) = server.event() else { panic!("not asked") };
    assert_eq!((ask.local, ask.peer), (asked.into(), peer.socket.local_addr().unwrap()));
    server.completed();
}

/// A link-local address of this machine and its interface, with port 0.
fn link_local_address() -> Option<SocketAddrV6> {
    let addresses = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    addresses.lines().find_map(|line| {
        let (digits, rest) = line.split_once(' ')?;
        let address = Ipv6Addr::from(u128::from_str_radix(digits, 16).ok()?);
        let scope = u32::from_str_radix(rest.split(' ').next()?, 16).ok()?;
        let address = address.is_unicast_link_local().then(|| SocketAddrV6::new(address, 0, 0, scope))?;
        UdpSocket::bind(address).is_ok().then_some(address)
    })
}

#[test]
fn what_is_no_octet_read_request_is_refused_in_few_words() {
    let server = Server::with(&[("small", SMALL)]);
    let peer = Peer::of(server.address);
    let request = |mode| Request { file: "small".to_owned(), mode, options: Options::default() };
    for (datagram, code, why) in [
        (Packet::Read(request(Mode::Netascii)).encode(), ErrorCode::NOT_DEFINED, TurnedAway::NotOctet),
        (Packet::Read(request(Mode::Mail)).encode(), ErrorCode::NOT_DEFINED, TurnedAway::NotOctet),
        (Packet::Write(request(Mode::Octet)).encode(), ErrorCode::ACCESS_VIOLATION, TurnedAway::WriteRequest),
        (b"\0\x01small\0binary\0".to_vec(), ErrorCode::ILLEGAL_OPERATION, TurnedAway::Malformed),
        (b"\0\x01\xff\xfe\0octet\0".to_vec(), ErrorCode::ILLEGAL_OPERATION, TurnedAway::Malformed),
        (b"\0\x01small".to_vec(), ErrorCode::ILLEGAL_OPERATION, TurnedAway::Malformed),
    ] {
        peer.sends(&datagram);
        let answer = peer.hears();
        assert_eq!(answer.error(), code, "{datagram:?}");
        assert!(answer.bytes.len() <= 32);
        assert_eq!(server.event(), Event::TurnedAway(peer.socket.local_addr().unwrap(), why));
    }
    peer.asks_for("unavailable");
    assert_eq!(peer.hears().error(), ErrorCode::NOT_DEFINED);
}

#[test]
fn stray_packets_are_not_answered_and_stop_nothing() {
    let server = Server::with(&[("small", SMALL)]);
    let peer = Peer::of(server.address);
    let strays = [
        vec![],
        vec![0],
        b"\0\x09".to_vec(),
        Packet::Ack(1).encode(),
        Packet::Data { block: 1, bytes: b"x" }.encode(),
        Packet::Error { code: ErrorCode(0), message: "x".to_owned() }.encode(),
        Packet::OptionAck(Options::default()).encode(),
        vec![0xff; 60_000],
    ];
    for stray in &strays {
        peer.sends(stray);
    }
    let other = Peer::of(server.address);
    other.asks_for("small");
    assert_eq!(other.downloads(), SMALL);
    server.completed();
    assert!(peer.heard_so_far().is_empty());
}

#[test]
fn sec_d16_one_address_has_only_so_many_transfers() {
    let rules = Rules { transfers: 2, transfers_per_address: 1, ..Rules::default() };
    let server = Server::on("127.0.0.1:0", rules, &[("small", SMALL)], &[]).unwrap();
    let peers = ["127.0.0.2:0", "127.0.0.2:0", "127.0.0.3:0", "127.0.0.4:0"].map(|a| Peer::from(a, server.address));
    for peer in &peers {
        peer.asks_for("small");
    }
    let mut turned_away = Vec::new();
    while turned_away.len() < 2 {
        if let Event::TurnedAway(peer, why) = server.event() {
            turned_away.push((peer, why));
        }
    }
    let [first, second, third, fourth] = &peers;
    assert_eq!(turned_away[0], (second.socket.local_addr().unwrap(), TurnedAway::AddressBusy));
    assert_eq!(turned_away[1], (fourth.socket.local_addr().unwrap(), TurnedAway::Busy));
    assert_eq!(first.downloads(), SMALL);
    assert_eq!(third.downloads(), SMALL);
    server.completed();
    server.completed();
    assert!(second.heard_so_far().is_empty() && fourth.heard_so_far().is_empty());
}

#[test]
fn running_transfers_finish_after_the_shutdown() {
    let mut server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    peer.asks_for("file");
    let first = peer.hears();
    server.shutdown.cancel();
    peer.answers(first.from, Packet::Ack(1));
    for block in 2..=10 {
        let received = peer.hears();
        assert!(matches!(received.packet(), Packet::Data { block: number, .. } if number == block));
        peer.answers(received.from, Packet::Ack(block));
    }
    server.returned();
    server.completed();
}

#[test]
fn the_end_is_told_even_if_the_server_is_dropped() {
    let mut server = Server::with(&[("file", FILE)]);
    let peer = Peer::of(server.address);
    peer.asks_for("file");
    peer.hears();
    server.dropped();
    assert_eq!(server.outcome().ended, Ended::Cancelled);
}

/// A request that came before the kernel was asked for its destination used to be taken for a broadcast.
#[test]
fn a_request_that_waited_for_the_server_to_start_is_served() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(socket) = UdpSocket::bind(address) else {
            println!("skipped: no IPv6 here");
            continue;
        };
        let peer = Peer::of(socket.local_addr().unwrap());
        peer.asks_for("small");
        let server = Server::at(socket, Rules::default(), &[("small", SMALL)], &[]).unwrap();
        assert_eq!(peer.downloads(), SMALL);
        server.completed();
    }
}
