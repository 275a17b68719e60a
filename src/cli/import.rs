//! `import`: an image out of an archive of files.

use std::io::stdin;
use std::os::fd::AsFd;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::out;
use super::platform::PlatformParts;
use super::verb::{Action, Operands, Session};
use crate::engine::import::{self, Wishes};
use crate::oci::reference::Reference;

#[derive(clap::Args)]
pub struct Args {
    /// Apply a Dockerfile instruction to the image: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL
    /// USER VOLUME WORKDIR
    #[arg(long, short, value_name = "instruction")]
    change: Vec<String>,
    /// Say where it comes from, in the image's history
    #[arg(long, short, value_name = "message")]
    message: Option<String>,
    /// The platform of the image: os[/architecture[/variant]]; this machine's unless given
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    #[command(flatten)]
    parts: PlatformParts,
    /// Print nothing but the image's id: there is never more
    #[arg(long, short, hide = true)]
    quiet: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Import a tar archive of files to make an image of it";
    const USAGE: &'static str = "[OPTIONS] FILE|URL|- [REPOSITORY[:TAG]]";
    const OPERANDS: Operands = Operands::Between(1, 2);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        (
            "A root filesystem, compressed or not",
            "coracle import -c 'CMD [\"bash\"]' rootfs.tar.gz debian:mine",
        ),
        (
            "What is in a container, as an image of one layer",
            "coracle export web | coracle import - web:flat",
        ),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let _ = self.quiet;
        let name = operands.get(1).map(|name| Reference::parse(name)).transpose()?;
        if name.as_ref().is_some_and(|name| name.digest().is_some()) {
            bail!("cannot import digest reference");
        }
        let wishes = Wishes {
            message: self.message.unwrap_or_default(),
            changes: self.change,
            platform: self.parts.or(self.platform.as_deref())?,
        };
        let stdin = stdin();
        let source = import::source(operands.first().map_or("-", String::as_str), stdin.as_fd());
        let id = import::import(&session.engine()?, &source, name.as_ref(), &wishes)?;
        out::line(&id.to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}
