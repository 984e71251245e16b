//! Our own templates, part of the program: `templates/` at the top of the source tree.

/// What a template is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The public file that leads a phone to its HTTPS URL.
    Bootstrap,
    /// A public file that says almost nothing.
    Common,
    /// A phone's own settings, with secrets.
    Device,
    /// A phone's list of its own files; no secret.
    Master,
}

macro_rules! builtin {
    ($($role:ident $name:literal,)*) => {
        /// Every built-in: its name, its role, its text.
        pub const BUILTIN: &[(&str, Role, &str)] =
            &[$(($name, Role::$role, include_str!(concat!("../../templates/", $name)))),*];
    };
}

builtin! {
    Bootstrap "cisco/ata-bootstrap.xml",
    Device "cisco/ata.xml",
    Bootstrap "cisco/mpp-bootstrap.xml",
    Device "cisco/mpp.xml",
    Bootstrap "cisco/spa-bootstrap.xml",
    Device "cisco/spa.xml",
    Bootstrap "gigaset/bootstrap.xml",
    Common "gigaset/common.xml",
    Device "gigaset/device.xml",
    Bootstrap "grandstream/bootstrap.xml",
    Common "grandstream/common.xml",
    Device "grandstream/device.xml",
    Bootstrap "poly/bootstrap.cfg",
    Common "poly/common.cfg",
    Device "poly/device.cfg",
    Master "poly/master.cfg",
    Bootstrap "poly/obi-bootstrap.xml",
    Device "poly/obi-device.xml",
    Common "poly/zero-master.cfg",
    Bootstrap "snom/bootstrap.xml",
    Common "snom/common.xml",
    Device "snom/dect.xml",
    Device "snom/device.xml",
    Bootstrap "yealink/bootstrap.cfg",
    Common "yealink/common.cfg",
    Device "yealink/device.cfg",
}

/// What a template is for: a built-in's role by its name; a name of the operator's own is a provision template.
pub fn role(name: &str) -> Role {
    let name = name.strip_prefix("builtin/").unwrap_or(name);
    BUILTIN.iter().find(|(known, ..)| *known == name).map_or(Role::Device, |(_, role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_built_in() {
        let top = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        let mut found = Vec::new();
        for folder in std::fs::read_dir(top).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
            for file in std::fs::read_dir(folder.path()).unwrap().flatten() {
                found.push(format!("{}/{}", folder.file_name().display(), file.file_name().display()));
            }
        }
        found.sort();
        let mut built_in: Vec<_> = BUILTIN.iter().map(|(name, ..)| (*name).to_owned()).collect();
        built_in.sort();
        assert_eq!(found, built_in);
    }
}
