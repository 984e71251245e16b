//! What changes when the account takes site codes or gives them up, and when a site changes its own: everybody's long
//! form, all at once or not at all.

use super::extensions::{self, site_codes};
use super::{account, people};
use crate::inventory::device::Owner;
use crate::inventory::extension::{Extension, LONGEST};
use crate::inventory::site::{Site, SiteId};
use crate::store::rows::{SITE_CODES, Table, owner_of};
use crate::store::txn::{Rows, Span, Txn, records};
use crate::store::{Conflict, Stored};

/// Everybody's long form follows from how the account and its sites are now.
pub fn renumber_all(txn: &mut Txn<'_>) -> Stored<()> {
    txn.delete_all(Table::Extension.prefix())?;
    txn.delete_all(Table::FreeFrom.prefix())?;
    for site in records::<Site>(txn, Span::all(Table::Site.prefix()))? {
        check(txn, &site.value)?;
        number(txn, &site.value)?;
    }
    Ok(())
}

/// A site comes, goes or changes: its code is its alone, and its people are dialled by it from now on. `before` is how it
/// was, `after` how it is.
pub fn site_changes(txn: &mut Txn<'_>, before: Option<&Site>, after: Option<&Site>) -> Stored<()> {
    let (old, new) = (before.and_then(|site| site.code.as_ref()), after.and_then(|site| site.code.as_ref()));
    if let Some(after) = after {
        check(txn, after)?;
    }
    if old == new {
        return Ok(());
    }
    let mut codes = site_codes(txn)?;
    if let Some(old) = old {
        codes.remove(old);
    }
    if let (Some(code), Some(site)) = (new, after)
        && let Some(other) = codes.insert(code.clone(), site.id.clone())
    {
        return Err(Conflict::SiteCodeTaken { code: code.clone(), site: other }.into());
    }
    txn.put(SITE_CODES, &codes)?;
    if !account::account(txn)?.value.site_codes {
        return Ok(());
    }
    // What the codes reserve differs at every site.
    txn.delete_all(Table::FreeFrom.prefix())?;
    let (Some(before), Some(after)) = (before, after) else { return Ok(()) };
    for (extension, _) in everybody(txn, &before.id)? {
        extensions::release(txn, &extension, before)?;
    }
    number(txn, after)
}

/// Refuses a site whose extensions would be too long behind its code, or that has none where it needs one.
fn check(txn: &Txn<'_>, site: &Site) -> Stored<()> {
    if !account::account(txn)?.value.site_codes {
        return Ok(());
    }
    let code = site.code.as_ref().ok_or_else(|| Conflict::NoSiteCode(site.id.clone()))?;
    match site.extension_ranges.iter().find(|range| code.as_str().len() + range.digits() > LONGEST) {
        Some(range) => {
            Err(Conflict::RangeTooLong { site: site.id.clone(), range: range.to_string(), code: code.clone() }.into())
        }
        None => Ok(()),
    }
}

/// Gives everybody at a site the long form of the extension they have.
fn number(txn: &mut Txn<'_>, site: &Site) -> Stored<()> {
    for (extension, owner) in everybody(txn, &site.id)? {
        extensions::take(txn, Some(extension), site, &owner)?;
    }
    Ok(())
}

fn everybody(txn: &Txn<'_>, site: &SiteId) -> Stored<Vec<(Extension, Owner)>> {
    let prefix = Table::SiteUse.below(site.as_str());
    let mut found = Vec::new();
    for row in txn.scan(Span::all(&prefix))? {
        let Some(owner) = row.key.strip_prefix(&prefix).and_then(owner_of) else { continue };
        if let Some(extension) = people::extension_of(txn, &owner)? {
            found.push((extension, owner));
        }
    }
    Ok(found)
}
