//! `run`: makes a container of an image and starts it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::acquire::Acquire;
use super::create::{self, write_cidfile};
use super::options::CreateFlags;
use super::preserve::PreserveFlags;
use super::report::{self, UsageError};
use super::verb::{Action, Operands, Session};
use super::{detach, out};
use crate::config::linger;
use crate::engine::attach::{Outcome, Streams};
use crate::engine::{rmi, run};
use crate::store::options::{Attached, RestartPolicy};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    create: CreateFlags,
    /// Attach to a stream: stdin, stdout or stderr
    #[arg(long, short, value_name = "stream", value_parser = parse_stream)]
    attach: Vec<Stream>,
    /// Run in the background and print the container's id
    #[arg(long, short)]
    detach: bool,
    #[command(flatten)]
    preserve: PreserveFlags,
    /// When the container has ended, remove it, and its image too unless another container uses that
    #[arg(long)]
    rmi: bool,
    /// Pass signals on to the program (default true)
    #[arg(long, default_value_t = true, action = clap::ArgAction::SetTrue)]
    sig_proxy: bool,
}

/// A stream of `--attach`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

/// Reads `--attach`.
pub fn parse_stream(text: &str) -> Result<Stream, String> {
    match text.to_ascii_lowercase().as_str() {
        "stdin" => Ok(Stream::Stdin),
        "stdout" => Ok(Stream::Stdout),
        "stderr" => Ok(Stream::Stderr),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

impl Action for Args {
    const SUMMARY: &'static str = "Create and run a new container from an image";
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const FLAGS_FIRST: bool = true;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("A first container, without any network", "coracle run --rm builtin:hello"),
        ("A shell", "coracle run --rm -it alpine"),
        ("A web server in the background, on port 8080", "coracle run -d --name web -p 8080:80 nginx"),
        ("A program on the files of this directory", "coracle run --rm -v .:/src -w /src golang go build"),
    ];

    fn run(mut self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        self.create.remove_at_end |= self.rmi;
        let rmi = self.rmi;
        if self.detach && !self.attach.is_empty() {
            bail!("conflicting options: cannot specify both --attach and --detach");
        }
        self.create = self.create.with_defaults()?;
        let acquire = Acquire::new(&self.create)?;
        let streams = self.streams()?;
        let passed = streams.is_some() && self.create.passes_streams();
        let shows = passed || streams.as_ref().is_some_and(|streams| streams.stdout || streams.stderr);
        // With input alone the id is shown at once: the end of what is typed may be far.
        let names_first = !shows && streams.is_some();
        let (name, cidfile) = (self.create.name.clone(), self.create.cidfile.clone());
        let mut options = self.create.into_options(operands)?;
        options.resources.manager = session.manager(options.resources.manager)?;
        let attached = streams.as_ref();
        options.attached = Attached {
            stdin: attached.is_some_and(|streams| streams.stdin),
            stdout: attached.is_some_and(|streams| streams.stdout),
            stderr: attached.is_some_and(|streams| streams.stderr),
        };
        create::check_cidfile(cidfile.as_deref())?;
        create::warn_of_ports(&options);
        let comes_back = options.restart != RestartPolicy::No;
        let image = options.image.clone();
        let engine = session.engine()?;
        let mut id = String::new();
        let mut preserved = self.preserve.take_with_activation()?;
        let outcome = acquire.with_image(&engine, &options, |options| {
            run::run(&engine, options, name.as_deref(), streams.clone(), &mut preserved, &mut |made| {
                write_cidfile(cidfile.as_deref(), made)?;
                made.clone_into(&mut id);
                if names_first { out::line(made) } else { Ok(()) }
            })
        })?;
        if rmi {
            match outcome {
                Outcome::Exited(_) => {
                    if let Err(error) = rmi::remove_left(&engine, &image) {
                        // What the program came to is what it came to.
                        report::print(&error, "rmi");
                    }
                }
                _ => rmi::remove_with(&engine, &id, &image)?,
            }
        }
        if shows {
            return Ok(exit_code(outcome));
        }
        if !names_first {
            out::line(&id)?;
            if comes_back {
                hint_at_linger();
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// Which of our streams take part; none in the background.
    fn streams(&self) -> Result<Option<Streams>> {
        if self.detach {
            return Ok(None);
        }
        let (interactive, tty) = self.create.terminal();
        let wants = |stream| self.attach.contains(&stream);
        let all = self.attach.is_empty();
        if self.create.passes_streams() {
            if !all {
                bail!("cannot specify --attach with --log-driver=passthrough");
            }
            // What is typed and shown is the container's own business.
            return Ok(Some(Streams { sig_proxy: self.sig_proxy, ..Streams::default() }));
        }
        let streams = Streams {
            stdin: if all { interactive } else { wants(Stream::Stdin) },
            stdout: all || wants(Stream::Stdout),
            stderr: all || wants(Stream::Stderr),
            tty,
            detach_keys: detach::after_files(self.create.detach_keys())?,
            sig_proxy: self.sig_proxy,
            hangs_up: true,
        };
        check_terminal(&streams)?;
        Ok(Some(streams))
    }
}

/// Says what keeps a container running that is to run always, where the last logout would end it.
pub fn hint_at_linger() {
    if let Some(user) = linger::missing() {
        out::error_line(&format!(
            "hint: to keep it running after the last logout: loginctl enable-linger {user}"
        ));
    }
}

/// A terminal inside needs one here to type at; docker's exit code for that is 1 on every command.
pub fn check_terminal(streams: &Streams) -> Result<()> {
    streams.check().map_err(|error| UsageError { text: error.to_string(), code: 1 }.into())
}

/// The exit code for what a program came to; one that was left alone did no wrong.
pub fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Exited(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        Outcome::Detached | Outcome::Started => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_by_name() {
        assert_eq!(parse_stream("STDIN"), Ok(Stream::Stdin));
        assert_eq!(parse_stream("stderr"), Ok(Stream::Stderr));
        assert_eq!(parse_stream("x").unwrap_err(), "valid streams are STDIN, STDOUT and STDERR");
    }
}
