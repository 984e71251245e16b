//! The inventory as a file that says just what there is: read again, it changes nothing.

use std::collections::BTreeSet;
use std::io;

use csv::{Terminator, Writer, WriterBuilder};

use super::columns::{Column, FileKind, Part, Plain};
use super::guard::guarded;
use crate::inventory::common_area::CommonArea;
use crate::inventory::device::{Device, Owner};
use crate::inventory::mac::MacAddr;
use crate::inventory::number::{Number, NumberKind, NumberStatus};
use crate::inventory::plan::RecordKind;
use crate::inventory::site::{Site, SiteId};
use crate::inventory::user::{Status, User};
use crate::makers;
use crate::store::{PageRequest, Store, StoreError, StoreFault, Versioned};

/// How many records are read at once.
const PAGE: usize = 500;

/// What is read for a file, and who may see it.
struct Exporter<'a> {
    store: &'a dyn Store,
    sees: &'a dyn Fn(RecordKind, &SiteId) -> bool,
    sites: Vec<Site>,
}

/// Everything of one kind that may be seen, as a file: UTF-8, with CRLF (RFC 4180).
pub fn export(
    store: &dyn Store,
    kind: FileKind,
    sees: &dyn Fn(RecordKind, &SiteId) -> bool,
) -> Result<Vec<u8>, StoreError> {
    let mut exporter = Exporter { store, sees, sites: Vec::new() };
    exporter.sites = exporter.all(|page| store.sites(page), |site| site.id.to_string(), |_| true)?;
    match kind {
        FileKind::CommonAreas => exporter.areas(),
        FileKind::Devices => exporter.devices(),
        FileKind::Numbers => exporter.numbers(),
        FileKind::Users => exporter.users(),
    }
}

impl Exporter<'_> {
    fn users(&self) -> Result<Vec<u8>, StoreError> {
        let sees = |user: &User| (self.sees)(RecordKind::User, &user.site);
        let users = self.all(|page| self.store.users(page), |user: &User| user.id.to_string(), sees)?;
        let owner = |user: &User| Owner::User(user.id.clone());
        let cell = |user: &User, column| match column {
            Column::CallerId => text(user.outbound_caller_id.as_ref()),
            Column::CostCenter => user.cost_center.to_string(),
            Column::Department => user.department.to_string(),
            Column::Email => user.id.to_string(),
            Column::Extension => text(user.extension.as_ref()),
            Column::FirstName => user.first_name.to_string(),
            Column::LastName => user.last_name.to_string(),
            Column::Numbers => list(&user.numbers),
            Column::Packages => list(&user.packages),
            Column::SelectCallerId => switch(user.select_outbound_caller_id),
            Column::SettingsTemplate => text(user.settings_template.as_ref()),
            Column::SiteCode => self.code(&user.site),
            Column::SiteName => self.site(&user.site),
            Column::Sms => switch(user.sms),
            Column::Status => status(user.status),
            _ => String::new(),
        };
        self.owners(FileKind::Users, &users, owner, cell)
    }

    fn areas(&self) -> Result<Vec<u8>, StoreError> {
        let sees = |area: &CommonArea| (self.sees)(RecordKind::CommonArea, &area.site);
        let areas = self.all(|page| self.store.common_areas(page), |area: &CommonArea| area.id.to_string(), sees)?;
        let owner = |area: &CommonArea| Owner::CommonArea(area.id.clone());
        let cell = |area: &CommonArea, column| match column {
            Column::CallerId => text(area.outbound_caller_id.as_ref()),
            Column::CostCenter => area.cost_center.to_string(),
            Column::Department => area.department.to_string(),
            Column::DisplayName => area.name.to_string(),
            Column::Extension => text(area.extension.as_ref()),
            Column::Id => area.id.to_string(),
            Column::Language => area.locale.as_ref().map(|locale| locale.as_str().to_owned()).unwrap_or_default(),
            Column::Numbers => list(&area.numbers),
            Column::Packages => list(&area.packages),
            Column::SelectCallerId => switch(area.select_outbound_caller_id),
            Column::SettingsTemplate => text(area.settings_template.as_ref()),
            Column::SiteCode => self.code(&area.site),
            Column::SiteName => self.site(&area.site),
            Column::Status => status(area.status),
            _ => String::new(),
        };
        self.owners(FileKind::CommonAreas, &areas, owner, cell)
    }

    /// A row an owner, with as many phones as the one with the most has.
    fn owners<T>(
        &self,
        kind: FileKind,
        all: &[T],
        owner: impl Fn(&T) -> Owner,
        cell: impl Fn(&T, Column) -> String,
    ) -> Result<Vec<u8>, StoreError> {
        let mut phones = Vec::with_capacity(all.len());
        for one in all {
            let owner = owner(one);
            let mut macs: BTreeSet<MacAddr> = self.store.devices_of(&owner)?.into_iter().collect();
            macs.extend(self.store.appearances_of(&owner)?);
            phones.push(macs);
        }
        let most = phones.iter().map(BTreeSet::len).max().unwrap_or_default();
        let most = u8::try_from(most).unwrap_or(u8::MAX).max(kind.phones());
        let mut file = File::begin(kind, most)?;
        for (one, macs) in all.iter().zip(phones) {
            let mut cells: Vec<String> = kind.columns().iter().map(|plain| cell(one, plain.column)).collect();
            for mac in macs {
                let Some(device) = self.store.device(mac)? else { continue };
                let (device, brand) = (&device.value, brand(&device.value));
                let template = text(device.template.as_ref());
                cells.extend([brand, device.model.to_string(), mac.to_string(), template]);
            }
            file.row(cells)?;
        }
        file.end()
    }

    fn numbers(&self) -> Result<Vec<u8>, StoreError> {
        let sees = |number: &Number| (self.sees)(RecordKind::Number, &number.site);
        let numbers = self.all(|page| self.store.numbers(page), |number: &Number| number.number.to_string(), sees)?;
        let mut file = File::begin(FileKind::Numbers, 0)?;
        for number in &numbers {
            let cell = |plain: &Plain| match plain.column {
                Column::NumberType if number.kind == NumberKind::Tollfree => "tollfree".to_owned(),
                Column::NumberType => "toll".to_owned(),
                Column::Numbers => number.number.to_string(),
                Column::SiteCode => self.code(&number.site),
                Column::SiteName => self.site(&number.site),
                Column::Source => number.source.to_string(),
                Column::Status if number.status == NumberStatus::Pending => "pending".to_owned(),
                Column::Status => "active".to_owned(),
                _ => String::new(),
            };
            file.row(FileKind::Numbers.columns().iter().map(cell).collect())?;
        }
        file.end()
    }

    fn devices(&self) -> Result<Vec<u8>, StoreError> {
        let all = self.all(|page| self.store.devices(page), |device: &Device| device.mac.to_string(), |_| true)?;
        let mut devices = Vec::new();
        for device in all {
            if self.sees_device(&device)? {
                devices.push(device);
            }
        }
        let mut file = File::begin(FileKind::Devices, 0)?;
        for device in &devices {
            let mut cells = Vec::new();
            for plain in FileKind::Devices.columns() {
                cells.push(match plain.column {
                    Column::AssignedTo => self.assigned(device)?,
                    Column::Brand => brand(device),
                    Column::DisplayName => device.name.to_string(),
                    Column::Mac => device.mac.to_string(),
                    Column::Model => device.model.to_string(),
                    Column::SiteCode => self.code(&device.site),
                    Column::SiteName => self.site(&device.site),
                    Column::Template => text(device.template.as_ref()),
                    _ => String::new(),
                });
            }
            file.row(cells)?;
        }
        file.end()
    }

    /// A phone is seen from where it stands, and from where those are whose lines it has.
    fn sees_device(&self, device: &Device) -> Result<bool, StoreError> {
        if (self.sees)(RecordKind::Device, &device.site) {
            return Ok(true);
        }
        for owner in device.assignment.iter().chain(device.lines.iter().map(|line| &line.owner)) {
            let site = match owner {
                Owner::CommonArea(id) => self.store.common_area(id)?.map(|area| area.value.site),
                Owner::User(id) => self.store.user(id)?.map(|user| user.value.site),
            };
            if site.is_some_and(|site| (self.sees)(RecordKind::Device, &site)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The owner and those with further lines, as a row names them.
    fn assigned(&self, device: &Device) -> Result<String, StoreError> {
        let owner = device.assignment.as_ref().map(|owner| self.named(owner)).transpose()?.unwrap_or_default();
        let mut names = vec![owner];
        for line in &device.lines {
            names.push(self.named(&line.owner)?);
        }
        Ok(names.join(","))
    }

    fn named(&self, owner: &Owner) -> Result<String, StoreError> {
        match owner {
            Owner::CommonArea(id) => {
                let area = self.store.common_area(id)?.map(|area| area.value);
                let dialled = area.and_then(|area| Some((area.extension?, area.site)));
                let long = dialled.map(|(extension, site)| self.store.long_extension(&extension, &site)).transpose()?;
                Ok(long.map_or_else(|| format!("area:{id}"), |extension| format!("ext:{extension}")))
            }
            Owner::User(id) => Ok(id.to_string()),
        }
    }

    /// A site by its name, or by its id where the name means several.
    fn site(&self, id: &SiteId) -> String {
        let name = self.sites.iter().find(|site| site.id == *id).map_or("", |site| site.name.as_str());
        let same =
            |other: &&Site| other.name.as_str().to_lowercase() == name.to_lowercase() || other.id.as_str() == name;
        let other = self.sites.iter().filter(same).any(|other| other.id != *id);
        if other || name.is_empty() { id.to_string() } else { name.to_owned() }
    }

    fn code(&self, id: &SiteId) -> String {
        text(self.sites.iter().find(|site| site.id == *id).and_then(|site| site.code.as_ref()))
    }

    /// All records of a kind, page by page.
    fn all<T>(
        &self,
        page: impl Fn(&PageRequest) -> Result<Vec<Versioned<T>>, StoreError>,
        key: impl Fn(&T) -> String,
        sees: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, StoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let found = page(&PageRequest { after, limit: PAGE })?;
            let Some(last) = found.last() else { return Ok(all) };
            after = Some(key(&last.value));
            all.extend(found.into_iter().map(|record| record.value).filter(|record| sees(record)));
        }
    }
}

/// A file being written.
struct File {
    writer: Writer<Vec<u8>>,
    width: usize,
}

impl File {
    fn begin(kind: FileKind, phones: u8) -> Result<File, StoreError> {
        let parts = [Part::Brand, Part::Model, Part::Mac, Part::Template];
        let slots = (1..=phones).flat_map(|slot| parts.map(|part| kind.name_of(Column::Phone(slot, part))));
        let header: Vec<String> = kind.columns().iter().map(|plain| plain.name.to_owned()).chain(slots).collect();
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        let mut file = File { writer, width: header.len() };
        file.row(header)?;
        Ok(file)
    }

    fn row(&mut self, mut cells: Vec<String>) -> Result<(), StoreError> {
        cells.resize(self.width, String::new());
        let guarded = cells.iter().map(|cell| guarded(cell).into_owned());
        self.writer.write_record(guarded).map_err(|error| fault(&error))
    }

    fn end(self) -> Result<Vec<u8>, StoreError> {
        self.writer.into_inner().map_err(|error| fault(&io::Error::other(error.to_string())))
    }
}

/// Memory does not fail to be written to; were it to, this would be said.
fn fault(error: &dyn std::error::Error) -> StoreError {
    StoreFault::Io { path: "export".to_owned(), error: error.to_string() }.into()
}

/// What is there, or nothing.
fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn list<'a, T: ToString + 'a>(members: impl IntoIterator<Item = &'a T>) -> String {
    members.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn switch(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn status(status: Option<Status>) -> String {
    match status {
        Some(Status::Active) => "activate",
        Some(Status::Inactive) => "deactivate",
        Some(Status::Pending) => "pending",
        None => "",
    }
    .to_owned()
}

fn brand(device: &Device) -> String {
    makers::by_id(device.maker.as_str()).map_or_else(|| device.maker.to_string(), |maker| maker.name().to_owned())
}
