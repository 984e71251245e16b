//! What is counted while phones are served, for whoever watches from outside (`/metrics`). Labels are words of closed
//! lists, never what a peer said, so that nobody can make them grow.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use crate::inventory::event::Event;
use crate::inventory::handshake::HandshakeFailure;

/// A histogram whose buckets are made when a label is first seen.
type Times<L> = Family<L, Histogram, fn() -> Histogram>;

/// The counters of the device plane.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<RequestLabels, Counter>,
    answers: Times<PlaneLabel>,
    renders: Times<MakerLabel>,
    handshakes: Family<CauseLabel, Counter>,
    failures: Family<VerdictLabel, Counter>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    maker: String,
    plane: String,
    outcome: String,
    reason: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct PlaneLabel {
    plane: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct MakerLabel {
    maker: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct CauseLabel {
    cause: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct VerdictLabel {
    verdict: &'static str,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let failures = Family::<VerdictLabel, Counter>::default();
        // From the start, so that the first failure is seen as a change.
        for verdict in ["within", "beyond"] {
            drop(failures.get_or_create(&VerdictLabel { verdict }));
        }
        Metrics {
            requests: Family::default(),
            answers: Family::new_with_constructor(times),
            renders: Family::new_with_constructor(times),
            handshakes: Family::default(),
            failures,
        }
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, event: &Event, took: Duration) {
        let labels = RequestLabels {
            maker: event.maker.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string),
            plane: word(&event.plane),
            outcome: word(&event.decision),
            reason: event.reason.as_ref().map_or_else(|| "none".to_owned(), word),
        };
        self.requests.get_or_create(&labels).inc();
        self.answers.get_or_create(&PlaneLabel { plane: labels.plane }).observe(took.as_secs_f64());
    }

    /// A file was made for a phone of this maker.
    pub fn rendered(&self, maker: &'static str, took: Duration) {
        self.renders.get_or_create(&MakerLabel { maker }).observe(took.as_secs_f64());
    }

    /// Nothing came of a connection.
    pub fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshakes.get_or_create(&CauseLabel { cause: word(&failure) }).inc();
    }

    /// A source failed to prove who it is; whether it was counted within the limits or beyond.
    pub fn failed(&self, verdict: &'static str) {
        self.failures.get_or_create(&VerdictLabel { verdict }).inc();
    }

    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests of phones, by what they got and why", self.requests.clone());
        let help = "How long answers took, from the request to what is sent";
        registry.register_with_unit("answer", help, Unit::Seconds, self.answers.clone());
        let help = "How long files took to be made";
        registry.register_with_unit("render", help, Unit::Seconds, self.renders.clone());
        let help = "Connections of which nothing came, by the cause";
        registry.register("handshake_failures", help, self.handshakes.clone());
        let help = "Failures to prove an identity: within what a source may do, or beyond it";
        registry.register("limiter_failures", help, self.failures.clone());
    }
}

/// From half a millisecond to four seconds.
pub fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 14))
}

/// The word an enumeration is written with.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Event {
        let whole = r#"{"id": 1, "time": "2026-01-01T00:00:00Z", "mac": null, "plane": "https", "address": null,
            "maker": null, "user_agent": null, "file": null, "proof": null, "rule": null, "decision": "refused",
            "reason": null, "status": 404, "bytes": 0, "sha256": null, "template_sha256": null, "duration_ms": 0}"#;
        let mut whole: serde_json::Value = serde_json::from_str(whole).unwrap();
        let more: serde_json::Value = serde_json::from_str(text).unwrap();
        whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    fn shown(metrics: &Metrics) -> String {
        let mut registry = Registry::with_prefix("ztpd");
        metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }

    #[test]
    fn what_a_peer_says_of_itself_is_no_label() {
        let metrics = Metrics::default();
        for number in 0..100 {
            let event = event(&format!(r#"{{"user_agent": "x{number}", "file": "y{number}", "reason": "no_proof"}}"#));
            metrics.answered(&event, Duration::from_millis(number));
        }
        let text = shown(&metrics);
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("ztpd_requests_total")).collect();
        let expected =
            "ztpd_requests_total{maker=\"unknown\",plane=\"https\",outcome=\"refused\",reason=\"no_proof\"} 100";
        assert_eq!(lines, [expected], "{text}");
        assert!(text.contains("ztpd_answer_seconds_count{plane=\"https\"} 100"), "{text}");
    }

    #[test]
    fn causes_and_times_are_shown_by_their_words() {
        let metrics = Metrics::default();
        metrics.handshake_failed(HandshakeFailure::UnknownAuthority);
        metrics.rendered("snom", Duration::from_micros(700));
        let text = shown(&metrics);
        assert!(text.contains("ztpd_handshake_failures_total{cause=\"unknown_authority\"} 1"), "{text}");
        assert!(text.contains("ztpd_render_seconds_bucket{le=\"0.0005\",maker=\"snom\"} 0"), "{text}");
        assert!(text.contains("ztpd_render_seconds_bucket{le=\"0.001\",maker=\"snom\"} 1"), "{text}");
    }
}
