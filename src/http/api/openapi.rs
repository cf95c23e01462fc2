//! The description of the API, made of what its routes say and of who may use them.

use serde_json::{Map, Value};
use utoipa::PartialSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, Content, InfoBuilder, Object, OpenApi, OpenApiBuilder, Paths, Ref, RefOr, Response,
    ResponseBuilder, Schema, Type,
};

use crate::http::problem::ProblemDocument;
use crate::http::routes::{Routes, Rule};

/// The document of these routes, as JSON. It takes more stack than a thread of the runtime may have left.
pub(in crate::http) fn document(routes: &Routes) -> String {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let written = thread.spawn_scoped(scope, || written(routes));
        written.ok().and_then(|written| written.join().ok()).unwrap_or_default()
    })
}

/// Bytes of stack. The two million of a thread of the runtime were too few without optimisation.
const STACK: usize = 16 << 20;

fn written(routes: &Routes) -> String {
    let mut open = build(routes);
    open.openapi = utoipa::openapi::OpenApiVersion::Version31;
    let Ok(mut document) = serde_json::to_value(&open) else { return String::new() };
    let schemas = document.pointer("/components/schemas").cloned().unwrap_or_default();
    join_parts(&mut document, &schemas);
    document.to_string()
}

/// Makes one object of an `allOf`: parts that are closed, each to what the others have, are met by nothing.
fn join_parts(value: &mut Value, schemas: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| join_parts(item, schemas)),
        Value::Object(fields) => {
            if let Some(Value::Array(parts)) = fields.remove("allOf") {
                for part in &parts {
                    let name =
                        part["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/"));
                    join(fields, name.map_or(part, |name| &schemas[name]));
                }
            }
            fields.values_mut().for_each(|field| join_parts(field, schemas));
        }
        _ => {}
    }
}

/// Adds what a schema says of an object; what is there already stays.
fn join(fields: &mut Map<String, Value>, part: &Value) {
    for (key, said) in part.as_object().into_iter().flatten() {
        match (fields.get_mut(key), said) {
            (Some(Value::Object(there)), Value::Object(more)) => {
                there.extend(more.iter().map(|(name, field)| (name.clone(), field.clone())));
            }
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more.iter().cloned()),
            (Some(_), _) => {}
            (None, _) => {
                fields.insert(key.clone(), said.clone());
            }
        }
    }
}

fn build(routes: &Routes) -> OpenApi {
    let described = routes.described();
    let mut components = Components::new();
    components.schemas.extend(described.schemas.iter().cloned());
    components.schemas.insert("ProblemDocument".to_owned(), ProblemDocument::schema());
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    components.add_security_scheme("token", bearer);
    let mut paths = Paths::new();
    for (path, method, operation) in &described.operations {
        let mut operation = operation.clone();
        let tag = path.trim_start_matches("/api/v1/").split('/').next().unwrap_or_default().replace('-', "_");
        operation.tags.get_or_insert_with(|| vec![tag.clone()]);
        operation.operation_id = operation.operation_id.map(|name| format!("{tag}_{name}"));
        let rules = routes.all().filter(|route| route.path == *path);
        let rule = rules.map(|route| route.rule).next();
        let who = rule.map(said).unwrap_or_default();
        let words = operation.description.unwrap_or_default();
        operation.description = Some(format!("{words}\n\n{who}").trim().to_owned());
        operation.security = Some(vec![SecurityRequirement::new::<_, _, &str>("token", [])]);
        let problem = Content::new(Some(Ref::from_schema_name("ProblemDocument")));
        let refused = ResponseBuilder::new()
            .description("why it was not done; `code` is stable")
            .content("application/problem+json", problem)
            .build();
        operation.responses.responses.insert("default".to_owned(), refused.into());
        operation.responses.responses.insert("429".to_owned(), too_many().into());
        paths.add_path_operation(path, vec![method.clone()], operation);
    }
    let info = InfoBuilder::new()
        .title("chaobiao 抄表")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build()
}

/// What any request may be answered.
fn too_many() -> Response {
    let seconds = Object::builder().schema_type(Type::Integer).minimum(Some(1)).build();
    let wait = HeaderBuilder::new()
        .schema(Some(RefOr::T(Schema::Object(seconds))))
        .description(Some("in so many seconds it may be sent again"))
        .build();
    ResponseBuilder::new()
        .description("too many requests of this account; nothing was done")
        .header("Retry-After", wait)
        .content("application/problem+json", Content::new(Some(Ref::from_schema_name("ProblemDocument"))))
        .build()
}

/// Who may use it, in words.
pub(super) fn said(rule: Rule) -> String {
    match rule {
        Rule::Everybody => "Everybody may.".to_owned(),
        Rule::Unfinished | Rule::SignedIn => "Every account may.".to_owned(),
        Rule::May(action) => format!("Needs the right `{}`.", action.name()),
        Rule::MayOneOf(actions) => {
            let names: Vec<String> = actions.iter().map(|action| format!("`{}`", action.name())).collect();
            format!("Needs one of the rights {}.", names.join(", "))
        }
    }
}

const ABOUT: &str = "Automatic meter reading for DL/T 645 meters. Sign in with a token (Authorization: Bearer ..). Instants \
    are RFC 3339 in UTC, quantities are decimal strings with their unit in the key. What is not done is told by a problem \
    document with a stable `code`.";
