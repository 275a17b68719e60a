//! Errors as one line, docker's way, with the hint that mends them; and the exit code they call for.

use std::process::ExitCode;

use super::escape;
use super::out;
use crate::base::exit::{self, Interrupted, ReaderGone};
use crate::base::hint;
use crate::build::diagnostic::Diagnostic;

/// The engine or the command line itself failed, where a container's own code could be meant: docker's.
const ENGINE_FAILED: u8 = 125;
/// Any other command failed.
const FAILED: u8 = 1;
/// A program that dies of a closed pipe shows 128 + SIGPIPE, and so does docker.
const PIPE_CLOSED: u8 = 141;

/// A mistake on the command line: its whole text, as docker shows it, and the exit code.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct UsageError {
    pub text: String,
    pub code: u8,
}

/// Every failure was reported where it happened; only the exit code is left.
#[derive(Debug, thiserror::Error)]
#[error("some operands failed")]
pub struct Reported;

/// Prints an error of the command `path` and returns the exit code for it.
pub fn report(error: &anyhow::Error, path: &str) -> ExitCode {
    if error.is::<ReaderGone>() {
        return ExitCode::from(PIPE_CLOSED);
    }
    if let Some(Interrupted(signal)) = error.downcast_ref() {
        return ExitCode::from(128 + signal);
    }
    if error.is::<Reported>() {
        return ExitCode::from(FAILED);
    }
    let usage = error.downcast_ref::<UsageError>();
    match usage {
        Some(usage) => out::error_line(&usage.text),
        None => print(error, path),
    }
    // A child that did the work says 125 of whatever is not about a program.
    let code =
        usage.map(|usage| usage.code).or_else(|| exit::find(error).filter(|code| *code != ENGINE_FAILED));
    ExitCode::from(code.unwrap_or(if answers_for_a_program(path) { ENGINE_FAILED } else { FAILED }))
}

/// Prints the error line of one operand or of the whole command, and its hint.
pub fn print(error: &anyhow::Error, path: &str) {
    for line in lines(error, path) {
        out::error_line(&line);
    }
}

/// The lines of a Dockerfile that an error points at, the error line of the command `path`, and what follows it.
pub fn lines(error: &anyhow::Error, path: &str) -> Vec<String> {
    let text = escape::printable(&format!("{error:#}")).into_owned();
    // One that tells the place of another error is no cause of its own.
    let of_chain = || error.chain().find_map(|cause| cause.downcast_ref::<Diagnostic>());
    let diagnostic = error.downcast_ref::<Diagnostic>().or_else(of_chain);
    let excerpt = diagnostic.map(Diagnostic::excerpt).unwrap_or_default();
    let mut lines: Vec<String> = excerpt.iter().map(|line| escape::printable(line).into_owned()).collect();
    match answers_for_a_program(path) {
        true => lines.extend([
            format!("coracle: {text}"),
            String::new(),
            format!("Run 'coracle {path} --help' for more information"),
        ]),
        false => lines.push(format!("Error: {text}")),
    }
    lines.extend(hint::find(error).map(|hint| format!("hint: {hint}")));
    lines
}

/// Whether the exit code of this command is else a container's: `run` and `create`, under every name.
fn answers_for_a_program(path: &str) -> bool {
    matches!(path, "run" | "create" | "container run" | "container create")
}

/// Does `action` for every operand; reports each failure and goes on, as docker does.
pub fn each(
    operands: &[String],
    path: &str,
    mut action: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let mut failed = false;
    for operand in operands {
        match action(operand) {
            Ok(()) => {}
            Err(error) if error.is::<ReaderGone>() => return Err(error),
            Err(error) => {
                print(&error, path);
                failed = true;
            }
        }
    }
    if failed { Err(Reported.into()) } else { Ok(ExitCode::SUCCESS) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hint::HintExt;
    use anyhow::anyhow;

    #[test]
    fn run_points_at_its_help_and_others_do_not() {
        let error = Err::<(), _>(anyhow!("open /dev/net/tun: no such file")).hint(|| "use --network host");
        let error = error.unwrap_err();
        assert_eq!(
            lines(&error, "container run"),
            [
                "coracle: open /dev/net/tun: no such file",
                "",
                "Run 'coracle container run --help' for more information",
                "hint: use --network host"
            ]
        );
        assert_eq!(
            lines(&anyhow!("No such container: x\x1b[2J"), "rm"),
            ["Error: No such container: x\\x1b[2J"]
        );
    }

    #[test]
    fn a_mistake_in_a_dockerfile_is_shown_in_its_place() {
        let error = crate::build::dockerfile::parse(b"FROM x\nRUNN \x1by\n", "Dockerfile").unwrap_err();
        assert_eq!(
            lines(&anyhow::Error::from(error).context("build"), "build"),
            [
                "--------------------",
                "   1 |     FROM x",
                "   2 | >>> RUNN \\x1by",
                "     |     ^",
                "--------------------",
                "Error: build: Dockerfile:2:1: unknown instruction: RUNN (did you mean RUN?)"
            ]
        );
    }
}
