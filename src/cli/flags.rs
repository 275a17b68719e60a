//! The flags of one verb, read as docker reads them, with docker's words for every mistake.
//!
//! clap reads and checks; docker's flags (Go's pflag) differ in four ways, added here to each command:
//! a switch takes `=true` and `=false`, a value may begin with `-`, the last of two wins, and the number
//! of operands is counted apart from the flags.

use std::error::Error as _;
use std::ffi::OsString;

use anyhow::{Result, anyhow, bail};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use jiff::Timestamp;

use super::report::UsageError;
use super::unsupported;
use super::verb::{Operands, Verb};
use crate::base::{boolean, time};

/// The id of the one positional argument, which holds all operands.
const OPERANDS: &str = "operands";
/// The id of `--help`.
const HELP: &str = "help";

/// Docker's exit code for a flag that is wrong, on every command.
pub const BAD_FLAG: u8 = 125;
/// Docker's exit code for a wrong number of operands.
const BAD_OPERANDS: u8 = 1;

/// Arguments as text: nothing that we take apart may be anything else.
pub fn utf8(arguments: Vec<OsString>) -> Result<Vec<String>> {
    let mut texts = Vec::with_capacity(arguments.len());
    for argument in arguments {
        match argument.into_string() {
            Ok(text) => texts.push(text),
            Err(raw) => bail!("read the argument {raw:?}: it is not UTF-8"),
        }
    }
    Ok(texts)
}

/// Parses what follows the verb: the flags and the operands. No matches: help was asked for.
pub fn parse(verb: &Verb, path: &str, arguments: &[String]) -> Result<(Option<ArgMatches>, Vec<String>)> {
    let mut command = command(verb);
    let mut matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        Err(error) => return Err(explain(&error, &command, verb, path, arguments)),
    };
    if matches.get_flag(HELP) {
        return Ok((None, Vec::new()));
    }
    let operands: Vec<String> = matches.remove_many(OPERANDS).map(Iterator::collect).unwrap_or_default();
    let is_given = |id: &&&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let stand_in = verb.choosers.iter().find(is_given).is_some();
    check_operands(verb, path, operands.len() + usize::from(stand_in))?;
    Ok((Some(matches), operands))
}

/// The command of one verb, for parsing only.
fn command(verb: &Verb) -> Command {
    let command = (verb.augment)(Command::new("coracle"))
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .mut_args(like_docker);
    let takes_h = command.get_arguments().any(|arg| arg.get_short() == Some('h'));
    let help = Arg::new(HELP).long(HELP).action(ArgAction::SetTrue);
    command
        .arg(if takes_h { help } else { help.short('h') })
        .arg(Arg::new(OPERANDS).num_args(0..).action(ArgAction::Append).trailing_var_arg(verb.flags_first))
}

/// Makes a switch take an optional `=value`, and every other flag a value that begins with `-`.
fn like_docker(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg.allow_hyphen_values(true);
    }
    let on_by_default = arg.get_default_values().iter().any(|value| value == "true");
    arg.action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .default_value(if on_by_default { "true" } else { "false" })
        .value_parser(parse_switch)
}

/// The values that Go's `strconv.ParseBool` takes.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    boolean::parse(text).ok_or_else(|| format!("strconv.ParseBool: parsing \"{text}\": invalid syntax"))
}

/// Reads a decimal number as Go's `strconv.ParseInt` does, with its messages.
pub fn parse_integer(text: &str) -> Result<i64, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse::<i64>().map_err(|error| match error.kind() {
        PosOverflow | NegOverflow => format!("strconv.ParseInt: parsing \"{text}\": value out of range"),
        _ => format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"),
    })
}

/// Reads `key=value` of `--filter`.
pub fn parse_filter(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
    Ok((key.trim().to_lowercase(), value.trim().to_owned()))
}

/// Reads a time, or a duration before now, of the flag `flag`.
pub fn parse_moment(flag: &str, text: Option<&str>) -> Result<Option<Timestamp>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment = time::parse_moment(text, Timestamp::now());
    moment.map(Some).ok_or_else(|| {
        anyhow!("invalid value for \"{flag}\": failed to parse value as time or duration: \"{text}\"")
    })
}

/// Checks the number of operands, of which a flag that stands for one is one.
fn check_operands(verb: &Verb, path: &str, count: usize) -> Result<()> {
    let (fits, words) = match verb.operands {
        Operands::None => (count == 0, "accepts no arguments".to_owned()),
        Operands::Exactly(n) => (count == n, format!("requires {}", arguments(n))),
        Operands::AtLeast(n) => (count >= n, format!("requires at least {}", arguments(n))),
        Operands::AtMost(n) => (count <= n, format!("requires at most {}", arguments(n))),
        Operands::Between(least, most) => (
            (least..=most).contains(&count),
            format!("requires at least {least} and at most {}", arguments(most)),
        ),
    };
    if fits {
        return Ok(());
    }
    let see = if matches!(verb.operands, Operands::AtLeast(_)) { "See" } else { "Run" };
    let usage = usage_line(verb, path);
    let text = format!(
        "coracle: 'coracle {path}' {words}\n\n{usage}\n\n{see} 'coracle {path} --help' for more information"
    );
    Err(UsageError { text, code: BAD_OPERANDS }.into())
}

fn arguments(count: usize) -> String {
    format!("{count} argument{}", if count == 1 { "" } else { "s" })
}

/// `Usage:  coracle rm [OPTIONS] CONTAINER [CONTAINER...]`.
pub fn usage_line(verb: &Verb, path: &str) -> String {
    format!("Usage:  coracle {path} {}", verb.usage).trim_end().to_owned()
}

/// An error of a flag before the verb.
pub fn root_error(what: String) -> anyhow::Error {
    let text = format!(
        "{what}\n\nUsage:  coracle [OPTIONS] COMMAND [ARG...]\n\nRun 'coracle --help' for more information"
    );
    UsageError { text, code: BAD_FLAG }.into()
}

/// Turns clap's error into docker's.
fn explain(
    error: &clap::Error,
    command: &Command,
    verb: &Verb,
    path: &str,
    arguments: &[String],
) -> anyhow::Error {
    let flag = context(error, ContextKind::InvalidArg).unwrap_or_default();
    // `--last <n>` and `--all[=<ALL>]` name their value too.
    let flag = flag.split([' ', '[']).next().unwrap_or_default();
    if error.kind() == ErrorKind::UnknownArgument
        && let Some(known) = unsupported::of_verb(verb.paths[0], flag)
    {
        return unsupported::refuse(&known, path);
    }
    let what = match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with("--") => format!("unknown flag: {flag}"),
        ErrorKind::UnknownArgument => {
            format!("unknown shorthand flag: {}", shorthand(flag.trim_start_matches('-'), arguments))
        }
        ErrorKind::ValueValidation => format!(
            "invalid argument {} for \"{}\" flag: {}",
            super::escape::quote(context(error, ContextKind::InvalidValue).unwrap_or_default()),
            both_forms(command, flag),
            error.source().map(ToString::to_string).unwrap_or_default()
        ),
        ErrorKind::InvalidValue => {
            match context(error, ContextKind::InvalidValue).filter(|text| !text.is_empty()) {
                Some(text) => format!(
                    "invalid argument {} for \"{}\" flag: must be one of: {}",
                    super::escape::quote(text),
                    both_forms(command, flag),
                    choices(error)
                ),
                None => format!("flag needs an argument: {}", needy(command, flag, arguments)),
            }
        }
        _ => error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let usage = usage_line(verb, path);
    let text = format!("{what}\n\n{usage}\n\nRun 'coracle {path} --help' for more information");
    UsageError { text, code: BAD_FLAG }.into()
}

fn context(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        ContextValue::Strings(texts) => texts.first().map(String::as_str),
        _ => None,
    }
}

/// The values that a flag takes.
fn choices(error: &clap::Error) -> String {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

/// `'x' in -xyz`: the letter, and what was left of the group it stood in.
fn shorthand(letter: &str, arguments: &[String]) -> String {
    let group = arguments
        .iter()
        .filter(|argument| argument.starts_with('-') && !argument.starts_with("--"))
        .find_map(|argument| argument.find(letter).map(|at| &argument[at..]))
        .unwrap_or(letter);
    format!("'{letter}' in -{group}")
}

/// `--name`, or `'p' in -p`: the form in which the flag without a value was typed, always the last one.
fn needy(command: &Command, flag: &str, arguments: &[String]) -> String {
    let short = find(command, flag).and_then(Arg::get_short);
    match (arguments.last(), short) {
        (Some(last), Some(short)) if !last.starts_with("--") => {
            shorthand(&short.to_string(), std::slice::from_ref(last))
        }
        _ => flag.to_owned(),
    }
}

/// `-n, --last`: how docker names a flag whose value was wrong.
fn both_forms(command: &Command, flag: &str) -> String {
    match find(command, flag) {
        Some(arg) => match (arg.get_short(), arg.get_long()) {
            (Some(short), Some(long)) => format!("-{short}, --{long}"),
            _ => flag.to_owned(),
        },
        None => flag.to_owned(),
    }
}

fn find<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| match flag.strip_prefix("--") {
        Some(long) => arg.get_long() == Some(long),
        None => arg.get_short() == flag.chars().nth(1),
    })
}
