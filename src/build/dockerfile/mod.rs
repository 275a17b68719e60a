//! The Dockerfile language: a file becomes stages of instructions, and a stage becomes steps.
//!
//! Source: Dockerfile reference, syntax 1.20, and BuildKit where the reference leaves something open. Nothing
//! here reads a file or knows of images: the base image's configuration is given.

mod changes;
mod configure;
mod evaluate;
mod flags;
mod heredoc;
mod inspection;
mod instruction;
mod mount;
mod ports;
mod references;
mod statement;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use changes::apply_changes;
pub use configure::set_variable;
#[allow(unused_imports, reason = "nothing builds yet")]
pub use evaluate::{Evaluated, Inherited};
pub use instruction::Instruction;

use self::configure::MOST_VARIABLES;
use self::instruction::{From, Kind};
use self::statement::Directives;
use super::diagnostic::{Diagnostic, Problem, Source};
use super::expand::{self, Rules, Variables};
use super::lint::{self, Warning};
use super::step::Lines;
use crate::base::nearest;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;

/// Stages of a file.
const MOST_STAGES: usize = 1000;

/// A parsed file. Everything in it is an instruction that exists with flags that exist; words are not expanded.
#[derive(Debug)]
pub struct Dockerfile {
    source: Source,
    directives: Directives,
    /// The `ARG`s before the first `FROM`.
    globals: Vec<Instruction>,
    /// In the order of the file; never empty.
    pub stages: Vec<Stage>,
    empty_continuations: Vec<Lines>,
}

/// A `FROM` and what follows it.
#[derive(Debug)]
pub struct Stage {
    /// As it is written; names are the same whatever their case.
    pub name: Option<String>,
    /// Those of the `FROM`.
    pub lines: Lines,
    from: From,
    /// `FROM` as it is written.
    word: String,
    comments: Vec<String>,
    pub(super) instructions: Vec<Instruction>,
}

/// What a build is asked for, as far as the language sees it.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `--build-arg`.
    pub build_args: &'a BTreeMap<String, String>,
    /// The names of `--build-context`: they come before stages and images of the same name.
    pub contexts: &'a BTreeSet<String>,
    /// What is built for.
    pub target: &'a Platform,
    /// What it is built on.
    pub host: &'a Platform,
    /// `--target`; empty for the last stage.
    pub target_stage: &'a str,
}

/// What a stage begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    Scratch,
    /// Another stage, by its number; always an earlier one.
    Stage(usize),
    /// A context of that name if there is one, else an image.
    Image {
        name: String,
        platform: Option<Platform>,
    },
}

/// Reads a Dockerfile; `name` is what messages call it.
///
/// # Errors
/// The first mistake, in its place.
pub fn parse(text: &[u8], name: &str) -> Result<Dockerfile, Diagnostic> {
    let read = statement::read(text, name)?;
    let escape = read.directives.escape();
    let mut file = Dockerfile {
        source: read.source,
        directives: read.directives,
        globals: Vec::new(),
        stages: Vec::new(),
        empty_continuations: read.empty_continuations,
    };
    for statement in &read.statements {
        let taken = Instruction::new(statement, escape).and_then(|instruction| file.take(instruction));
        taken.map_err(|problem| file.source.diagnostic(statement.lines, &problem))?;
    }
    match file.stages.is_empty() {
        true => Err(file
            .source
            .diagnostic(Lines::default(), &Problem::new("dockerfile contains no stages to build"))),
        false => Ok(file),
    }
}

impl Dockerfile {
    fn take(&mut self, instruction: Instruction) -> Result<(), Problem> {
        if matches!(instruction.kind, Kind::From(_)) && self.stages.len() == MOST_STAGES {
            return Err(Problem::new(format!("more than {MOST_STAGES} stages")));
        }
        match (instruction.kind, self.stages.last_mut()) {
            (Kind::From(from), _) => self.stages.push(Stage {
                name: from.name.clone(),
                lines: instruction.lines,
                from,
                word: instruction.word,
                comments: instruction.comments,
                instructions: Vec::new(),
            }),
            (kind, Some(stage)) => stage.instructions.push(Instruction { kind, ..instruction }),
            (kind @ Kind::Arg(_), None) => self.globals.push(Instruction { kind, ..instruction }),
            (_, None) => return Err(Problem::at(&instruction.word, "no build stage in current context")),
        }
        Ok(())
    }

    /// Lets the first stage begin with another image than it says.
    pub fn begin_with(&mut self, image: &str) {
        if let Some(first) = self.stages.first_mut() {
            image.clone_into(&mut first.from.base);
        }
    }

    /// `# syntax=`: the frontend that the file asks for, which is noted and not used.
    pub fn syntax(&self) -> Option<&str> {
        self.directives.syntax.as_deref()
    }

    /// Where a word of an instruction is, to be told with an error that comes of it.
    pub fn place(&self, lines: Lines, word: &str) -> Diagnostic {
        self.source.diagnostic(lines, &Problem::at(word, ""))
    }

    /// Where it is said what a stage begins with.
    pub fn place_of_base(&self, stage: usize) -> Diagnostic {
        self.place(self.stages[stage].lines, &self.stages[stage].from.base)
    }

    /// The lines of an instruction and some around it, for the message of a step that has failed.
    pub fn excerpt(&self, lines: Lines) -> Vec<String> {
        self.source.excerpt(lines)
    }

    /// The stage that `--target` names, by name or by number.
    pub fn stage(&self, name: &str) -> Result<usize, Problem> {
        if let Some(index) = self.named(name, self.stages.len()) {
            return Ok(index);
        }
        if let Some(index) = name.parse().ok().filter(|index| *index < self.stages.len()) {
            return Ok(index);
        }
        let names = self.stages.iter().filter_map(|stage| stage.name.as_deref());
        let near = nearest::nearest(name, names);
        Err(Problem::new(format!("target stage {name:?} could not be found")).meant(near))
    }

    /// The last of the first `before` stages that has this name.
    fn named(&self, name: &str, before: usize) -> Option<usize> {
        self.stages[..before]
            .iter()
            .rposition(|stage| stage.name.as_deref().is_some_and(|other| other.eq_ignore_ascii_case(name)))
    }

    /// What progress calls a stage.
    pub fn shown_name(&self, stage: usize) -> String {
        self.stages[stage].name.as_ref().map_or_else(|| format!("stage-{stage}"), |name| name.to_lowercase())
    }

    /// A context of the stage's name stands for the whole stage.
    fn is_replaced(&self, stage: usize, settings: &Settings) -> bool {
        let name = self.stages[stage].name.as_ref();
        name.is_some_and(|name| context(name, settings).is_some())
    }

    /// What a stage begins with.
    pub fn base(&self, stage: usize, settings: &Settings) -> Result<Base, Diagnostic> {
        let lines = self.stages[stage].lines;
        self.find_base(stage, settings).map_err(|problem| self.source.diagnostic(lines, &problem))
    }

    fn find_base(&self, stage: usize, settings: &Settings) -> Result<Base, Problem> {
        let from = &self.stages[stage].from;
        if let Some(name) = from.name.as_ref().filter(|_| self.is_replaced(stage, settings)) {
            let name = context(name, settings).unwrap_or_else(|| name.to_lowercase());
            return Ok(Base::Image { name, platform: None });
        }
        let globals = self.globals(settings)?;
        let rules = Rules::new(self.directives.escape());
        let at = |error: expand::ExpandError| Problem::at(&from.base, error.to_string());
        let name = expand::expand(&from.base, &globals, rules).map_err(at)?.text;
        let platform = from.platform.as_deref().map(|text| platform(text, &globals, rules)).transpose()?;
        if name.is_empty() {
            let message = format!("base name ({}) should not be blank", from.base);
            return Err(Problem::at(&from.base, message));
        }
        if let Some(name) = context(&name, settings) {
            return Ok(Base::Image { name, platform });
        }
        Ok(match self.named(&name, stage) {
            Some(index) => Base::Stage(index),
            None if name == "scratch" => Base::Scratch,
            None => Base::Image { name, platform },
        })
    }

    /// The arguments before the first `FROM` and the predefined ones, with their values.
    fn globals(&self, settings: &Settings) -> Result<Variables, Problem> {
        let mut globals = self.predefined(settings);
        for (name, value) in self.globals.iter().flat_map(|instruction| arguments(&instruction.kind)) {
            let value = match (settings.build_args.get(name), value) {
                (Some(given), _) => given.clone(),
                (None, Some(value)) => {
                    let rules = Rules::new(self.directives.escape());
                    expand::expand(value, &globals, rules)?.text
                }
                (None, None) => continue,
            };
            globals.insert(name.clone(), value);
            if globals.len() > MOST_VARIABLES {
                return Err(Problem::new(format!("more than {MOST_VARIABLES} arguments")));
            }
        }
        Ok(globals)
    }

    /// Where `ARG` is, for a mistake in one before the first `FROM`.
    fn check_globals(&self, settings: &Settings) -> Result<(), Diagnostic> {
        let lines = self.globals.first().zip(self.globals.last());
        let lines = lines.map_or(Lines::default(), |(first, last)| Lines {
            first: first.lines.first,
            last: last.lines.last,
        });
        self.globals(settings).map(drop).map_err(|problem| self.source.diagnostic(lines, &problem))
    }

    /// `TARGETPLATFORM`, `BUILDARCH` and their like; `--build-arg` may give them another value.
    fn predefined(&self, settings: &Settings) -> Variables {
        let last = self.stages.last().and_then(|stage| stage.name.as_ref()).map(|name| name.to_lowercase());
        let target = match settings.target_stage {
            "" => last.unwrap_or_else(|| "default".to_owned()),
            target => target.to_owned(),
        };
        let mut values = vec![("TARGETSTAGE".to_owned(), target)];
        for (prefix, platform) in [("BUILD", settings.host), ("TARGET", settings.target)] {
            let variant = platform.variant.clone().unwrap_or_default();
            values.extend([
                (format!("{prefix}PLATFORM"), platform.to_string()),
                (format!("{prefix}OS"), platform.os.clone()),
                (format!("{prefix}OSVERSION"), String::new()),
                (format!("{prefix}ARCH"), platform.architecture.clone()),
                (format!("{prefix}VARIANT"), variant),
            ]);
        }
        let given = |name: &String| settings.build_args.get(name).cloned();
        values.into_iter().map(|(name, value)| (name.clone(), given(&name).unwrap_or(value))).collect()
    }

    /// The `--build-arg`s that no `ARG` of the file declares and that are not predefined.
    pub fn unused_args(&self, settings: &Settings) -> Vec<String> {
        let stages = self.stages.iter().flat_map(|stage| &stage.instructions);
        let declared: BTreeSet<&str> = self
            .globals
            .iter()
            .chain(stages)
            .flat_map(|instruction| arguments(&instruction.kind))
            .map(|(name, _)| name.as_str())
            .collect();
        let predefined = self.predefined(settings);
        let is_known = |name: &str| {
            declared.contains(name)
                || predefined.contains_key(name)
                || evaluate::is_proxy(name)
                || name.starts_with("BUILDKIT_")
                || name == "SOURCE_DATE_EPOCH"
        };
        settings.build_args.keys().filter(|name| !is_known(name)).cloned().collect()
    }

    /// What the rules find in the file as it stands and in `evaluated`, without what the file has switched off.
    ///
    /// # Errors
    /// A `# check=` that is none.
    pub fn check(&self, settings: &Settings, evaluated: Vec<Warning>) -> Result<lint::Checked, Diagnostic> {
        self.check_globals(settings)?;
        lint::check(self, settings, evaluated)
            .map_err(|problem| self.source.diagnostic(Lines { first: 1, last: 1 }, &problem))
    }
}

/// The context that a name of a stage or an image stands for, as it is called in the settings.
fn context(name: &str, settings: &Settings) -> Option<String> {
    let lower = name.to_lowercase();
    if matches!(lower.as_str(), "scratch" | "context") {
        return None;
    }
    let called = [context_name(name), context_name(&lower)];
    called.into_iter().find(|name| settings.contexts.contains(name))
}

/// The one spelling of a context's name (buildx): `docker.io/library/x:latest` is `x`.
pub fn context_name(name: &str) -> String {
    match Reference::parse(name) {
        Ok(parsed) if parsed.digest().is_none() && parsed.tag().is_none_or(|tag| tag == "latest") => {
            let familiar = parsed.familiar();
            familiar.strip_suffix(":latest").unwrap_or(&familiar).to_owned()
        }
        Ok(parsed) => parsed.familiar(),
        Err(_) => name.to_owned(),
    }
}

fn arguments(kind: &Kind) -> &[(String, Option<String>)] {
    match kind {
        Kind::Arg(arguments) => arguments,
        _ => &[],
    }
}

fn platform(text: &str, globals: &Variables, rules: Rules) -> Result<Platform, Problem> {
    let expanded =
        expand::expand(text, globals, rules).map_err(|error| Problem::at(text, error.to_string()))?;
    let near = || {
        let known = globals.keys().map(String::as_str);
        expanded.unset.iter().next().and_then(|name| nearest::nearest(name, known))
    };
    if expanded.text.is_empty() {
        let message = format!("empty platform value from expression {text}");
        return Err(Problem::at(text, message).meant(near()));
    }
    expanded
        .text
        .parse()
        .map_err(|error| Problem::at(text, format!("failed to parse platform {text}: {error}")).meant(near()))
}

#[cfg(test)]
mod tests;
