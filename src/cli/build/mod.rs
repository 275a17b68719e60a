//! `build`: makes an image of a Dockerfile.

mod attest;
mod buildah;
pub mod cache;
mod exchange;
mod flags;
mod frontend;
mod output;
mod progress;
mod secret;

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};

use super::escape::{self, printable_line};
use super::report::Reported;
use super::verb::{Action, Operands, Session};
use super::{acquire, out, report, table};
use crate::base::hint::{HintExt, Hinted};
use crate::engine::build::{self, Built, Links, StepFailed, Wishes};
use crate::engine::{Engine, push};
use crate::image::progress::Silent;
use crate::image::pull::PullRequest;
use crate::image::push::PushRequest;
use crate::oci::platform::Platform;
use crate::registry::Options;
use flags::Flags;
use output::Outputs;
use progress::{Display, Style};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(flatten)]
    output: Outputs,
    /// Look for mistakes and bad habits in the Dockerfile, and build nothing
    #[arg(long)]
    check: bool,
    /// What is done with the Dockerfile: build, check, or targets, which lists its stages
    #[arg(long, value_name = "method", default_value = "build", hide_default_value = true)]
    call: String,
    #[command(flatten)]
    tell: Tell,
    /// How progress is shown: auto, plain, tty, rawjson or quiet (default $BUILDKIT_PROGRESS, else auto)
    #[arg(long, value_name = "type")]
    progress: Option<Style>,
}

/// What `--call` asks for.
enum Call {
    Build,
    Check,
    Targets,
}

/// Who is told of the image.
#[derive(clap::Args)]
struct Tell {
    /// Write the image's id to a file
    #[arg(long, value_name = "file")]
    iidfile: Option<PathBuf>,
    /// Write what is known of the image to a file, as JSON
    #[arg(long, value_name = "file")]
    metadata_file: Option<PathBuf>,
    /// Print nothing but the image's id
    #[arg(long, short)]
    quiet: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Build an image from a Dockerfile";
    const USAGE: &'static str = "[OPTIONS] PATH | URL | -";
    const OPERANDS: Operands = Operands::AtMost(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("The Dockerfile of this directory", "coracle build -t app ."),
        ("One of its stages, with an argument", "coracle build --target test --build-arg VERSION=2 ."),
        ("The files of the last stage instead of an image", "coracle build -o out ."),
        ("With a secret that no layer keeps", "coracle build --secret id=token,src=token.txt ."),
        ("The same bits each time", "SOURCE_DATE_EPOCH=0 coracle build -t app ."),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let registry = self.flags.registry.options()?;
        let style = match (self.tell.quiet, self.progress) {
            (true, _) => Style::Quiet,
            (false, Some(style)) => style,
            (false, None) => Style::of_environment()?,
        };
        let pushes = self.output.pushes();
        let call = match self.call.as_str() {
            "build" if self.check => Call::Check,
            "build" => Call::Build,
            "check" | "lint" => Call::Check,
            "targets" => Call::Targets,
            other => bail!("--call {other}: not supported yet"),
        };
        let never_pulls = self.flags.never_pulls();
        let mut wishes = self.flags.wishes(operands.into_iter().next(), self.output.outputs()?)?;
        wishes.tags.extend(self.output.names()?);
        if pushes && wishes.tags.is_empty() {
            return Err(anyhow!("tag is needed when pushing to registry"))
                .hint(|| "give it: -t REGISTRY/NAME");
        }
        let is_streamed = output::is_streamed(&wishes.outputs)?;
        wishes.resources.manager = session.manager(None)?;
        let engine = session.engine()?;
        let stdin = std::io::stdin();
        let mut display = Display::new(style);
        let mut pull = |name: &str, platform: Option<&Platform>| {
            if never_pulls {
                return Err(anyhow!("No such image: {name}")).hint(|| "build with --pull=missing");
            }
            let request = PullRequest {
                reference: name.to_owned(),
                platform: platform.cloned(),
                registry: registry.clone(),
                fold_ids: false,
            };
            acquire::pull(&engine, request, None)
        };
        let mut push = |name: &str| send(&engine, name, &registry);
        let mut quiet = Display::new(Style::Quiet);
        match call {
            Call::Build => {}
            Call::Check => {
                let found = build::check(&engine, &wishes, stdin.as_fd(), &mut pull, &mut quiet);
                return show(&found.or_else(|error| fail(error, &display, &session.path))?);
            }
            Call::Targets => {
                list(&build::targets(&engine, &wishes, stdin.as_fd(), &mut quiet)?)?;
                return Ok(ExitCode::SUCCESS);
            }
        }
        let mut links = Links { pull: &mut pull, push: &mut push };
        let built = build::build(&engine, &wishes, stdin.as_fd(), &mut links, &mut display);
        display.finish();
        let built = built.or_else(|error| fail(error, &display, &session.path))?;
        if style != Style::Quiet {
            warn(&built);
        }
        self.tell.tell(&built, &wishes, is_streamed)?;
        if pushes {
            wishes.tags.iter().try_for_each(|tag| send(&engine, &tag.to_string(), &registry))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Tell {
    /// Tells of the image, on standard output only where that is not one of the outputs.
    fn tell(&self, built: &Built, wishes: &Wishes, is_streamed: bool) -> Result<()> {
        let write = |path: &PathBuf, text: String| {
            std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
        };
        if let (Some(path), Some(image)) = (&self.iidfile, &built.image) {
            write(path, image.id.to_string())?;
        }
        if let Some(path) = &self.metadata_file {
            let metadata = build::metadata(built, wishes);
            write(path, format!("{}\n", serde_json::to_string_pretty(&metadata)?))?;
        }
        match &built.image {
            Some(image) if self.quiet && !is_streamed => out::line(&image.id.to_string()),
            _ => Ok(()),
        }
    }
}

/// Sends an image to its registry.
fn send(engine: &Engine, name: &str, registry: &Options) -> Result<()> {
    let request = PushRequest {
        reference: name.to_owned(),
        destination: None,
        all_tags: false,
        platform: None,
        registry: registry.clone(),
    };
    push::push(engine, &request, || Silent).map(drop)
}

/// Shows what a step that failed has printed last and where in the file it stands.
fn fail<T>(error: anyhow::Error, display: &Display, path: &str) -> Result<T> {
    let Some(failed) = error.downcast_ref::<StepFailed>() else { return Err(error) };
    out::error_line("------");
    out::error_line(&format!(" > {}:", printable_line(&failed.name)));
    display.tail(failed.vertex).iter().for_each(|line| out::error_line(&printable_line(line)));
    out::error_line("------");
    failed.excerpt.iter().for_each(|line| out::error_line(&escape::printable(line)));
    let told = anyhow!("failed to build: {}", failed.why);
    let told = if failed.hint.is_empty() { told } else { Hinted::new(told, failed.hint.clone()).into() };
    report::print(&told, path);
    Err(Reported.into())
}

/// The rules that the file breaks, as BuildKit tells of them after a build.
fn warn(built: &Built) {
    if !built.unused_args.is_empty() {
        let names = built.unused_args.join(" ");
        out::error_line(&format!("[Warning] One or more build-args [{names}] were not consumed"));
    }
    let count = built.warnings.len();
    if count == 0 {
        return;
    }
    out::error_line(&format!(
        "\n {count} warning{} found (use --check to expand):",
        if count == 1 { "" } else { "s" }
    ));
    for warning in &built.warnings {
        let line = format!(" - {}: {} (line {})", warning.rule.name, warning.message, warning.lines.first);
        out::error_line(&line);
    }
}

/// Lists stages; the last is built where none is asked for.
fn list(targets: &[(String, String)]) -> Result<()> {
    let mut lines = vec!["TARGET\tDESCRIPTION".to_owned()];
    for (at, (name, said)) in targets.iter().enumerate() {
        let mark = if at + 1 == targets.len() { "(default)" } else { "" };
        let name = [name, mark].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        lines.push(format!("{name}\t{}", escape::printable(said)));
    }
    table::align(&lines.join("\n")).lines().try_for_each(|line| out::line(line.trim_end()))
}

fn show(findings: &[build::Finding]) -> Result<ExitCode> {
    let count = findings.len();
    match count {
        0 => {
            out::line("Check complete, no warnings found.")?;
            return Ok(ExitCode::SUCCESS);
        }
        1 => out::line("Check complete, 1 warning has been found!")?,
        _ => out::line(&format!("Check complete, {count} warnings have been found!"))?,
    }
    for (warning, excerpt) in findings {
        let (rule, message) = (warning.rule, &warning.message);
        out::line(&format!("\nWARNING: {} - {}\n{}\n{message}\n", rule.name, rule.url(), rule.description))?;
        excerpt.iter().try_for_each(|line| out::line(line))?;
    }
    Ok(ExitCode::FAILURE)
}
