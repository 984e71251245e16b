//! From a template and facts to the text a phone reads. Templates are Tera; one engine per format of files, so that
//! every value is escaped as that format demands (policy D20).

mod builtin;
mod canary;
mod catalogue;
mod engine;
mod escape;
pub mod facts;
mod folder;
mod lint;
mod marks;
mod provenance;
#[cfg(test)]
mod rendered;
mod structure;
mod turns;
#[cfg(test)]
mod xml_files;

pub use builtin::{BUILTIN, Role, role};
pub use canary::Facts;
pub use catalogue::{OUTPUT_LIMIT, RenderError, TemplateFault, TemplateSource, Templates};
pub use lint::lint;
pub use provenance::{LineOrigin, Value};
