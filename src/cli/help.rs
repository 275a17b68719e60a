//! Help texts: the lists of commands by hand, one verb's options by clap.

use clap::{Command, CommandFactory, Parser};

use super::flags;
use super::globals;
use super::verb::Verb;
use super::verbs::{NOUNS, VERBS};

/// The options before the verb, as a command to be shown.
#[derive(Parser)]
#[command(name = "coracle", disable_help_flag = true, disable_version_flag = true)]
struct Root {
    #[command(flatten)]
    flags: globals::Flags,
}

/// `coracle --help`.
pub fn root() -> String {
    let mut text = String::from(
        "Usage:  coracle [OPTIONS] COMMAND\n\nRuns containers without a daemon and without root\n\nCommands:\n",
    );
    let verbs = VERBS.iter().filter(|verb| !verb.hidden && !verb.paths[0].contains(' '));
    text.push_str(&list(verbs.map(|verb| (verb.paths[0], verb.summary))));
    text.push_str("\nManagement Commands:\n");
    text.push_str(&list(NOUNS.iter().copied()));
    text.push_str("\nGlobal Options:\n");
    text.push_str(&options(Root::command()));
    text.push_str("\nRun 'coracle COMMAND --help' for more information on a command.\n");
    text
}

/// `coracle container --help`.
pub fn noun(noun: &str) -> String {
    let about = NOUNS.iter().find(|(name, _)| *name == noun).map_or("", |(_, about)| about);
    let commands = VERBS.iter().filter_map(|verb| {
        let path = verb.paths.iter().find_map(|path| path.strip_prefix(noun)?.strip_prefix(' '))?;
        Some((path, verb.summary))
    });
    let commands = list(commands);
    format!(
        "Usage:  coracle {noun} COMMAND\n\n{about}\n\nCommands:\n{commands}\n\
         Run 'coracle {noun} COMMAND --help' for more information on a command.\n"
    )
}

/// `coracle run --help`.
pub fn verb(verb: &Verb, path: &str) -> String {
    let mut text = format!("{}\n\n{}\n", flags::usage_line(verb, path), verb.summary);
    if verb.paths.len() > 1 {
        let paths: Vec<_> = verb.paths.iter().map(|path| format!("coracle {path}")).collect();
        text.push_str(&format!("\nAliases:\n  {}\n", paths.join(", ")));
    }
    let options = options(command(verb));
    if !options.is_empty() {
        text.push_str(&format!("\nOptions:\n{options}"));
    }
    text
}

/// The command of one verb, for showing: its name is the last word of its path.
pub fn command(verb: &Verb) -> Command {
    let name = verb.paths[0].rsplit(' ').next().unwrap_or_default();
    (verb.augment)(Command::new(name)).about(verb.summary).disable_help_flag(true).disable_version_flag(true)
}

/// The global options alone, for manuals and completions.
pub fn root_command() -> Command {
    Root::command()
}

fn options(command: Command) -> String {
    let shown = command.help_template("{options}").render_help().to_string();
    if shown.trim().is_empty() { String::new() } else { format!("{}\n", shown.trim_end()) }
}

fn list<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_unstable();
    rows.iter().map(|(name, about)| format!("  {name:<11} {about}\n")).collect()
}
