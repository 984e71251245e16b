//! Whose is an extension, and which is the next free one? One number space for the whole account.

use crate::inventory::device::Owner;
use crate::inventory::extension::Extension;
use crate::inventory::site::{Site, SiteId};
use crate::store::rows::{Table, decode};
use crate::store::txn::{Rows, Span, Txn, read};
use crate::store::{Conflict, StoreFault, Stored};

/// Gives the owner an extension: the wished one, or the next free one of the site.
pub fn take(txn: &mut Txn<'_>, wish: Option<Extension>, site: &Site, owner: &Owner) -> Stored<Extension> {
    let extension = match wish {
        Some(extension) => extension,
        None => next_free(txn, site)?,
    };
    let key = Table::Extension.key(extension.as_str());
    if let Some(holder) = read::<Owner>(txn, &key)?
        && holder != *owner
    {
        return Err(Conflict::ExtensionTaken { extension, owner: holder }.into());
    }
    txn.put(&key, owner)?;
    Ok(extension)
}

/// Makes an owner's extension free again; no change if it is somebody else's by now.
pub fn release(txn: &mut Txn<'_>, extension: &Extension, owner: &Owner) -> Result<(), StoreFault> {
    let key = Table::Extension.key(extension.as_str());
    if read::<Owner>(txn, &key)?.as_ref() != Some(owner) {
        return Ok(());
    }
    txn.delete(&key)?;
    for row in txn.scan(Span::all(Table::FreeFrom.prefix()))? {
        let from: Extension = decode(&row.key, &row.value)?;
        if from.as_str().len() == extension.as_str().len() && from > *extension {
            txn.delete(&row.key)?;
        }
    }
    Ok(())
}

/// Forgets how far the site's ranges are used up: they or what is reserved changed.
pub fn forget_site(txn: &mut Txn<'_>, site: &SiteId) -> Result<(), StoreFault> {
    txn.delete_all(&Table::FreeFrom.below(site.as_str()))
}

/// The smallest extension of the site's ranges that nobody has and nothing reserves.
fn next_free(txn: &mut Txn<'_>, site: &Site) -> Stored<Extension> {
    for range in &site.extension_ranges {
        // Everything before this one was found taken or reserved; without it, a large site would count from the
        // beginning for every new user.
        let key = format!("{}{range}", Table::FreeFrom.below(site.id.as_str()));
        let mut from = read::<Extension>(txn, &key)?;
        for extension in range.iter_from(from.as_ref()) {
            let free = txn.get(&Table::Extension.key(extension.as_str()))?.is_none();
            if free && !site.reserved_extensions.contains(&extension) {
                txn.put(&key, &extension)?;
                return Ok(extension);
            }
            from = Some(extension);
        }
        txn.put(&key, &from)?;
    }
    Err(Conflict::RangeExhausted(site.id.clone()).into())
}
