//! What may a template know about this phone? Everything is gathered here, from the store and the settings in force.

use std::collections::{BTreeMap, BTreeSet};

use super::party::Party;
use crate::config::Snapshot;
use crate::inventory::daylight;
use crate::inventory::device::Device;
use crate::inventory::keys::KeyKind;
use crate::inventory::settings::{
    CATALOGUE, Effective, Kind, Layer, LayerSettings, SettingKey, SettingValue, Settings, effective,
};
use crate::inventory::sip::{Registrar, Transport};
use crate::inventory::site::SiteId;
use crate::inventory::user::Locale;
use crate::makers::{self, Model};
use crate::store::{Phone, Store, StoreError};
use crate::templates::facts::{
    Admin, Authority, DeviceFact, DeviceFacts, KeyFact, Line, Native, Server, SiteFact, TimeFact,
};

/// Why the facts of a phone are not complete.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum FactsError {
    /// The maker or model is not one this program knows any more.
    #[error("{maker} {model} is no model of the catalogue; `ztpd model list` shows them all")]
    NoModel {
        /// The maker.
        maker: String,
        /// The model.
        model: String,
    },
    /// A line without a registrar.
    #[error("site {0} has no SIP server: set sip.server for the site, or [sip] server in the configuration file")]
    NoRegistrar(SiteId),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the templates of one phone see.
pub fn device_facts(store: &dyn Store, snapshot: &Snapshot, phone: &Phone) -> Result<DeviceFacts, FactsError> {
    let device = &phone.device.value;
    let model = makers::model(device.maker.as_str(), &device.model)
        .ok_or_else(|| FactsError::NoModel { maker: device.maker.to_string(), model: device.model.to_string() })?;
    let party = device.assignment.as_ref().map(|owner| Party::of(store, owner)).transpose()?.flatten();
    let settings = layered(store, phone, party.as_ref())?;
    let lines = lines(store, snapshot, phone, model, party.as_ref(), &settings)?;
    let language = language(party.as_ref(), &settings);
    let keys = keys(store, party.as_ref(), model, &lines)?;
    let maker = makers::by_id(device.maker.as_str());
    Ok(DeviceFacts {
        device: DeviceFact {
            mac: device.mac,
            maker: device.maker.to_string(),
            model: device.model.to_string(),
            family: model.family.clone(),
            name: device.name.to_string(),
            site: device.site.to_string(),
            firmware: store.sighting(device.mac)?.firmware.unwrap_or_default(),
            accounts: model.accounts,
            key_count: model.keys,
            language: maker.map_or("", |maker| maker.language(&language)).to_owned(),
        },
        lines,
        assignee: party.as_ref().map(Party::as_assignee),
        site: SiteFact { id: phone.site.id.to_string(), name: phone.site.name.to_string() },
        time: time(snapshot, phone, party.as_ref()),
        server: server(snapshot, phone),
        admin: Admin { user: "admin".to_owned(), password: phone.admin_password.reveal().to_owned() },
        keys,
        settings: by_name(&settings),
        native: native(&settings, device),
    })
}

/// Every setting in force for a phone, and the layer it comes from.
pub fn effective_settings(store: &dyn Store, phone: &Phone) -> Result<BTreeMap<SettingKey, Effective>, FactsError> {
    let party = phone.device.value.assignment.as_ref().map(|owner| Party::of(store, owner)).transpose()?.flatten();
    layered(store, phone, party.as_ref())
}

fn layered(
    store: &dyn Store,
    phone: &Phone,
    party: Option<&Party>,
) -> Result<BTreeMap<SettingKey, Effective>, FactsError> {
    let account = store.account()?.value;
    let (none, no_locks) = (Settings::default(), BTreeSet::new());
    let device = &phone.device.value;
    let template = party.and_then(|party| party.template.as_ref());
    let layer = |layer, settings, locks| LayerSettings { layer, settings, locks };
    Ok(effective(&[
        layer(Layer::Account, &account.settings, &account.locks),
        layer(Layer::Site, &phone.site.settings, &phone.site.locks),
        layer(
            Layer::Template,
            template.map_or(&none, |template| &template.settings),
            template.map_or(&no_locks, |template| &template.locks),
        ),
        layer(Layer::Assignee, party.map_or(&none, |party| &party.settings), &no_locks),
        layer(Layer::Device, &device.settings, &device.locks),
    ]))
}

/// The phone's accounts: its owner's first, then the further appearances. No extension, no line.
fn lines(
    store: &dyn Store,
    snapshot: &Snapshot,
    phone: &Phone,
    model: &Model,
    owner: Option<&Party>,
    settings: &BTreeMap<SettingKey, Effective>,
) -> Result<Vec<Line>, FactsError> {
    let mut lines = Vec::new();
    if let Some(party) = owner {
        lines.extend(line(store, snapshot, party, 1, "", settings)?);
    }
    for appearance in phone.device.value.lines.iter().filter(|line| line.index <= model.accounts) {
        if let Some(party) = Party::of(store, &appearance.owner)? {
            lines.extend(line(store, snapshot, &party, appearance.index, appearance.label.as_str(), settings)?);
        }
    }
    lines.sort_by_key(|line| line.index);
    lines.dedup_by_key(|line| line.index);
    Ok(lines)
}

fn line(
    store: &dyn Store,
    snapshot: &Snapshot,
    party: &Party,
    index: u8,
    label: &str,
    settings: &BTreeMap<SettingKey, Effective>,
) -> Result<Option<Line>, FactsError> {
    let Some(extension) = party.extension.as_ref().filter(|_| party.is_active).map(ToString::to_string) else {
        return Ok(None);
    };
    let dialled = party.long_extension.as_ref().map_or_else(|| extension.clone(), ToString::to_string);
    let Some(password) = store.sip_password(&party.owner)? else { return Ok(None) };
    // The registrar is the one of the person's site, wherever the phone stands.
    let site = store.site(&party.site)?.map(|site| site.value.sip).unwrap_or_default();
    let registrar =
        Registrar::in_force(&snapshot.config.sip, &site).ok_or_else(|| FactsError::NoRegistrar(party.site.clone()))?;
    let user = party.sip.user.as_ref().map_or(dialled, |user| user.as_str().to_owned());
    let usual_srtp = if registrar.transport == Transport::Tls { "required" } else { "off" };
    let srtp = settings.iter().find(|(key, _)| key.as_str() == "srtp").map(|(_, srtp)| srtp.value.to_string());
    Ok(Some(Line {
        index,
        label: if label.is_empty() { extension.clone() } else { label.to_owned() },
        display_name: party.name.clone(),
        auth_user: party.sip.auth_user.as_ref().map_or_else(|| user.clone(), |user| user.as_str().to_owned()),
        user,
        password: password.reveal().to_owned(),
        extension,
        server: registrar.server.to_string(),
        port: registrar.port,
        transport: registrar.transport.as_str().to_owned(),
        expires: registrar.expires.as_seconds(),
        outbound_proxy: registrar.outbound_proxy.map(|proxy| proxy.to_string()).unwrap_or_default(),
        srtp: srtp.unwrap_or_else(|| usual_srtp.to_owned()),
        shared: index > 1,
    }))
}

/// A person's own language wins over a default, not over a setting somebody wrote.
fn language(party: Option<&Party>, settings: &BTreeMap<SettingKey, Effective>) -> String {
    let set = settings.iter().find(|(key, _)| key.as_str() == "language").map(|(_, language)| language);
    let own = party.and_then(|party| party.locale.as_ref()).map(Locale::language);
    match (set, own) {
        (Some(set), Some(own)) if set.layer == Layer::Default => own,
        (Some(set), _) => set.value.to_string(),
        (None, own) => own.unwrap_or_default(),
    }
}

fn time(snapshot: &Snapshot, phone: &Phone, party: Option<&Party>) -> TimeFact {
    let own = party.and_then(|party| party.timezone.as_ref());
    let timezone = own.or(phone.site.timezone.as_ref()).unwrap_or(&snapshot.config.timezone);
    let daylight = daylight::of(&timezone.rules(), snapshot.read_at);
    let ntp = if phone.site.ntp.is_empty() { &snapshot.config.ntp } else { &phone.site.ntp };
    TimeFact {
        ntp: ntp.iter().map(ToString::to_string).collect(),
        timezone: timezone.to_string(),
        posix: daylight.posix(),
        utc_offset_minutes: daylight.utc_offset_minutes,
        dst: daylight.dst,
    }
}

fn server(snapshot: &Snapshot, phone: &Phone) -> Server {
    let base_url = snapshot.public_url.base();
    let authority = authority(snapshot);
    Server {
        device_url: snapshot.public_url.of_device(phone.token.reveal()),
        token: phone.token.reveal().to_owned(),
        firmware_url: base_url.clone(),
        authority_url: authority.as_ref().map(|_| format!("{base_url}ztpd-ca.pem")).unwrap_or_default(),
        authority,
        base_url,
    }
}

/// Our authority as templates see it, if phones need one.
pub(super) fn authority(snapshot: &Snapshot) -> Option<Authority> {
    let authority = snapshot.certificate.authority.as_ref()?;
    Some(Authority { pem: authority.pem.clone(), base64: authority.base64() })
}

/// The owner's keys that the model has; where none takes the first, the first is the line's. A line's key without a
/// label shows the line's own, since some phones keep what a key was called before. A key that names somebody shows how
/// they are called and dialled now; while they cannot be dialled, it is left out.
fn keys(store: &dyn Store, party: Option<&Party>, model: &Model, lines: &[Line]) -> Result<Vec<KeyFact>, StoreError> {
    let label_of = |line: u8| lines.iter().find(|known| known.index == line).map(|line| line.label.clone());
    let mut keys = Vec::new();
    let wanted = party.map(|party| party.keys.as_slice()).unwrap_or_default();
    for key in wanted.iter().filter(|key| key.position <= model.keys) {
        let (mut value, mut label) = (key.value.to_string(), key.label.to_string());
        if let Some(owner) = &key.owner {
            let Some(named) = Party::of(store, owner)? else { continue };
            let Some(dialled) = named.long_extension else { continue };
            value = dialled.to_string();
            if label.is_empty() {
                label = named.name;
            }
        } else if key.kind == KeyKind::Line && label.is_empty() {
            label = label_of(key.line).unwrap_or_default();
        }
        keys.push(KeyFact { position: key.position, kind: key.kind, value, label, line: key.line });
    }
    if let Some(label) = label_of(1)
        && model.keys > 0
        && !keys.iter().any(|key| key.position == 1)
    {
        keys.push(KeyFact { position: 1, kind: KeyKind::Line, value: String::new(), label, line: 1 });
    }
    keys.sort_by_key(|key| key.position);
    keys.dedup_by_key(|key| key.position);
    Ok(keys)
}

/// Every setting of the catalogue, null where nothing is set; lengths of time in seconds.
fn by_name(settings: &BTreeMap<SettingKey, Effective>) -> BTreeMap<String, serde_json::Value> {
    let mut all: BTreeMap<String, serde_json::Value> =
        CATALOGUE.iter().map(|entry| (entry.key.to_owned(), serde_json::Value::Null)).collect();
    for entry in CATALOGUE {
        let Some((_, effective)) = settings.iter().find(|(key, _)| key.as_str() == entry.key) else { continue };
        let value = match (&effective.value, entry.kind) {
            (SettingValue::Text(text), Kind::Time(..)) => text
                .parse()
                .map(crate::inventory::period::Period::as_seconds)
                .map_or(serde_json::Value::Null, Into::into),
            (SettingValue::Text(text), _) => text.as_str().into(),
            (SettingValue::Number(number), _) => (*number).into(),
            (SettingValue::Switch(on), _) => (*on).into(),
        };
        all.insert(entry.key.to_owned(), value);
    }
    all
}

fn native(settings: &BTreeMap<SettingKey, Effective>, device: &Device) -> Vec<Native> {
    let own = |(key, effective): (&SettingKey, &Effective)| {
        let (maker, native) = key.native()?;
        (maker == device.maker.as_str()).then(|| Native { key: native.to_owned(), value: effective.value.to_string() })
    };
    settings.iter().filter_map(own).collect()
}
