//! Which stages a stage uses: `FROM`, `COPY --from`, `RUN --mount=from=`.

use std::collections::BTreeSet;

use super::instruction::{Instruction, Kind};
use super::{Base, Dockerfile, Settings, context, statement};
use crate::build::diagnostic::{Diagnostic, Problem};
use crate::build::expand::{self, Rules, Variables};
use crate::build::step::Origin;

impl Dockerfile {
    /// The stages that a stage uses itself, all of them earlier ones; those that its base's `ONBUILD` uses too,
    /// if the base is a stage.
    pub fn needs(&self, stage: usize, settings: &Settings) -> Result<BTreeSet<usize>, Diagnostic> {
        let mut needs = BTreeSet::new();
        if self.is_replaced(stage, settings) {
            return Ok(needs);
        }
        let lines = self.stages[stage].lines;
        if let Base::Stage(base) = self.base(stage, settings)? {
            needs.insert(base);
            for trigger in
                self.stages[base].instructions.iter().filter_map(|instruction| match &instruction.kind {
                    Kind::OnBuild(text) => Some(text),
                    _ => None,
                })
            {
                // A trigger that cannot be read is told of when it runs.
                let Ok(trigger) = self.trigger(trigger, stage) else { continue };
                let found = self.stages_of(&trigger, stage, settings);
                needs.extend(found.map_err(|problem| self.source.diagnostic(lines, &problem))?);
            }
        }
        for instruction in &self.stages[stage].instructions {
            let found = self.stages_of(instruction, stage, settings);
            needs.extend(found.map_err(|problem| self.source.diagnostic(instruction.lines, &problem))?);
        }
        Ok(needs)
    }

    /// An `ONBUILD` instruction of a base, in the place of the `FROM` that runs it.
    pub(super) fn trigger(&self, text: &str, stage: usize) -> Result<Instruction, Problem> {
        let wrong = |message: String| Problem::new(format!("onbuild trigger {text:?}: {message}"));
        let read = statement::read(text.as_bytes(), "ONBUILD").map_err(|error| wrong(error.to_string()))?;
        let [statement] = &read.statements[..] else {
            return Err(wrong("it should be a single expression".to_owned()));
        };
        let mut trigger = Instruction::new(statement, read.directives.escape())
            .map_err(|error| wrong(error.message().to_owned()))?;
        if matches!(trigger.kind, Kind::From(_) | Kind::OnBuild(_) | Kind::Maintainer(_)) {
            return Err(wrong("it isn't allowed as an ONBUILD trigger".to_owned()));
        }
        trigger.lines = self.stages[stage].lines;
        Ok(trigger)
    }

    fn stages_of(
        &self,
        instruction: &Instruction,
        stage: usize,
        settings: &Settings,
    ) -> Result<Vec<usize>, Problem> {
        let mut found = Vec::new();
        for name in names(instruction) {
            if let Origin::Stage(index) = self.origin(name, stage, settings)? {
                found.push(index);
            }
        }
        Ok(found)
    }

    /// What `--from` or a mount's `from` of a stage means.
    pub(super) fn origin(&self, name: &str, stage: usize, settings: &Settings) -> Result<Origin, Problem> {
        let expanded = expand::expand(name, &Variables::new(), Rules::new(self.directives.escape()));
        if expanded.map_or(true, |expanded| expanded.text != name) {
            let message = "variable expansion is not supported for --from, define a new stage with FROM using ARG \
                           from global scope as a workaround";
            return Err(Problem::at(name, message));
        }
        if let Some(name) = context(name, settings) {
            return Ok(Origin::Other(name));
        }
        let index = match self.named(name, stage).or_else(|| self.named(name, self.stages.len())) {
            Some(index) => index,
            None => match name.parse::<usize>() {
                Ok(index) if index < self.stages.len() => index,
                Ok(index) => return Err(Problem::at(name, format!("invalid stage index {index}"))),
                Err(_) => return Ok(Origin::Other(name.to_owned())),
            },
        };
        if index < stage {
            return Ok(Origin::Stage(index));
        }
        let shown = self.shown_name(stage);
        let message = match self.leads_back(index, stage, &mut BTreeSet::new()) {
            true => format!("circular dependency detected on stage: {shown}"),
            false => format!(
                "cannot copy from stage {name:?}, it needs to be defined before current stage {shown:?}"
            ),
        };
        Err(Problem::at(name, message))
    }

    /// Whether stage `from` uses stage `to`, itself or through others.
    fn leads_back(&self, from: usize, to: usize, seen: &mut BTreeSet<usize>) -> bool {
        // A file may have thousands of stages in a row: a list of those to visit instead of calls.
        let mut waiting = vec![from];
        while let Some(stage) = waiting.pop() {
            if stage == to {
                return true;
            }
            if !seen.insert(stage) {
                continue;
            }
            let stage = &self.stages[stage];
            let used = stage.instructions.iter().flat_map(names).chain([stage.from.base.as_str()]);
            let index = |name: &str| {
                self.named(name, self.stages.len())
                    .or_else(|| name.parse().ok().filter(|index| *index < self.stages.len()))
            };
            waiting.extend(used.filter_map(index));
        }
        false
    }
}

/// The names of stages, contexts and images that an instruction takes files from.
fn names(instruction: &Instruction) -> Vec<&str> {
    match &instruction.kind {
        Kind::Copy(copy) => copy.from.as_deref().into_iter().collect(),
        Kind::Run(run) => run.mounts.iter().filter_map(|mount| mount.from.as_deref()).collect(),
        _ => Vec::new(),
    }
}
