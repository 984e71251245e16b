//! What deciding costs beside speaking TLS: `identify` and `policy` over one request, the phone read from the store and
//! its secrets unsealed, against a whole request with a full handshake on loopback, in the same run. Its share shall stay
//! below 5 %.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use ztpd::inventory::event::{Plane, Reason, Rule};
use ztpd::provision::{ClientCertificate, Method, Request};

use stage::{MAC, Stage, fetch, stage};

// Each of the programs that use it uses a part.
#[allow(dead_code)]
mod stage;

/// The most that the decision may take of a request.
const SHARE: f64 = 0.05;
const REQUESTS: u32 = 50;
const DECISIONS: u32 = 1_000;

fn main() {
    // As a test, once is enough.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 30 } else { 1 };
    let stage = stage();
    let opens = request(&stage, &stage.own);
    let refused = request(&stage, &format!("/{MAC}.cfg"));
    assert_eq!(stage.pipeline.judge(&opens), Ok(Rule::Device));
    // The first request shows the token for the first time, which reaches the disk once.
    stage.runtime.block_on(fetch(stage.client.clone(), stage.https, 1, stage.own.clone()));
    assert_eq!(stage.pipeline.judge(&refused), Err(Reason::BoundWithoutProof));
    let (mut whole, mut granting, mut refusing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        whole.push(each(REQUESTS, || {
            stage.runtime.block_on(fetch(stage.client.clone(), stage.https, 1, stage.own.clone()));
        }));
        for (request, took) in [(&opens, &mut granting), (&refused, &mut refusing)] {
            took.push(each(DECISIONS, || {
                let _ = black_box(stage.pipeline.judge(black_box(request)));
            }));
        }
    }
    let whole = median(whole);
    println!("a whole request, with its handshake: {:.1} µs", micros(whole));
    for (what, took) in [("that it may have its file", median(granting)), ("that it may not", median(refusing))] {
        let share = took.as_secs_f64() / whole.as_secs_f64();
        println!("deciding {what}: {:.1} µs, {:.2} % of it", micros(took), share * 100.0);
        assert!(share < SHARE || rounds == 1, "more than {:.0} %", SHARE * 100.0);
    }
}

fn request(stage: &Stage, path: &str) -> Request {
    Request {
        plane: Plane::Https,
        method: Method::Get,
        target: path.to_owned(),
        user_agent: Some("Yealink SIP-T46U 108.86.0.20 80:5e:c0:11:22:33".to_owned()),
        peer: [127, 0, 9, 1].into(),
        local: stage.https,
        time: stage.pipeline.clock.now(),
        certificate: ClientCertificate::None,
        authorization: None,
        proxied_tls: None,
    }
}

/// How long one takes of so many.
fn each(times: u32, mut work: impl FnMut()) -> Duration {
    let begun = Instant::now();
    for _ in 0..times {
        work();
    }
    begun.elapsed() / times
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
