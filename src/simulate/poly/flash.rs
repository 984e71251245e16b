//! What does a Poly phone keep? The `device.*` parameters, and the configuration as it was last read.

use std::collections::BTreeMap;

use super::super::network::DhcpOptions;
use super::super::report::{Account, Password, Plane, Transport};
use super::super::startup::Startup;
use super::super::trust::Authority;
use super::super::url::{Url, UrlFault, split_port};
use super::file::{add_missing, device_settings, parameters};

/// What a phone remembers.
#[derive(Default)]
pub(super) struct Flash {
    device: BTreeMap<String, String>,
    /// The configuration as it was last read, used where no server answers.
    config: BTreeMap<String, String>,
}

impl Flash {
    pub(super) fn device(&self, name: &str) -> Option<&str> {
        self.device.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn config(&self, name: &str) -> Option<&str> {
        self.config.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// DHCP as far as it is wanted, then what is stored.
    pub(super) fn server(&self, options: &DhcpOptions) -> Result<Option<Url>, UrlFault> {
        let custom = self.device("device.dhcp.bootSrvOpt").and_then(|number| number.parse().ok()).unwrap_or(160);
        let wanted = self.device("device.dhcp.bootSrvUseOpt").unwrap_or("3").to_ascii_lowercase().replace(' ', "");
        let told = match wanted.as_str() {
            "0" | "opt66" => options.text(66),
            "1" | "custom" => options.text(custom),
            "2" | "static" => None,
            _ => options.text(custom).or_else(|| options.text(66)),
        };
        let stored = self.device("device.prov.serverName").filter(|name| *name != "0.0.0.0");
        let Some(text) = told.or(stored) else { return Ok(None) };
        if told.is_some() && text.contains("://") {
            return Url::parse(text).map(Some);
        }
        Url::with_plane(self.protocol(), text).map(Some)
    }

    pub(super) fn protocol(&self) -> Plane {
        match self.device("device.prov.serverType").unwrap_or("FTP") {
            "1" | "TFTP" => Plane::Tftp,
            "2" | "HTTP" => Plane::Http,
            "3" | "HTTPS" => Plane::Https,
            _ => Plane::Ftp,
        }
    }

    pub(super) fn authorities(&self) -> Vec<Authority> {
        let list = self.device("device.sec.TLS.profile.caCertList1").unwrap_or("All").to_ascii_lowercase();
        let mut found = Vec::new();
        for slot in [1, 2] {
            let counts = list == "all" || list.contains(&format!("platform{slot}")) || list == "platform1andplatform2";
            let pem = self.device(&format!("device.sec.TLS.customCaCert{slot}"));
            if let Some(pem) = pem.filter(|_| counts) {
                found.extend(Authority::from_pem(pem).unwrap_or_default());
            }
        }
        found
    }

    /// Takes what the files say, the first definition winning. Says whether flash settings changed.
    pub(super) fn take(&mut self, startup: &mut Startup<'_>, files: Vec<(String, Vec<u8>)>) -> bool {
        let mut merged = BTreeMap::new();
        for (name, bytes) in files {
            match parameters(&bytes) {
                Ok(found) => add_missing(&mut merged, found),
                Err(fault) => startup.trouble(format!("{name} is dropped: {fault}")),
            }
        }
        let mut changed = false;
        for (name, value) in device_settings(&merged) {
            if name.starts_with("device.sec.TLS.customCaCert") && !value.is_empty() {
                startup.believe(&name, Authority::from_pem(&value));
            }
            changed |= self.device.insert(name, value.clone()).as_ref() != Some(&value);
        }
        merged.retain(|name, _| !name.starts_with("device."));
        self.config = merged;
        changed
    }

    pub(super) fn account(&self, line: u16) -> Option<Account> {
        let get = |name: &str| self.config(&format!("reg.{line}.{name}"));
        let server =
            |name: &str| get(&format!("server.1.{name}")).or_else(|| self.config(&format!("voIpProt.server.1.{name}")));
        let address = get("address")?;
        let user = address.split('@').next().unwrap_or(address);
        let transport = match server("transport") {
            Some("TCPOnly" | "TCPpreferred") => Transport::Tcp,
            Some("TLS") => Transport::Tls,
            Some("UDPOnly") => Transport::Udp,
            _ => Transport::Dns,
        };
        let usual_port = match transport {
            Transport::Dns => 0,
            Transport::Tcp | Transport::Udp => 5060,
            Transport::Tls => 5061,
        };
        let (host, _) = split_port(server("address")?).ok()?;
        Some(Account {
            line,
            user: user.to_owned(),
            auth_user: get("auth.userId").unwrap_or(user).to_owned(),
            password: Password::new(get("auth.password")?),
            server: host.to_owned(),
            port: server("port").and_then(|port| port.parse().ok()).unwrap_or(usual_port),
            transport,
            display_name: get("displayName").unwrap_or_default().to_owned(),
            label: get("label").map(str::to_owned),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_means_ftp_and_static_means_flash() {
        let mut flash = Flash::default();
        let told = |text: &str| Some(text.to_owned());
        let mut options = DhcpOptions { option_66: told("10.0.0.1"), ..DhcpOptions::default() };
        let server = |flash: &Flash, options: &DhcpOptions| flash.server(options).unwrap().unwrap().to_string();
        assert_eq!(server(&flash, &options), "ftp://10.0.0.1");
        options.option_160 = told("tftp://10.0.0.2/");
        assert_eq!(server(&flash, &options), "tftp://10.0.0.2/");
        for (name, value) in [("prov.serverName", "h:8443/t/x"), ("prov.serverType", "3"), ("dhcp.bootSrvUseOpt", "2")]
        {
            flash.device.insert(format!("device.{name}"), value.to_owned());
        }
        assert_eq!(server(&flash, &options), "https://h:8443/t/x");
    }
}
