//! The device plane's side of TFTP: what the UDP loop asks for goes through the same pipeline as every request.

use std::net::SocketAddr;
use std::sync::Arc;

use super::tftp::{Ask, Content, Ended, Files, Outcome, Refused, TurnedAway};
use crate::inventory::event::Plane;
use crate::provision::{Body, ClientCertificate, Method, Pipeline, Request};

/// The files of the device plane over TFTP.
pub struct PhoneFiles {
    /// What answers.
    pub pipeline: Arc<Pipeline>,
}

impl Files for PhoneFiles {
    async fn open(&self, ask: Ask) -> Result<Content, Refused> {
        let request = Request {
            plane: Plane::Tftp,
            method: Method::Get,
            target: ask.name,
            user_agent: None,
            authorization: None,
            peer: ask.peer.ip(),
            local: ask.local,
            certificate: ClientCertificate::None,
            proxied_tls: None,
            time: self.pipeline.clock.now(),
        };
        let pipeline = Arc::clone(&self.pipeline);
        let answer = tokio::task::spawn_blocking(move || pipeline.answer(&request)).await;
        let answer = answer.map_err(|_| Refused::Unavailable)?;
        match (answer.status, answer.body) {
            (200, Body::Octets(octets)) => Ok(Content::Bytes(octets.into())),
            (200, Body::File(file)) => Ok(Content::File { file: file.file, length: file.length }),
            (404, _) => Err(Refused::NotFound),
            _ => Err(Refused::Unavailable),
        }
    }

    fn finished(&self, ask: &Ask, outcome: Outcome) {
        let Outcome { ended, acknowledged, sent } = outcome;
        let file = ask.name.escape_debug();
        match ended {
            Ended::Completed => {
                tracing::debug!(address = %ask.peer, %file, acknowledged, sent, "TFTP transfer complete")
            }
            _ => tracing::info!(address = %ask.peer, %file, acknowledged, sent, ?ended, "TFTP transfer not completed"),
        }
    }

    fn turned_away(&self, peer: SocketAddr, why: TurnedAway) {
        tracing::debug!(address = %peer, ?why, "TFTP datagram turned away");
    }
}
