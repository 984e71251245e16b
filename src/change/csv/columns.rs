//! Which columns has which file? Their names as other systems' exports have them, the names they also go by, and the
//! field of the record each one is.

use super::super::near::nearest;
use crate::inventory::plan::RecordKind;

/// The kinds of files.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// Places with a phone of their own.
    CommonAreas,
    /// Phones.
    Devices,
    /// Telephone numbers.
    Numbers,
    /// People.
    Users,
}

/// A column, whatever it is called.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Column {
    /// Whom a phone belongs to, and whose lines it has beside.
    AssignedTo,
    /// Who made a phone.
    Brand,
    /// The number the called see.
    CallerId,
    /// Who pays within the company.
    CostCenter,
    /// Part of the company.
    Department,
    /// The name of a place or a phone.
    DisplayName,
    /// Names a person.
    Email,
    /// The extension.
    Extension,
    /// Given name.
    FirstName,
    /// Names a place whatever it is called.
    Id,
    /// Language.
    Language,
    /// Family name.
    LastName,
    /// Names a phone.
    Mac,
    /// What a phone is.
    Model,
    /// Who pays for calls to a number.
    NumberType,
    /// Telephone numbers, or the one a row is about.
    Numbers,
    /// What was bought.
    Packages,
    /// One of somebody's phones, from 1.
    Phone(u8, Part),
    /// Whether the number the called see may be chosen on the phone.
    SelectCallerId,
    /// Settings shared with others.
    SettingsTemplate,
    /// A site by its code.
    SiteCode,
    /// A site by its name.
    SiteName,
    /// Text messages.
    Sms,
    /// Where a number comes from.
    Source,
    /// Whether it may be used.
    Status,
    /// What a phone's file is made from.
    Template,
}

/// What is said of one of somebody's phones.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// Who made it.
    Brand,
    /// What it is.
    Model,
    /// Which.
    Mac,
    /// What its file is made from.
    Template,
}

/// A column that is no phone's: what it is called, what else, and which field it is.
#[derive(Clone, Copy, Debug)]
pub struct Plain {
    /// Which.
    pub column: Column,
    /// Its name.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// The field of the record, as the API has it.
    pub field: &'static str,
}

const fn plain(column: Column, name: &'static str, aliases: &'static [&'static str], field: &'static str) -> Plain {
    Plain { column, name, aliases, field }
}

const USERS: &[Plain] = &[
    plain(Column::Email, "Email", &["Email Address", "E-mail"], "id"),
    plain(Column::FirstName, "First Name", &[], "first_name"),
    plain(Column::LastName, "Last Name", &[], "last_name"),
    plain(Column::Packages, "Package", &["Packages"], "packages"),
    plain(Column::SiteCode, "Site Code", &[], "site"),
    plain(Column::SiteName, "Site Name", &["Site"], "site"),
    plain(Column::SettingsTemplate, "User Template", &["Template"], "settings_template"),
    EXTENSION,
    NUMBERS_OF,
    CALLER_ID,
    SELECT_CALLER_ID,
    plain(Column::Sms, "SMS", &["SMS Enablement"], "sms"),
    plain(Column::Status, "User Status", &["Status"], "status"),
    DEPARTMENT,
    COST_CENTER,
];

const COMMON_AREAS: &[Plain] = &[
    plain(Column::DisplayName, "Display Name", &["Name"], "name"),
    plain(Column::Packages, "Package", &["Packages"], "packages"),
    plain(Column::SiteName, "Site Name", &["Site"], "site"),
    plain(Column::SiteCode, "Site Code", &[], "site"),
    plain(Column::SettingsTemplate, "Common Area Template", &["Template"], "settings_template"),
    plain(Column::Language, "Language", &["Locale"], "locale"),
    DEPARTMENT,
    COST_CENTER,
    EXTENSION,
    NUMBERS_OF,
    CALLER_ID,
    SELECT_CALLER_ID,
    plain(Column::Status, "Status", &[], "status"),
    plain(Column::Id, "ID", &["Common Area ID"], "id"),
];

const EXTENSION: Plain = plain(Column::Extension, "Extension Number", &["Extension", "Ext. Number"], "extension");
const NUMBERS_OF: Plain = plain(Column::Numbers, "Phone Number", &["Phone Numbers"], "numbers");
const CALLER_ID: Plain =
    plain(Column::CallerId, "Outbound Caller ID", &["Set Outbound Caller ID"], "outbound_caller_id");
const SELECT_CALLER_ID: Plain = plain(
    Column::SelectCallerId,
    "Select Outbound Caller ID",
    &["Allow User to Change Outbound Caller ID"],
    "select_outbound_caller_id",
);
const DEPARTMENT: Plain = plain(Column::Department, "Department", &[], "department");
const COST_CENTER: Plain = plain(Column::CostCenter, "Cost Center", &["Cost Centre"], "cost_center");

const DEVICES: &[Plain] = &[
    plain(Column::Mac, "MAC Address", &["MAC"], "mac"),
    plain(Column::DisplayName, "Display Name", &["Name"], "name"),
    plain(Column::Brand, "Brand", &["Maker", "Manufacturer"], "maker"),
    plain(Column::Model, "Model", &["Device Model"], "model"),
    plain(Column::SiteCode, "Site Code", &[], "site"),
    plain(Column::SiteName, "Site Name", &["Site"], "site"),
    plain(Column::Template, "Provision Template", &["Template"], "template"),
    plain(Column::AssignedTo, "Assigned To", &["Assignee"], "assignment"),
];

const NUMBERS: &[Plain] = &[
    plain(Column::Numbers, "Phone Number", &["Number"], "number"),
    plain(Column::SiteCode, "Site Code", &[], "site"),
    plain(Column::SiteName, "Site Name", &["Site"], "site"),
    plain(Column::NumberType, "Number Type", &["Type", "Kind"], "kind"),
    plain(Column::Source, "Source", &["Carrier"], "source"),
    plain(Column::Status, "Status", &[], "status"),
];

const PARTS: [(Part, &str); 4] = [
    (Part::Brand, "Brand"),
    (Part::Model, "Model"),
    (Part::Mac, "MAC Address"),
    (Part::Template, "Provision Template"),
];

/// The most phones that one row may name.
pub const MOST_PHONES: u8 = 99;

impl FileKind {
    /// Every kind there is.
    pub const ALL: &[FileKind] = &[FileKind::CommonAreas, FileKind::Devices, FileKind::Numbers, FileKind::Users];

    /// Its name in paths and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            FileKind::CommonAreas => "common-areas",
            FileKind::Devices => "devices",
            FileKind::Numbers => "numbers",
            FileKind::Users => "users",
        }
    }

    /// What its rows are.
    pub fn record(self) -> RecordKind {
        match self {
            FileKind::CommonAreas => RecordKind::CommonArea,
            FileKind::Devices => RecordKind::Device,
            FileKind::Numbers => RecordKind::Number,
            FileKind::Users => RecordKind::User,
        }
    }

    /// Its columns but the phones'.
    pub fn columns(self) -> &'static [Plain] {
        match self {
            FileKind::CommonAreas => COMMON_AREAS,
            FileKind::Devices => DEVICES,
            FileKind::Numbers => NUMBERS,
            FileKind::Users => USERS,
        }
    }

    /// The column without which no row can be told from another.
    pub fn key(self) -> Column {
        match self {
            FileKind::CommonAreas => Column::DisplayName,
            FileKind::Devices => Column::Mac,
            FileKind::Numbers => Column::Numbers,
            FileKind::Users => Column::Email,
        }
    }

    /// How many phones a row of an export has room for at least; 0: its rows name none.
    pub fn phones(self) -> u8 {
        match self {
            FileKind::CommonAreas => 3,
            FileKind::Devices | FileKind::Numbers => 0,
            FileKind::Users => 9,
        }
    }

    /// What a column is called in such a file.
    pub fn name_of(self, column: Column) -> String {
        if let Column::Phone(slot, part) = column {
            let part = PARTS.iter().find(|(known, _)| *known == part).map_or("", |(_, name)| name);
            return format!("Desk Phone {slot}'s {part}");
        }
        self.columns()
            .iter()
            .find(|plain| plain.column == column)
            .map_or_else(String::new, |plain| plain.name.to_owned())
    }

    /// The column that a header means.
    pub fn column(self, header: &str) -> Option<Column> {
        let wanted = folded(header);
        let is = |name: &str| folded(name) == wanted;
        let plain = self.columns().iter().find(|plain| is(plain.name) || plain.aliases.iter().any(|name| is(name)));
        plain.map(|plain| plain.column).or_else(|| self.phone(&wanted))
    }

    /// The column that an unknown header is nearest to.
    pub fn nearest(self, header: &str) -> Option<String> {
        let plain = self.columns().iter().map(|plain| plain.name.to_owned());
        let slots = (1..=9).filter(|_| self.phones() > 0);
        let phones = slots.flat_map(|slot| PARTS.map(|(part, _)| self.name_of(Column::Phone(slot, part))));
        let known: Vec<String> = plain.chain(phones).collect();
        nearest(header, known.iter().map(String::as_str)).map(str::to_owned)
    }

    /// `desk phone 3's mac address`, also without the `'s`.
    fn phone(self, header: &str) -> Option<Column> {
        let rest = header.strip_prefix("desk phone ").filter(|_| self.phones() > 0)?;
        let (number, part) = rest.split_once(' ')?;
        let number = number.strip_suffix("'s").unwrap_or(number);
        let slot =
            number.parse().ok().filter(|slot| (1..=MOST_PHONES).contains(slot) && !number.starts_with(['0', '+']))?;
        let (part, _) = PARTS.iter().find(|(_, name)| folded(name) == part)?;
        Some(Column::Phone(slot, *part))
    }
}

/// A header without letter case, blanks at its ends, and the shape of its apostrophes.
fn folded(header: &str) -> String {
    let words: Vec<&str> = header.split_whitespace().collect();
    words.join(" ").to_lowercase().replace(['’', '‘', '´', '`', '＇'], "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_found_in_every_usual_spelling() {
        let phone = Column::Phone(3, Part::Mac);
        for header in [
            "Desk Phone 3's MAC Address",
            "desk phone 3’s mac address",
            " Desk  Phone 3 MAC Address ",
            "DESK PHONE 3'S MAC ADDRESS",
        ] {
            assert_eq!(FileKind::Users.column(header), Some(phone), "{header}");
        }
        assert_eq!(FileKind::Users.column("e-mail"), Some(Column::Email));
        for header in
            ["Desk Phone 0's Brand", "Desk Phone 100's Brand", "Desk Phone 03's Brand", "Desk Phone's Brand", ""]
        {
            assert_eq!(FileKind::Users.column(header), None, "{header}");
        }
        assert_eq!(FileKind::Devices.column("Desk Phone 1's Brand"), None);
    }

    #[test]
    fn every_column_is_found_by_the_name_it_is_written_with() {
        for kind in FileKind::ALL {
            for plain in kind.columns() {
                assert_eq!(kind.column(&kind.name_of(plain.column)), Some(plain.column));
                assert!(plain.aliases.iter().all(|alias| kind.column(alias) == Some(plain.column)));
            }
        }
        assert_eq!(FileKind::Users.nearest("Desk Phone 2s MAC Adress").as_deref(), Some("Desk Phone 2's MAC Address"));
    }
}
