//! Is this a phone we know? Maker, model and template as the catalogues spell them.

use super::near::hint;
use crate::inventory::device::{Device, TemplateName};
use crate::makers::{self, Maker};
use crate::templates::Templates;

/// What of a phone is in no catalogue.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ModelFault {
    /// The maker.
    #[error("there is no maker {maker}{}; known: {known}", hint(.maker, .known.split(", ")))]
    Maker {
        /// As it was given.
        maker: String,
        /// Those there are.
        known: String,
    },
    /// The model.
    #[error("{maker} has no model {model:?}{hint}; known: {known}")]
    Model {
        /// The maker's name.
        maker: &'static str,
        /// As it was given.
        model: String,
        /// What may have been meant.
        hint: String,
        /// Those there are.
        known: String,
    },
    /// The template.
    #[error("{maker} has no template {template}")]
    Template {
        /// The maker's name.
        maker: &'static str,
        /// As it was given.
        template: TemplateName,
    },
}

impl ModelFault {
    /// The field that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            ModelFault::Maker { .. } => "maker",
            ModelFault::Model { .. } => "model",
            ModelFault::Template { .. } => "template",
        }
    }

    /// What kind of fault, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ModelFault::Maker { .. } => "unknown_maker",
            ModelFault::Model { .. } => "unknown_model",
            ModelFault::Template { .. } => "unknown_template",
        }
    }

    /// A maker that no catalogue has.
    pub fn maker(maker: &str) -> ModelFault {
        let known: Vec<&str> = makers::MAKERS.iter().map(|maker| maker.id()).collect();
        ModelFault::Maker { maker: maker.to_owned(), known: known.join(", ") }
    }

    /// A model that its maker does not have.
    pub fn model(maker: &dyn Maker, model: &str) -> ModelFault {
        let of_maker = || makers::models().iter().filter(|known| known.maker == maker.id());
        let known: Vec<&str> = of_maker().map(|known| known.model.as_str()).collect();
        let hint = hint(model, known.iter().copied());
        ModelFault::Model { maker: maker.name(), model: model.to_owned(), hint, known: known.join(", ") }
    }
}

/// The device as the catalogues spell it, and its maker: any usual spelling of a model is taken.
pub fn catalogued(mut device: Device, templates: &Templates) -> Result<(Device, &'static dyn Maker), ModelFault> {
    let Some(maker) = makers::by_id(device.maker.as_str()) else {
        return Err(ModelFault::maker(device.maker.as_str()));
    };
    let Some(model) = makers::by_spelling(maker.id(), device.model.as_str()) else {
        return Err(ModelFault::model(maker, device.model.as_str()));
    };
    device.model = model.model.clone();
    match &device.template {
        Some(template) if template.maker() != maker.id() || !templates.contains(template) => {
            Err(ModelFault::Template { maker: maker.name(), template: template.clone() })
        }
        _ => Ok((device, maker)),
    }
}
