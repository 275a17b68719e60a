//! `__complete WORDS...`, hidden: what may stand in place of the last word of a command line.
//!
//! The scripts of the shells ask this for every key, so nothing is listed twice: commands and flags are those of the
//! tables that parse them, operands are told by a verb's usage line, and names are read from the documents of the store.
//! As with docker's command of the same name a candidate is a line, with a description after a tab; the last line says
//! with `:files` or `:directories` that those may stand there too, with `:more` that a word is not over with a candidate.

mod values;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Arg, ArgAction, Command};

use super::globals::{self, Globals};
use super::verb::{Action, Operands, Session, Verb};
use super::verbs::{self, Found, NOUNS, VERBS};
use super::{help, out};
use values::Kind;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Complete a command line";
    const USAGE: &'static str = "[WORD...]";
    const OPERANDS: Operands = Operands::AtLeast(0);
    const FLAGS_FIRST: bool = true;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];

    fn run(self, words: Vec<String>, session: &Session) -> Result<ExitCode> {
        let words = words.strip_prefix(&["--".to_owned()]).unwrap_or(&words);
        let completed = complete(words, session).unwrap_or_default();
        let mut text = String::new();
        for Candidate { word, about } in completed.candidates {
            text.push_str(&if about.is_empty() { format!("{word}\n") } else { format!("{word}\t{about}\n") });
        }
        text.push_str(completed.rest.as_str());
        out::line(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What may stand there.
#[derive(Debug, Default, PartialEq)]
pub struct Completed {
    candidates: Vec<Candidate>,
    rest: Rest,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    word: String,
    about: String,
}

impl Candidate {
    fn new(word: impl Into<String>, about: impl Into<String>) -> Self {
        // The words are names, which have neither; whatever a description has would be read as more candidates.
        let about: String = about.into().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { word: word.into(), about }
    }
}

/// What else may stand there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    #[default]
    Nothing,
    Files,
    Directories,
    /// The candidates are beginnings.
    More,
}

impl Rest {
    fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => ":nothing",
            Self::Files => ":files",
            Self::Directories => ":directories",
            Self::More => ":more",
        }
    }
}

/// Completes the last of the words after `coracle`.
fn complete(words: &[String], session: &Session) -> Option<Completed> {
    let (current, before) = words.split_last()?;
    let (globals, rest) = match globals::parse(before) {
        Ok(parsed) => parsed,
        // One of them waits for its value.
        Err(_) => {
            return Some(of_kind(
                values::of_flag("", before.last()?.trim_start_matches('-'), ""),
                current,
                "",
                session,
            ));
        }
    };
    let Globals { root, runroot, .. } = globals;
    let session = &Session {
        root: root.or_else(|| session.root.clone()),
        runroot: runroot.or_else(|| session.runroot.clone()),
        ..Session::default()
    };
    let rest = rest.strip_prefix(&["help".to_owned()]).unwrap_or(rest);
    match verbs::find(rest) {
        Ok(Found::Root) if current.starts_with('-') => Some(flags(&help::root_command(), current)),
        Ok(Found::Root) => Some(commands(current)),
        Ok(Found::Noun(noun)) => Some(beneath(noun, current)),
        Ok(Found::Verb { verb, path, arguments }) => Some(of_verb(verb, path, arguments, current, session)),
        Err(_) => None,
    }
}

fn commands(current: &str) -> Completed {
    let verbs = VERBS.iter().filter(|verb| !verb.hidden && !verb.paths[0].contains(' '));
    let verbs = verbs.map(|verb| Candidate::new(verb.paths[0], verb.summary));
    let nouns = NOUNS.iter().map(|(noun, about)| Candidate::new(*noun, *about));
    among(verbs.chain(nouns).collect(), current)
}

fn beneath(noun: &str, current: &str) -> Completed {
    let each = VERBS.iter().filter(|verb| !verb.hidden).filter_map(|verb| {
        let beneath = |path: &&'static str| path.strip_prefix(noun)?.strip_prefix(' ');
        Some(Candidate::new(verb.paths.iter().find_map(beneath)?, verb.summary))
    });
    among(each.collect(), current)
}

/// Those that begin as what is typed.
fn among(mut candidates: Vec<Candidate>, current: &str) -> Completed {
    candidates.retain(|candidate| candidate.word.starts_with(current));
    candidates.sort_by(|a, b| a.word.cmp(&b.word));
    Completed { candidates, rest: Rest::Nothing }
}

fn of_verb(verb: &Verb, path: &str, arguments: &[String], current: &str, session: &Session) -> Completed {
    let command = help::command(verb);
    let mut operands = Vec::new();
    let mut awaited = None;
    let mut flags_over = false;
    for word in arguments {
        if awaited.take().is_some() {
            continue;
        }
        if flags_over || word == "-" || !word.starts_with('-') {
            operands.push(word.clone());
            flags_over |= verb.flags_first;
        } else if word == "--" {
            flags_over = true;
        } else if !word.contains('=') || !word.starts_with("--") {
            awaited = waiting(&command, word);
        }
    }
    if let Some(arg) = awaited {
        return of_kind(kind_of(path, arg, current), current, "", session);
    }
    if !flags_over && current.starts_with('-') {
        return match current.split_once('=').filter(|_| current.starts_with("--")) {
            Some((flag, value)) => match waiting(&command, flag) {
                Some(arg) => of_kind(kind_of(path, arg, value), value, &format!("{flag}="), session),
                None => Completed::default(),
            },
            None => flags(&command, current),
        };
    }
    of_kind(values::of_operand(verb.usage, path, &operands, current), current, "", session)
}

fn kind_of(path: &str, arg: &Arg, typed: &str) -> Kind {
    let value = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    let long = arg.get_long().unwrap_or_default();
    let kind = values::of_flag(path, long, typed);
    if kind == Kind::Unknown { values::of_value(value, typed) } else { kind }
}

/// The flag of this word that waits for a value in the next: `--name`, or the last of `-it`.
fn waiting<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let takes_value = |arg: &Arg| !matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count);
    let has_long = |arg: &Arg, long: &str| {
        arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&long))
    };
    if let Some(long) = word.strip_prefix("--") {
        return command.get_arguments().find(|arg| has_long(arg, long)).filter(|arg| takes_value(arg));
    }
    let mut letters = word.chars().skip(1).peekable();
    while let Some(letter) = letters.next() {
        let arg = command.get_arguments().find(|arg| arg.get_short() == Some(letter))?;
        if takes_value(arg) {
            // The rest of the word is its value, if there is any.
            return letters.peek().is_none().then_some(arg);
        }
    }
    None
}

fn flags(command: &Command, current: &str) -> Completed {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
    let each = shown.filter_map(|arg| {
        let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some(Candidate::new(format!("--{}", arg.get_long()?), about))
    });
    let help = Candidate::new("--help", "Print usage");
    among(each.chain([help]).collect(), current)
}

/// What a value or operand of a kind may be. `before` is what of the word stands before it.
fn of_kind(kind: Kind, current: &str, before: &str, session: &Session) -> Completed {
    let (words, rest) = values::list(kind, current, session);
    let mut completed = among(words, current);
    for candidate in &mut completed.candidates {
        candidate.word.insert_str(0, before);
    }
    completed.rest = rest;
    completed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The candidates for the last word, and what else may stand there; of a store that is not there.
    fn completed(line: &str) -> (Vec<String>, Rest) {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let session = Session { root: Some("/nonexistent/coracle".into()), ..Session::default() };
        let completed = complete(&words, &session).unwrap_or_default();
        (completed.candidates.into_iter().map(|candidate| candidate.word).collect(), completed.rest)
    }

    #[test]
    fn words_of_the_tables() {
        for (line, want, rest) in [
            ("ru", &["run"][..], Rest::Nothing),
            ("container unp", &["unpause"], Rest::Nothing),
            ("help resta", &["restart"], Rest::Nothing),
            ("run --priv", &["--privileged"], Rest::Nothing),
            ("run --pull ", &["always", "missing", "never", "newer"], Rest::Nothing),
            ("run --pull=m", &["--pull=missing"], Rest::Nothing),
            ("run -d --restart un", &["unless-stopped"], Rest::Nothing),
            ("run -dit --restart=on-f", &["--restart=on-failure"], Rest::Nothing),
            ("run --cap-add NET_A", &["NET_ADMIN"], Rest::Nothing),
            ("kill -s KI", &["KILL"], Rest::Nothing),
            ("--cgroup-manager s", &["systemd"], Rest::Nothing),
            ("run --env-file ", &[], Rest::Files),
            ("run -v ./", &[], Rest::Files),
            ("run -v /a:/b:", &["/a:/b:ro", "/a:/b:rw"], Rest::Nothing),
            ("build ", &[], Rest::Directories),
            ("run image ", &[], Rest::Nothing),
            // A name, of which nothing is known.
            ("run --name ", &[], Rest::Nothing),
            ("run image --pri", &[], Rest::Nothing),
            ("completion ", &["bash", "fish", "zsh"], Rest::Nothing),
            ("nonsense ", &[], Rest::Nothing),
            ("cp ./", &[], Rest::Files),
        ] {
            let (words, got) = completed(line);
            assert_eq!(
                (words.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), got),
                (want, rest),
                "{line:?}"
            );
        }
    }

    /// A verb that is added names what it takes in words that are known here.
    #[test]
    fn every_usage_is_understood() {
        for verb in VERBS.iter().filter(|verb| !verb.hidden) {
            for index in 0..2 {
                let operands = vec!["x".to_owned(); index];
                values::of_operand(verb.usage, verb.paths[0], &operands, "");
            }
            assert!(values::is_understood(verb.usage), "{}: {}", verb.paths[0], verb.usage);
        }
    }
}
