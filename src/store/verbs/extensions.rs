//! Whose is an extension, and which is the next free one? Everybody in the account can be dialled by one long form: the
//! site's code and the extension where the account has site codes, else the extension. The index of long forms is what
//! keeps each with one owner, and so each extension with one owner of its site.

use std::collections::BTreeMap;

use super::account;
use crate::inventory::country::calls_for_help;
use crate::inventory::device::Owner;
use crate::inventory::extension::{Extension, SiteCode};
use crate::inventory::site::{Site, SiteId};
use crate::store::rows::{SITE_CODES, Table, decode};
use crate::store::txn::{Rows, Span, Txn, read};
use crate::store::{Conflict, StoreFault, Stored};

/// Which code is which site's.
pub type SiteCodes = BTreeMap<SiteCode, SiteId>;

/// Gives the owner an extension: the wished one, or the next free one of the site.
pub fn take(txn: &mut Txn<'_>, wish: Option<Extension>, site: &Site, owner: &Owner) -> Stored<Extension> {
    let extension = match wish {
        Some(extension) => extension,
        None => next_free(txn, site)?,
    };
    let key = key(txn, &extension, site)?;
    if let Some(holder) = read::<Owner>(txn, &key)?
        && holder != *owner
    {
        return Err(Conflict::ExtensionTaken { extension, owner: holder }.into());
    }
    txn.put(&key, owner)?;
    Ok(extension)
}

/// Makes an extension free again.
pub fn release(txn: &mut Txn<'_>, extension: &Extension, site: &Site) -> Stored<()> {
    let key = key(txn, extension, site)?;
    txn.delete(&key)?;
    for row in txn.scan(Span::all(Table::FreeFrom.prefix()))? {
        let from: Extension = decode(&row.key, &row.value)?;
        if from.as_str().len() == extension.as_str().len() && from > *extension {
            txn.delete(&row.key)?;
        }
    }
    Ok(())
}

/// The owner of an extension has another name.
pub fn rename(txn: &mut Txn<'_>, extension: &Extension, site: &Site, owner: &Owner) -> Stored<()> {
    let key = key(txn, extension, site)?;
    Ok(txn.put(&key, owner)?)
}

/// What everybody in the account dials.
pub fn long(rows: &dyn Rows, extension: &Extension, site: &Site) -> Stored<Extension> {
    if !account::account(rows)?.value.site_codes {
        return Ok(extension.clone());
    }
    let code = site.code.as_ref().ok_or_else(|| Conflict::NoSiteCode(site.id.clone()))?;
    let too_long = || Conflict::ExtensionTooLong { extension: extension.clone(), code: code.clone() };
    Ok(extension.behind(code).ok_or_else(too_long)?)
}

/// Forgets how far the site's ranges are used up: they or what is reserved changed.
pub fn forget_site(txn: &mut Txn<'_>, site: &SiteId) -> Result<(), StoreFault> {
    txn.delete_all(&Table::FreeFrom.below(site.as_str()))
}

/// The sites' codes.
pub fn site_codes(rows: &dyn Rows) -> Result<SiteCodes, StoreFault> {
    Ok(read(rows, SITE_CODES)?.unwrap_or_default())
}

/// The smallest extension of the site's ranges that nobody has and nothing reserves.
fn next_free(txn: &mut Txn<'_>, site: &Site) -> Stored<Extension> {
    let codes = if account::account(txn)?.value.site_codes { site_codes(txn)? } else { SiteCodes::new() };
    for range in &site.extension_ranges {
        // Everything before this one was found taken or reserved; without it, a large site would count from the
        // beginning for every new user.
        let row = format!("{}{range}", Table::FreeFrom.below(site.id.as_str()));
        let mut from = read::<Extension>(txn, &row)?;
        for extension in range.iter_from(from.as_ref()) {
            if !is_reserved(&extension, site, &codes) && txn.get(&key(txn, &extension, site)?)?.is_none() {
                txn.put(&row, &extension)?;
                return Ok(extension);
            }
            from = Some(extension);
        }
        txn.put(&row, &from)?;
    }
    Err(Conflict::RangeExhausted(site.id.clone()).into())
}

/// Whether an extension is never given out by itself: it, or what it begins with, calls something else.
fn is_reserved(extension: &Extension, site: &Site, codes: &SiteCodes) -> bool {
    let digits = extension.as_str();
    let crosses = |code: &SiteCode| digits.starts_with(code.as_str()) || code.as_str().starts_with(digits);
    site.reserved_extensions.contains(extension) || calls_for_help(digits, site.country) || codes.keys().any(crosses)
}

fn key(rows: &dyn Rows, extension: &Extension, site: &Site) -> Stored<String> {
    Ok(Table::Extension.key(long(rows, extension, site)?.as_str()))
}
