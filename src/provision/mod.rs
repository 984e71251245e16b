//! The heart: what a phone that asks is given, in six steps. `pipeline.rs` is the only file that sees them all.

mod answer;
pub mod authority;
mod by_certificate;
mod credentials;
mod facts;
mod identify;
mod limits;
mod nat_exits;
mod nonces;
mod party;
mod password;
mod pending;
mod pipeline;
mod policy;
mod progress;
mod recent;
mod record;
mod render;
mod request;
pub mod x509;

pub use answer::{Answer, Body};
pub use credentials::{Credentials, DigestResponse};
pub use facts::{FactsError, device_facts, effective_settings};
pub use nat_exits::NatExits;
pub use pending::{Pending, PendingPhone};
pub use pipeline::Pipeline;
pub use progress::{Provisioning, how_far};
pub use recent::{Deed, Recent};
pub use render::{RenderFault, Rendered, device_file, masked_file};
pub use request::{BuiltIn, ClientCertificate, Method, Path, PathError, Request};
