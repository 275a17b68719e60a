//! `--format`: Go templates with docker's functions.
//!
//! The engine is `gotmpl`; here are docker's functions (`json`, `split`, `join`, `title`, `lower`,
//! `upper`, `pad`, `truncate`), its method `.Label "key"`, and its messages.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use anyhow::{Result, anyhow};
use gotmpl::{MissingKey, Template, TemplateError, Value};
use serde_json::Value as Json;

/// The entry of a row that `.Label` looks into; no field has such a name.
pub const LABELS: &str = "\0labels";

/// What a template is filled with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// Data: every function does its work.
    Data,
    /// Column headers: functions leave them as they are, except for `pad`, so that they stand over their columns.
    Headers,
}

/// A template that is ready.
pub struct Compiled {
    template: Template,
    source: String,
}

/// The order of keys in the documents that are shown, so that `json` keeps docker's: the sorted keys of an
/// object lead to the keys as they stand.
pub type KeyOrder = HashMap<Vec<String>, Vec<String>>;

/// Compiles a template; an error is Go's text, without docker's words before it.
pub fn compile(source: &str, fill: Fill, order: KeyOrder) -> Result<Compiled> {
    compile_with(source, fill, order, MissingKey::Error)
}

/// The same for data with maps, whose keys may be missing: `<no value>`.
pub fn compile_lenient(source: &str, order: KeyOrder) -> Result<Compiled> {
    compile_with(source, Fill::Data, order, MissingKey::Invalid)
}

fn compile_with(source: &str, fill: Fill, order: KeyOrder, missing: MissingKey) -> Result<Compiled> {
    let rewritten = rewrite_label(source);
    let template = with_functions(Template::new("").missing_key(missing), fill, order)
        .parse(&rewritten)
        .map_err(|error| anyhow!("{}", plain_message(error)))?;
    Ok(Compiled { template, source: source.to_owned() })
}

impl Compiled {
    /// Fills the template; an error is Go's text. `kind` is the type that lacks a field, as docker names it,
    /// or nothing where fields are those of a map.
    pub fn fill(&self, data: &Value, kind: Option<&str>) -> Result<String> {
        let mut text = String::new();
        self.template
            .execute_fmt(&mut text, data)
            .map_err(|error| anyhow!("{}", self.message(error, kind)))?;
        Ok(text)
    }

    /// Fills the template with headers: as far as it gets, as docker does, unless a field does not exist.
    pub fn fill_headers(&self, headers: &Value, kind: &str) -> Result<String> {
        let mut text = String::new();
        match self.template.execute_fmt(&mut text, headers) {
            Err(error @ TemplateError::MissingKey { .. }) => {
                Err(anyhow!("{}", self.message(error, Some(kind))))
            }
            _ => Ok(text),
        }
    }

    fn message(&self, error: TemplateError, kind: Option<&str>) -> String {
        let TemplateError::MissingKey { key } = error else { return plain_message(error) };
        let (line, column, node) = locate(&self.source, &key);
        let what = match kind {
            Some(kind) => format!("can't evaluate field {key} in type {kind}"),
            None => format!("map has no entry for key \"{key}\""),
        };
        format!("template: :{line}:{column}: executing \"\" at <{node}>: {what}")
    }
}

/// Where a field is first named: line, byte in the line, and the dotted path it ends.
fn locate<'a>(source: &'a str, key: &str) -> (usize, usize, &'a str) {
    let field = format!(".{key}");
    let at = source.find(&field).unwrap_or(0);
    let end = (at + field.len()).min(source.len());
    let path = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let start = source[..at].rfind(|c| !path(c)).map_or(0, |before| before + 1);
    let line_start = source[..start].rfind('\n').map_or(0, |newline| newline + 1);
    // Go points at the first field alone, and at the last dot of a longer path.
    let column = if start == at { start } else { at };
    (1 + source[..start].matches('\n').count(), column - line_start, &source[start..end])
}

fn plain_message(error: TemplateError) -> String {
    match error {
        TemplateError::Parse { line, message, .. } | TemplateError::Lex { line, message, .. } => {
            format!("template: :{line}: {message}")
        }
        TemplateError::UndefinedFunction(name) => format!("template: :1: function \"{name}\" not defined"),
        other => format!("template: :1: {other}"),
    }
}

/// `.Label "k"` is a call of a method, which the engine's data has not: it becomes `label $ "k"`.
fn rewrite_label(source: &str) -> String {
    let mut rewritten = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find(".Label ") {
        let begins = rest[..at].chars().last().is_none_or(|before| "{ ($|-".contains(before));
        let before = rest[..at].strip_suffix('$').unwrap_or(&rest[..at]);
        rewritten.push_str(if begins { before } else { &rest[..at] });
        rewritten.push_str(if begins { "label $ " } else { ".Label " });
        rest = &rest[at + ".Label ".len()..];
    }
    rewritten + rest
}

fn with_functions(template: Template, fill: Fill, order: KeyOrder) -> Template {
    let text = |args: &[Value], index: usize| args.get(index).map(ToString::to_string).unwrap_or_default();
    let number = |args: &[Value], index: usize| args.get(index).and_then(Value::as_int).unwrap_or(0).max(0);
    let string = |text: String| Ok(Value::String(text.into()));
    let padded = move |args: &[Value]| string(pad(&text(args, 0), number(args, 1), number(args, 2)));
    if fill == Fill::Headers {
        let same = |template: Template, name: &&str| {
            template.func(name, |args| Ok(args.first().cloned().unwrap_or(Value::Nil)))
        };
        // `join` and `split` take what they work on first, as the others do.
        let names = ["json", "split", "join", "title", "lower", "upper", "truncate"];
        let template = names.iter().fold(template, same);
        return template.func("pad", padded).func("label", move |args| string(label_header(&text(args, 1))));
    }
    template
        .func("json", move |args| string(encode(args.first().unwrap_or(&Value::Nil), &order)))
        .func("split", move |args| {
            let (whole, separator) = (text(args, 0), text(args, 1));
            let parts: Vec<Value> = match separator.is_empty() {
                true => whole.chars().map(|c| Value::String(c.to_string().into())).collect(),
                false => whole.split(&separator).map(|part| Value::String(part.into())).collect(),
            };
            Ok(Value::List(parts.into()))
        })
        .func("join", move |args| {
            let parts = match args.first() {
                Some(Value::List(parts)) => parts.iter().map(ToString::to_string).collect(),
                _ => Vec::new(),
            };
            string(parts.join(&text(args, 1)))
        })
        .func("title", move |args| string(title(&text(args, 0))))
        .func("lower", move |args| string(text(args, 0).to_lowercase()))
        .func("upper", move |args| string(text(args, 0).to_uppercase()))
        .func("pad", padded)
        .func("truncate", move |args| string(text(args, 0).chars().take(number(args, 1) as usize).collect()))
        .func("label", move |args| string(label(args.first(), &text(args, 1))))
}

/// The first letter of every word in upper case.
fn title(text: &str) -> String {
    let mut inside = false;
    let raise = |c: char| {
        let first = c.is_alphabetic() && !inside;
        inside = c.is_alphanumeric() || c == '_' || c == '\'';
        if first { c.to_uppercase().collect::<String>() } else { c.to_string() }
    };
    text.chars().map(raise).collect()
}

/// Spaces around a text that is not empty: docker's `pad`. A template cannot ask for more than a screen.
fn pad(text: &str, before: i64, after: i64) -> String {
    let spaces = |count: i64| " ".repeat(count.min(1000) as usize);
    if text.is_empty() { String::new() } else { format!("{}{text}{}", spaces(before), spaces(after)) }
}

/// The header of a column of labels: the last part of the name, as words (docker's `SubHeaderContext.Label`).
fn label_header(key: &str) -> String {
    key.rsplit('.').next().unwrap_or_default().replace(['-', '_'], " ")
}

fn label(row: Option<&Value>, key: &str) -> String {
    let labels = row.and_then(|row| row.field(LABELS));
    labels.and_then(|labels| labels.field(key)).map(ToString::to_string).unwrap_or_default()
}

/// Notes the order of the keys of every object in `document`.
pub fn key_order(document: &Json, order: &mut KeyOrder) {
    match document {
        Json::Object(object) => {
            let keys: Vec<String> = object.keys().cloned().collect();
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            if keys != sorted {
                order.insert(sorted, keys);
            }
            object.values().for_each(|value| key_order(value, order));
        }
        Json::Array(array) => array.iter().for_each(|value| key_order(value, order)),
        _ => {}
    }
}

/// A JSON document as template data.
pub fn data(document: &Json) -> Value {
    match document {
        Json::Null => Value::Nil,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(value) => Value::Int(value),
            None => number.as_u64().map_or_else(|| Value::Float(number.as_f64().unwrap_or(0.0)), Value::Uint),
        },
        Json::String(text) => Value::String(text.as_str().into()),
        Json::Array(array) => Value::List(array.iter().map(data).collect::<Vec<_>>().into()),
        Json::Object(object) => Value::Map(Arc::new(
            object
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), data(value)))
                .collect::<BTreeMap<_, _>>(),
        )),
    }
}

/// Encodes template data as Go's `json.Marshal` does, without its escapes of `<`, `>` and `&`.
fn encode(value: &Value, order: &KeyOrder) -> String {
    match value {
        Value::Nil | Value::Function(_) => "null".to_owned(),
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Float(_) => value.to_string(),
        Value::String(text) => Json::from(&**text).to_string(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| encode(item, order)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(map) => encode_map(map, order),
    }
}

fn encode_map(map: &BTreeMap<Arc<str>, Value>, order: &KeyOrder) -> String {
    let sorted: Vec<String> = map.keys().filter(|key| &***key != LABELS).map(ToString::to_string).collect();
    let keys = order.get(&sorted).unwrap_or(&sorted);
    let mut text = String::from("{");
    for key in keys {
        let comma = if text.len() > 1 { "," } else { "" };
        let value = map.get(key.as_str()).map_or_else(|| "null".to_owned(), |value| encode(value, order));
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{}:{value}", Json::from(key.as_str()));
    }
    text + "}"
}

/// The escapes that Go's encoder makes so that JSON may stand in HTML; docker's rows have them.
pub fn escape_html(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Turns `\t` and `\n`, as typed in a shell, into what they mean.
pub fn unescape(format: &str) -> String {
    format.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fill(source: &str, document: &Json) -> Result<String> {
        let mut order = KeyOrder::new();
        key_order(document, &mut order);
        compile(source, Fill::Data, order)?.fill(&data(document), None)
    }

    #[test]
    fn functions() {
        let row = json!({"ID": "4f5b00000000", "Image": "nginx:1.25", "State": "running", "Empty": "", "N": 3,
            "Odd": "<a href='x y'>&\"", "List": ["b", "c"], "Map": {"k": "v", "a": "w"}, "Yes": true, "Nothing": [],
            "Ports": {"80/tcp": [{"HostPort": "8080"}], "53/udp": null}, LABELS: {"a": "1"}});
        for (template, want) in [
            // Docker's.
            ("{{truncate .ID 3}} {{truncate .State 99}}", "4f5 running"),
            ("[{{pad .State 1 2}}][{{pad .Empty 1 2}}]", "[ running  ][]"),
            ("{{upper .State}} {{lower .State}} {{title .State}}", "RUNNING running Running"),
            ("{{title \"a b-c d'e\"}}", "A B-C D'e"),
            ("{{split .Image \":\"}}", "[nginx 1.25]"),
            ("{{index (split .Image \":\") 1}}", "1.25"),
            ("{{join (split .Image \":\") \"-\"}} {{join .List \"+\"}}", "nginx-1.25 b+c"),
            ("{{.Label \"a\"}}{{.Label \"zz\"}}", "1"),
            ("{{range .List}}{{$.Label \"a\"}}{{.}}{{end}}", "1b1c"),
            ("{{if eq (.Label \"a\") \"1\"}}y{{end}}", "y"),
            (
                "{{json .Image}} {{json .N}} {{json .List}} {{json .Yes}}",
                "\"nginx:1.25\" 3 [\"b\",\"c\"] true",
            ),
            ("{{json .Odd}}", "\"<a href='x y'>&\\\"\""),
            ("{{.State | upper | json}}", "\"RUNNING\""),
            // Go's.
            (
                "{{printf \"%.3s|%-4d|%q|%v|%5.1f|%x|%%\" .ID .N .State .List 2.25 .N}}",
                "4f5|3   |\"running\"|[b c]|  2.2|3|%",
            ),
            ("{{print .N .State}}|{{println .State .N}}", "3running|running 3\n"),
            ("{{len .State}} {{len .List}} {{len .Map}}", "7 2 2"),
            ("{{index .List 1}} {{index .Map \"k\"}}", "c v"),
            ("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"),
            ("{{slice .ID 0 4}} {{slice .ID 4}} {{slice .List 1 2}}", "4f5b 00000000 [c]"),
            ("{{html .Odd}}", "&lt;a href=&#39;x y&#39;&gt;&amp;&#34;"),
            ("{{js .Odd}}", "\\u003Ca href\\u003D\\'x y\\'\\u003E\\u0026\\\""),
            ("{{urlquery .Odd}}", "%3Ca+href%3D%27x+y%27%3E%26%22"),
            ("{{and .Yes .Empty}}|{{or .Empty .State}}|{{not .Yes}}", "|running|false"),
            ("{{eq .N 3}} {{eq .State \"a\" \"running\"}} {{ne .N 3}}", "true true false"),
            ("{{lt .N 4}} {{le .N 3}} {{gt .N 3}} {{ge .N 4}}", "true true false false"),
            ("{{range $k, $v := .Map}}{{$k}}={{$v}};{{end}}", "a=w;k=v;"),
            ("{{range $i, $v := .List}}{{if $i}},{{end}}{{$v}}{{end}}", "b,c"),
            ("{{range .Nothing}}x{{else}}none{{end}}", "none"),
            ("{{with .Map}}{{.k}}{{end}}{{with .Empty}}x{{else}}-{{end}}", "v-"),
            ("{{$s := .State}}{{$s}} {{- /* a comment */ -}} !", "running!"),
            (
                "{{range $p, $b := .Ports}}{{$p}}{{if $b}}:{{(index $b 0).HostPort}}{{end}} {{end}}",
                "53/udp 80/tcp:8080 ",
            ),
            ("{{define \"x\"}}<{{.}}>{{end}}{{template \"x\" .State}}", "<running>"),
            ("{{.Map}} {{.Yes}} {{.N}}", "map[a:w k:v] true 3"),
        ] {
            assert_eq!(fill(template, &row).unwrap_or_else(|error| error.to_string()), want, "{template}");
        }
    }

    #[test]
    fn headers_stay_whole() {
        let headers = json!({"ID": "CONTAINER ID", "Names": "NAMES"});
        for (template, want) in [
            ("{{.ID}}\t{{upper .Names}}", "CONTAINER ID\tNAMES"),
            (
                "{{truncate .ID 3}} {{lower .ID}} {{title .ID}} {{json .ID}}",
                "CONTAINER ID CONTAINER ID CONTAINER ID CONTAINER ID",
            ),
            ("{{split .Names \",\"}} {{join .Names \",\"}}", "NAMES NAMES"),
            ("[{{pad .Names 1 2}}]", "[ NAMES  ]"),
            ("{{.ID}} {{index .Names \"x\"}}", "CONTAINER ID "),
            ("{{.Label \"com.example.my-own_key\"}}", "my own key"),
        ] {
            let compiled = compile(template, Fill::Headers, KeyOrder::new()).unwrap();
            assert_eq!(compiled.fill_headers(&data(&headers), "T").unwrap(), want, "{template}");
        }
    }

    #[test]
    fn json_keeps_the_order_of_the_document() {
        let document =
            json!({"Zeta": {"B": [1, {"d": null, "c": true}], "A": "<&>"}, "Alpha": 18446744073709551615u64});
        assert_eq!(fill("{{json .}}", &document).unwrap(), document.to_string());
        assert_eq!(fill("{{json .Zeta}}", &document).unwrap(), document["Zeta"].to_string());
    }

    #[test]
    fn messages_are_gos() {
        let document = json!({"HostConfig": {"A": 1}});
        for (template, want) in [
            ("{{", "template: :1: unclosed action"),
            ("{{nope .A}}", "template: :1: function \"nope\" not defined"),
            ("{{.Foo}}", "template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\""),
            (
                "{{.HostConfig.Nope}}",
                "template: :1:13: executing \"\" at <.HostConfig.Nope>: map has no entry for key \"Nope\"",
            ),
        ] {
            assert_eq!(fill(template, &document).unwrap_err().to_string(), want, "{template}");
        }
    }
}
