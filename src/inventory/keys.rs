//! What do the keys beside a phone's screen do?

use serde::{Deserialize, Serialize};

use super::sip::Label;
use super::text::Text;

/// A programmable key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Which key, counted from 1 at the top.
    pub position: u16,
    /// What it does.
    pub kind: KeyKind,
    /// What it does it with: an extension or a number; nothing for a line key.
    #[serde(default)]
    pub value: Text<128>,
    /// What stands beside it.
    #[serde(default)]
    pub label: Label,
    /// Which of the phone's lines it uses.
    #[serde(default = "first_line")]
    pub line: u8,
}

/// What a key does.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Shows whether somebody is on the phone, and calls them.
    Blf,
    /// Takes a line.
    Line,
    /// Calls a number.
    SpeedDial,
}

fn first_line() -> u8 {
    1
}
