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
struct Script {
    shell: &'static str,
    text: &'static str,
}

/// The same for every version: what they complete they ask for.
const SCRIPTS: [Script; 3] = [
    Script { shell: "bash", text: include_str!("../../completions/coracle.bash") },
    Script { shell: "zsh", text: include_str!("../../completions/_coracle") },
    Script { shell: "fish", text: include_str!("../../completions/coracle.fish") },
];
