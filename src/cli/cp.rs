//! `cp`: copies files between a container and the host, or between two containers.

use std::io::{IsTerminal, stdin, stdout};
use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::{hint, size};
use crate::engine::copy::{self, End, Wishes};

#[derive(clap::Args)]
pub struct Args {
    /// Keep the owner of everything; else copies belong to root in a container, and to you on the host
    #[arg(long, short)]
    archive: bool,
    /// Follow a link in the last place of SRC_PATH
    #[arg(long, short = 'L')]
    follow_link: bool,
    /// Let a directory be replaced by what is none, and the other way round
    #[arg(long)]
    overwrite: bool,
    /// Say nothing of what was copied: so it is anyway where standard output is no terminal
    #[arg(long, short)]
    quiet: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Copy files between a container and the host";
    const USAGE: &'static str = "[OPTIONS] [CONTAINER:]SRC_PATH|- [CONTAINER:]DEST_PATH|-";
    const OPERANDS: Operands = Operands::Exactly(2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A file out of a container", "coracle cp web:/etc/nginx/nginx.conf ."),
        ("The contents of a directory into one", "coracle cp ./site/. web:/usr/share/nginx/html"),
        ("Through a tar archive", "coracle cp web:/etc - | tar -t"),
        ("From one container to another", "coracle cp old:/data new:/"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let [from, to] = &operands[..] else { bail!("cp takes two paths") };
        if from.is_empty() {
            bail!("source can not be empty");
        }
        if to.is_empty() {
            bail!("destination can not be empty");
        }
        let wishes = Wishes { archive: self.archive, follow: self.follow_link, overwrite: self.overwrite };
        match (from.as_str(), to.as_str()) {
            ("-", "-") => bail!("must specify at least one container source"),
            ("-", to) => {
                copy::receive(&session.engine()?, stdin().as_fd(), &parse(to)?, wishes)?;
                return Ok(ExitCode::SUCCESS);
            }
            (from, "-") => {
                let engine = session.engine()?;
                hint::of_output(copy::send(&engine, &parse(from)?, wishes.follow, stdout().as_fd()))?;
                return Ok(ExitCode::SUCCESS);
            }
            _ => {}
        }
        let (from, to) = (parse(from)?, parse(to)?);
        if matches!((&from, &to), (End::Host(_), End::Host(_))) {
            bail!("must specify at least one container source");
        }
        let engine = session.engine()?;
        let copied = copy::copy(&engine, &from, &to, wishes);
        let copied = if matches!(to, End::Host(_)) { hint::of_output(copied)? } else { copied? };
        if copied.skipped > 0 {
            out::error_line(&format!("WARNING: left out {} devices and sockets", copied.skipped));
        }
        if !self.quiet && stdout().is_terminal() {
            let to = match &to {
                End::Host(path) => path.clone(),
                End::Container { name, path } => format!("{name}:{path}"),
            };
            // With the two blocks that end an archive: docker counts what it sends.
            let size = size::human(copied.bytes + 1024, 3);
            out::error_line(&format!("Successfully copied {size} to {to}"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Takes `CONTAINER:PATH` apart. A path that begins with `/` or `.` is the host's, whatever else it has in it.
fn parse(operand: &str) -> Result<End> {
    match operand.split_once(':') {
        Some((name, path)) if !operand.starts_with(['/', '.']) => {
            Ok(End::Container { name: name.to_owned(), path: path.to_owned() })
        }
        _ => {
            let here = std::env::current_dir().context("find the working directory")?;
            let here = here.to_str().context("the working directory is not UTF-8")?;
            Ok(End::Host(match operand.starts_with('/') {
                true => operand.to_owned(),
                false => format!("{here}/{operand}"),
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends() {
        let container = |name: &str, path: &str| End::Container { name: name.into(), path: path.into() };
        assert_eq!(parse("c:/a:b").unwrap(), container("c", "/a:b"));
        assert_eq!(parse("c:").unwrap(), container("c", ""));
        assert_eq!(parse("/a:b").unwrap(), End::Host("/a:b".into()));
        for local in ["./a:b", "a/", "."] {
            let End::Host(path) = parse(local).unwrap() else { panic!("{local}") };
            assert!(path.ends_with(&format!("/{local}")));
        }
    }
}
