//! Which lines make a DHCP server do that? For dnsmasq, Kea and ISC dhcpd, ready to be pasted into their settings: by vendor
//! class, so that each maker's phones are told their own and nobody else is told anything.

use crate::makers::dhcp::{Class, FAMILIES, Family, Form};

/// A server's name and the lines for it.
type Lines = Vec<(&'static str, String)>;

/// A family as a DHCP server can know it.
struct Known {
    name: String,
    classes: Vec<&'static str>,
    option: u8,
}

/// Lines that lead the phones of these makers to a URL.
pub fn provisioning(url: &str, makers: &[&str]) -> Lines {
    let wanted = |family: &&Family| makers.contains(&family.maker);
    let known: Vec<Known> = FAMILIES.iter().filter(wanted).filter_map(Known::of).collect();
    vec![("dnsmasq", dnsmasq(&known, url)), ("kea", kea(&known, url)), ("isc-dhcpd", isc(&known, url))]
}

/// Lines that tell every client these time servers (option 42).
pub fn time_servers(addresses: &[String]) -> Lines {
    let list = addresses.join(",");
    vec![
        ("dnsmasq", format!("dhcp-option=option:ntp-server,{list}\n")),
        ("kea", format!("{{ \"name\": \"ntp-servers\", \"data\": \"{list}\" }}\n")),
        ("isc-dhcpd", format!("option ntp-servers {};\n", addresses.join(", "))),
    ]
}

impl Known {
    /// What its phones send that begins with a text, and the option that wins with them.
    fn of(family: &Family) -> Option<Known> {
        let begins = |class: &Class| match class {
            Class::Begins(octets) => std::str::from_utf8(octets).ok().filter(|text| !text.contains('\0')),
            Class::Has(_) => None,
        };
        let classes: Vec<&'static str> = family.classes.iter().filter_map(begins).collect();
        let option = family.sources.iter().find_map(|source| match source.form {
            Form::Text(code) if code != 60 => Some(code),
            _ => None,
        })?;
        let name = family.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' });
        (!classes.is_empty()).then(|| Known { name: name.collect(), classes, option })
    }
}

fn dnsmasq(known: &[Known], url: &str) -> String {
    let mut text = String::new();
    for Known { name, classes, option } in known {
        for class in classes {
            text.push_str(&format!("dhcp-vendorclass=set:{name},{class}\n"));
        }
        // Also to a client that does not ask for it: many phones leave one out of their list.
        text.push_str(&format!("dhcp-option-force=tag:{name},{option},\"{url}\"\n"));
    }
    text
}

fn kea(known: &[Known], url: &str) -> String {
    let class = |Known { name, classes, option }: &Known| {
        let begins = |class: &&str| format!("substring(option[60].hex,0,{}) == '{class}'", class.len());
        let test = classes.iter().map(begins).collect::<Vec<_>>().join(" or ");
        let define = match option {
            66 => String::new(),
            code => format!(
                "\n    \"option-def\": [ {{ \"name\": \"option-{code}\", \"code\": {code}, \"type\": \"string\", \"space\": \"dhcp4\" }} ],"
            ),
        };
        format!(
            "  {{ \"name\": \"{name}\", \"test\": \"{test}\",{define}\n    \"option-data\": [ {{ \"code\": {option}, \"data\": \"{url}\", \"always-send\": true }} ] }}"
        )
    };
    format!("\"client-classes\": [\n{}\n]\n", known.iter().map(class).collect::<Vec<_>>().join(",\n"))
}

fn isc(known: &[Known], url: &str) -> String {
    let mut text = String::new();
    let mut codes: Vec<u8> = known.iter().map(|known| known.option).filter(|code| *code != 66).collect();
    codes.sort_unstable();
    codes.dedup();
    for code in codes {
        text.push_str(&format!("option ztpd-{code} code {code} = text;\n"));
    }
    for Known { name, classes, option } in known {
        let begins =
            |class: &&str| format!("substring(option vendor-class-identifier, 0, {}) = \"{class}\"", class.len());
        let test = classes.iter().map(begins).collect::<Vec<_>>().join(" or ");
        let said = match option {
            66 => "tftp-server-name".to_owned(),
            code => format!("ztpd-{code}"),
        };
        text.push_str(&format!("class \"{name}\" {{\n  match if {test};\n  option {said} \"{url}\";\n}}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_makers_phones_are_told_the_option_that_wins_with_them() {
        let lines = provisioning("tftp://10.0.0.2/", &["yealink", "poly"]);
        let (server, text) = &lines[0];
        assert_eq!(*server, "dnsmasq");
        assert!(text.contains("dhcp-vendorclass=set:yealink,yealink\n"), "{text}");
        assert!(text.contains("dhcp-option-force=tag:yealink,66,\"tftp://10.0.0.2/\"\n"), "{text}");
        assert!(text.contains("dhcp-option-force=tag:poly-ucs,160,\"tftp://10.0.0.2/\"\n"), "{text}");
        assert!(!text.contains("snom"), "{text}");
    }

    #[test]
    fn keas_lines_are_json() {
        let makers: Vec<&str> = FAMILIES.iter().map(|family| family.maker).collect();
        let text = format!("{{{}}}", provisioning("tftp://10.0.0.2/", &makers)[1].1);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(json["client-classes"].as_array().unwrap().len() > 5);
    }
}
