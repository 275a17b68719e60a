//! A stage's instructions as steps: words expanded, the configuration after each of them, the history's text.
//!
//! Source: BuildKit's `frontend/dockerfile/dockerfile2llb`. `ARG` and `ENV` share one set of variables, in which
//! the later line wins.

use std::collections::{BTreeMap, BTreeSet};

use super::configure::{Configuration, MOST_VARIABLES};
use super::heredoc::Heredoc;
use super::instruction::{Command, CopyForm, Instruction, Kind, RunForm};
use super::mount::absolute;
use super::{Dockerfile, Settings};
use crate::base::mode::ModeChange;
use crate::build::context::GitAddress;
use crate::build::diagnostic::{Diagnostic, Problem};
use crate::build::expand::{self, Rules, Variables};
use crate::build::lint::{self, Warning};
use crate::build::step::{Action, Copy, Origin, Run, Source, Step};
use crate::oci::image::ContainerConfig;

type Result<T> = std::result::Result<T, Problem>;

/// Bytes that the configurations of a stage's steps may take together: each step has one of its own.
const LIMIT: usize = 256 << 20;
/// Build arguments that a program sees though no `ARG` declares them, and that nothing is rebuilt for.
const PROXIES: &[&str] = &["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// What a stage does.
#[derive(Debug)]
pub struct Evaluated {
    pub steps: Vec<Step>,
    /// The configuration after the last step.
    pub config: ContainerConfig,
    /// What a stage gets that begins with this one.
    pub inherited: Inherited,
    /// `MAINTAINER`.
    pub author: Option<String>,
    pub warnings: Vec<Warning>,
}

/// What a stage takes over from the stage that it begins with, beside the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inherited {
    /// The declared build arguments in their order, and the values in force.
    arguments: Vec<(String, Option<String>)>,
    /// It has a `WORKDIR`, which relative ones build on.
    workdir: bool,
}

/// Whether a build argument is an address of a proxy.
pub fn is_proxy(name: &str) -> bool {
    PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(name))
}

impl Dockerfile {
    /// The steps of a stage that begins with `base`: first what its `ONBUILD` asks for, which is then gone.
    pub fn evaluate(
        &self,
        stage: usize,
        settings: &Settings,
        base: &ContainerConfig,
        inherited: &Inherited,
    ) -> std::result::Result<Evaluated, Diagnostic> {
        self.check_globals(settings)?;
        let diagnostic = |lines, problem| self.source.diagnostic(lines, &problem);
        let from = self.stages[stage].lines;
        let globals = self.globals(settings).map_err(|problem| diagnostic(from, problem))?;
        let mut state = State::new(self, stage, settings, globals, base, inherited);
        if !self.is_replaced(stage, settings) {
            for text in &base.on_build {
                let trigger = self.trigger(text, stage).map_err(|problem| diagnostic(from, problem))?;
                state.take(&trigger).map_err(|problem| diagnostic(from, problem))?;
            }
            for instruction in &self.stages[stage].instructions {
                state.take(instruction).map_err(|problem| diagnostic(instruction.lines, problem))?;
            }
        }
        Ok(state.finish())
    }
}

struct State<'a> {
    file: &'a Dockerfile,
    stage: usize,
    settings: &'a Settings<'a>,
    globals: Variables,
    now: Configuration,
    steps: Vec<Step>,
    weight: usize,
}

impl<'a> State<'a> {
    fn new(
        file: &'a Dockerfile,
        stage: usize,
        settings: &'a Settings<'a>,
        globals: Variables,
        base: &ContainerConfig,
        inherited: &Inherited,
    ) -> Self {
        let config = ContainerConfig { on_build: Vec::new(), ..base.clone() };
        let mut now = Configuration::new(config, file.directives.escape());
        now.complete();
        now.workdir = inherited.workdir;
        now.declared.clone_from(&inherited.arguments);
        let values = inherited.arguments.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        now.variables.extend(values.map(|(name, value)| (name.clone(), value.clone())));
        Self { file, stage, settings, globals, now, steps: Vec::new(), weight: 0 }
    }

    fn finish(self) -> Evaluated {
        let mut arguments: Vec<(String, Option<String>)> = Vec::new();
        for (name, _) in &self.now.declared {
            if !arguments.iter().any(|(other, _)| other == name) {
                arguments.push((name.clone(), self.now.variables.get(name).cloned()));
            }
        }
        Evaluated {
            steps: self.steps,
            config: self.now.config,
            inherited: Inherited { arguments, workdir: self.now.workdir },
            author: self.now.author,
            warnings: self.now.warnings,
        }
    }

    fn take(&mut self, at: &Instruction) -> Result<()> {
        let (action, created_by) = match &at.kind {
            Kind::Run(run) => self.run(run, at)?,
            Kind::Copy(copy) => self.copy(copy, at)?,
            Kind::Arg(arguments) => (Action::Configure, self.argument(arguments, at)?),
            kind => {
                let said = self.now.apply(at)?.unwrap_or_default();
                let directory = self.now.config.working_dir.as_str();
                match kind {
                    // The history says nothing of it.
                    Kind::OnBuild(_) => return Ok(()),
                    Kind::Workdir(_) if directory != "/" => (Action::Workdir(directory.to_owned()), said),
                    _ => (Action::Configure, said),
                }
            }
        };
        self.weight += weight(&self.now.config);
        if self.weight > LIMIT {
            return Err(Problem::new("the configurations of the stage's steps take too much memory"));
        }
        self.steps.push(Step {
            shown: self.shown(at),
            lines: at.lines,
            action,
            config: self.now.config.clone(),
            created_by,
        });
        Ok(())
    }

    /// The value of `--build-arg`, else the default, else the argument's before the first `FROM`.
    fn argument(&mut self, arguments: &[(String, Option<String>)], at: &Instruction) -> Result<String> {
        let mut said = "ARG".to_owned();
        for (name, default) in arguments {
            self.now.warnings.extend(lint::secret("ARG", name, at.lines));
            let value = match (self.settings.build_args.get(name), default) {
                (Some(given), _) => Some(given.clone()),
                (None, Some(default)) => Some(self.now.word(default, at)?),
                (None, None) => self.globals.get(name).cloned(),
            };
            said.push_str(&format!(" {name}"));
            if let Some(value) = &value {
                said.push_str(&format!("={value}"));
                self.now.variables.insert(name.clone(), value.clone());
            }
            self.now.declared.push((name.clone(), value));
            if self.now.declared.len() > MOST_VARIABLES {
                return Err(Problem::new(format!("more than {MOST_VARIABLES} arguments")));
            }
        }
        Ok(said)
    }

    fn run(&mut self, run: &RunForm, at: &Instruction) -> Result<(Action, String)> {
        let (command, script) = self.program(run)?;
        let directory = self.now.config.working_dir.clone();
        let (file, stage, settings) = (self.file, self.stage, self.settings);
        let origin = |name: &str| file.origin(name, stage, settings);
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            mounts.push(mount.resolve(&mut |word| self.now.word(word, at), &origin, &directory)?);
        }
        let (args, said) = self.run_arguments();
        let created_by = format!("RUN {said}{} # buildkit", command.join(" "));
        let silent_args = self.proxies();
        let action = Action::Run(Run {
            command,
            script,
            mounts,
            network: run.network,
            insecure: run.insecure,
            args,
            silent_args,
        });
        Ok((action, created_by))
    }

    /// What is run, and the script that it is, if it is one.
    #[expect(clippy::type_complexity, reason = "the pair is step::Run's own")]
    fn program(&self, run: &RunForm) -> Result<(Vec<String>, Option<(String, String)>)> {
        let line = match &run.command {
            Command::Exec(words) => return Ok((words.clone(), None)),
            Command::Shell(line) => line,
        };
        let Some(first) = run.heredocs.first() else { return Ok((self.now.shell_line(line), None)) };
        if Heredoc::announced_by(line).is_none() {
            // The shell reads the documents itself.
            let documents =
                run.heredocs.iter().map(|document| format!("\n{}{}", document.content, document.name));
            let whole = line.clone() + &documents.collect::<String>();
            return Ok((self.now.shell_line(&whole), None));
        }
        let text = first.text();
        if !text.starts_with("#!") {
            return Ok((self.now.shell_line(&text), None));
        }
        if first.name.contains('/') || matches!(first.name.as_str(), "." | "..") {
            return Err(Problem::at(&first.name, format!("heredoc name {:?} is no file name", first.name)));
        }
        // BuildKit leaves the shell before the script's path.
        let command = self.now.shell_line(&format!("/dev/pipes/{}", first.name));
        Ok((command, Some((first.name.clone(), text))))
    }

    /// The declared arguments that a program sees and `ENV` does not set, and all of them for the history.
    fn run_arguments(&self) -> (BTreeMap<String, String>, String) {
        let env: BTreeSet<&str> = self.now.config.env.iter().map(String::as_str).collect();
        let (mut args, mut seen) = (BTreeMap::new(), BTreeSet::new());
        let mut said: Vec<(&str, &str)> = Vec::new();
        for (name, _) in &self.now.declared {
            let value = self.now.variables.get(name);
            if seen.insert(name) {
                said.push((name, value.map(String::as_str).unwrap_or_default()));
            }
            let entry = value.map(|value| format!("{name}={value}"));
            if entry.is_some_and(|entry| !env.contains(entry.as_str())) {
                args.extend(value.map(|value| (name.clone(), value.clone())));
            }
        }
        let count = if said.is_empty() { String::new() } else { format!("|{} ", said.len()) };
        let listed: String = said.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        (args, count + &listed)
    }

    /// The proxies' addresses under both spellings of their names.
    fn proxies(&self) -> BTreeMap<String, String> {
        let given = self.settings.build_args.iter().filter(|(name, _)| is_proxy(name));
        let both = given.flat_map(|(name, value)| {
            [name.to_ascii_uppercase(), name.to_ascii_lowercase()].map(|name| (name, value.clone()))
        });
        both.filter(|(name, _)| !self.now.variables.contains_key(name)).collect()
    }

    fn copy(&mut self, copy: &CopyForm, at: &Instruction) -> Result<(Action, String)> {
        let (file, stage, settings) = (self.file, self.stage, self.settings);
        let from = copy.from.as_deref().map(|name| file.origin(name, stage, settings)).transpose()?;
        let mut word =
            |text: &Option<String>| text.as_deref().map(|text| self.now.word(text, at)).transpose();
        let (owner, mode, checksum) = (word(&copy.owner)?, word(&copy.mode)?, word(&copy.checksum)?);
        let mut words = |texts: &[String]| -> Result<Vec<String>> {
            texts.iter().map(|text| self.now.word(text, at)).collect()
        };
        let (sources, exclude) = (words(&copy.sources)?, words(&copy.exclude)?);
        let written = self.now.word(&copy.destination, at)?;
        let mut said = if copy.is_add { "ADD".to_owned() } else { "COPY".to_owned() };
        if copy.parents {
            said.push_str(" --parents");
        }
        for (flag, value) in [("chown", &owner), ("chmod", &mode)] {
            said.extend(
                value.iter().filter(|value| !value.is_empty()).map(|value| format!(" --{flag}={value}")),
            );
        }
        said.extend(sources.iter().map(|source| format!(" {source}")));
        let mut files: Vec<Source> = Vec::new();
        for source in sources {
            files.push(remote(source, copy.is_add)?);
        }
        for document in &copy.documents {
            said.push_str(&format!(" <<{}", document.name));
            files.push(self.document(document, at)?);
        }
        said.push_str(&format!(" {written} # buildkit"));
        check_mode(mode.as_deref())?;
        check_checksum(checksum.as_deref(), &files)?;
        let copy = Copy {
            is_add: copy.is_add,
            from: from.unwrap_or(Origin::Context),
            sources: files,
            destination: destination(&self.now.config.working_dir, &written),
            owner: owner.filter(|owner| !owner.is_empty()),
            mode: mode.filter(|mode| !mode.is_empty()),
            link: copy.link,
            parents: copy.parents,
            exclude,
            checksum: checksum.filter(|checksum| !checksum.is_empty()),
            keep_git_dir: copy.keep_git_dir.unwrap_or(false),
            unpack: copy.unpack,
        };
        Ok((Action::Copy(copy), said))
    }

    /// A here-document's content as a file.
    fn document(&mut self, document: &Heredoc, at: &Instruction) -> Result<Source> {
        if document.name.contains('/') || matches!(document.name.as_str(), "." | "..") {
            let message = format!("heredoc name {:?} is no file name", document.name);
            return Err(Problem::at(&document.name, message));
        }
        let mut content = document.text();
        if document.expand {
            content = self.now.expand(&content, at, Rules::document())?.text;
        }
        Ok(Source::File { name: document.name.clone(), content })
    }

    /// The line that progress shows, as BuildKit: variables replaced, but for secrets.
    fn shown(&self, at: &Instruction) -> String {
        let mut rules = Rules::new(self.file.directives.escape());
        let mut variables = self.now.variables.clone();
        let mut code = at.code.clone();
        if let Kind::Run(run) = &at.kind {
            rules.keep_quotes = true;
            rules.keep_unset = true;
            if let (Some(first), Command::Shell(line)) = (run.heredocs.first(), &run.command)
                && Heredoc::announced_by(line).is_some()
            {
                code.push_str(&format!(" ({})", summary(&first.content)));
            }
            for mount in &run.mounts {
                variables.retain(|name, _| !mount.is_secret_env(name));
            }
        }
        let shown = expand::expand(&code, &variables, rules).map_or(code, |expanded| expanded.text);
        let (word, rest) = shown.split_once(' ').unwrap_or((&shown, ""));
        format!("{} {}", word.to_uppercase(), rest.replace('\n', " ")).trim_end().to_owned()
    }
}

/// The first line of a here-document.
fn summary(content: &str) -> String {
    let mut lines = content.trim().lines();
    let first = lines.next().unwrap_or_default();
    format!("{first}{}", if lines.next().is_some() { "..." } else { "" })
}

/// Roughly the bytes of a configuration.
fn weight(config: &ContainerConfig) -> usize {
    let lists = [&config.env, &config.cmd, &config.entrypoint, &config.on_build, &config.shell];
    let listed: usize = lists.into_iter().flatten().map(|text| text.len() + 32).sum();
    let labels: usize = config.labels.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
    let keys = config.volumes.keys().chain(config.exposed_ports.keys());
    listed + labels + keys.map(|key| key.len() + 64).sum::<usize>() + 512
}

/// The destination in full, with the `/` at its end that says it is a directory.
fn destination(directory: &str, written: &str) -> String {
    let whole = absolute(directory, written);
    let is_directory = written.is_empty()
        || written.ends_with('/')
        || matches!(written.rsplit('/').next(), Some("." | ".."));
    match is_directory && whole != "/" {
        true => format!("{whole}/"),
        false => whole,
    }
}

/// What a source of `COPY` or `ADD` is by its looks.
fn remote(source: String, is_add: bool) -> Result<Source> {
    let is_http = source.starts_with("http://") || source.starts_with("https://");
    if GitAddress::is_repository(&source) {
        return match is_add {
            true => Ok(Source::Git(source)),
            false => Err(Problem::at(&source, "source can't be a git ref for COPY")),
        };
    }
    match (is_http, is_add) {
        (true, true) => Ok(Source::Url(source)),
        (true, false) => Err(Problem::at(&source, "source can't be a URL for COPY")),
        (false, _) => Ok(Source::Path(source)),
    }
}

fn check_mode(mode: Option<&str>) -> Result<()> {
    let Some(mode) = mode.filter(|mode| !mode.is_empty()) else { return Ok(()) };
    mode.parse::<ModeChange>().map(drop).map_err(|error| Problem::at(mode, error.to_string()))
}

fn check_checksum(checksum: Option<&str>, sources: &[Source]) -> Result<()> {
    let Some(checksum) = checksum.filter(|checksum| !checksum.is_empty()) else { return Ok(()) };
    let wrong = |message: &str| Err(Problem::at(checksum, message));
    match sources {
        [Source::Url(_) | Source::Git(_)] => Ok(()),
        [Source::Path(_)] => wrong("checksum requires HTTP(S) or Git sources"),
        _ => wrong("checksum can't be specified for multiple sources"),
    }
}
