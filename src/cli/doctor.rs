//! `doctor`: what this host lacks, why that matters, and the line that mends it.

use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::escape::printable;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::engine::doctor::{self, Finding, Level};

#[derive(clap::Args)]
pub struct Args {
    /// Print as JSON
    #[arg(long)]
    json: bool,
    /// Also ask the registries whether they answer
    #[arg(long)]
    online: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Examine this host, and say what mends what it lacks";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("What is wrong here", "coracle doctor"),
        (
            "Only what has failed, for a script",
            "coracle doctor --json | jq '.Checks[] | select(.Status == \"fail\")'",
        ),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        // What a command would warn of is found and told in its own place.
        let engine = session.engine().map(|engine| engine.with_notice(|_| {}));
        let findings = doctor::examine(engine, self.online);
        match self.json {
            true => {
                let text = serde_json::to_string_pretty(&document(&findings)).context("encode as JSON")?;
                out::line(&text)?;
            }
            false => out::text(&text(&findings))?,
        }
        Ok(ExitCode::from(u8::from(count(&findings, Level::Failed) > 0)))
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Fine => "ok",
        Level::Warning => "warn",
        Level::Failed => "fail",
    }
}

fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

fn text(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for finding in findings {
        let what = printable(&finding.what);
        lines.push(format!("{:<4}  {:<width$}  {what}", word(finding.level), finding.name));
        if !finding.why.is_empty() {
            lines.push(format!("      why: {}", finding.why));
        }
        // What is fine has nothing to fix, but may have more to it.
        let label = if finding.level == Level::Fine { "hint" } else { "fix" };
        lines.extend(finding.mend.as_ref().map(|mend| format!("      {label}: {}", printable(mend))));
    }
    lines.push(summary(count(findings, Level::Failed), count(findings, Level::Warning)));
    lines.push(String::new());
    lines.join("\n")
}

fn summary(failed: usize, warnings: usize) -> String {
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let warnings = plural(warnings, "warning");
    match failed {
        0 => format!("Containers can run here: {warnings}."),
        _ => format!("{}, {warnings}.", plural(failed, "failure")),
    }
}

fn document(findings: &[Finding]) -> Value {
    let checks: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "Name": finding.name,
                "Status": word(finding.level),
                "What": finding.what,
                "Why": finding.why,
                "Fix": finding.mend.as_deref().unwrap_or_default(),
            })
        })
        .collect();
    json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "Failed": count(findings, Level::Failed),
        "Warnings": count(findings, Level::Warning),
        "Checks": checks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shown_with_cause_and_remedy() {
        let finding = |name, level, what: &str, why, mend: Option<&str>| Finding {
            name,
            level,
            what: what.to_owned(),
            why,
            mend: mend.map(str::to_owned),
        };
        let fine = finding("kernel", Level::Fine, "Linux 6", "", None);
        let failed =
            finding("fuse", Level::Failed, "gone\x1b[2J", "it is needed", Some("sudo modprobe fuse"));
        assert_eq!(
            text(std::slice::from_ref(&fine)),
            "ok    kernel  Linux 6\nContainers can run here: 0 warnings.\n"
        );
        assert_eq!(
            text(&[fine, failed.clone()]),
            "ok    kernel  Linux 6\nfail  fuse    gone\\x1b[2J\n      why: it is needed\n      fix: sudo modprobe fuse\n\
             1 failure, 0 warnings.\n"
        );
        let document = document(&[failed]);
        assert_eq!((&document["Failed"], &document["Checks"][0]["Status"]), (&json!(1), &json!("fail")));
    }
}
