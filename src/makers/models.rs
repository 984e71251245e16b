//! Which models are there, how are they spelt, how many accounts and keys do they have? `templates/models.toml`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Maker;
use crate::inventory::device::ModelId;

/// A model of phone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its maker's id.
    pub maker: String,
    /// Its name in the catalogue.
    pub model: ModelId,
    /// Other spellings: of labels, User-Agents, other systems' exports.
    #[serde(default)]
    pub spellings: Vec<String>,
    /// Which of its maker's kinds of firmware it runs; makers with one kind leave it out.
    #[serde(default)]
    pub family: String,
    /// SIP accounts it holds.
    pub accounts: u8,
    /// Programmable keys of the phone itself.
    #[serde(default)]
    pub keys: u16,
    /// Number of its common file, for makers that number them.
    #[serde(default)]
    pub common: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    model: Vec<Model>,
}

static CATALOGUE: LazyLock<Vec<Model>> = LazyLock::new(|| {
    // The file is part of the program; a test reads it, so a fault in it never leaves the workshop.
    toml::from_str::<Catalogue>(include_str!("../../templates/models.toml"))
        .map(|catalogue| catalogue.model)
        .unwrap_or_default()
});

/// Every model, by maker and name.
pub fn models() -> &'static [Model] {
    &CATALOGUE
}

/// The model of that exact name.
pub fn model(maker: &str, model: &ModelId) -> Option<&'static Model> {
    models().iter().find(|known| known.maker == maker && known.model == *model)
}

/// The model a spelling means: letter case, spaces, dashes and underscores do not matter.
pub fn by_spelling(maker: &str, text: &str) -> Option<&'static Model> {
    BY_SPELLING.get(&(maker.to_owned(), folded(text))).copied()
}

/// The model a spelling means that may begin with one of its maker's names: `Polycom VVX 450`.
pub fn by_full_name(maker: &dyn Maker, text: &str) -> Option<&'static Model> {
    let whole = folded(text);
    let names = maker.brands().iter().copied().chain([maker.id(), maker.name()]);
    let short = names.filter_map(|name| whole.strip_prefix(&folded(name)).map(str::to_owned));
    short.chain([whole.clone()]).find_map(|text| by_spelling(maker.id(), &text))
}

/// Every model by its maker and each of its spellings, folded.
static BY_SPELLING: LazyLock<HashMap<(String, String), &'static Model>> = LazyLock::new(|| {
    let names = |model: &'static Model| {
        let names = model.spellings.iter().map(String::as_str).chain([model.model.as_str()]);
        names.map(move |name| ((model.maker.clone(), folded(name)), model))
    };
    models().iter().flat_map(names).collect()
});

/// A name without what spellings differ in: letters and digits alone, in lower case.
pub(super) fn folded(text: &str) -> String {
    text.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole_and_no_spelling_means_two_models() {
        let catalogue: Catalogue = toml::from_str(include_str!("../../templates/models.toml")).unwrap();
        let mut seen = std::collections::BTreeMap::new();
        for model in &catalogue.model {
            assert!(model.accounts > 0, "{}", model.model);
            let mut names: Vec<String> = model.spellings.iter().map(|spelling| folded(spelling)).collect();
            names.push(folded(model.model.as_str()));
            names.dedup();
            for name in names {
                assert_eq!(seen.insert((model.maker.clone(), name), &model.model), None, "{}", model.model);
            }
        }
        assert!(!catalogue.model.is_empty());
    }

    #[test]
    fn a_model_is_found_by_every_spelling() {
        for text in ["T46U", "SIP-T46U", "sip t46u", "t46u"] {
            assert_eq!(by_spelling("yealink", text).unwrap().model.as_str(), "T46U", "{text}");
        }
        assert_eq!(by_spelling("yealink", "T4"), None);
    }

    #[test]
    fn other_systems_exports_name_the_brand_twice() {
        for (brand, text, model) in [("Polycom", "Polycom VVX 450", "VVX450"), ("YEALINK", "yealink t46u", "T46U")] {
            let maker = super::super::by_brand(brand).unwrap();
            assert_eq!(by_full_name(maker, text).unwrap().model.as_str(), model, "{text}");
        }
        assert!(super::super::by_brand("Nokia").is_none());
    }
}
