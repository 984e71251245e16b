//! `templates`: what phones' files are made from. They are changed as files, followed by a reload.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use super::answer::{has_words, page_of, shown_value};
use super::ask::Ask;
use super::problem::Problem;
use super::route::{Gives, Route};
use crate::inventory::device::TemplateName;
use crate::inventory::role::Permission;
use crate::templates::{RenderError, TemplateFault, TemplateSource, Templates, lint, role};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let view = Permission::TemplatesView;
    vec![
        Route::get("/templates", view, list)
            .about("the templates in force")
            .asks(&["limit", "cursor", "maker", "q"])
            .gives(200, Gives::Page("Template")),
        Route::get("/templates/{maker}/{name}", view, show)
            .about("one of them, with its text")
            .gives(200, Gives::One("Template")),
        Route::post("/templates/{maker}/{name}/lint", Permission::TemplatesRun, lint_one)
            .about("read the template again as its file is now, and try it on sample phones; nothing is changed")
            .takes("Empty")
            .gives(200, Gives::One("Lint")),
    ]
}

fn list(ask: &Ask) -> Result<Response, Problem> {
    let snapshot = ask.plane.snapshot.load();
    let wanted = snapshot.templates.sources().iter().filter(|(name, _)| {
        ask.asked("maker").is_none_or(|maker| maker == name.maker()) && has_words(ask, &[name.as_str()])
    });
    page_of(ask, wanted.map(|(name, source)| (name.to_string(), view(name, source))).collect())
}

fn show(ask: &Ask) -> Result<Response, Problem> {
    let snapshot = ask.plane.snapshot.load();
    let name = named(ask);
    let source = name.as_ref().and_then(|name| Some((name, snapshot.templates.sources().get(name)?)));
    let (name, source) = source.ok_or_else(|| missing(ask))?;
    let mut shown = view(name, source);
    if let (Some(fields), Some(text)) = (shown.as_object_mut(), snapshot.templates.text(name.as_str())) {
        fields.insert("text".to_owned(), text.into());
    }
    Ok(shown_value(StatusCode::OK, &shown, None))
}

/// The files as they lie now, which need not be those in force.
fn lint_one(ask: &Ask) -> Result<Response, Problem> {
    super::claims::nothing_said(ask)?;
    let snapshot = ask.plane.snapshot.load();
    let name = named(ask).ok_or_else(|| missing(ask))?;
    let folder = snapshot.config.templates_dir.as_deref();
    let faults: Vec<Value> = match Templates::load(folder) {
        Ok(templates) if !templates.contains(&name) => return Err(missing(ask)),
        Ok(templates) => lint(&templates).iter().filter_map(|fault| of_render(&name, fault)).collect(),
        Err(faults) => faults.iter().filter_map(|fault| of_fault(&name, fault)).collect(),
    };
    let answer = serde_json::json!({"id": name, "ok": faults.is_empty(), "faults": faults});
    Ok(shown_value(StatusCode::OK, &answer, None))
}

fn named(ask: &Ask) -> Option<TemplateName> {
    format!("{}/{}", ask.param(0), ask.param(1)).parse().ok()
}

fn missing(ask: &Ask) -> Problem {
    Problem::not_found("template", &format!("{}/{}", ask.param(0), ask.param(1)))
}

fn view(name: &TemplateName, source: &TemplateSource) -> Value {
    let (kind, path) = match source {
        TemplateSource::Builtin => ("builtin", None),
        TemplateSource::File(path) => ("file", Some(path.display().to_string())),
    };
    let file = name.as_str().split_once('/').map_or("", |(_, file)| file);
    let (maker, role) = (name.maker(), role(name.as_str()));
    serde_json::json!({"id": name, "maker": maker, "name": file, "role": role, "source": kind, "path": path})
}

fn of_render(name: &TemplateName, error: &RenderError) -> Option<Value> {
    match error {
        RenderError::Fault(fault) => of_fault(name, fault),
        RenderError::NoTemplate(template) | RenderError::TooLong(template) | RenderError::TooSlow(template) => {
            (template == name.as_str()).then(|| fault_at(template, 0, 0, &error.to_string()))
        }
        #[allow(unreachable_patterns)]
        other => Some(fault_at(name.as_str(), 0, 0, &other.to_string())),
    }
}

/// What is wrong with this template; of a fault without a template's name nobody knows whose it is.
fn of_fault(name: &TemplateName, fault: &TemplateFault) -> Option<Value> {
    match fault {
        TemplateFault::Broken { template, line, column, message } => {
            (template == name.as_str()).then(|| fault_at(template, *line, *column, message))
        }
        // A folder that others may change is a fault of every template in it.
        TemplateFault::Exposed(path) => {
            (path.ends_with(name.as_str()) || path.is_dir()).then(|| fault_at(name.as_str(), 0, 0, &fault.to_string()))
        }
        TemplateFault::Misplaced(path) | TemplateFault::Unreadable { path, .. } => {
            path.ends_with(name.as_str()).then(|| fault_at(name.as_str(), 0, 0, &fault.to_string()))
        }
    }
}

fn fault_at(template: &str, line: usize, column: usize, message: &str) -> Value {
    serde_json::json!({"template": template, "line": line, "column": column, "message": message})
}
