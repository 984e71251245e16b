//! This machine: its clock, its signals, its accounts, its service manager, its interfaces and what passes by on them.

pub mod clock;
pub mod dhcp_socket;
pub mod interfaces;
pub mod packet_socket;
pub mod privilege;
pub mod resolver;
pub mod signals;
pub mod systemd;
