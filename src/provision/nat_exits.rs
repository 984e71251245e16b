//! Is this address the exit of a network behind NAT, with many phones behind it? A site says so by listing it as a
//! single host (Z8). Asked while strangers knock, so the answer is kept until the inventory changes.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;

use crate::inventory::site::Site;
use crate::store::{PageRequest, Store, StoreError};

/// How many sites are read at once.
const PAGE: usize = 500;

/// The exits, as they were at some revision of the store.
#[derive(Debug, Default)]
pub struct NatExits {
    known: Mutex<Option<(u64, BTreeSet<IpAddr>)>>,
}

impl NatExits {
    /// Whether any site lists the address as a single host. While the store cannot be read, none does.
    pub fn contains(&self, store: &dyn Store, address: IpAddr) -> bool {
        let Ok(revision) = store.revision() else { return false };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(&*known, Some((at, _)) if *at == revision) {
            *known = read(store).ok().map(|exits| (revision, exits));
        }
        known.as_ref().is_some_and(|(_, exits)| exits.contains(&address))
    }
}

/// Whether the site lists the address as a single host.
pub fn is_exit_of(site: &Site, address: IpAddr) -> bool {
    site.networks.iter().any(|network| is_single(network) && network.addr() == address)
}

fn is_single(network: &IpNet) -> bool {
    network.prefix_len() == network.max_prefix_len()
}

fn read(store: &dyn Store) -> Result<BTreeSet<IpAddr>, StoreError> {
    let mut exits = BTreeSet::new();
    let mut page = PageRequest { after: None, limit: PAGE };
    loop {
        let sites = store.sites(&page)?;
        let networks = sites.iter().flat_map(|site| &site.value.networks);
        exits.extend(networks.filter(|network| is_single(network)).map(IpNet::addr));
        match sites.last() {
            Some(last) if sites.len() == PAGE => page.after = Some(last.value.id.to_string()),
            _ => return Ok(exits),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::MemoryStore;
    use crate::store::{Actor, Expected};

    fn by() -> Actor {
        Actor { name: "root".into(), on_behalf_of: None, time: jiff::Timestamp::UNIX_EPOCH, boot_ms: 0 }
    }

    fn site(number: usize, network: &str) -> Site {
        let site = serde_json::json!({"id": format!("s{number:04}"), "name": "S", "networks": [network]});
        serde_json::from_value(site).unwrap()
    }

    #[test]
    fn an_exit_is_found_among_many_sites_and_only_while_it_is_listed() {
        let store = MemoryStore::new();
        let exits = NatExits::default();
        let address = [192, 0, 2, 7].into();
        assert!(!exits.contains(&store, address));
        for number in 0..PAGE + 3 {
            store.create_site(site(number, "10.0.0.0/8"), &by()).unwrap();
        }
        store.create_site(site(9_999, "192.0.2.7/32"), &by()).unwrap();
        assert!(exits.contains(&store, address) && exits.contains(&store, address));
        assert!(!exits.contains(&store, [10, 0, 0, 0].into()), "a network is no host");
        store.remove_site(&"s9999".parse().unwrap(), Expected::Any, &by()).unwrap();
        assert!(!exits.contains(&store, address));
    }
}
