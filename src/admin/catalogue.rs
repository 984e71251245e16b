//! `makers`, `models` and `settings-catalogue`: what the program knows by itself.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::answer::{has_words, page_of, shown_value};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::settings::{CATALOGUE, Entry, Kind};
use crate::makers::{self, Maker, Model};

/// The routes of this file. Everybody we know may read what is part of the program.
pub fn routes() -> Vec<Route> {
    vec![
        Route::open("/makers", list_makers)
            .about("the makers whose phones are served")
            .asks(&["limit", "cursor", "q"])
            .gives(200, Gives::Page("Maker")),
        Route::open("/makers/{maker}", show_maker).about("one of them").gives(200, Gives::One("Maker")),
        Route::open("/models", list_models)
            .about("the models there are")
            .asks(&["limit", "cursor", "maker", "q"])
            .gives(200, Gives::Page("Model")),
        Route::open("/models/{maker}/{model}", show_model)
            .about("one of them, by any usual spelling")
            .gives(200, Gives::One("Model")),
        Route::open("/settings-catalogue", settings)
            .about("every setting there is")
            .asks(&["limit", "cursor", "maker", "q"])
            .gives(200, Gives::Page("Setting")),
    ]
}

fn list_makers(ask: &Ask) -> Result<Response, Problem> {
    let wanted = makers::MAKERS.iter().filter(|maker| has_words(ask, &[maker.id(), maker.name()]));
    page_of(ask, wanted.map(|maker| (maker.id().to_owned(), of_maker(*maker))).collect())
}

fn show_maker(ask: &Ask) -> Result<Response, Problem> {
    let maker = makers::by_id(ask.id()).ok_or_else(|| Problem::not_found("maker", ask.id()))?;
    Ok(shown_value(StatusCode::OK, &of_maker(maker), None))
}

fn of_maker(maker: &dyn Maker) -> Value {
    let models = makers::models().iter().filter(|model| model.maker == maker.id()).count();
    let ouis: Vec<String> = maker.ouis().iter().map(|[a, b, c]| format!("{a:02x}:{b:02x}:{c:02x}")).collect();
    serde_json::json!({
        "id": maker.id(), "name": maker.name(), "models": models, "ouis": ouis,
        "unclaimed_poll": maker.unclaimed_poll(),
    })
}

fn list_models(ask: &Ask) -> Result<Response, Problem> {
    let maker = ask.asked("maker");
    let wanted = makers::models().iter().filter(|model| {
        let mut words: Vec<&str> = model.spellings.iter().map(String::as_str).collect();
        words.extend([model.model.as_str(), model.maker.as_str()]);
        maker.is_none_or(|maker| maker == model.maker) && has_words(ask, &words)
    });
    let mut all: Vec<_> = wanted.map(|model| (format!("{}/{}", model.maker, model.model), of_model(model))).collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    page_of(ask, all)
}

fn show_model(ask: &Ask) -> Result<Response, Problem> {
    let (maker, model) = (ask.param(0), ask.param(1));
    let found =
        makers::by_spelling(maker, model).ok_or_else(|| Problem::not_found("model", &format!("{maker}/{model}")));
    Ok(shown_value(StatusCode::OK, &of_model(found?), None))
}

fn of_model(model: &Model) -> Value {
    serde_json::json!({
        "maker": model.maker, "model": model.model, "spellings": model.spellings, "family": model.family,
        "accounts": model.accounts, "keys": model.keys, "common": model.common,
    })
}

fn settings(ask: &Ask) -> Result<Response, Problem> {
    let maker = ask.asked("maker");
    let heeds = |entry: &Entry| entry.makers.is_empty() || maker.is_none_or(|maker| entry.makers.contains(&maker));
    let wanted = CATALOGUE.iter().filter(|entry| heeds(entry) && has_words(ask, &[entry.key, entry.meaning]));
    page_of(ask, wanted.map(|entry| (entry.key.to_owned(), of_setting(entry))).collect())
}

fn of_setting(entry: &Entry) -> Value {
    let mut value = serde_json::json!({
        "name": entry.key, "meaning": entry.meaning, "default": entry.default, "makers": entry.makers, "unit": null,
    });
    let more = match entry.kind {
        Kind::Choice(words) => serde_json::json!({"type": "choice", "choices": words}),
        Kind::Host => serde_json::json!({"type": "host"}),
        Kind::Number(least, most) => serde_json::json!({"type": "number", "minimum": least, "maximum": most}),
        Kind::Text(most) => serde_json::json!({"type": "text", "longest": most}),
        Kind::Time(least, most) => {
            serde_json::json!({"type": "time", "unit": "s, m, h or d", "minimum": least, "maximum": most})
        }
    };
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}
