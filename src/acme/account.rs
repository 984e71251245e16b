//! Who are we to the ACME server? An account whose key is kept, so that each order is by the same one.

use std::path::Path;

use instant_acme::{Account, AccountCredentials, Error, NewAccount};
use serde::{Deserialize, Serialize};

use super::transport::Transport;
use crate::config::{Acme, write_private};

/// The file an account is kept in.
const FILE: &str = "account.json";

/// An account as it is kept.
#[derive(Deserialize, Serialize)]
struct Kept {
    /// With which server.
    directory: String,
    credentials: AccountCredentials,
}

/// The account with this server: the one there is, else a new one.
pub async fn account(wish: &Acme, folder: &Path, transport: &Transport) -> Result<Account, Error> {
    let path = folder.join(FILE);
    let directory = wish.directory.to_string();
    let kept = std::fs::read(&path).ok().and_then(|octets| serde_json::from_slice::<Kept>(&octets).ok());
    let builder = Account::builder_with_http(Box::new(transport.clone()));
    if let Some(kept) = kept.filter(|kept| kept.directory == directory) {
        return builder.from_credentials(kept.credentials).await;
    }
    let contact: Vec<String> = wish.contact.iter().map(|address| format!("mailto:{address}")).collect();
    let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
    let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
    let (account, credentials) = builder.create(&new, directory.clone(), None).await?;
    let text = serde_json::to_string(&Kept { directory, credentials })?;
    write_private(&path, &text).map_err(|error| Error::Other(format!("{}: {error}", path.display()).into()))?;
    tracing::info!(directory = %wish.directory, "an account with the ACME server was made");
    Ok(account)
}

/// Forgets the account: the server does not know it any more.
pub fn forget(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(FILE));
}
