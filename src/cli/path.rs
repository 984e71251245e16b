//! How is an id written in a URL, and a filter in a query?

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::Value;

use super::failure::Failure;
use super::record::object;

/// Everything but what RFC 3986 calls unreserved, and what e-mail and MAC addresses have that is harmless in a path.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'@').remove(b':');

/// A path of segments; whatever an id holds, it stays one segment.
pub fn path(segments: &[&str]) -> String {
    let segment = |text: &&str| match *text {
        // Dots alone would be taken for a way through folders.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        text => utf8_percent_encode(text, PLAIN).to_string(),
    };
    segments.iter().map(segment).collect::<Vec<_>>().join("/")
}

/// The query of the filters that are set, with `&` before each.
pub fn query(filters: &impl Serialize) -> Result<String, Failure> {
    let mut query = String::new();
    for (name, value) in object(filters)? {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        query.push_str(&format!("&{name}={}", utf8_percent_encode(&text, PLAIN)));
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_leaves_its_place_in_a_path() {
        assert_eq!(path(&["users", "alice@example.com"]), "users/alice@example.com");
        assert_eq!(path(&["sites", "../status?x#y z"]), "sites/..%2Fstatus%3Fx%23y%20z");
        assert_eq!(path(&["sites", ".."]), "sites/%2E%2E");
        assert_eq!(path(&["devices", "80:5e:c0:11:22:33", "files"]), "devices/80:5e:c0:11:22:33/files");
    }

    #[test]
    fn a_filter_that_is_not_set_is_not_asked() {
        let filters = serde_json::json!({"site": "hq", "q": "a&b", "maker": null});
        assert_eq!(query(&filters).unwrap(), "&q=a%26b&site=hq");
    }
}
