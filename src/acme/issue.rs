//! One order: from the account to a certificate that is kept.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::{
    AuthorizationHandle, AuthorizationStatus, ChallengeHandle, ChallengeType, Error, Identifier, NewOrder, Order,
    OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use super::account;
use super::transport::{Transport, TransportError};
use crate::config::{Acme, Certificate, CertificateError, Challenge, KeyKind};
use crate::serve::{Challenges, Showing};

/// How often and how long a server is asked whether it has made up its mind.
const ASKING: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(120));

/// The longest subject CN there may be (RFC 5280, ub-common-name).
const LONGEST_CN: usize = 64;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The server refused something, or could not be asked.
    #[error("{}", said(.0))]
    Acme(#[from] Error),
    /// What it gave cannot be used.
    #[error("what the ACME server gave cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// It does not take this way of proof.
    #[error("the ACME server does not offer {0} for {1}: change acme.challenge")]
    Challenge(&'static str, String),
    /// Nobody listens where it will ask.
    #[error(
        "http-01 is asked over plain HTTP, and nothing is listened on: name [http] listen, which port 80 of the name leads \
         to, or set acme.challenge = \"tls-alpn-01\""
    )]
    NoHttp,
    /// Making a key or a request, or writing a file.
    #[error("{0}")]
    Own(String),
    /// The names do not lead here, or something in between answers.
    #[error("the ACME server could not see that {0} is ours: {1}")]
    Refused(String, String),
    /// The way to the server.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl IssueError {
    /// Whether the very same may go well at once: the server had forgotten a nonce, and that more than once (RFC 8555 §6.5).
    pub fn is_fleeting(&self) -> bool {
        matches!(self, IssueError::Acme(Error::Api(problem))
            if problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:badNonce"))
    }
}

/// What a server said, its own word for the fault first.
fn said(error: &Error) -> String {
    let Error::Api(problem) = error else { return format!("ACME: {error}") };
    let kind = problem.r#type.as_deref().unwrap_or("no type").rsplit(':').next().unwrap_or_default().to_owned();
    format!("the ACME server says {kind}: {}", problem.detail.as_deref().unwrap_or("no more"))
}

/// Orders a certificate, shows that the names are ours, and keeps what comes of it.
pub async fn issue(wish: &Acme, folder: &Path, challenges: &Arc<Challenges>) -> Result<(), IssueError> {
    let transport = Transport::new(wish.authority.as_deref())?;
    let mut order = match order(wish, folder, &transport).await {
        Err(Error::Api(problem)) if is_unknown_account(&problem) => {
            account::forget(folder);
            order(wish, folder, &transport).await
        }
        ordered => ordered,
    }?;
    let showing = show(wish.challenge, &mut order, challenges).await?;
    if !matches!(order.state().status, OrderStatus::Ready | OrderStatus::Valid) {
        ready(&mut order).await?;
    }
    drop(showing);
    let (names, kind) = (wish.names.clone(), wish.key);
    let made = tokio::task::spawn_blocking(move || request(&names, kind)).await;
    let (csr, key) = made.map_err(own)?.map_err(own)?;
    order.finalize_csr(&csr).await?;
    let chain = order.poll_certificate(&ASKING).await?;
    Certificate::keep_issued(folder, &wish.directory.to_string(), &wish.names, &chain, &key)?;
    Ok(())
}

fn own(error: impl ToString) -> IssueError {
    IssueError::Own(error.to_string())
}

fn is_unknown_account(problem: &instant_acme::Problem) -> bool {
    problem.r#type.as_deref() == Some("urn:ietf:params:acme:error:accountDoesNotExist")
}

async fn order(wish: &Acme, folder: &Path, transport: &Transport) -> Result<Order, Error> {
    let account = account::account(wish, folder, transport).await?;
    let names: Vec<Identifier> = wish.names.iter().map(|name| Identifier::Dns(name.clone())).collect();
    account.new_order(&NewOrder::new(&names)).await
}

/// Answers every question of the order that is open. What is shown lives as long as what is given back.
async fn show(way: Challenge, order: &mut Order, challenges: &Arc<Challenges>) -> Result<Vec<Showing>, IssueError> {
    let mut showing = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        // Servers remember for a while what they have seen.
        if authorization.status == AuthorizationStatus::Valid {
            continue;
        }
        let name = authorization.identifier().to_string();
        let (kind, word) = match way {
            Challenge::Http01 => (ChallengeType::Http01, "http-01"),
            Challenge::TlsAlpn01 => (ChallengeType::TlsAlpn01, "tls-alpn-01"),
        };
        let Some(mut question) = authorization.challenge(kind) else {
            return Err(IssueError::Challenge(word, name));
        };
        showing.push(match way {
            Challenge::Http01 => challenges.show_text(&question.token, question.key_authorization().as_str()),
            Challenge::TlsAlpn01 => challenges.show_certificate(&name, shown_over_tls(&name, &question)?),
        });
        question.set_ready().await?;
    }
    Ok(showing)
}

/// A certificate that says nothing but that we hold the account's key (RFC 8737 §3).
fn shown_over_tls(name: &str, question: &ChallengeHandle<'_>) -> Result<Arc<CertifiedKey>, IssueError> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(own)?;
    let digest = question.key_authorization().digest();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest.as_ref())];
    let key = KeyPair::generate().map_err(own)?;
    let certificate = params.self_signed(&key).map_err(own)?;
    let secret = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(secret).map_err(own)?;
    Ok(Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)))
}

/// Waits until the server has seen what it asked for.
async fn ready(order: &mut Order) -> Result<(), IssueError> {
    let waited = order.poll_ready(&ASKING).await;
    if matches!(waited, Ok(OrderStatus::Ready)) {
        return Ok(());
    }
    // Why is told by the names, not by the order.
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization?;
        authorization.refresh().await?;
        if let Some(why) = refusal(&authorization) {
            return Err(IssueError::Refused(authorization.identifier().to_string(), why));
        }
    }
    match waited {
        Ok(status) => Err(IssueError::Own(format!("the order is {status:?}, and the ACME server does not say why"))),
        Err(error) => Err(error.into()),
    }
}

fn refusal(authorization: &AuthorizationHandle<'_>) -> Option<String> {
    if authorization.status != AuthorizationStatus::Invalid {
        return None;
    }
    let problem = authorization.challenges.iter().find_map(|challenge| challenge.error.as_ref());
    Some(problem.and_then(|problem| problem.detail.clone()).unwrap_or_else(|| "no reason is given".to_owned()))
}

/// A request for these names, as DER, and its key, as PEM. The first name is the subject's as well: many phones look there.
fn request(names: &[String], kind: KeyKind) -> Result<(Vec<u8>, String), rcgen::Error> {
    let key = match kind {
        KeyKind::EcdsaP256 => KeyPair::generate()?,
        KeyKind::Rsa2048 => KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)?,
    };
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = names.first().filter(|name| name.len() <= LONGEST_CN) {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    Ok((params.serialize_request(&key)?.der().to_vec(), key.serialize_pem()))
}
