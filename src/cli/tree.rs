//! The whole tree of commands, for completions and manuals alone: no start builds it.

use clap::{Arg, ArgAction, Command, ValueHint};

use super::help;
use super::verb::{Operands, Verb};
use super::verbs::{NOUNS, VERBS};

/// `coracle` with every verb beneath it, and once more beneath its noun.
pub fn root() -> Command {
    let mut root = help::root_command().about("Runs containers without a daemon and without root");
    for verb in VERBS.iter().filter(|verb| !verb.hidden && !verb.paths[0].contains(' ')) {
        root = root.subcommand(verb_command(verb, verb.paths[0]));
    }
    for (noun, about) in NOUNS {
        root = root.subcommand(noun_command(noun, about));
    }
    root
}

fn noun_command(noun: &'static str, about: &'static str) -> Command {
    let mut command = Command::new(noun).about(about).disable_help_flag(true).disable_help_subcommand(true);
    for verb in VERBS.iter().filter(|verb| !verb.hidden) {
        let beneath = |path: &&'static str| path.strip_prefix(noun)?.strip_prefix(' ');
        let mut names = verb.paths.iter().filter_map(beneath);
        if let Some(name) = names.next() {
            command = command.subcommand(verb_command(verb, name).visible_aliases(names));
        }
    }
    command
}

fn verb_command(verb: &Verb, name: &'static str) -> Command {
    let command = help::command(verb).name(name);
    let command = command.arg(Arg::new("help").long("help").help("Print usage").action(ArgAction::SetTrue));
    match verb.operands {
        Operands::None => command,
        _ => command.arg(
            Arg::new("operands")
                .num_args(0..)
                .hide(true)
                .value_hint(ValueHint::Other)
                .trailing_var_arg(false),
        ),
    }
}
