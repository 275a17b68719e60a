//! `logs`: shows what a container has written.

use std::process::ExitCode;

use anyhow::Result;

use super::choice::LatestFlag;
use super::flags::{parse_integer, parse_moment};
use super::report;
use super::verb::{Action, Operands, Session};
use crate::engine::logs::{self, LogOptions, Mark};

#[derive(clap::Args)]
pub struct Args {
    /// Show the lines of each container in a color of its own
    #[arg(long)]
    color: bool,
    /// Show the labels and variables that the log driver was told to note
    #[arg(long)]
    details: bool,
    /// Go on showing what is written
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    latest: LatestFlag,
    /// Mark the lines of several containers with their names, not their ids
    #[arg(long)]
    names: bool,
    /// Show only what was written since a time, or since a duration ago
    #[arg(long, value_name = "time")]
    since: Option<String>,
    /// Show only so many lines from the end
    #[arg(long, short = 'n', value_name = "lines", default_value = "all", value_parser = parse_tail)]
    tail: Tail,
    /// Show when each line was written
    #[arg(long, short)]
    timestamps: bool,
    /// Show only what was written before a time, or before a duration ago
    #[arg(long, value_name = "time")]
    until: Option<String>,
}

/// `--tail`: a number of lines, or all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail(Option<u64>);

fn parse_tail(text: &str) -> Result<Tail, String> {
    match text {
        "all" => Ok(Tail(None)),
        // Docker takes a negative number for all.
        number => parse_integer(number).map(|number| Tail(u64::try_from(number).ok())),
    }
}

impl Action for Args {
    const SUMMARY: &'static str = "Fetch the logs of a container";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("The last ten lines, and what follows", "coracle logs -f -n 10 web"),
        ("Two side by side, by name", "coracle logs -f --names web db"),
        ("The last five minutes", "coracle logs --since 5m -t web"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let options = LogOptions {
            follow: self.follow,
            tail: self.tail.0,
            since: parse_moment("since", self.since.as_deref())?,
            until: parse_moment("until", self.until.as_deref())?,
            timestamps: self.timestamps,
            details: self.details,
            prefix: None,
            color: self.color.then_some(0),
        };
        let engine = session.engine()?;
        let operands = self.latest.before(engine.containers(), operands)?;
        if let [name] = &operands[..] {
            logs::logs(&engine, name, &options, rustix::stdio::stdout(), rustix::stdio::stderr())?;
            return Ok(ExitCode::SUCCESS);
        }
        let mark = if self.names { Mark::Name } else { Mark::Id };
        let complain = |error: &anyhow::Error| report::print(error, &session.path);
        let all_well = logs::logs_of_all(&engine, &operands, &options, mark, &complain)?;
        Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails() {
        for (text, want) in [("all", None), ("10", Some(10)), ("0", Some(0)), ("-1", None)] {
            assert_eq!(parse_tail(text), Ok(Tail(want)));
        }
        assert!(parse_tail("x").is_err());
    }
}
