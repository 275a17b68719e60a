//! Statements as typed instructions, not expanded yet.
//!
//! Source: Dockerfile reference, syntax 1.20, and BuildKit's `frontend/dockerfile/instructions` for what is
//! refused and in which words.

use super::flags::Flags;
use super::heredoc::Heredoc;
use super::mount::Mount;
use super::statement::Statement;
use super::words::{self, Pair};
use crate::base::nearest;
use crate::base::time;
use crate::build::diagnostic::Problem;
use crate::build::step::{Lines, RunNetwork};
use crate::oci::image::HealthConfig;

type Result<T> = std::result::Result<T, Problem>;

/// All instructions.
pub const NAMES: &[&str] = &[
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];
/// Mounts of one `RUN`.
const MOST_MOUNTS: usize = 500;
/// The shortest time between two health checks, docker's.
const SHORTEST: u64 = 1_000_000;

/// An instruction and where it stands.
#[derive(Clone, Debug)]
pub struct Instruction {
    /// As it is written: `run`, `RUN`.
    pub word: String,
    /// The whole line, continued lines joined.
    pub code: String,
    pub lines: Lines,
    /// The comments right above.
    pub comments: Vec<String>,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    From(From),
    Arg(Vec<(String, Option<String>)>),
    Env(Vec<Pair>),
    Label(Vec<Pair>),
    Maintainer(String),
    User(String),
    Workdir(String),
    StopSignal(String),
    Volume(Vec<String>),
    /// Sorted, as BuildKit does.
    Expose(Vec<String>),
    Run(RunForm),
    Cmd(Command),
    Entrypoint(Command),
    Shell(Vec<String>),
    Healthcheck(HealthConfig),
    /// The instruction for later, as text.
    OnBuild(String),
    Copy(CopyForm),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct From {
    pub base: String,
    /// As it is written; names are the same whatever their case.
    pub name: Option<String>,
    /// The word between base and name, for those who mind its case.
    pub keyword: Option<String>,
    pub platform: Option<String>,
}

/// A program with its arguments, or a line for the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Exec(Vec<String>),
    Shell(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct RunForm {
    pub command: Command,
    pub heredocs: Vec<Heredoc>,
    pub mounts: Vec<Mount>,
    pub network: RunNetwork,
    pub insecure: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CopyForm {
    pub is_add: bool,
    pub from: Option<String>,
    pub sources: Vec<String>,
    pub documents: Vec<Heredoc>,
    pub destination: String,
    pub owner: Option<String>,
    pub mode: Option<String>,
    pub link: bool,
    pub parents: bool,
    pub exclude: Vec<String>,
    pub checksum: Option<String>,
    pub keep_git_dir: Option<bool>,
    pub unpack: Option<bool>,
}

impl Instruction {
    /// Reads a statement.
    pub fn new(statement: &Statement, escape: char) -> Result<Self> {
        Ok(Self {
            word: statement.word.clone(),
            code: statement.original.trim().to_owned(),
            lines: statement.lines,
            comments: statement.comments.clone(),
            kind: kind(statement, escape)?,
        })
    }

    /// The name in capitals.
    pub fn name(&self) -> String {
        self.word.to_ascii_uppercase()
    }
}

fn kind(statement: &Statement, escape: char) -> Result<Kind> {
    let name = statement.word.to_ascii_uppercase();
    let rest = statement.rest.as_str();
    let has_flags = matches!(name.as_str(), "FROM" | "RUN" | "COPY" | "ADD" | "HEALTHCHECK");
    if !NAMES.contains(&name.as_str()) {
        let near = nearest::nearest(&name, NAMES.iter().copied());
        let message = format!("unknown instruction: {}", statement.word);
        return Err(Problem::at(&statement.word, message).meant(near));
    }
    if !has_flags {
        Flags::new(&statement.flags, &[], &[])?;
    }
    Ok(match name.as_str() {
        "FROM" => Kind::From(from(statement)?),
        "ARG" => Kind::Arg(arguments(rest, escape)?),
        "ENV" => Kind::Env(words::pairs(rest, escape, "ENV")?),
        "LABEL" => Kind::Label(words::pairs(rest, escape, "LABEL")?),
        "MAINTAINER" => Kind::Maintainer(exactly_one(rest, &name)?),
        "USER" => Kind::User(exactly_one(rest, &name)?),
        "WORKDIR" => Kind::Workdir(exactly_one(rest, &name)?),
        "STOPSIGNAL" => Kind::StopSignal(exactly_one(rest, &name)?),
        "VOLUME" => Kind::Volume(volumes(rest)?),
        "EXPOSE" => {
            let mut ports = words::plain(at_least_one(rest, &name)?);
            ports.sort();
            Kind::Expose(ports)
        }
        "RUN" => Kind::Run(run(statement)?),
        "CMD" => Kind::Cmd(command(rest, &name)?),
        "ENTRYPOINT" => Kind::Entrypoint(command(rest, &name)?),
        "SHELL" => Kind::Shell(shell(rest)?),
        "HEALTHCHECK" => Kind::Healthcheck(health(statement)?),
        "ONBUILD" => Kind::OnBuild(on_build(statement)?),
        _ => Kind::Copy(copy(statement, name == "ADD")?),
    })
}

fn at_least_one<'a>(rest: &'a str, name: &str) -> Result<&'a str> {
    match rest.is_empty() {
        true => Err(Problem::new(format!("{name} requires at least one argument"))),
        false => Ok(rest),
    }
}

fn exactly_one(rest: &str, name: &str) -> Result<String> {
    match rest.is_empty() {
        true => Err(Problem::new(format!("{name} requires exactly one argument"))),
        false => Ok(rest.to_owned()),
    }
}

fn from(statement: &Statement) -> Result<From> {
    let words = words::plain(&statement.rest);
    let (base, name, keyword) = match &words[..] {
        [base] => (base, None, None),
        [base, keyword, name] if keyword.eq_ignore_ascii_case("as") => (base, Some(name), Some(keyword)),
        _ => return Err(Problem::new("FROM requires either one or three arguments")),
    };
    if let Some(name) = name.filter(|name| !is_stage_name(name)) {
        let message = format!(
            "invalid name for build stage: {name:?}, name can't start with a number or contain symbols"
        );
        return Err(Problem::at(name, message));
    }
    let platform = Flags::new(&statement.flags, &["platform"], &[])?.text("platform")?;
    Ok(From { base: base.clone(), name: name.cloned(), keyword: keyword.cloned(), platform })
}

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn arguments(rest: &str, escape: char) -> Result<Vec<(String, Option<String>)>> {
    let argument = |word: String| match word.split_once('=') {
        Some(("", _)) => Err(Problem::at(&word, "ARG names can not be blank")),
        Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
        None => Ok((word, None)),
    };
    words::quoted(at_least_one(rest, "ARG")?, escape).into_iter().map(argument).collect()
}

fn volumes(rest: &str) -> Result<Vec<String>> {
    let listed = match words::json(at_least_one(rest, "VOLUME")?)? {
        Some(listed) => listed,
        None => words::plain(rest),
    };
    if listed.is_empty() {
        return Err(Problem::new("VOLUME requires at least one argument"));
    }
    let paths: Vec<String> = listed.iter().map(|path| path.trim().to_owned()).collect();
    match paths.iter().any(String::is_empty) {
        true => Err(Problem::new("VOLUME specified can not be an empty string")),
        false => Ok(paths),
    }
}

fn command(rest: &str, name: &str) -> Result<Command> {
    let rest = at_least_one(rest, name)?;
    Ok(words::json(rest)?.map_or_else(|| Command::Shell(rest.to_owned()), Command::Exec))
}

fn run(statement: &Statement) -> Result<RunForm> {
    let flags = Flags::new(&statement.flags, &["network", "security"], &["mount", "device"])?;
    if !flags.texts("device")?.is_empty() {
        return Err(Problem::at("--device", "RUN --device is not supported yet"));
    }
    let network = match flags.choice("network", &["default", "none", "host"])?.as_deref() {
        Some("none") => RunNetwork::None,
        Some("host") => RunNetwork::Host,
        _ => RunNetwork::Default,
    };
    let security = flags.choice("security", &["sandbox", "insecure"])?;
    let wished = flags.texts("mount")?;
    if wished.len() > MOST_MOUNTS {
        return Err(Problem::new(format!("more than {MOST_MOUNTS} mounts")));
    }
    let mounts: Result<Vec<Mount>> = wished.iter().map(|text| Mount::new(text)).collect();
    let command = command(&statement.rest, "RUN")?;
    if command == Command::Exec(Vec::new()) {
        return Err(Problem::new("RUN requires at least one argument"));
    }
    Ok(RunForm {
        command,
        heredocs: statement.heredocs.clone(),
        mounts: mounts?,
        network,
        insecure: security.as_deref() == Some("insecure"),
    })
}

fn shell(rest: &str) -> Result<Vec<String>> {
    match words::json(at_least_one(rest, "SHELL")?)? {
        Some(words) if words.is_empty() => Err(Problem::new("SHELL requires at least one argument")),
        Some(words) => Ok(words),
        None => Err(Problem::new("SHELL requires the arguments to be in JSON form")),
    }
}

fn health(statement: &Statement) -> Result<HealthConfig> {
    let rest = at_least_one(&statement.rest, "HEALTHCHECK")?;
    let (kind, rest) = match rest.split_once(char::is_whitespace) {
        Some((kind, rest)) => (kind, rest.trim_start()),
        None => (rest, ""),
    };
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => {
            return Ok(HealthConfig { test: vec!["NONE".to_owned()], ..Default::default() });
        }
        "NONE" => return Err(Problem::new("HEALTHCHECK NONE takes no arguments")),
        "CMD" if rest.is_empty() => return Err(Problem::new("Missing command after HEALTHCHECK CMD")),
        "CMD" => {}
        _ => {
            let message = format!("Unknown type {kind:?} in HEALTHCHECK (try CMD)");
            return Err(Problem::at(kind, message));
        }
    }
    let known = ["interval", "timeout", "start-period", "start-interval", "retries"];
    let flags = Flags::new(&statement.flags, &known, &[])?;
    let interval = |name| match flags.text(name)?.filter(|text| !text.is_empty()) {
        Some(text) => nanoseconds(name, &text),
        None => Ok(0),
    };
    let retries = flags.text("retries")?.filter(|text| !text.is_empty());
    let test = match words::json(rest)? {
        Some(words) if words.is_empty() => {
            return Err(Problem::new("Missing command after HEALTHCHECK CMD"));
        }
        Some(words) => [vec!["CMD".to_owned()], words].concat(),
        None => vec!["CMD-SHELL".to_owned(), rest.to_owned()],
    };
    Ok(HealthConfig {
        test,
        interval: interval("interval")?,
        timeout: interval("timeout")?,
        start_period: interval("start-period")?,
        start_interval: interval("start-interval")?,
        retries: retries.map_or(Ok(0), |text| count(&text))?,
    })
}

fn nanoseconds(name: &str, text: &str) -> Result<u64> {
    let flag = format!("--{name}");
    let duration = time::parse_duration(text)
        .ok_or_else(|| Problem::at(&flag, format!("time: invalid duration {text:?}")))?;
    match u64::try_from(duration.as_nanos()) {
        Ok(0) => Ok(0),
        Ok(nanoseconds) if nanoseconds >= SHORTEST => Ok(nanoseconds),
        _ => Err(Problem::at(&flag, format!("Interval {name:?} cannot be less than 1ms"))),
    }
}

fn count(text: &str) -> Result<u32> {
    match text.parse::<i32>() {
        Ok(count) => u32::try_from(count)
            .map_err(|_| Problem::at("--retries", format!("--retries cannot be negative ({count})"))),
        Err(_) => Err(Problem::at("--retries", format!("invalid value for --retries: {text:?}"))),
    }
}

/// What `ONBUILD` keeps for later: it must be an instruction, though what it says is seen when it runs.
fn on_build(statement: &Statement) -> Result<String> {
    let rest = at_least_one(&statement.rest, "ONBUILD")?;
    let trigger = Statement::of_line(rest).word.to_ascii_uppercase();
    match trigger.as_str() {
        "ONBUILD" => {
            return Err(Problem::at(rest, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"));
        }
        "MAINTAINER" | "FROM" => {
            return Err(Problem::at(rest, format!("{trigger} isn't allowed as an ONBUILD trigger")));
        }
        _ if !NAMES.contains(&trigger.as_str()) => {
            let near = nearest::nearest(&trigger, NAMES.iter().copied());
            return Err(Problem::at(rest, format!("unknown instruction: {trigger}")).meant(near));
        }
        _ => {}
    }
    let mut text = rest.to_owned();
    for document in &statement.heredocs {
        text.push_str(&format!("\n{}{}", document.content, document.name));
    }
    Ok(text)
}

const COPY_FLAGS: &[&str] = &["from", "chown", "chmod", "link", "parents"];
const ADD_FLAGS: &[&str] = &["chown", "chmod", "link", "keep-git-dir", "checksum", "unpack"];

fn copy(statement: &Statement, is_add: bool) -> Result<CopyForm> {
    let name = if is_add { "ADD" } else { "COPY" };
    let flags = Flags::new(&statement.flags, if is_add { ADD_FLAGS } else { COPY_FLAGS }, &["exclude"])?;
    let mut paths = match words::json(&statement.rest)? {
        Some(paths) => paths,
        None => words::plain(&statement.rest),
    };
    let destination = paths.pop().filter(|_| !paths.is_empty()).ok_or_else(|| {
        Problem::new(format!(
            "{name} requires at least two arguments, but only one was provided. Destination could not be determined."
        ))
    })?;
    if Heredoc::announced_by(&destination).is_some() {
        return Err(Problem::at(&destination, format!("{name} cannot accept a heredoc as a destination")));
    }
    let (documents, sources): (Vec<_>, Vec<_>) =
        paths.into_iter().partition(|path| document(path, statement).is_some());
    Ok(CopyForm {
        is_add,
        from: flags.text("from")?.filter(|from| !from.is_empty()),
        sources,
        documents: documents.iter().filter_map(|path| document(path, statement)).collect(),
        destination,
        owner: flags.text("chown")?.filter(|owner| !owner.is_empty()),
        mode: flags.text("chmod")?.filter(|mode| !mode.is_empty()),
        link: flags.switch("link")?.unwrap_or(false),
        parents: flags.switch("parents")?.unwrap_or(false),
        exclude: flags.texts("exclude")?,
        checksum: flags.text("checksum")?.filter(|checksum| !checksum.is_empty()),
        keep_git_dir: flags.switch("keep-git-dir")?,
        unpack: flags.switch("unpack")?,
    })
}

/// The here-document that a source names; the last one of a name has the content.
fn document(path: &str, statement: &Statement) -> Option<Heredoc> {
    let announced = Heredoc::announced_by(path)?;
    let found = statement.heredocs.iter().rev().find(|document| document.name == announced.name)?;
    Some(Heredoc { content: found.content.clone(), ..announced })
}
