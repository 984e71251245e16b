//! What does a Yealink phone keep? Its settings by the names its firmware knows, digests of what it applied, and authorities.

use std::collections::BTreeMap;

use super::super::carrier::Manner;
use super::super::network::DhcpOptions;
use super::super::report::{Account, Password, Transport};
use super::super::startup::{PowerCut, Startup};
use super::super::trust::Authority;
use super::super::url::Url;
use super::file::{ConfigFile, Value, known_key};

/// The setting with the provisioning URL.
pub(super) const SERVER: &str = "auto_provision.server.url";

/// What a phone remembers.
#[derive(Clone, Default)]
pub(super) struct Flash {
    /// Settings by the name this firmware knows them by.
    pub(super) settings: BTreeMap<String, String>,
    /// The digest of each file as it was last applied.
    pub(super) applied: BTreeMap<String, String>,
    pub(super) authorities: Vec<Authority>,
}

/// The URLs to try, best first: DHCP while it is switched on, then what is stored.
pub(super) fn sources(flash: &Flash, options: &DhcpOptions) -> Vec<Result<Url, String>> {
    let mut found = Vec::new();
    if flash.get("auto_provision.dhcp_option.enable") != Some("0") {
        let own = flash.get("auto_provision.dhcp_option.list_user_options").unwrap_or_default();
        let numbers = own.split(',').filter_map(|number| number.trim().parse().ok()).chain([66, 43]);
        if let Some((number, text)) = numbers.filter_map(|number| Some((number, options.text(number)?))).next() {
            let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("tftp://{text}")) };
            found.push(url.map_err(|fault| format!("DHCP option {number}: {fault}")));
        }
    }
    if let Some(stored) = flash.get(SERVER).filter(|stored| !stored.is_empty()) {
        found.push(Url::parse(stored).map_err(|fault| format!("{SERVER}: {fault}")));
    }
    found
}

impl Flash {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key).map(String::as_str)
    }

    /// Takes a file's settings; gives back the URL of an authority if the file names one.
    pub(super) fn take(
        &mut self,
        major: u16,
        file: ConfigFile,
        startup: &mut Startup<'_>,
        name: &str,
    ) -> Option<String> {
        for line in file.odd {
            startup.trouble(format!("{name}: {line:?} is no setting"));
        }
        let mut authority = None;
        for (key, value) in file.settings {
            let Some(key) = known_key(major, &key) else { continue };
            match value {
                Value::Blank => {}
                Value::Null => {
                    self.settings.insert(key.to_owned(), String::new());
                }
                Value::Text(text) if key == "security.user_password" => {
                    // The one key that is meant to be repeated: a line for each web user.
                    if let Some((user, password)) = text.split_once(':') {
                        self.settings.insert(format!("{key}/{user}"), password.to_owned());
                    }
                }
                Value::Text(text) => {
                    if key == "trusted_certificates.url" {
                        authority = Some(text.clone());
                    }
                    self.settings.insert(key.to_owned(), text);
                }
            }
        }
        authority
    }

    pub(super) async fn load_authority(
        &mut self,
        manner: &Manner,
        startup: &mut Startup<'_>,
        base: &Url,
        named: &str,
    ) -> Result<(), PowerCut> {
        let url = if named.contains("://") { Url::parse(named) } else { Ok(base.file(named)) };
        let url = match url {
            Ok(url) => url,
            Err(fault) => {
                startup.trouble(format!("trusted_certificates.url: {fault}"));
                return Ok(());
            }
        };
        let why = "authority to trust, named by its settings";
        for authority in startup.fetch_authorities(manner, &url, why).await? {
            if !self.authorities.contains(&authority) {
                self.authorities.push(authority);
            }
        }
        Ok(())
    }

    pub(super) fn account(&self, line: u16) -> Option<Account> {
        let get = |name: &str| self.get(&format!("account.{line}.{name}")).filter(|value| !value.is_empty());
        if get("enable") != Some("1") {
            return None;
        }
        let user = get("user_name")?;
        let server = get("sip_server.1.address").or_else(|| get("sip_server_host"))?;
        let transport = match get("sip_server.1.transport_type").or_else(|| get("transport")) {
            Some("1") => Transport::Tcp,
            Some("2") => Transport::Tls,
            Some("3") => Transport::Dns,
            _ => Transport::Udp,
        };
        Some(Account {
            line,
            user: user.to_owned(),
            auth_user: get("auth_name").unwrap_or(user).to_owned(),
            password: Password::new(get("password")?),
            server: server.to_owned(),
            port: get("sip_server.1.port").and_then(|port| port.parse().ok()).unwrap_or(5060),
            transport,
            display_name: get("display_name").unwrap_or_default().to_owned(),
            label: get("label").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dhcp_comes_before_flash_and_its_options_in_their_order() {
        let mut flash = Flash::default();
        let mut set = |key: &str, value: &str| {
            flash.settings.insert(key.to_owned(), value.to_owned());
        };
        set(SERVER, "https://stored/");
        set("auto_provision.dhcp_option.list_user_options", "160");
        let told = |text: &str| Some(text.to_owned());
        let mut options = DhcpOptions { option_43: told("https://a/"), ..DhcpOptions::default() };
        let first = |flash: &Flash, options: &DhcpOptions| {
            sources(flash, options).first().unwrap().as_ref().map(ToString::to_string).map_err(Clone::clone)
        };
        assert_eq!(first(&flash, &options), Ok("https://a/".to_owned()));
        options.option_66 = told("10.0.0.1");
        assert_eq!(first(&flash, &options), Ok("tftp://10.0.0.1".to_owned()));
        options.option_160 = told("http://b/");
        assert_eq!(first(&flash, &options), Ok("http://b/".to_owned()));
        flash.settings.insert("auto_provision.dhcp_option.enable".to_owned(), "0".to_owned());
        assert_eq!(first(&flash, &options), Ok("https://stored/".to_owned()));
    }
}
