//! What can be asked, for programs: the OpenAPI document, made from the table of routes and from `schemas.json`. A test
//! holds it against the router, and real answers against its schemas.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use serde_json::Value;
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{Object, ObjectBuilder, Ref, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, OpenApiBuilder, Paths, RefOr, Required, ResponseBuilder,
};

use super::answer::{json, shown_value};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};

/// The shapes of what is sent and answered, by name.
const SCHEMAS: &str = include_str!("schemas.json");

/// What can be asked beside the table, by everybody.
const BESIDE: &[(&str, &str)] = &[
    ("/healthz", "whether the daemon lives"),
    ("/metrics", "how it goes, in figures: OpenMetrics; for who may see the sites of the whole account"),
    ("/readyz", "whether phones are served as they should be; to those we know, why not"),
];

/// What stands behind the question mark, wherever it does.
const QUERY: &[(&str, &str)] = &[
    ("access", "only phones with this access: known, claim_open, bound, quarantined, retired"),
    ("action", "only these acts"),
    ("actor", "only acts of this administrator"),
    ("assignment", "none: only phones or numbers that belong to nobody"),
    ("code", "only findings of this kind"),
    ("cursor", "next_cursor of the page before"),
    ("id", "only acts on the thing of this name"),
    (
        "kind",
        "of which kind: of acts, the things they were done to; of a file, its rows (users, common-areas, devices, numbers)",
    ),
    ("limit", "how many at most: 1 to 500, 50 if left out"),
    ("mac", "only of this phone"),
    ("maker", "only of this maker"),
    ("mode", "what an absent column of a file means: exact, a blank cell; merge, nothing"),
    ("number_kind", "only numbers of this kind: toll, tollfree"),
    ("provisioning", "only phones that are so far: never, bootstrap, current, outdated, failed"),
    ("q", "only what has these words in its names, letter case aside"),
    ("reveal", "true: with its secrets, which needs credentials:reveal and is recorded"),
    ("severity", "only findings that are so bad: info, warning, error, critical"),
    ("site", "only at this site"),
];

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    vec![Route::open("/openapi.json", show).about("this document").gives(200, Gives::One("Document"))]
}

fn show(_: &Ask) -> Result<Response, Problem> {
    Ok(shown_value(StatusCode::OK, &document(&super::table())?, None))
}

/// The document of a table of routes.
pub fn document(table: &[Route]) -> Result<Value, Problem> {
    let mut paths = Paths::new();
    for route in table {
        if let Some(method) = method(&route.method) {
            paths.add_path_operation(format!("/api/v1{}", route.path), vec![method], operation(route));
        }
    }
    for (path, summary) in BESIDE {
        let answer = ResponseBuilder::new().description(*summary).content("text/plain", text());
        let operation = OperationBuilder::new().summary(Some(*summary)).tag("health").response("200", answer);
        paths.add_path_operation(*path, vec![HttpMethod::Get], operation);
    }
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let about = "Administration of ztpd. Over the Unix socket a caller is known by its user, over TCP by a token. Every \
                 refusal is a problem (RFC 9457) and changed nothing. A resource out of the caller's scope is not there.";
    let document = OpenApiBuilder::new()
        .info(InfoBuilder::new().title("ztpd").version(env!("CARGO_PKG_VERSION")).description(Some(about)))
        .paths(paths)
        .components(Some(ComponentsBuilder::new().security_scheme("token", bearer).build()))
        .security(Some([SecurityRequirement::new("token", [""; 0])]))
        .build();
    let mut document = json(&document)?;
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        components.insert("schemas".to_owned(), schemas()?);
    }
    Ok(document)
}

/// Read as they are: the builder's own types know fewer words of JSON Schema.
fn schemas() -> Result<Value, Problem> {
    serde_json::from_str(SCHEMAS)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

fn method(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::DELETE => HttpMethod::Delete,
        Method::GET => HttpMethod::Get,
        Method::PATCH => HttpMethod::Patch,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        _ => return None,
    })
}

fn operation(route: &Route) -> Operation {
    let needs = match route.needs {
        Some(permission) => format!("Needs {permission}."),
        None => "For every caller that is known.".to_owned(),
    };
    let (status, gives) = route.gives;
    let mut answer = ResponseBuilder::new().description("done");
    answer = match gives {
        Gives::Nothing => answer,
        Gives::Octets => answer.content("application/octet-stream", Content::new(None::<Schema>)),
        Gives::One(schema) => answer.content("application/json", one(schema)),
        Gives::Page(schema) => answer.content("application/json", page(schema)),
        Gives::Csv => answer.content("text/csv", text()),
        Gives::Text => answer.content("text/plain", text()),
    };
    let refusal = ResponseBuilder::new().description("refused").content("application/problem+json", one("Problem"));
    OperationBuilder::new()
        .summary(Some(route.summary))
        .description(Some(needs))
        .tag(route.path.split('/').nth(1).unwrap_or_default())
        .operation_id(Some(format!("{} {}", route.method, route.path)))
        .parameters(Some(parameters(route)))
        .request_body(route.takes.map(|schema| body(route, schema)))
        .response(status.to_string(), answer)
        .response("default", refusal)
        .build()
}

fn parameters(route: &Route) -> Vec<Parameter> {
    let varying = route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let in_path = varying.map(|name| parameter(name, ParameterIn::Path, Required::True, ""));
    let in_query = route.query.iter().map(|name| {
        let meaning = QUERY.iter().find(|(known, _)| known == name).map_or("", |(_, meaning)| meaning);
        parameter(name, ParameterIn::Query, Required::False, meaning)
    });
    let key = "repeat the request with the same key and it is carried out once; kept for a day, until a restart";
    let tag = "the ETag that must still be that of the resource; else 412";
    let headers: &[(&str, &str)] = match route.method {
        Method::POST => &[("Idempotency-Key", key)],
        Method::PUT | Method::PATCH | Method::DELETE => &[("If-Match", tag)],
        _ => &[],
    };
    let in_header =
        headers.iter().map(|(name, meaning)| parameter(name, ParameterIn::Header, Required::False, meaning));
    in_path.chain(in_query).chain(in_header).collect()
}

fn parameter(name: &str, place: ParameterIn, required: Required, meaning: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(required)
        .description((!meaning.is_empty()).then_some(meaning))
        .schema(Some(Object::with_type(Type::String)))
        .build()
}

fn body(route: &Route, schema: &str) -> RequestBody {
    let body = RequestBodyBuilder::new().required(Some(Required::True));
    if route.method == Method::PATCH {
        let about = format!("the fields of {schema} to change (RFC 7396); null takes one away");
        let part = ObjectBuilder::new().schema_type(Type::Object).description(Some(about));
        return body.content("application/merge-patch+json", Content::new(Some(Schema::from(part)))).build();
    }
    let body = body.content("application/json", one(schema));
    if route.takes_csv { body.content("text/csv", text()).build() } else { body.build() }
}

fn one(schema: &str) -> Content {
    Content::new(Some(Ref::from_schema_name(schema)))
}

fn page(schema: &str) -> Content {
    let items = utoipa::openapi::schema::ArrayBuilder::new().items(Ref::from_schema_name(schema));
    let cursor = ObjectBuilder::new()
        .schema_type(utoipa::openapi::schema::SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("continues the list; null at its end"));
    let page = ObjectBuilder::new().property("items", items).property("next_cursor", cursor);
    Content::new(Some(RefOr::T(Schema::from(page.required("items").required("next_cursor")))))
}

fn text() -> Content {
    Content::new(Some(Object::with_type(Type::String)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_says_what_it_does_and_every_name_it_uses_is_known() {
        let schemas: serde_json::Map<String, Value> = serde_json::from_str(SCHEMAS).unwrap();
        let mut used: BTreeSet<&str> = BTreeSet::from(["Problem"]);
        for route in super::super::table() {
            let name = format!("{} {}", route.method, route.path);
            assert!(!route.summary.is_empty(), "{name}");
            used.extend(route.takes);
            match route.gives.1 {
                Gives::One(schema) | Gives::Page(schema) => _ = used.insert(schema),
                Gives::Nothing => assert_eq!(route.gives.0, 204, "{name}"),
                Gives::Csv | Gives::Octets | Gives::Text => {}
            }
            for asked in route.query {
                assert!(QUERY.iter().any(|(known, _)| known == asked), "{name} {asked}");
            }
        }
        for schema in &used {
            assert!(schemas.contains_key(*schema), "{schema} is not in schemas.json");
        }
        for schema in schemas.keys() {
            let reference = format!("\"#/components/schemas/{schema}\"");
            assert!(used.contains(schema.as_str()) || SCHEMAS.contains(&reference), "{schema} is used by nothing");
        }
    }

    #[test]
    fn the_document_has_every_route_of_the_table_and_no_other() {
        let document = document(&super::super::table()).unwrap();
        let mut told = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            told.extend(
                operations.as_object().unwrap().keys().map(|method| format!("{} {path}", method.to_uppercase())),
            );
        }
        let table = super::super::table();
        let mut there: BTreeSet<String> =
            table.iter().map(|route| format!("{} /api/v1{}", route.method, route.path)).collect();
        assert_eq!(there.len(), table.len(), "a route is in the table twice");
        there.extend(BESIDE.iter().map(|(path, _)| format!("GET {path}")));
        assert_eq!(told, there);
        assert_eq!(document["openapi"], "3.1.0");
    }
}
