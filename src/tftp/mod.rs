//! TFTP as phones speak it: the codec and one download, without a socket (RFC 1350, 2347, 2348, 2349, 7440).

pub mod packet;
pub mod transfer;
