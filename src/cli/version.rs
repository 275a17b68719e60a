//! `version`: what this is, in docker's two blocks, which are one binary here.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::inspect::show_one;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::oci::platform::Platform;

#[derive(clap::Args)]
pub struct Args {
    /// Print through a Go template, or 'json'
    #[arg(long, short, value_name = "format")]
    format: Option<String>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Show the version information";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("The number alone", "coracle version -f '{{.Client.Version}}'")];

    fn run(self, _: Vec<String>, _: &Session) -> Result<ExitCode> {
        match self.format.as_deref().filter(|format| !format.is_empty()) {
            Some(format) => out::line(&show_one(&document(), format)?)?,
            None => out::text(&text())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn text() -> String {
    let (platform, kernel) = (Platform::host(), kernel());
    format!(
        "Client: Coracle\n Version:           {VERSION}\n OS/Arch:           {platform}\n\n\
         Server: Coracle (no daemon: the same program)\n Engine:\n  Version:          {VERSION}\n  \
         OS/Arch:          {platform}\n  Kernel Version:   {kernel}\n"
    )
}

fn document() -> Value {
    let Platform { os, architecture, .. } = Platform::host();
    json!({
        "Client": {"Platform": {"Name": "Coracle"}, "Version": VERSION, "Os": os, "Arch": architecture},
        "Server": {
            "Platform": {"Name": "Coracle"},
            "Components": [{"Name": "Engine", "Version": VERSION}],
            "Version": VERSION,
            "Os": os,
            "Arch": architecture,
            "KernelVersion": kernel(),
        },
    })
}

fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}
