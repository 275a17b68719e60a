//! What a verb is: its flags, what it takes, and how it runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{ArgMatches, Command};

use super::flags;
use super::out;
use crate::config::env;
use crate::config::paths::Roots;
use crate::engine::Engine;
use crate::store::driver::Driver;
use crate::store::layout::Layout;
use crate::store::resources::ManagerName;

/// The flags of one verb, and what it does with them. One file per verb implements this.
pub trait Action: clap::Args {
    /// One line for lists of commands.
    const SUMMARY: &'static str;
    /// What follows the command in its usage line.
    const USAGE: &'static str;
    /// How many operands it takes.
    const OPERANDS: Operands;
    /// Whether everything after the first operand is an operand: `run IMAGE ls -l`.
    const FLAGS_FIRST: bool = false;
    /// Flags that stand for an operand: with `--latest` no container is named.
    const CHOOSERS: &'static [&'static str] = &[];
    /// For the manual: what it is for, and the command.
    const EXAMPLES: &'static [(&'static str, &'static str)];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode>;
}

/// How many operands a verb takes; docker's words for it are in [`flags`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operands {
    None,
    Exactly(usize),
    AtLeast(usize),
    AtMost(usize),
    Between(usize, usize),
}

/// One row of the table of verbs.
pub struct Verb {
    /// Every way to type it, the shortest first: `ps`, `container ls`, `container list`.
    pub paths: &'static [&'static str],
    pub summary: &'static str,
    pub usage: &'static str,
    pub operands: Operands,
    pub flags_first: bool,
    pub choosers: &'static [&'static str],
    pub examples: &'static [(&'static str, &'static str)],
    /// Left out of help, manuals and completions.
    pub hidden: bool,
    pub augment: fn(Command) -> Command,
    act: fn(&ArgMatches, Vec<String>, &Session) -> Result<ExitCode>,
}

impl Verb {
    /// The row of a verb whose flags are `A`.
    pub const fn of<A: Action>(paths: &'static [&'static str]) -> Self {
        Self {
            paths,
            summary: A::SUMMARY,
            usage: A::USAGE,
            operands: A::OPERANDS,
            flags_first: A::FLAGS_FIRST,
            choosers: A::CHOOSERS,
            examples: A::EXAMPLES,
            hidden: false,
            augment: A::augment_args,
            act: act::<A>,
        }
    }

    /// The same, left out of every list.
    pub const fn hidden<A: Action>(paths: &'static [&'static str]) -> Self {
        let mut verb = Self::of::<A>(paths);
        verb.hidden = true;
        verb
    }

    /// Parses the arguments after the verb, as typed under `path`, and runs it.
    pub fn run(&self, path: &str, arguments: &[String], session: &Session) -> Result<ExitCode> {
        let (matches, operands) = flags::parse(self, path, arguments)?;
        match matches {
            Some(matches) => (self.act)(&matches, operands, session),
            None => {
                out::text(&super::help::verb(self, path))?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

fn act<A: Action>(matches: &ArgMatches, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
    A::from_arg_matches(matches)?.run(operands, session)
}

/// What every verb is given besides its own arguments.
#[derive(Debug, Default)]
pub struct Session {
    pub root: Option<PathBuf>,
    pub runroot: Option<PathBuf>,
    /// `--storage-driver`, as written.
    pub storage_driver: Option<String>,
    /// `--cgroup-manager`, as written.
    pub cgroup_manager: Option<String>,
    /// The command as docker would name it: `run`, `container ls`. Empty until it is known.
    pub path: String,
}

impl Session {
    /// Names the paths of the store; creates and opens nothing.
    pub fn layout(&self) -> Result<Layout> {
        Ok(Layout::new(Roots::choose(self.root.as_deref(), self.runroot.as_deref())?))
    }

    /// The storage driver that the user wants: the flag, then `CORACLE_STORAGE_DRIVER`.
    fn driver(&self) -> Result<Option<Driver>> {
        let (text, place) = match &self.storage_driver {
            Some(text) => (text.clone(), "--storage-driver"),
            None => match env::value(env::CORACLE_STORAGE_DRIVER) {
                Some(text) => (text, env::CORACLE_STORAGE_DRIVER),
                None => return Ok(None),
            },
        };
        text.parse().map(Some).context(place)
    }

    /// Who the user wants to make control groups, of what was read before.
    pub fn manager(&self, usual: Option<ManagerName>) -> Result<Option<ManagerName>> {
        match &self.cgroup_manager {
            Some(text) => text.parse().map(Some).map_err(anyhow::Error::msg),
            None => Ok(usual),
        }
    }

    /// The engine, whose notices become warnings.
    pub fn engine(&self) -> Result<Engine> {
        let engine = Engine::open(self.root.as_deref(), self.runroot.as_deref())?;
        let warn = |text: &str| out::error_line(&format!("WARNING: {text}"));
        Ok(engine.with_driver(self.driver()?).with_notice(warn).with_status(out::status))
    }
}
