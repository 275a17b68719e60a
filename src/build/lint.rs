//! What is allowed in a Dockerfile and better done otherwise: BuildKit's rules by their names.
//!
//! Source: <https://docs.docker.com/reference/build-checks/>.

use std::collections::BTreeSet;

use super::diagnostic::Problem;
use super::dockerfile::{Dockerfile, Instruction, Settings};
use super::step::Lines;
use crate::base::nearest;

/// A rule and what it is about.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: &'static str,
    pub description: &'static str,
    /// The last part of the page that explains it.
    page: &'static str,
}

impl Rule {
    /// The page that explains the rule.
    pub fn url(&self) -> String {
        format!("https://docs.docker.com/go/dockerfile/rule/{}/", self.page)
    }
}

macro_rules! rules {
    ($($constant:ident $name:literal $page:literal $description:literal)*) => {
        $(static $constant: Rule = Rule { name: $name, description: $description, page: $page };)*
    };
}

rules! {
    STAGE_NAME_CASING "StageNameCasing" "stage-name-casing" "Stage names should be lowercase"
    FROM_AS_CASING "FromAsCasing" "from-as-casing" "The 'as' keyword should match the case of the 'from' keyword"
    NO_EMPTY_CONTINUATION "NoEmptyContinuation" "no-empty-continuation"
        "Empty continuation lines will become errors in a future release"
    CONSISTENT_INSTRUCTION_CASING "ConsistentInstructionCasing" "consistent-instruction-casing"
        "All commands within the Dockerfile should use the same casing (either upper or lower)"
    DUPLICATE_STAGE_NAME "DuplicateStageName" "duplicate-stage-name" "Stage names should be unique"
    RESERVED_STAGE_NAME "ReservedStageName" "reserved-stage-name" "Reserved words should not be used as stage names"
    JSON_ARGS_RECOMMENDED "JSONArgsRecommended" "json-args-recommended"
        "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals"
    MAINTAINER_DEPRECATED "MaintainerDeprecated" "maintainer-deprecated"
        "The MAINTAINER instruction is deprecated, use a label instead to define an image author"
    UNDEFINED_ARG_IN_FROM "UndefinedArgInFrom" "undefined-arg-in-from" "FROM command must use declared ARGs"
    WORKDIR_RELATIVE_PATH "WorkdirRelativePath" "workdir-relative-path"
        "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes"
    UNDEFINED_VAR "UndefinedVar" "undefined-var" "Variables should be defined before their use"
    MULTIPLE_INSTRUCTIONS "MultipleInstructionsDisallowed" "multiple-instructions-disallowed"
        "Multiple instructions of the same type should not be used in the same stage"
    LEGACY_KEY_VALUE "LegacyKeyValueFormat" "legacy-key-value-format"
        "Legacy key/value format with whitespace separator should not be used"
    REDUNDANT_TARGET_PLATFORM "RedundantTargetPlatform" "redundant-target-platform"
        "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior"
    SECRETS_USED "SecretsUsedInArgOrEnv" "secrets-used-in-arg-or-env"
        "Sensitive data should not be used in the ARG or ENV commands"
    INVALID_DEFAULT_ARG "InvalidDefaultArgInFrom" "invalid-default-arg-in-from"
        "Default value for global ARG results in an empty or invalid base image name"
    FROM_PLATFORM_CONST "FromPlatformFlagConstDisallowed" "from-platform-flag-const-disallowed"
        "FROM --platform flag should not use a constant value"
    INVALID_BASE_PLATFORM "InvalidBaseImagePlatform" "invalid-base-image-platform"
        "Base image platform does not match expected target platform"
    COPY_IGNORED_FILE "CopyIgnoredFile" "copy-ignored-file"
        "Attempting to Copy file that is excluded by .dockerignore"
    EXPOSE_PROTO_CASING "ExposeProtoCasing" "expose-proto-casing"
        "Protocol in EXPOSE instruction should be lowercase"
    EXPOSE_INVALID_FORMAT "ExposeInvalidFormat" "expose-invalid-format"
        "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release"
}

/// One thing that a rule finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub rule: &'static Rule,
    pub message: String,
    pub lines: Lines,
}

impl Warning {
    fn new(rule: &'static Rule, message: impl Into<String>, lines: Lines) -> Self {
        Self { rule, message: message.into(), lines }
    }
}

/// `USAGE (did you mean NEAR?)`
fn suggesting(mut text: String, name: &str, known: &[&str], sign: &str) -> String {
    if let Some(near) = nearest::nearest(name, known.iter().copied()) {
        text.push_str(&format!(" (did you mean {sign}{near}?)"));
    }
    text
}

pub fn undefined_variable<'a>(name: &str, known: impl Iterator<Item = &'a str>, lines: Lines) -> Warning {
    let known: Vec<&str> = known.collect();
    let message = suggesting(format!("Usage of undefined variable '${name}'"), name, &known, "$");
    Warning::new(&UNDEFINED_VAR, message, lines)
}

pub fn undefined_argument(name: &str, known: &[&str], lines: Lines) -> Warning {
    let message = suggesting(format!("FROM argument '{name}' is not declared"), name, known, "");
    Warning::new(&UNDEFINED_ARG_IN_FROM, message, lines)
}

pub fn legacy_key_value(name: &str, lines: Lines) -> Warning {
    let message =
        format!("\"{name} key=value\" should be used instead of legacy \"{name} key value\" format");
    Warning::new(&LEGACY_KEY_VALUE, message, lines)
}

pub fn maintainer(lines: Lines) -> Warning {
    Warning::new(
        &MAINTAINER_DEPRECATED,
        "Maintainer instruction is deprecated in favor of using label",
        lines,
    )
}

pub fn relative_workdir(path: &str, lines: Lines) -> Warning {
    let message = format!("Relative workdir {path:?} can have unexpected results if the base image changes");
    Warning::new(&WORKDIR_RELATIVE_PATH, message, lines)
}

pub fn json_recommended(name: &str, lines: Lines) -> Warning {
    let message =
        format!("JSON arguments recommended for {name} to prevent unintended behavior related to OS signals");
    Warning::new(&JSON_ARGS_RECOMMENDED, message, lines)
}

/// Of instructions that overwrite each other the one that does not count is the one to point at.
pub fn used_twice(warnings: &mut Vec<Warning>, last: &mut Option<Lines>, at: &Instruction) {
    if let Some(lines) = last.replace(at.lines) {
        let message = format!(
            "Multiple {} instructions should not be used in the same stage because only the last one will be used",
            at.name()
        );
        warnings.push(Warning::new(&MULTIPLE_INSTRUCTIONS, message, lines));
    }
}

/// A name one of whose words is that of a secret.
pub fn secret(instruction: &str, name: &str, lines: Lines) -> Option<Warning> {
    const SECRET: &[&str] = &[
        "apikey",
        "auth",
        "credential",
        "credentials",
        "key",
        "password",
        "pword",
        "passwd",
        "secret",
        "token",
    ];
    const HARMLESS: &[&str] = &["public", "file", "version"];
    let lower = name.to_ascii_lowercase();
    let has = |words: &[&str]| lower.split('_').any(|part| words.contains(&part));
    let message =
        || format!("Do not use ARG or ENV instructions for sensitive data ({instruction} {name:?})");
    (has(SECRET) && !has(HARMLESS)).then(|| Warning::new(&SECRETS_USED, message(), lines))
}

/// A port with a host's part, or a protocol in capitals.
pub fn expose(word: &str, lines: Lines) -> Option<Warning> {
    if word.contains(':') {
        let message = format!(
            "EXPOSE instruction should not define an IP address or host-port mapping, found '{word}'"
        );
        return Some(Warning::new(&EXPOSE_INVALID_FORMAT, message, lines));
    }
    let protocol = word.split_once('/')?.1;
    let message = || format!("Defined protocol '{word}' in EXPOSE instruction should be lowercase");
    protocol
        .contains(|letter: char| letter.is_ascii_uppercase())
        .then(|| Warning::new(&EXPOSE_PROTO_CASING, message(), lines))
}

/// An image for another platform than the one that is built for.
pub fn base_platform(image: &str, expected: &str, actual: &str, lines: Lines) -> Warning {
    let message = format!(
        "Base image {image} was pulled with platform {actual:?}, expected {expected:?} for current build"
    );
    Warning::new(&INVALID_BASE_PLATFORM, message, lines)
}

/// A source that the ignore rules keep out of the context.
pub fn ignored_file(is_add: bool, path: &str, lines: Lines) -> Warning {
    let verb = if is_add { "Add" } else { "Copy" };
    let message = format!("Attempting to {verb} file {path:?} that is excluded by .dockerignore");
    Warning::new(&COPY_IGNORED_FILE, message, lines)
}

/// What the rules have found, less what the file has switched off.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// In the order of the file.
    pub warnings: Vec<Warning>,
    /// `# check=error=true`: a warning fails the build.
    pub fails: bool,
}

impl Checked {
    /// The message of a build that its warnings fail.
    pub fn violation(&self) -> Option<String> {
        let rules: BTreeSet<&str> = self.warnings.iter().map(|warning| warning.rule.name).collect();
        let rules: Vec<&str> = rules.into_iter().collect();
        (self.fails && !rules.is_empty())
            .then(|| format!("lint violation found for rules: {}", rules.join(", ")))
    }
}

/// `skip=Rule,Rule;error=true`, of the directive or of a comment above an instruction.
#[derive(Debug, Default)]
struct Options {
    skip: BTreeSet<String>,
    error: bool,
}

impl Options {
    fn new(text: &str) -> Result<Self, Problem> {
        let mut options = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let invalid = || Problem::at(part, format!("invalid check option {part:?}"));
            match part.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
                Some(("skip", rules)) => {
                    options.skip.extend(rules.split(',').map(|rule| rule.trim().to_ascii_lowercase()));
                }
                Some(("error", "true" | "1")) => options.error = true,
                Some(("error", "false" | "0")) => options.error = false,
                _ => return Err(invalid()),
            }
        }
        Ok(options)
    }

    fn skips(&self, rule: &Rule) -> bool {
        self.skip.contains("all") || self.skip.contains(&rule.name.to_ascii_lowercase())
    }
}

/// The build argument that comes before the `check` directive.
const ARGUMENT: &str = "BUILDKIT_DOCKERFILE_CHECK";

/// Joins what is found in the file as it stands with what was found while it was evaluated.
///
/// # Errors
/// The `check` directive, or the argument in its place, is not understood.
pub fn check(file: &Dockerfile, settings: &Settings, evaluated: Vec<Warning>) -> Result<Checked, Problem> {
    let options = match settings.build_args.get(ARGUMENT).filter(|text| !text.is_empty()) {
        // Its place is not in the file.
        Some(text) => Options::new(text)
            .map_err(|problem| Problem::new(format!("--build-arg {ARGUMENT}: {}", problem.message())))?,
        None => Options::new(file.check_directive().unwrap_or_default())?,
    };
    let mut warnings = evaluated;
    let continued = "Empty continuation line";
    warnings.extend(
        file.empty_continuations()
            .iter()
            .map(|lines| Warning::new(&NO_EMPTY_CONTINUATION, continued, *lines)),
    );
    stage_names(file, &mut warnings);
    casing(file, &mut warnings);
    file.check_froms(settings, &mut warnings);
    let skipped_at = local_options(file);
    warnings.retain(|warning| {
        let local = skipped_at.iter().find(|(lines, _)| *lines == warning.lines);
        !options.skips(warning.rule) && !local.is_some_and(|(_, options)| options.skips(warning.rule))
    });
    warnings.sort_by_key(|warning| (warning.lines, warning.rule.name));
    warnings.dedup();
    Ok(Checked { warnings, fails: options.error })
}

/// What comments above instructions say: `# check=skip=Rule`.
fn local_options(file: &Dockerfile) -> Vec<(Lines, Options)> {
    let read = |comments: &[String]| {
        let text = comments.iter().find_map(|comment| comment.strip_prefix("check="))?;
        Options::new(text).ok()
    };
    file.commented().filter_map(|(lines, comments)| Some((lines, read(comments)?))).collect()
}

fn stage_names(file: &Dockerfile, warnings: &mut Vec<Warning>) {
    let mut seen = BTreeSet::new();
    for stage in &file.stages {
        let Some(written) = &stage.name else { continue };
        let name = written.to_lowercase();
        let mut warn = |rule, message: String| warnings.push(Warning::new(rule, message, stage.lines));
        if *written != name {
            warn(&STAGE_NAME_CASING, format!("Stage name '{written}' should be lowercase"));
        }
        if matches!(name.as_str(), "context" | "scratch") {
            let message = format!("Stage name should not use the same name as reserved stage {name:?}");
            warn(&RESERVED_STAGE_NAME, message);
        }
        if !seen.insert(name.clone()) {
            let message = format!("Duplicate stage name {name:?}, stage names should be unique");
            warn(&DUPLICATE_STAGE_NAME, message);
        }
        if let Some((from, keyword)) = stage.keywords().filter(|(from, keyword)| !same_case(from, keyword)) {
            warn(&FROM_AS_CASING, format!("'{keyword}' and '{from}' keywords' casing do not match"));
        }
    }
}

/// Both small or both in capitals; a mixture is another rule's.
fn same_case(from: &str, keyword: &str) -> bool {
    let small = |word: &str| word.bytes().all(|byte| byte.is_ascii_lowercase());
    let large = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    (small(keyword) || !small(from)) && (large(keyword) || !large(from))
}

fn casing(file: &Dockerfile, warnings: &mut Vec<Warning>) {
    let words: Vec<(&str, Lines)> = file.words().collect();
    let small = words.iter().filter(|(word, _)| word.to_lowercase() == *word).count();
    let large = words.iter().filter(|(word, _)| word.to_uppercase() == *word).count();
    let (right, case): (fn(&str) -> String, _) = match small > large {
        true => (|word| word.to_lowercase(), "lowercase"),
        false => (|word| word.to_uppercase(), "uppercase"),
    };
    for (word, lines) in words.into_iter().filter(|(word, _)| right(word) != *word) {
        let message = format!("Command '{word}' should match the case of the command majority ({case})");
        warnings.push(Warning::new(&CONSISTENT_INSTRUCTION_CASING, message, lines));
    }
}

/// `FROM $TARGETPLATFORM`, which is what is used anyway.
pub fn redundant_platform(written: &str, lines: Lines) -> Warning {
    let message = format!(
        "Setting platform to predefined {written} in FROM is redundant as this is the default behavior"
    );
    Warning::new(&REDUNDANT_TARGET_PLATFORM, message, lines)
}

/// `FROM --platform=linux/amd64`, which no other platform can be built with.
pub fn constant_platform(platform: &str, lines: Lines) -> Warning {
    let message = format!("FROM --platform flag should not use constant value {platform:?}");
    Warning::new(&FROM_PLATFORM_CONST, message, lines)
}

/// A base that is no image name unless `--build-arg` is given.
pub fn invalid_default(base: &str, lines: Lines) -> Warning {
    let message = format!("Default value for ARG {base} results in empty or invalid base image name");
    Warning::new(&INVALID_DEFAULT_ARG, message, lines)
}

#[cfg(test)]
mod tests;
