//! Where does our certificate come from, if an ACME server gives it (RFC 8555)? It is asked for at the start, and again
//! well before its end; while the server fails or is slow, phones are served as before and the operator is told.

mod account;
mod due;
mod issue;
mod keeper;
mod transport;

pub use keeper::{Keeper, PlainHttp};
