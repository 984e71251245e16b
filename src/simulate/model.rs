//! Which phones can be acted out?

use std::fmt;

use serde::{Serialize, Serializer};

use super::phone::Firmware;
use super::{cisco, grandstream, poly, snom, yealink};

/// The makers whose phones are acted out.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Maker {
    /// Cisco: multiplatform phones and the SPA series.
    Cisco,
    /// Grandstream.
    Grandstream,
    /// Poly, formerly Polycom.
    Poly,
    /// Snom.
    Snom,
    /// Yealink.
    Yealink,
}

/// One model with the firmware it is acted out with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Model(Blueprint);

/// What a maker's file says of a model.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Blueprint {
    Cisco(cisco::Blueprint),
    Grandstream(grandstream::Blueprint),
    Poly(poly::Blueprint),
    Snom(snom::Blueprint),
    Yealink(yealink::Blueprint),
}

/// What a phone can come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// It ends with the account of its first line.
    Account,
    /// Its TLS is too old for a present-day server: it gets no further than the bootstrap.
    BootstrapOnly,
}

impl Model {
    /// Cisco CP-6841-3PCC.
    pub const CISCO_6841: Model = Model(Blueprint::Cisco(cisco::CP_6841));
    /// Cisco CP-7832-3PCC, a conference phone.
    pub const CISCO_7832: Model = Model(Blueprint::Cisco(cisco::CP_7832));
    /// Cisco CP-8841-3PCC.
    pub const CISCO_8841: Model = Model(Blueprint::Cisco(cisco::CP_8841));
    /// Cisco SPA504G.
    pub const CISCO_SPA504G: Model = Model(Blueprint::Cisco(cisco::SPA504G));
    /// Grandstream GRP2614.
    pub const GRANDSTREAM_GRP2614: Model = Model(Blueprint::Grandstream(grandstream::GRP2614));
    /// Grandstream GXP2170.
    pub const GRANDSTREAM_GXP2170: Model = Model(Blueprint::Grandstream(grandstream::GXP2170));
    /// Poly CCX 500.
    pub const POLY_CCX500: Model = Model(Blueprint::Poly(poly::CCX500));
    /// Poly VVX 450.
    pub const POLY_VVX450: Model = Model(Blueprint::Poly(poly::VVX450));
    /// Snom D345.
    pub const SNOM_D345: Model = Model(Blueprint::Snom(snom::D345));
    /// Snom D735.
    pub const SNOM_D735: Model = Model(Blueprint::Snom(snom::D735));
    /// Snom D785.
    pub const SNOM_D785: Model = Model(Blueprint::Snom(snom::D785));
    /// Yealink T42S with firmware V80, older than boot files.
    pub const YEALINK_T42S: Model = Model(Blueprint::Yealink(yealink::T42S));
    /// Yealink T46U.
    pub const YEALINK_T46U: Model = Model(Blueprint::Yealink(yealink::T46U));
    /// Yealink T54W.
    pub const YEALINK_T54W: Model = Model(Blueprint::Yealink(yealink::T54W));

    /// Every model there is.
    pub const ALL: [Model; 14] = [
        Model::CISCO_6841,
        Model::CISCO_7832,
        Model::CISCO_8841,
        Model::CISCO_SPA504G,
        Model::GRANDSTREAM_GRP2614,
        Model::GRANDSTREAM_GXP2170,
        Model::POLY_CCX500,
        Model::POLY_VVX450,
        Model::SNOM_D345,
        Model::SNOM_D735,
        Model::SNOM_D785,
        Model::YEALINK_T42S,
        Model::YEALINK_T46U,
        Model::YEALINK_T54W,
    ];

    /// The model with this name, however it is punctuated, with or without what its maker puts round it (`CP-8841-3PCC`, `8841`).
    pub fn named(maker: Maker, name: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|model| model.maker() == maker && core_name(model.name()) == core_name(name))
    }

    /// Who makes it.
    pub fn maker(self) -> Maker {
        match self.0 {
            Blueprint::Cisco(_) => Maker::Cisco,
            Blueprint::Grandstream(_) => Maker::Grandstream,
            Blueprint::Poly(_) => Maker::Poly,
            Blueprint::Snom(_) => Maker::Snom,
            Blueprint::Yealink(_) => Maker::Yealink,
        }
    }

    /// Its name in the maker's catalogue.
    pub fn name(self) -> &'static str {
        match self.0 {
            Blueprint::Cisco(blueprint) => blueprint.name,
            Blueprint::Grandstream(blueprint) => blueprint.name,
            Blueprint::Poly(blueprint) => blueprint.name,
            Blueprint::Snom(blueprint) => blueprint.name,
            Blueprint::Yealink(blueprint) => blueprint.name,
        }
    }

    /// What it can come to at best.
    pub fn expect(self) -> Expect {
        match self.0 {
            Blueprint::Cisco(blueprint) if blueprint.is_spa() => Expect::BootstrapOnly,
            _ => Expect::Account,
        }
    }

    pub(super) fn firmware(self) -> Box<dyn Firmware> {
        match self.0 {
            Blueprint::Cisco(blueprint) => Box::new(cisco::Software::new(blueprint)),
            Blueprint::Grandstream(blueprint) => Box::new(grandstream::Software::new(blueprint)),
            Blueprint::Poly(blueprint) => Box::new(poly::Software::new(blueprint)),
            Blueprint::Snom(blueprint) => Box::new(snom::Software::new(blueprint)),
            Blueprint::Yealink(blueprint) => Box::new(yealink::Software::new(blueprint)),
        }
    }
}

fn core_name(name: &str) -> String {
    let upper: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let upper = upper.strip_suffix("3PCC").unwrap_or(&upper);
    let upper = ["CP", "SIP", "SNOM"].iter().find_map(|prefix| upper.strip_prefix(prefix)).unwrap_or(upper);
    upper.to_owned()
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Maker::Cisco => "cisco",
            Maker::Grandstream => "grandstream",
            Maker::Poly => "poly",
            Maker::Snom => "snom",
            Maker::Yealink => "yealink",
        })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.maker(), self.name())
    }
}

impl Serialize for Model {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_found_by_any_usual_name() {
        for name in ["8841", "CP-8841-3PCC", "cp8841", "8841-3PCC"] {
            assert_eq!(Model::named(Maker::Cisco, name), Some(Model::CISCO_8841), "{name}");
        }
        assert_eq!(Model::named(Maker::Yealink, "SIP-T46U"), Some(Model::YEALINK_T46U));
        assert_eq!(Model::named(Maker::Poly, "VVX_450"), Some(Model::POLY_VVX450));
        assert_eq!(Model::named(Maker::Snom, "snomD785"), Some(Model::SNOM_D785));
        assert_eq!(Model::named(Maker::Snom, "T46U"), None);
    }

    #[test]
    fn only_the_spa_stops_at_the_bootstrap() {
        for model in Model::ALL {
            let expected = if model == Model::CISCO_SPA504G { Expect::BootstrapOnly } else { Expect::Account };
            assert_eq!(model.expect(), expected, "{model}");
        }
    }
}
