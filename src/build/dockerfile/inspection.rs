//! What the rules of `lint` look at: names, cases, comments and the expressions of `FROM`.

use std::collections::BTreeMap;

use super::{Dockerfile, Settings, Stage};
use crate::build::expand::{self, Rules};
use crate::build::lint::{self, Warning};
use crate::build::step::Lines;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;

/// Unknown variables of one word that are told of.
const MOST_UNKNOWN: usize = 20;

impl Stage {
    /// `FROM` and `AS` as they are written.
    pub fn keywords(&self) -> Option<(&str, &str)> {
        Some((self.word.as_str(), self.from.keyword.as_deref()?))
    }
}

impl Dockerfile {
    /// `# check=`.
    pub fn check_directive(&self) -> Option<&str> {
        self.directives.check.as_deref()
    }

    /// The instructions that have an empty line within.
    pub fn empty_continuations(&self) -> &[Lines] {
        &self.empty_continuations
    }

    /// The names of all instructions from the first `FROM` on, as they are written.
    pub fn words(&self) -> impl Iterator<Item = (&str, Lines)> {
        self.stages.iter().flat_map(|stage| {
            let own =
                stage.instructions.iter().map(|instruction| (instruction.word.as_str(), instruction.lines));
            std::iter::once((stage.word.as_str(), stage.lines)).chain(own)
        })
    }

    /// The comments above each instruction.
    pub fn commented(&self) -> impl Iterator<Item = (Lines, &[String])> {
        let globals = self.globals.iter().map(|instruction| (instruction.lines, &instruction.comments[..]));
        globals.chain(self.stages.iter().flat_map(|stage| {
            let own =
                stage.instructions.iter().map(|instruction| (instruction.lines, &instruction.comments[..]));
            std::iter::once((stage.lines, &stage.comments[..])).chain(own)
        }))
    }

    /// The stages that `--target` may name: their names, and what the comments above them say of them.
    pub fn targets(&self) -> impl Iterator<Item = (String, &str)> {
        self.stages.iter().map(|stage| {
            let name = stage.name.as_ref().map(|name| name.to_lowercase()).unwrap_or_default();
            let of_name = |comment: &'_ String| comment.starts_with(&format!("{name} ")) && !name.is_empty();
            let said = stage.comments.iter().find(|comment| of_name(comment));
            (name.clone(), said.map_or("", |comment| comment[name.len()..].trim_start()))
        })
    }

    /// The rules about the words of `FROM`.
    pub fn check_froms(&self, settings: &Settings, warnings: &mut Vec<Warning>) {
        let rules = Rules::new(self.directives.escape());
        let none = BTreeMap::new();
        let (Ok(globals), Ok(defaults)) =
            (self.globals(settings), self.globals(&Settings { build_args: &none, ..*settings }))
        else {
            return;
        };
        let known: Vec<&str> = globals.keys().map(String::as_str).collect();
        for stage in &self.stages {
            let (from, lines) = (&stage.from, stage.lines);
            let words = [Some(&from.base), from.platform.as_ref()];
            for word in words.into_iter().flatten() {
                let unset = expand::expand(word, &globals, rules).map(|expanded| expanded.unset);
                let unset = unset.unwrap_or_default();
                let declared = |name: &String| self.declares(name);
                warnings.extend(
                    unset
                        .iter()
                        .take(MOST_UNKNOWN)
                        .filter(|name| !declared(name))
                        .map(|name| lint::undefined_argument(name, &known, lines)),
                );
            }
            if let Some(written) = &from.platform {
                warnings.extend(self.check_platform(stage, written, settings));
            }
            let default = expand::expand(&from.base, &defaults, rules).map(|expanded| expanded.text);
            if default.is_ok_and(|name| name != "scratch" && Reference::parse(&name).is_err()) {
                warnings.push(lint::invalid_default(&from.base, lines));
            }
        }
    }

    /// Whether an `ARG` before the first `FROM` has this name.
    fn declares(&self, name: &str) -> bool {
        self.globals.iter().flat_map(|at| super::arguments(&at.kind)).any(|(other, _)| other == name)
    }

    fn check_platform(&self, stage: &Stage, written: &str, settings: &Settings) -> Option<Warning> {
        let globals = self.globals(settings).ok()?;
        let expanded = expand::expand(written, &globals, Rules::new(self.directives.escape())).ok()?;
        if expanded.used.len() == 1 && expanded.unset.is_empty() {
            let is_target = expanded.used.contains("TARGETPLATFORM")
                && globals.get("TARGETPLATFORM") == Some(&expanded.text);
            return is_target.then(|| lint::redundant_platform(written, stage.lines));
        }
        if !expanded.used.is_empty() || !expanded.unset.is_empty() {
            return None;
        }
        let platform: Platform = expanded.text.parse().ok()?;
        let name = stage.name.as_deref().unwrap_or_default().to_lowercase();
        // A stage whose name says so is for one platform on purpose.
        let is_meant = name.contains(&platform.os) || name.contains(&platform.architecture);
        (!is_meant).then(|| lint::constant_platform(&expanded.text, stage.lines))
    }
}
