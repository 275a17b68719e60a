//! `create`: makes a container of an image, to be started later.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use super::acquire::Acquire;
use super::options::CreateFlags;
use super::out;
use super::run::{Stream, parse_stream};
use super::verb::{Action, Operands, Session};
use crate::engine::create;
use crate::store::options::{ContainerOptions, NetworkMode};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    create: CreateFlags,
    /// Attach to a stream: start decides, so this is for docker's scripts
    #[arg(long = "attach", short = 'a', value_name = "stream", value_parser = parse_stream, hide = true)]
    _attach: Vec<Stream>,
}

impl Action for Args {
    const SUMMARY: &'static str = "Create a new container";
    const USAGE: &'static str = "[OPTIONS] IMAGE [COMMAND] [ARG...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const FLAGS_FIRST: bool = true;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "Make now, start later",
        "coracle create --name db -v data:/var/lib/data postgres; coracle start db",
    )];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let create = self.create.with_defaults()?;
        let acquire = Acquire::new(&create)?;
        let (name, cidfile) = (create.name.clone(), create.cidfile.clone());
        let mut options = create.into_options(operands)?;
        options.resources.manager = session.manager(options.resources.manager)?;
        check_cidfile(cidfile.as_deref())?;
        warn_of_ports(&options);
        let engine = session.engine()?;
        let record = acquire
            .with_image(&engine, &options, |options| create::create(&engine, options, name.as_deref()))?;
        write_cidfile(cidfile.as_deref(), &record.id)?;
        out::line(&record.id)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says of ports that are published where there is nothing to publish them to, in docker's words.
pub fn warn_of_ports(options: &ContainerOptions) {
    let mode = match options.network {
        NetworkMode::Host => "host",
        NetworkMode::None => "none",
        _ => return,
    };
    if !options.publish.is_empty() {
        out::error_line(&format!("WARNING: Published ports are discarded when using {mode} network mode"));
    }
}

/// Refuses a file that is there, before anything is made.
pub fn check_cidfile(path: Option<&Path>) -> Result<()> {
    match path {
        Some(path) if path.exists() => bail!(
            "container ID file found, make sure the other container isn't running or delete {}",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// Writes the id, without a newline as docker does, to a file that must not exist.
pub fn write_cidfile(path: Option<&Path>, id: &str) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    match std::fs::File::create_new(path).and_then(|mut file| file.write_all(id.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => check_cidfile(Some(path)),
        written => written.with_context(|| format!("write the container ID file {}", path.display())),
    }
}
