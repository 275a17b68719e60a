//! `completion`: prints what a shell needs to complete our command line.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::out;
use super::verb::{Action, Operands, Session};

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
        let shell = operands.first().map_or("", String::as_str);
        let Some(script) = SCRIPTS.iter().find(|script| script.shell == shell) else {
            bail!("there is no completion for {shell}: only for bash, zsh and fish")
        };
        out::text(script.text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What a shell needs to ask [`super::complete`].
pub struct Script {
    shell: &'static str,
    /// What its file is called where the shell looks for it.
    pub file: &'static str,
    pub text: &'static str,
}

pub const SCRIPTS: [Script; 3] = [
    Script { shell: "bash", file: "coracle.bash", text: include_str!("complete/coracle.bash") },
    Script { shell: "zsh", file: "_coracle", text: include_str!("complete/_coracle") },
    Script { shell: "fish", file: "coracle.fish", text: include_str!("complete/coracle.fish") },
];
