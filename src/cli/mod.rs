//! The command line: the only room that parses arguments, prints, and picks exit codes.
//!
//! A start must not pay for what it does not do. The verb is found by hand in a static table, then only
//! that verb's flags are built; the whole tree of commands exists only for manuals and completions.
//!
//! ```text
//! argv → globals → verbs::find → flags::parse (clap, docker's messages) → the verb's Args::run
//! ```

mod acquire;
mod attach;
mod build;
mod choice;
mod commit;
mod complete;
mod completion;
mod container_prune;
mod cp;
mod create;
mod detach;
mod diff;
mod doctor;
mod events;
mod exec;
mod exists;
mod export;
mod flags;
mod generate;
mod globals;
mod healthcheck;
mod help;
mod history;
mod image_mount;
mod image_prune;
mod image_scp;
mod image_tree;
mod images;
mod import;
mod info;
mod init;
mod inspect;
mod kill;
mod listing;
mod load;
mod login;
mod logout;
mod logs;
mod manifest;
mod mount;
mod network;
mod network_helper;
mod options;
mod out;
mod pause;
mod platform;
mod port;
mod preserve;
mod progress;
mod prompt;
mod prune;
mod ps;
mod pull;
mod push;
mod registry;
mod rename;
mod report;
mod restart;
mod restart_all;
mod rm;
mod rmi;
mod run;
mod save;
mod search;
mod secret;
mod start;
mod stats;
mod stop;
mod system;
mod table;
mod tag;
mod template;
mod top;
mod unshare;
mod unsupported;
mod untag;
mod update;
mod verb;
mod verbs;
mod version;
mod volume;
mod wait;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::base::escape;
use globals::{Globals, Wish};
use verb::Session;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let mut session = Session::default();
    match run(env::args_os().skip(1).collect(), &mut session) {
        Ok(code) => code,
        Err(error) => report::report(&error, &session.path),
    }
}

/// Finds and runs the verb. `session` is filled on the way, so that an error knows where it came from.
fn run(arguments: Vec<OsString>, session: &mut Session) -> Result<ExitCode> {
    let arguments = flags::utf8(arguments)?;
    let (Globals { root, runroot, storage_driver, cgroup_manager, mut wish }, mut rest) =
        globals::parse(&arguments)?;
    if let Some((_, tail)) = rest.split_first().filter(|(first, _)| *first == "help") {
        // `help run` is `run --help`.
        (wish, rest) = (Wish::Help, tail);
    }
    session.root = root;
    session.runroot = runroot;
    session.storage_driver = storage_driver;
    session.cgroup_manager = cgroup_manager;
    match (wish, verbs::find(rest)?) {
        (Wish::Version, _) => out::line(&format!("coracle version {}", env!("CARGO_PKG_VERSION"))),
        (_, verbs::Found::Root) => out::text(&help::root()),
        (_, verbs::Found::Noun(noun)) => out::text(&help::noun(noun)),
        (Wish::Help, verbs::Found::Verb { path, verb, .. }) => out::text(&help::verb(verb, path)),
        (Wish::Nothing, verbs::Found::Verb { path, verb, arguments }) => {
            session.path = path.to_owned();
            return verb.run(path, arguments, session);
        }
    }
    .map(|()| ExitCode::SUCCESS)
}
