//! `completion`: prints what a shell needs to complete our command line.

use std::process::ExitCode;

use anyhow::{Result, bail};
use clap_complete::Shell;

use super::verb::{Action, Operands, Session};
use super::{out, tree};

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Generate the autocompletion script for a shell";
    const USAGE: &'static str = "bash|zsh|fish";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("For this shell, now", "source <(coracle completion bash)"),
        ("For every fish", "coracle completion fish >~/.config/fish/completions/coracle.fish"),
    ];

    fn run(self, operands: Vec<String>, _: &Session) -> Result<ExitCode> {
        let shell = match operands.first().map(String::as_str) {
            Some("bash") => Shell::Bash,
            Some("zsh") => Shell::Zsh,
            Some("fish") => Shell::Fish,
            Some(other) => bail!("there is no completion for {other}: only for bash, zsh and fish"),
            None => bail!("requires 1 argument"),
        };
        out::text(&script(shell))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The script for one shell.
pub fn script(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut tree::root(), "coracle", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
