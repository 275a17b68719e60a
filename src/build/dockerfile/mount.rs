//! `RUN --mount=type=…`: comma-separated fields, whose values may use variables.

use crate::base::boolean;
use crate::base::nearest;
use crate::base::size;
use crate::build::diagnostic::Problem;
use crate::build::step::{Origin, RunMount, RunMountKind, Sharing};

type Result<T> = std::result::Result<T, Problem>;

const KEYS: &[&str] = &[
    "type",
    "from",
    "source",
    "target",
    "readonly",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "src",
    "dst",
    "destination",
    "ro",
    "rw",
    "readwrite",
    "env",
];
const TYPES: &[&str] = &["bind", "cache", "tmpfs", "secret", "ssh"];

/// A mount as it is written: its fields, and the one that must be known before anything is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    text: String,
    fields: Vec<(String, Option<String>)>,
    /// A stage, a context or an image.
    pub from: Option<String>,
}

impl Mount {
    /// Splits the value of `--mount`.
    pub fn new(text: &str) -> Result<Self> {
        let fields: Vec<(String, Option<String>)> = fields(text)
            .ok_or_else(|| Problem::at(text, format!("invalid mount {text:?}: bare or open quote")))?
            .iter()
            .map(|field| match field.split_once('=') {
                Some((key, value)) => (key.to_ascii_lowercase(), Some(value.to_owned())),
                None => (field.to_ascii_lowercase(), None),
            })
            .collect();
        let from = fields.iter().rev().find(|(key, _)| key == "from").and_then(|(_, value)| value.clone());
        if from.as_ref().is_some_and(|from| from.trim_end_matches('$').contains('$')) {
            let message = "'from' doesn't support variable expansion, define alias stage instead";
            return Err(Problem::at("from=", message));
        }
        Ok(Self { text: text.to_owned(), fields, from: from.filter(|from| !from.is_empty()) })
    }

    /// Whether a program finds a secret in this variable.
    pub fn is_secret_env(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, value)| key == "env" && value.as_deref() == Some(name))
    }

    /// The mount with its variables replaced by `expand`; `origin` finds what `from` names.
    pub fn resolve(
        &self,
        expand: &mut dyn FnMut(&str) -> Result<String>,
        origin: &dyn Fn(&str) -> Result<Origin>,
        directory: &str,
    ) -> Result<RunMount> {
        let mut wish = Wish::default();
        for (key, value) in &self.fields {
            let value = value.as_deref().map(&mut *expand).transpose()?;
            wish.set(key, value.as_deref(), &self.text)?;
        }
        wish.check()?;
        let from = self.from.as_deref().map(origin).transpose()?;
        wish.mount(from, directory)
    }
}

/// Fields of a line of CSV: quotes around a whole field keep its commas.
fn fields(text: &str) -> Option<Vec<String>> {
    let (mut fields, mut rest) = (Vec::new(), text);
    loop {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        fields.push(field);
        match tail.strip_prefix(',') {
            Some(tail) => rest = tail,
            None => return tail.is_empty().then_some(fields),
        }
    }
}

fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        field.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(tail) => {
                field.push('"');
                rest = tail;
            }
            None => return Some((field, rest)),
        }
    }
}

/// What the fields of a mount ask for.
#[derive(Debug, Default)]
struct Wish {
    kind: Option<String>,
    source: Option<String>,
    target: Option<String>,
    id: Option<String>,
    read_only: Option<bool>,
    sharing: Option<Sharing>,
    required: bool,
    size: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    env: Option<String>,
    has_from: bool,
}

impl Wish {
    fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("bind")
    }

    fn set(&mut self, key: &str, value: Option<&str>, text: &str) -> Result<()> {
        let invalid = |value: &str| Problem::at(text, format!("invalid value for {key}: {value}"));
        let switch = || match value {
            None => Ok(true),
            Some(value) => boolean::parse(value).ok_or_else(|| invalid(value)),
        };
        match key {
            "readonly" | "ro" => self.read_only = Some(switch()?),
            "readwrite" | "rw" => self.read_only = Some(!switch()?),
            "required" if matches!(self.kind(), "secret" | "ssh") => self.required = switch()?,
            "size" if self.kind() != "tmpfs" => return Err(self.unexpected(key, text)),
            "required" => return Err(self.unexpected(key, text)),
            _ => {
                let value = value.ok_or_else(|| {
                    Problem::at(text, format!("invalid field '{key}' must be a key=value pair"))
                })?;
                self.set_value(key, value, text)?;
            }
        }
        Ok(())
    }

    fn unexpected(&self, key: &str, text: &str) -> Problem {
        Problem::at(text, format!("unexpected key '{key}' for mount type '{}'", self.kind()))
    }

    fn set_value(&mut self, key: &str, value: &str, text: &str) -> Result<()> {
        let owned = || Some(value.to_owned());
        let number = |radix| {
            u32::from_str_radix(value, radix)
                .map(Some)
                .map_err(|_| Problem::at(text, format!("invalid value {value} for {key}")))
        };
        match key {
            "type" => self.kind = Some(known(value, TYPES, "mount type", text)?),
            "from" => self.has_from = !value.is_empty(),
            "source" | "src" => self.source = owned(),
            "target" | "dst" | "destination" => self.target = owned(),
            "id" => self.id = owned(),
            "env" => self.env = owned(),
            "sharing" => {
                let words = ["shared", "private", "locked"];
                self.sharing = Some(match known(value, &words, "sharing value", text)?.as_str() {
                    "private" => Sharing::Private,
                    "locked" => Sharing::Locked,
                    _ => Sharing::Shared,
                });
            }
            "size" => {
                let size = size::parse_binary(value);
                self.size =
                    Some(size.map_err(|_| Problem::at(text, format!("invalid value for {key}: {value}")))?);
            }
            "mode" => self.mode = number(8)?,
            "uid" => self.uid = number(10)?,
            "gid" => self.gid = number(10)?,
            _ => {
                let near = nearest::nearest(key, KEYS.iter().copied());
                let message = format!("unexpected key '{key}' in '{key}={value}'");
                return Err(Problem::at(text, message).meant(near));
            }
        }
        Ok(())
    }

    /// Which fields go together, in BuildKit's words.
    fn check(&self) -> Result<()> {
        let kind = self.kind();
        let problem = |message: String| Err(Problem::at("--mount", message));
        if matches!(kind, "bind" | "tmpfs") {
            for (key, given) in
                [("mode", self.mode.is_some()), ("uid", self.uid.is_some()), ("gid", self.gid.is_some())]
            {
                if given {
                    return problem(format!("{key} not allowed for {kind:?} type mounts"));
                }
            }
        }
        if self.env.is_some() && kind != "secret" {
            return problem(format!("env not allowed for {kind:?} type mounts"));
        }
        if self.sharing.is_some() && kind != "cache" {
            return problem(format!("invalid cache sharing set for {kind} mount"));
        }
        if kind == "secret" {
            if self.has_from {
                return problem("secret mount should not have a from".to_owned());
            }
            if self.source.is_none() && self.target.is_none() && self.id.is_none() && self.env.is_none() {
                return problem("invalid secret mount. one of source, target required".to_owned());
            }
            if self.source.is_some() && self.id.is_some() {
                return problem("both source and id can't be set".to_owned());
            }
        }
        Ok(())
    }

    fn mount(self, from: Option<Origin>, directory: &str) -> Result<RunMount> {
        let target = self.target.as_deref().map(|target| absolute(directory, target));
        let source = absolute("/", self.source.as_deref().unwrap_or_default());
        let needed = |target: &Option<String>| match target.as_deref() {
            Some("/") => Err(Problem::at("--mount", "invalid mount target \"/\"")),
            None => Err(Problem::at("--mount", format!("invalid mount target {:?}", directory))),
            Some(_) => Ok(()),
        };
        let (uid, gid) = (self.uid.unwrap_or(0), self.gid.unwrap_or(0));
        let kind = match self.kind() {
            "secret" => return self.secret(target),
            "ssh" => RunMountKind::Ssh {
                id: self.id.unwrap_or_else(|| "default".to_owned()),
                required: self.required,
                mode: self.mode.unwrap_or(0o600),
                uid,
                gid,
            },
            "tmpfs" => RunMountKind::Tmpfs { size: self.size },
            "cache" => RunMountKind::Cache {
                id: self.id.or_else(|| target.clone()).unwrap_or_default(),
                sharing: self.sharing.unwrap_or_default(),
                from,
                source,
                mode: self.mode.unwrap_or(0o755),
                uid,
                gid,
                read_only: self.read_only.unwrap_or(false),
            },
            _ => RunMountKind::Bind {
                from: from.unwrap_or(Origin::Context),
                source,
                writable: !self.read_only.unwrap_or(true),
            },
        };
        if !matches!(kind, RunMountKind::Ssh { .. }) {
            needed(&target)?;
        }
        Ok(RunMount { target, kind })
    }

    /// A secret is a file beneath `/run/secrets` unless it has a target, or an environment variable alone.
    fn secret(self, target: Option<String>) -> Result<RunMount> {
        let named = self
            .id
            .or(self.source)
            .or_else(|| target.as_deref().and_then(|target| target.rsplit('/').next()).map(str::to_owned));
        let id = named.or_else(|| self.env.clone()).filter(|id| !id.is_empty());
        let id =
            id.ok_or_else(|| Problem::at("--mount", "invalid secret mount. one of source, target required"))?;
        let file = id.rsplit('/').next().unwrap_or_default();
        let target = target.or_else(|| self.env.is_none().then(|| format!("/run/secrets/{file}")));
        let kind = RunMountKind::Secret {
            id,
            required: self.required,
            mode: self.mode.unwrap_or(0o400),
            uid: self.uid.unwrap_or(0),
            gid: self.gid.unwrap_or(0),
            env: self.env,
        };
        Ok(RunMount { target, kind })
    }
}

fn known(value: &str, words: &[&str], what: &str, text: &str) -> Result<String> {
    let lower = value.to_ascii_lowercase();
    if words.contains(&lower.as_str()) {
        return Ok(lower);
    }
    let near = nearest::nearest(&lower, words.iter().copied());
    Err(Problem::at(text, format!("unsupported {what} {value:?}")).meant(near))
}

/// `path` beneath `directory` unless it is absolute, without `.`, `..` and doubled slashes.
pub fn absolute(directory: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
