//! The instructions that change an image's configuration and nothing else, of a Dockerfile as of
//! `commit --change`.
//!
//! What the history says of each is what BuildKit writes.

use serde_json::json;

use super::instruction::{Command, Instruction, Kind};
use super::mount::absolute;
use super::ports;
use super::words::Pair;
use crate::base::{escape, signal, time};
use crate::build::diagnostic::Problem;
use crate::build::expand::{self, Rules, Variables};
use crate::build::lint::{self, Warning};
use crate::build::step::Lines;
use crate::oci::image::{ContainerConfig, HealthConfig};

type Result<T> = std::result::Result<T, Problem>;

/// Variables of an image, and build arguments of a stage: each is looked for among all of them.
pub const MOST_VARIABLES: usize = 2000;
/// Warnings of a stage, and unknown variables of one word: each is compared with all that are known.
const MOST_WARNINGS: usize = 1000;
const MOST_UNKNOWN: usize = 20;

/// Where programs are looked for in an image that does not say.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A configuration under change.
#[derive(Debug)]
pub struct Configuration {
    pub config: ContainerConfig,
    /// What words are expanded with: the environment, and the build arguments that are in force.
    pub variables: Variables,
    /// The build arguments in the order of their declarations.
    pub declared: Vec<(String, Option<String>)>,
    pub author: Option<String>,
    /// The character that escapes.
    pub escape: char,
    pub warnings: Vec<Warning>,
    /// Where the last `CMD`, `ENTRYPOINT` and `HEALTHCHECK` stand.
    cmd: Option<Lines>,
    entrypoint: Option<Lines>,
    healthcheck: Option<Lines>,
    /// The stage or one that it stands on has a `WORKDIR`.
    pub workdir: bool,
}

impl Configuration {
    pub fn new(config: ContainerConfig, escape: char) -> Self {
        let split = |entry: &String| {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            (name.to_owned(), value.to_owned())
        };
        Self {
            variables: config.env.iter().map(split).collect(),
            config,
            declared: Vec::new(),
            author: None,
            escape,
            warnings: Vec::new(),
            cmd: None,
            entrypoint: None,
            healthcheck: None,
            workdir: false,
        }
    }

    /// Gives the configuration a `PATH` if it has none.
    pub fn complete(&mut self) {
        if !self.variables.contains_key("PATH") {
            self.set(DEFAULT_PATH.to_owned());
        }
    }

    /// Expands a word; an unknown variable is nothing, and is noted.
    pub fn expand(&mut self, word: &str, at: &Instruction, rules: Rules) -> Result<expand::Expanded> {
        let expanded = expand::expand(word, &self.variables, rules).map_err(|error| {
            // The caret finds the word where it stands as it is.
            Problem::at(word, error.to_string())
        })?;
        if self.warnings.len() > MOST_WARNINGS {
            return Ok(expanded);
        }
        let known = || self.variables.keys().map(String::as_str);
        let declared = |name: &String| self.declared.iter().any(|(other, _)| other == name);
        for name in expanded.unset.iter().take(MOST_UNKNOWN).filter(|name| !declared(name)) {
            self.warnings.push(lint::undefined_variable(name, known(), at.lines));
        }
        Ok(expanded)
    }

    /// Expands a word by the usual rules.
    pub fn word(&mut self, word: &str, at: &Instruction) -> Result<String> {
        self.expand(word, at, Rules::new(self.escape)).map(|expanded| expanded.text)
    }

    fn words(&mut self, words: &[String], at: &Instruction) -> Result<Vec<String>> {
        words.iter().map(|word| self.word(word, at)).collect()
    }

    /// Names and values, expanded with what was known before the line.
    fn pairs(&mut self, pairs: &[Pair], at: &Instruction) -> Result<Vec<(String, String)>> {
        if pairs.iter().any(|pair| pair.old_form) {
            self.warnings.push(lint::legacy_key_value(&at.name(), at.lines));
        }
        pairs.iter().map(|pair| Ok((self.word(&pair.name, at)?, self.word(&pair.value, at)?))).collect()
    }

    fn set(&mut self, variable: String) {
        let (name, value) = variable.split_once('=').unwrap_or((&variable, ""));
        self.variables.insert(name.to_owned(), value.to_owned());
        set_variable(&mut self.config.env, &variable);
    }

    /// Carries out an instruction and gives what the history says of it; `None` if it is about more than
    /// the configuration.
    pub fn apply(&mut self, at: &Instruction) -> Result<Option<String>> {
        let said = match &at.kind {
            Kind::Env(pairs) => self.env(pairs, at)?,
            Kind::Label(pairs) => self.label(pairs, at)?,
            Kind::Maintainer(name) => {
                self.warnings.push(lint::maintainer(at.lines));
                self.author = Some(name.clone());
                format!("MAINTAINER {name}")
            }
            Kind::User(user) => {
                self.config.user = self.word(user, at)?;
                format!("USER {}", self.config.user)
            }
            Kind::Workdir(path) => self.workdir(path, at)?,
            Kind::StopSignal(name) => {
                let name = self.word(name, at)?;
                signal::parse(&name)?;
                self.config.stop_signal = name;
                format!("STOPSIGNAL {}", self.config.stop_signal)
            }
            Kind::Volume(paths) => self.volume(paths, at)?,
            Kind::Expose(texts) => self.expose(texts, at)?,
            Kind::Cmd(command) => self.command(command, at),
            Kind::Entrypoint(command) => self.entrypoint(command, at),
            Kind::Shell(words) => {
                self.config.shell.clone_from(words);
                format!("SHELL [{}]", words.join(" "))
            }
            Kind::Healthcheck(check) => {
                lint::used_twice(&mut self.warnings, &mut self.healthcheck, at);
                self.config.healthcheck = Some(check.clone());
                health_text(check)
            }
            Kind::OnBuild(text) => {
                self.config.on_build.push(text.clone());
                String::new()
            }
            Kind::From(_) | Kind::Arg(_) | Kind::Run(_) | Kind::Copy(_) => return Ok(None),
        };
        Ok(Some(said))
    }

    fn env(&mut self, pairs: &[Pair], at: &Instruction) -> Result<String> {
        let mut said = "ENV".to_owned();
        for (name, value) in self.pairs(pairs, at)? {
            if name.is_empty() || name.contains('=') {
                return Err(Problem::at(&name, "ENV names can not be blank"));
            }
            self.warnings.extend(lint::secret("ENV", &name, at.lines));
            said.push_str(&format!(" {name}={value}"));
            self.set(format!("{name}={value}"));
            if self.config.env.len() > MOST_VARIABLES {
                return Err(Problem::new(format!("more than {MOST_VARIABLES} variables")));
            }
        }
        Ok(said)
    }

    fn label(&mut self, pairs: &[Pair], at: &Instruction) -> Result<String> {
        let mut said = "LABEL".to_owned();
        for (name, value) in self.pairs(pairs, at)? {
            said.push_str(&format!(" {name}={value}"));
            self.config.labels.insert(name, value);
        }
        Ok(said)
    }

    fn workdir(&mut self, path: &str, at: &Instruction) -> Result<String> {
        let path = self.word(path, at)?;
        if !self.workdir && !path.starts_with('/') {
            self.warnings.push(lint::relative_workdir(&path, at.lines));
        }
        self.workdir = true;
        self.config.working_dir = absolute(&self.config.working_dir, &path);
        Ok(format!("WORKDIR {}", self.config.working_dir))
    }

    fn volume(&mut self, paths: &[String], at: &Instruction) -> Result<String> {
        let paths = self.words(paths, at)?;
        if paths.iter().any(String::is_empty) {
            return Err(Problem::new("VOLUME specified can not be an empty string"));
        }
        let said = format!("VOLUME [{}]", paths.join(" "));
        self.config.volumes.extend(paths.into_iter().map(|path| (path, json!({}))));
        Ok(said)
    }

    fn expose(&mut self, texts: &[String], at: &Instruction) -> Result<String> {
        let mut words = Vec::new();
        for text in texts {
            words.extend(self.expand(text, at, Rules::new(self.escape))?.words);
        }
        let ports = ports::exposed(&words)?;
        self.warnings.extend(words.iter().filter_map(|word| lint::expose(word, at.lines)));
        let said = format!("EXPOSE [{}]", ports.join(" "));
        self.config.exposed_ports.extend(ports.into_iter().map(|port| (port, json!({}))));
        Ok(said)
    }

    fn command(&mut self, command: &Command, at: &Instruction) -> String {
        lint::used_twice(&mut self.warnings, &mut self.cmd, at);
        self.config.cmd = self.with_shell(command, at);
        format!("CMD {}", quoted(&self.config.cmd))
    }

    /// A new entry point drops the base image's `CMD`, which was meant for another program.
    fn entrypoint(&mut self, command: &Command, at: &Instruction) -> String {
        lint::used_twice(&mut self.warnings, &mut self.entrypoint, at);
        self.config.entrypoint = self.with_shell(command, at);
        if self.cmd.is_none() {
            self.config.cmd.clear();
        }
        format!("ENTRYPOINT {}", quoted(&self.config.entrypoint))
    }

    fn with_shell(&mut self, command: &Command, at: &Instruction) -> Vec<String> {
        if matches!(command, Command::Shell(_)) && self.config.shell.is_empty() {
            self.warnings.push(lint::json_recommended(&at.name(), at.lines));
        }
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => self.shell_line(line),
        }
    }

    /// The shell's words with a line for it.
    pub fn shell_line(&self, line: &str) -> Vec<String> {
        let mut words = match self.config.shell.is_empty() {
            true => vec!["/bin/sh".to_owned(), "-c".to_owned()],
            false => self.config.shell.clone(),
        };
        words.push(line.to_owned());
        words
    }
}

/// Sets `NAME=value` in a list of such.
pub fn set_variable(env: &mut Vec<String>, variable: &str) {
    let name = variable.split('=').next().unwrap_or_default();
    match env.iter_mut().find(|entry| entry.split('=').next() == Some(name)) {
        Some(entry) => variable.clone_into(entry),
        None => env.push(variable.to_owned()),
    }
}

/// A list as Go's `%q` shows it.
fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| escape::quote(word)).collect();
    format!("[{}]", words.join(" "))
}

/// A health check as Go's `%+v` shows it.
fn health_text(check: &HealthConfig) -> String {
    let shown = |nanoseconds| time::go_duration(std::time::Duration::from_nanos(nanoseconds));
    format!(
        "HEALTHCHECK {{Test:[{}] Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        check.test.join(" "),
        shown(check.interval),
        shown(check.timeout),
        shown(check.start_period),
        shown(check.start_interval),
        check.retries
    )
}
