//! Which settings are there? Fields that name settings are looked at before they are read as a whole, so that the
//! refusal of one that does not exist says just that.

use serde_json::{Map, Value};

use super::problem::Problem;
use crate::inventory::settings::{CATALOGUE, SettingKey};
use crate::makers;

/// Refuses settings and locks that name no setting.
pub fn check_known(fields: &Map<String, Value>) -> Result<(), Problem> {
    let settings = fields.get("settings").and_then(Value::as_object);
    for name in settings.into_iter().flat_map(Map::keys) {
        let pointer = name.replace('~', "~0").replace('/', "~1");
        known(name).map_err(|message| refused(&format!("/settings/{pointer}"), message))?;
    }
    let locks = fields.get("locks").and_then(Value::as_array);
    for (index, name) in locks.into_iter().flatten().enumerate() {
        let Some(name) = name.as_str() else { continue };
        known(name).map_err(|message| refused(&format!("/locks/{index}"), message))?;
    }
    Ok(())
}

fn known(name: &str) -> Result<(), String> {
    let key: SettingKey = name.parse().map_err(|_| unknown(name))?;
    match key.native() {
        Some((maker, _)) if makers::by_id(maker).is_none() => {
            let makers: Vec<&str> = makers::MAKERS.iter().map(|maker| maker.id()).collect();
            Err(format!("there is no maker {maker}; known: {}", makers.join(", ")))
        }
        _ => Ok(()),
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = CATALOGUE.iter().map(|entry| entry.key).collect();
    format!("there is no setting {name:?}; known: {}, and a maker's own keys as <maker>:<native key>", known.join(", "))
}

fn refused(pointer: &str, message: String) -> Problem {
    Problem::field(pointer, "unknown_setting", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: Value) -> Result<(), Problem> {
        check_known(fields.as_object().unwrap())
    }

    #[test]
    fn only_settings_of_the_catalogue_and_of_known_makers_are_taken() {
        assert!(
            check(serde_json::json!({"name": "x", "settings": {"vlan.id": 1, "snom:codec1_name1": "g722"}})).is_ok()
        );
        assert!(check(serde_json::json!({"locks": ["language", 3]})).is_ok(), "what is no text is another fault");
        for fields in [
            serde_json::json!({"settings": {"vlan": 1}}),
            serde_json::json!({"settings": {"snomm:codec1_name1": "g722"}}),
            serde_json::json!({"locks": ["language", "lang"]}),
        ] {
            assert!(check(fields.clone()).is_err(), "{fields}");
        }
    }
}
