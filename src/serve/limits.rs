//! How many connections at once, in all and of one stranger (policy D15)?

use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Strangers' connections of an address that a site lists as a single host: a NAT exit with many phones behind it.
const OF_NAT_EXIT: usize = 256;

/// The connections there are.
#[derive(Debug, Default)]
pub struct Connections {
    open: Mutex<Open>,
    /// Told when a place becomes free.
    left: Notify,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    unproven: HashMap<IpAddr, usize>,
}

/// A place among the connections; free again when dropped.
#[derive(Debug)]
pub struct Seat {
    connections: Arc<Connections>,
    address: IpAddr,
    proven: bool,
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// In all.
    pub total: usize,
    /// Of one address that has shown no proof.
    pub unproven: usize,
}

impl Connections {
    /// A place for a connection from `address`, if there is one. `nat_exit` is asked only when it matters.
    pub fn seat(self: &Arc<Connections>, address: IpAddr, most: Most, nat_exit: impl FnOnce() -> bool) -> Option<Seat> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let unproven = open.unproven.get(&address).copied().unwrap_or_default();
        if open.total >= most.total || unproven >= OF_NAT_EXIT.max(most.unproven) {
            return None;
        }
        if unproven >= most.unproven && !nat_exit() {
            return None;
        }
        open.total = open.total.saturating_add(1);
        open.unproven.insert(address, unproven.saturating_add(1));
        Some(Seat { connections: Arc::clone(self), address, proven: false })
    }

    /// Waits until there are fewer than `total`. Who comes meanwhile waits with the system instead of being turned away:
    /// a phone that is refused may not ask again for hours.
    pub async fn room(&self, total: usize) {
        loop {
            // Listening begins before looking, so that no place is freed in between unheard.
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if self.open() < total {
                return;
            }
            left.await;
        }
    }

    /// How many there are.
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    fn forget_stranger(&self, address: IpAddr) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = open.unproven.get_mut(&address) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            open.unproven.remove(&address);
        }
    }
}

impl Seat {
    /// The connection showed a proof: it does not count as a stranger's any more.
    pub fn prove(&mut self) {
        if !self.proven {
            self.proven = true;
            self.connections.forget_stranger(self.address);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.prove();
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total = open.total.saturating_sub(1);
        drop(open);
        // Every listener may have somebody waiting.
        self.connections.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_has_few_places_and_a_proven_phone_takes_none_of_them() {
        let connections = Arc::new(Connections::default());
        let address = [10, 0, 0, 1].into();
        let most = Most { total: 8, unproven: 2 };
        let mut first = connections.seat(address, most, || false).unwrap();
        let _second = connections.seat(address, most, || false).unwrap();
        assert!(connections.seat(address, most, || false).is_none());
        assert!(connections.seat([10, 0, 0, 2].into(), most, || false).is_some());
        first.prove();
        let _third = connections.seat(address, most, || false).unwrap();
        let nat: Vec<Seat> = (0..9).map_while(|_| connections.seat(address, most, || true)).collect();
        assert_eq!((nat.len(), connections.open()), (5, 8));
        drop(nat);
        drop(first);
        assert_eq!(connections.open(), 2);
    }

    #[tokio::test]
    async fn whoever_waits_for_room_is_told_when_somebody_leaves() {
        let connections = Arc::new(Connections::default());
        let most = Most { total: 1, unproven: 1 };
        let only = connections.seat([10, 0, 0, 1].into(), most, || false).unwrap();
        let waiting = connections.room(1);
        tokio::pin!(waiting);
        assert!(poll_once(waiting.as_mut()).is_pending());
        drop(only);
        waiting.await;
    }

    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
        future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    }
}
