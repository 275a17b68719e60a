//! `inspect`, `container inspect`, `image inspect`: everything about an object, as JSON or through a
//! template.

use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::choice::LatestFlag;
use super::out;
use super::report::{self, Reported, UsageError};
use super::template::{self, Fill, KeyOrder};
use super::verb::{Action, Operands, Session};
use crate::base::file;
use crate::engine::{Engine, changes, images_view, inspect, inspect_image, networks, pause, sharing};
use crate::oci::platform::Platform;
use crate::store::containers::{Containers, LookupError, Source};
use crate::store::executions;
use crate::store::health;
use crate::store::images::ImageLookup;
use crate::store::layers::Layers;
use crate::store::networks::NoSuchNetwork;
use crate::store::volumes::NoSuchVolume;

/// A `config.json` is small; one beyond this is not ours.
const SPEC_LIMIT: u64 = 16 << 20;
/// A host name has 64 bytes at most on Linux.
const NAME_LIMIT: u64 = 4096;
/// Docker's exit code for a template that cannot be parsed.
const BAD_TEMPLATE: u8 = 64;
/// What `--type` of docker's takes; not all of them exist here.
const TYPES: &[&str] =
    &["container", "image", "config", "network", "node", "plugin", "secret", "service", "task", "volume"];

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    latest: LatestFlag,
    #[command(flatten)]
    output: Output,
    /// Look only among objects of this type: container, image, volume or secret
    #[arg(long = "type", value_name = "type")]
    kind: Option<String>,
    #[command(flatten)]
    sizes: SizeFlag,
}

#[derive(clap::Args)]
pub struct ContainerArgs {
    #[command(flatten)]
    latest: LatestFlag,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    sizes: SizeFlag,
}

#[derive(clap::Args)]
pub struct ImageArgs {
    #[command(flatten)]
    output: Output,
    /// Of an image for several platforms the one for this: os[/architecture[/variant]]
    #[arg(long, value_name = "platform")]
    platform: Option<String>,
}

#[derive(clap::Args)]
pub struct NetworkArgs {
    #[command(flatten)]
    output: Output,
    /// Accepted for docker's sake: there is no more to say
    #[arg(long, short, hide = true)]
    verbose: bool,
}

#[derive(clap::Args)]
pub struct VolumeArgs {
    #[command(flatten)]
    output: Output,
}

#[derive(clap::Args)]
pub struct Output {
    /// Print through a Go template, or 'json' for one line each
    #[arg(long, short, value_name = "format")]
    format: Option<String>,
}

#[derive(clap::Args)]
struct SizeFlag {
    /// Show how much room a container takes: SizeRw its own files, SizeRootFs those and its image's
    #[arg(long, short)]
    size: bool,
}

const EXAMPLES: &[(&str, &str)] = &[
    ("Everything", "coracle inspect web"),
    ("One fact", "coracle inspect -f '{{.State.Status}}' web"),
    ("A part of it, as JSON", "coracle inspect -f '{{json .Mounts}}' web"),
];

impl Action for Args {
    const SUMMARY: &'static str = "Return low-level information on containers, images and volumes";
    const USAGE: &'static str = "[OPTIONS] NAME|ID [NAME|ID...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = EXAMPLES;

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let find = match self.kind.as_deref() {
            None | Some("") => any,
            Some("container") => container,
            Some("image") => image,
            Some("network") => network,
            Some("volume") => volume,
            Some("secret") => super::secret::inspect::document,
            Some(kind) if TYPES.contains(&kind) => bail!("--type {kind} is not supported yet"),
            Some(kind) => {
                bail!(
                    "unknown type: \"{kind}\": must be one of \"container\", \"image\", \"volume\", \"secret\""
                )
            }
        };
        let operands = self.latest.before(Containers::new(&session.layout()?), operands)?;
        self.output.show(&operands, session, self.sizes.size, find)
    }
}

impl Action for ContainerArgs {
    const SUMMARY: &'static str = "Display detailed information on one or more containers";
    const USAGE: &'static str = "[OPTIONS] CONTAINER [CONTAINER...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const CHOOSERS: &'static [&'static str] = &["latest"];
    const EXAMPLES: &'static [(&'static str, &'static str)] = EXAMPLES;

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let operands = self.latest.before(Containers::new(&session.layout()?), operands)?;
        self.output.show(&operands, session, self.sizes.size, container)
    }
}

impl Action for ImageArgs {
    const SUMMARY: &'static str = "Display detailed information on one or more images";
    const USAGE: &'static str = "[OPTIONS] IMAGE [IMAGE...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("What an image runs", "coracle image inspect -f '{{json .Config.Cmd}}' alpine")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let platform = Platform::asked(self.platform.as_deref())?;
        let find = |engine: &Engine, _, name: &str| image_for(engine, name, platform.as_ref());
        self.output.show(&operands, session, false, find)
    }
}

impl Action for NetworkArgs {
    const SUMMARY: &'static str = "Display detailed information on one or more networks";
    const USAGE: &'static str = "[OPTIONS] NETWORK [NETWORK...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "The addresses of a network",
        "coracle network inspect -f '{{range .IPAM.Config}}{{.Subnet}}{{end}}' bridge",
    )];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        self.output.show(&operands, session, false, network)
    }
}

impl Action for VolumeArgs {
    const SUMMARY: &'static str = "Display detailed information on one or more volumes";
    const USAGE: &'static str = "[OPTIONS] VOLUME [VOLUME...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("Where a volume's files are", "coracle volume inspect -f '{{.Mountpoint}}' pgdata")];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        self.output.show(&operands, session, false, volume)
    }
}

/// Looks an object up by name; the flag asks for its sizes.
pub type Find = fn(&Engine, bool, &str) -> Result<Value>;

impl Output {
    /// Whether `--format` was given.
    pub fn has_format(&self) -> bool {
        self.format.is_some()
    }

    /// Shows every object that is found, then reports those that are not, as docker does.
    pub fn show(
        &self,
        operands: &[String],
        session: &Session,
        size: bool,
        find: impl Fn(&Engine, bool, &str) -> Result<Value>,
    ) -> Result<ExitCode> {
        let source = self.format.as_deref().filter(|format| !format.is_empty()).map(source_of);
        if let Some(source) = &source {
            check(source)?;
        }
        let engine = session.engine()?;
        let (mut found, mut failed) = (Vec::new(), Vec::new());
        for operand in operands {
            match find(&engine, size, operand) {
                Ok(document) => found.push(document),
                Err(error) => failed.push(error),
            }
        }
        match source {
            // As docker: a line, even of nothing.
            Some(_) if found.is_empty() => out::line("")?,
            Some(source) => found.iter().try_for_each(|document| out::line(&fill(document, &source)?))?,
            None => out::line(&pretty(&found)?)?,
        }
        for error in &failed {
            report::print(error, &session.path);
        }
        if failed.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(Reported.into()) }
    }
}

/// The template that `--format` means.
fn source_of(format: &str) -> String {
    if format == "json" { "{{json .}}".to_owned() } else { template::unescape(format) }
}

/// Refuses a template that cannot be parsed before anything is looked for.
fn check(source: &str) -> Result<()> {
    let bad = |error| UsageError { text: format!("template parsing error: {error}"), code: BAD_TEMPLATE };
    template::compile(source, Fill::Data, KeyOrder::new()).map(drop).map_err(|error| bad(error).into())
}

/// One document through `--format`, as `info` and `version` take it too.
pub fn show_one(document: &Value, format: &str) -> Result<String> {
    let source = source_of(format);
    check(&source)?;
    fill(document, &source)
}

/// Fields that Go names otherwise than JSON does: docker fills a template with the one, then with the other.
const GO_NAMES: &[(&str, &str)] = &[
    ("CPUCount", "CpuCount"),
    ("CPUPercent", "CpuPercent"),
    ("CPUPeriod", "CpuPeriod"),
    ("CPUQuota", "CpuQuota"),
    ("CPURealtimePeriod", "CpuRealtimePeriod"),
    ("CPURealtimeRuntime", "CpuRealtimeRuntime"),
    ("CPUShares", "CpuShares"),
    ("DNS", "Dns"),
    ("DNSOptions", "DnsOptions"),
    ("DNSSearch", "DnsSearch"),
    ("HostIP", "HostIp"),
    ("ID", "Id"),
    ("NanoCPUs", "NanoCpus"),
];

fn fill(document: &Value, source: &str) -> Result<String> {
    fill_as_is(document, source).or_else(|error| match json_names(source) {
        renamed if renamed == source => Err(error),
        renamed => fill_as_is(document, &renamed).map_err(|_| error),
    })
}

fn fill_as_is(document: &Value, source: &str) -> Result<String> {
    let mut order = KeyOrder::new();
    template::key_order(document, &mut order);
    let filled = template::compile(source, Fill::Data, order)?.fill(&template::data(document), None);
    filled.context("template parsing error")
}

/// A template with the names that JSON has in place of Go's.
fn json_names(source: &str) -> String {
    let mut parts = source.split('.');
    let mut renamed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
        let (field, rest) = part.split_at(end);
        let name = GO_NAMES.iter().find(|(go, _)| *go == field).map_or(field, |(_, json)| json);
        renamed.extend([".", name, rest]);
    }
    renamed
}

/// An array, indented by four spaces.
fn pretty(documents: &[Value]) -> Result<String> {
    if documents.is_empty() {
        return Ok("[]".to_owned());
    }
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(documents, &mut serializer).context("encode the documents")?;
    String::from_utf8(text).context("encode the documents")
}

/// A container, else an image, else a network, else a volume: docker's order.
fn any(engine: &Engine, size: bool, name: &str) -> Result<Value> {
    match container(engine, size, name) {
        Err(error) if error.is::<LookupError>() => {}
        found => return found,
    }
    match image(engine, size, name) {
        Err(error) if error.is::<ImageLookup>() => {}
        found => return found,
    }
    match network(engine, size, name) {
        Err(error) if error.is::<NoSuchNetwork>() => {}
        found => return found,
    }
    match volume(engine, size, name) {
        Err(error) if error.is::<NoSuchVolume>() => Err(anyhow!("No such object: {name}")),
        found => found,
    }
}

fn container(engine: &Engine, size: bool, name: &str) -> Result<Value> {
    let (layout, containers) = (engine.layout(), engine.containers());
    let mut record = containers.load(&containers.resolve(name)?)?;
    record.state = record.state.settled();
    let image = match &record.source {
        // An image that is gone takes nothing from what can be shown.
        Source::Image { id, .. } => {
            engine.images().config(id).map(|(_, config)| config.config).unwrap_or_default()
        }
        Source::Rootfs { .. } => Default::default(),
    };
    let spec = file::read_bounded(&layout.container(&record.id).join("config.json"), SPEC_LIMIT).ok();
    let spec = spec.and_then(|content| serde_json::from_slice::<Value>(&content).ok());
    let is_checked = record.options.health.as_ref().is_some_and(|health| health.command().is_some());
    let health = is_checked.then(|| health::load(layout, &record.id)).flatten();
    let executions = if record.state.is_running() { executions::ids(layout, &record.id) } else { Vec::new() };
    let sizes = if size { changes::sizes(engine, &[&record])?.pop() } else { None };
    let hostname = file::read_bounded(&layout.container(&record.id).join("hostname"), NAME_LIMIT).ok();
    let hostname = hostname.and_then(|name| String::from_utf8(name).ok());
    Ok(inspect::container(
        &record,
        &inspect::Context {
            layout,
            image: &image,
            spec: spec.as_ref(),
            health: health.as_ref(),
            executions,
            names: sharing::names_directory(engine, &record.options).ok().flatten(),
            paused: pause::is_paused(&record),
            sizes,
            hostname: hostname.as_deref().map(str::trim_end).filter(|name| !name.is_empty()),
        },
    ))
}

fn image(engine: &Engine, size: bool, name: &str) -> Result<Value> {
    warn_unsized(size, "image");
    image_for(engine, name, None)
}

fn image_for(engine: &Engine, name: &str, platform: Option<&Platform>) -> Result<Value> {
    let image = engine.images().lookup_for(name, platform)?;
    let unpacked = images_view::unpacked_size(&image, &Layers::new(engine.layout()));
    Ok(inspect_image::image(&image, unpacked, engine.layout()))
}

fn network(engine: &Engine, size: bool, name: &str) -> Result<Value> {
    let network = networks::find(engine, name)?;
    warn_unsized(size, "network");
    let users = network.network().map(|network| networks::users(engine, network)).transpose()?;
    Ok(inspect::network(&network, &users.unwrap_or_default()))
}

fn volume(engine: &Engine, size: bool, name: &str) -> Result<Value> {
    let volume = engine.volumes().load(name)?;
    warn_unsized(size, "volume");
    Ok(inspect::volume(&volume, &engine.volumes().data(name)))
}

/// Docker's words for a flag that says nothing about this kind of object.
fn warn_unsized(size: bool, kind: &str) {
    if size {
        out::error_line(&format!("WARNING: --size ignored for {kind}"));
    }
}
