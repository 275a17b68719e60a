//! `save`: images into an archive or a directory.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use super::export::write_archive;
use super::verb::{Action, Operands, Session};
use crate::base::hint::HintExt;
use crate::base::whole;
use crate::engine::save;
use crate::image::save::{ArchiveFormat, DirectoryFormat};
use crate::oci::platform::Platform;

#[derive(clap::Args)]
pub struct Args {
    /// Compress the layers that are not compressed, with --format docker-dir
    #[arg(long)]
    compress: bool,
    /// What to write: docker-archive, which is an OCI layout too, oci-archive, oci-dir or docker-dir
    #[arg(long, value_name = "format", default_value = "docker-archive")]
    format: String,
    /// Take every name for an image of its own, as is always done
    #[arg(long, short)]
    multi_image_archive: bool,
    /// Write to a file, or make a directory, instead of writing to standard output
    #[arg(long, short, value_name = "file")]
    output: Option<PathBuf>,
    /// The image for this platform: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
    /// Say nothing, as is always done
    #[arg(long, short)]
    quiet: bool,
    /// Leave layers that are not compressed as they are, as is always done without --compress
    #[arg(long)]
    uncompressed: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Save images to a tar archive (streamed to standard output by default)";
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Two images into one file", "coracle save -o images.tar alpine:3.22 busybox"),
        ("To another machine", "coracle save alpine | gzip | ssh other docker load"),
        ("An OCI image layout", "coracle save --format oci-dir -o alpine alpine:3.22"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = Platform::asked(self.platform.as_deref())?;
        let format = Format::parse(&self.format, self.compress)?;
        let engine = session.engine()?;
        match format {
            Format::Archive(format) => write_archive(self.output.as_deref(), |out| {
                save::archive(&engine, &operands, platform.as_ref(), format, out)
            })?,
            Format::Directory(format) => {
                let path = self.output.as_deref();
                let path = path.ok_or_else(|| anyhow!("--format {} makes a directory", self.format));
                whole::directory(path.hint(|| "say where: -o DIRECTORY")?, |path| {
                    save::directory(&engine, &operands, platform.as_ref(), format, path)
                })?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Archive(ArchiveFormat),
    Directory(DirectoryFormat),
}

impl Format {
    fn parse(text: &str, compress: bool) -> Result<Self> {
        if compress && text != "docker-dir" {
            bail!("--compress can only be set when --format is 'docker-dir'");
        }
        Ok(match text {
            "docker-archive" => Self::Archive(ArchiveFormat::Docker),
            "oci-archive" => Self::Archive(ArchiveFormat::Oci),
            "oci-dir" => Self::Directory(DirectoryFormat::Oci),
            "docker-dir" => Self::Directory(DirectoryFormat::Docker { compress }),
            _ => {
                return Err(anyhow!("unknown format {text:?}"))
                    .hint(|| "the formats are docker-archive, oci-archive, oci-dir and docker-dir");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (text, compress, want) in [
            ("docker-archive", false, Some(Format::Archive(ArchiveFormat::Docker))),
            ("oci-archive", false, Some(Format::Archive(ArchiveFormat::Oci))),
            ("oci-dir", false, Some(Format::Directory(DirectoryFormat::Oci))),
            ("docker-dir", true, Some(Format::Directory(DirectoryFormat::Docker { compress: true }))),
            ("oci-archive", true, None),
            ("tar", false, None),
        ] {
            assert_eq!(Format::parse(text, compress).ok(), want, "{text}");
        }
    }
}
