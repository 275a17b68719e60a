//! What `build` is asked about steps and images.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context, Result, anyhow, bail};

use super::buildah::Buildah;
use super::{attest, exchange, frontend, secret};
use crate::base::hint::HintExt;
use crate::build::context::Files;
use crate::build::dockerfile;
use crate::build::step::RunNetwork;
use crate::cli::commit;
use crate::cli::flags::parse_switch;
use crate::cli::options::limits::LimitFlags;
use crate::cli::options::{network, resources, security, variables};
use crate::cli::registry::RegistryFlags;
use crate::config::env;
use crate::engine::build::{HOST_NETWORK, INSECURE, Output, Volume, Wishes};
use crate::oci::media::Family;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::options::Ulimit;
use crate::store::resources::ResourceOptions;

#[derive(clap::Args)]
pub struct Flags {
    #[command(flatten)]
    same: Same,
    #[command(flatten)]
    buildah: Buildah,
    #[command(flatten)]
    limits: LimitFlags,
    /// Make the control groups of steps beneath another: a slice of systemd, or with cgroupfs a path
    #[arg(long, value_name = "group")]
    cgroup_parent: Option<String>,
    /// Add a line to /etc/hosts of the steps: host:ip
    #[arg(long, value_name = "host:ip", value_parser = network::extra_host)]
    add_host: Vec<String>,
    /// Allow what is not by default: security.insecure, network.host
    #[arg(long, value_name = "entitlement")]
    allow: Vec<String>,
    /// Add an annotation to the image's manifest
    #[arg(long, value_name = "key=value", value_parser = annotation)]
    annotation: Vec<(String, String)>,
    /// Set a build argument; without a value it is taken from the environment
    #[arg(long, value_name = "name[=value]")]
    build_arg: Vec<String>,
    /// Name another context: name=DIRECTORY, name=URL, name=docker-image://IMAGE or
    /// name=oci-layout://DIRECTORY[:TAG][@DIGEST]
    #[arg(long, value_name = "name=context")]
    build_context: Vec<String>,
    /// Take over what other builds have cached: an image, or type=registry,ref=IMAGE or type=local,src=DIRECTORY
    #[arg(long, value_name = "cache")]
    cache_from: Vec<String>,
    /// Bring what is cached to type=registry,ref=IMAGE, type=local,dest=DIRECTORY or type=inline, with mode=max all of it
    #[arg(long, value_name = "cache")]
    cache_to: Vec<String>,
    /// Add a Linux capability to the steps
    #[arg(long, value_name = "capability")]
    cap_add: Vec<String>,
    /// Take a Linux capability from the steps
    #[arg(long, value_name = "capability")]
    cap_drop: Vec<String>,
    /// Ask this name server
    #[arg(long, value_name = "ip")]
    dns: Vec<IpAddr>,
    /// Set an option of the name resolver in the steps
    #[arg(long, value_name = "option")]
    dns_option: Vec<String>,
    /// Look names up in this domain in the steps
    #[arg(long, value_name = "domain", value_parser = network::search_domain)]
    dns_search: Vec<String>,
    /// The Dockerfile (default PATH/Dockerfile, else PATH/Containerfile); "-" is standard input
    #[arg(long, short, value_name = "path")]
    file: Option<String>,
    /// Remove intermediate containers: there are never any
    #[arg(long, hide = true)]
    force_rm: bool,
    /// The documents of the image: oci or docker
    #[arg(long, value_name = "format", default_value = "oci", value_parser = commit::family)]
    format: Family,
    /// Do at most so many steps at once
    #[arg(long, value_name = "number", default_value = "0", hide_default_value = true)]
    jobs: usize,
    /// Add a label to the image
    #[arg(long, value_name = "key=value")]
    label: Vec<String>,
    /// The network of the steps: default, none or host
    #[arg(long, value_name = "mode", default_value = "default")]
    network: String,
    /// Do every step again
    #[arg(long)]
    no_cache: bool,
    /// Do the steps of these stages again
    #[arg(long, value_name = "stage", value_delimiter = ',')]
    no_cache_filter: Vec<String>,
    /// The platforms to build for: os[/architecture[/variant]]; several become one name
    #[arg(long, value_name = "platform", value_delimiter = ',')]
    platform: Vec<String>,
    /// Look for newer images at their registries
    #[arg(long, value_name = "policy", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pull: Option<String>,
    /// Remove intermediate containers: there are never any
    #[arg(long, hide = true, value_name = "bool", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = parse_switch)]
    rm: Option<bool>,
    /// Give the steps a secret: id=ID[,src=FILE][,env=NAME][,type=file|env]
    #[arg(long, value_name = "secret")]
    secret: Vec<String>,
    /// Change the isolation of the steps: seccomp=, apparmor=, no-new-privileges, mask=, unmask=, systempaths=
    #[arg(long, value_name = "option")]
    security_opt: Vec<String>,
    /// The size of /dev/shm in the steps
    #[arg(long, value_name = "bytes", value_parser = resources::bytes)]
    shm_size: Option<u64>,
    /// No time in the image is later than this, in seconds since 1970 (default $SOURCE_DATE_EPOCH)
    #[arg(long, visible_alias = "timestamp", value_name = "seconds")]
    source_date_epoch: Option<i64>,
    /// Let the steps use an ssh agent: default or ID[=SOCKET]
    #[arg(long, value_name = "id[=socket]")]
    ssh: Vec<String>,
    /// Name the image; may be repeated
    #[arg(long, short, value_name = "name")]
    tag: Vec<String>,
    /// Build this stage instead of the last
    #[arg(long, value_name = "stage")]
    target: Option<String>,
    /// Limit what a step's process may use: name=soft[:hard]
    #[arg(long, value_name = "limit", value_parser = resources::ulimit)]
    ulimit: Vec<Ulimit>,
    /// Mount a directory of the host in every step: host:container[:ro]
    #[arg(long, short, value_name = "volume")]
    volume: Vec<String>,
    #[command(flatten)]
    pub registry: RegistryFlags,
}

/// What other builders have to be told and is so here; each refuses what is not.
#[derive(clap::Args)]
pub struct Same {
    #[command(flatten)]
    attestations: attest::Attestations,
    /// Who builds: default, since there is one builder
    #[arg(long, hide = true, value_name = "name")]
    builder: Option<String>,
    /// Compress the context on its way to a daemon: there is none
    #[arg(long, hide = true)]
    compress: bool,
    /// Skip checks of signatures, which are never made (default true)
    #[arg(long, hide = true, value_name = "bool", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", value_parser = parse_switch)]
    disable_content_trust: Option<bool>,
    /// How the steps are kept apart: default, the only way on Linux
    #[arg(long, hide = true, value_name = "technology")]
    isolation: Option<String>,
    /// Give files the time of --source-date-epoch too: they have it
    #[arg(long, hide = true)]
    rewrite_timestamp: bool,
}

impl Same {
    fn check(&self) -> Result<()> {
        let _ = self.rewrite_timestamp;
        let _ = self.compress;
        self.attestations.check()?;
        match self.builder.as_deref() {
            None | Some("" | "default") => {}
            Some(other) => {
                return Err(anyhow!("no builder {other:?} found"))
                    .hint(|| "leave out --builder: there is one");
            }
        }
        if self.disable_content_trust == Some(false) {
            bail!("--disable-content-trust=false is not supported yet: no signature is checked");
        }
        match self.isolation.as_deref() {
            None | Some("" | "default") => {}
            Some(other) => bail!("invalid isolation '{other}' on linux"),
        }
        Ok(())
    }
}

impl Flags {
    /// Whether images that are not here are to be done without.
    pub fn never_pulls(&self) -> bool {
        self.pull.as_deref() == Some(NEVER)
    }

    /// What they ask for, with a context: the directory of `--file` where none was given, as podman takes it.
    pub fn wishes(self, context: Option<String>, outputs: Vec<Output>) -> Result<Wishes> {
        self.same.check()?;
        let context = match (context, &self.file) {
            (Some(context), _) => context,
            (None, Some(_)) => ".".to_owned(),
            (None, None) => return Err(anyhow!("build requires 1 argument")).hint(|| "coracle build ."),
        };
        let network = match self.network.as_str() {
            "default" | "bridge" | "private" | "" => RunNetwork::Default,
            "none" => RunNetwork::None,
            "host" => RunNetwork::Host,
            other => bail!("--network {other}: not supported yet"),
        };
        if let Some(other) =
            self.allow.iter().find(|allowed| ![INSECURE, HOST_NETWORK].contains(&allowed.as_str()))
        {
            bail!("--allow {other}: unknown entitlement");
        }
        let mut resources =
            ResourceOptions { parent: self.cgroup_parent.unwrap_or_default(), ..ResourceOptions::default() };
        self.limits.apply(&mut resources)?;
        let arguments = self.buildah.arguments()?.into_iter().chain(self.build_arg).filter_map(argument);
        let mut wishes = Wishes {
            context,
            files: Files { dockerfile: self.file, ..Files::default() },
            tags: each(&self.tag, tag)?,
            target: self.target.filter(|target| !target.is_empty()),
            build_args: arguments.collect(),
            contexts: contexts(&self.build_context)?,
            labels: variables::labels(&[] as &[&str], &self.label)?,
            annotations: annotations(self.annotation, self.format)?,
            family: self.format,
            platforms: platforms(&self.platform)?,
            pull: pulls(self.pull.as_deref())?,
            no_cache: self.no_cache,
            no_cache_filter: self.no_cache_filter,
            secrets: each(&self.secret, secret::source)?.into_iter().collect(),
            ssh: each(&self.ssh, secret::agent)?.into_iter().collect(),
            add_hosts: self.add_host,
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            network,
            shm_size: self.shm_size.filter(|size| *size > 0),
            ulimits: self.ulimit,
            resources,
            cap_add: security::capabilities(&self.cap_add, "CapAdd")?,
            cap_drop: security::capabilities(&self.cap_drop, "CapDrop")?,
            security: security::options(&self.security_opt)?,
            allow: self.allow,
            epoch: self.source_date_epoch,
            outputs,
            cache_from: each(&self.cache_from, exchange::from)?,
            cache_to: each(&self.cache_to, exchange::to)?,
            volumes: each(&self.volume, volume)?,
            jobs: self.jobs,
            ..Wishes::default()
        };
        self.buildah.apply(&mut wishes)?;
        frontend::apply(&mut wishes)?;
        Ok(wishes)
    }
}

fn each<T>(texts: &[String], read: impl Fn(&str) -> Result<T>) -> Result<Vec<T>> {
    texts.iter().map(|text| read(text)).collect()
}

/// A name that an image is to have.
pub fn tag(text: &str) -> Result<Reference> {
    let name = Reference::parse(text).with_context(|| format!("invalid tag {text:?}"))?;
    if name.digest().is_some() {
        bail!("invalid tag {text:?}: refusing to create a tag with a digest reference");
    }
    Ok(name.with_default_tag())
}

/// `HOST:CONTAINER[:OPTIONS]`.
fn volume(text: &str) -> Result<Volume> {
    let mut parts = text.splitn(3, ':');
    let (Some(source), Some(target)) = (parts.next(), parts.next()) else {
        bail!("--volume {text}: want host:container[:options]");
    };
    let mut read_only = false;
    for option in parts.next().unwrap_or_default().split(',') {
        match option {
            "ro" => read_only = true,
            // Labels of SELinux are the host's to set; propagation is private as it is.
            "" | "rw" | "z" | "Z" | "private" | "rprivate" => {}
            other => bail!("--volume {text}: {other} is not supported yet"),
        }
    }
    let source = std::path::absolute(source)?;
    source.metadata().with_context(|| format!("--volume {text}: open {}", source.display()))?;
    if !target.starts_with('/') {
        bail!("--volume {text}: {target} is not an absolute path");
    }
    Ok(Volume { source, target: target.to_owned(), read_only })
}

/// `NAME=value`, or a name alone, whose value is the environment's; where that has none it is no argument.
fn argument(text: String) -> Option<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) => Some((name.to_owned(), value.to_owned())),
        None => env::passed_on(&text).map(|value| (text, value)),
    }
}

/// `[manifest:]KEY=VALUE`, as buildx has it; what else it knows to annotate is refused.
fn annotation(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let (place, key) = match key.split_once(':') {
        Some((place, key)) if is_place(place) => (place, key),
        _ => ("manifest", key),
    };
    if key.is_empty() || !text.contains('=') {
        return Err(format!("invalid annotation {text:?}, expected key=value"));
    }
    match place {
        "manifest" => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("annotations of {place} are not supported yet")),
    }
}

/// Whether what is before a colon of an annotation says what it is of, and is no part of its name.
fn is_place(text: &str) -> bool {
    let kinds = ["manifest-descriptor", "index-descriptor", "manifest", "index"];
    let mut rests = kinds.iter().filter_map(|kind| text.strip_prefix(kind));
    rests.any(|rest| rest.is_empty() || rest.starts_with('[') && rest.ends_with(']'))
}

fn annotations(pairs: Vec<(String, String)>, family: Family) -> Result<BTreeMap<String, String>> {
    if family == Family::Docker && !pairs.is_empty() {
        return Err(anyhow!("--annotation: docker's documents have no place for annotations"))
            .hint(|| "leave out --format docker, or use --label");
    }
    Ok(pairs.into_iter().collect())
}

fn contexts(texts: &[String]) -> Result<BTreeMap<String, String>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => {
            Ok((dockerfile::context_name(name), value.to_owned()))
        }
        _ => bail!("invalid context value: {text}, expected key=value"),
    };
    texts.iter().map(pair).collect()
}

fn platforms(texts: &[String]) -> Result<Vec<Platform>> {
    let mut platforms = Vec::new();
    for text in texts {
        let platform = match text.as_str() {
            // The word of buildx for where the command is.
            "local" => Some(Platform::host()),
            text => Platform::asked(Some(text))?,
        };
        platforms.extend(platform.filter(|platform| !platforms.contains(platform)));
    }
    Ok(platforms)
}

/// podman's word for images that must be here.
const NEVER: &str = "never";

/// docker's switch, and podman's policies.
fn pulls(text: Option<&str>) -> Result<bool> {
    match text {
        None | Some("false" | "missing" | "ifmissing" | NEVER) => Ok(false),
        Some("true" | "always" | "newer" | "ifnewer") => Ok(true),
        Some(other) => bail!("invalid value {other:?} for --pull"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_say_of_what_they_are() {
        for (text, want) in [
            ("a=b", Ok(("a", "b"))),
            ("a.b/c:d=e=f", Ok(("a.b/c:d", "e=f"))),
            ("manifest:a=", Ok(("a", ""))),
            ("a", Err("invalid annotation \"a\", expected key=value")),
            ("manifest:=b", Err("invalid annotation \"manifest:=b\", expected key=value")),
            ("index:a=b", Err("annotations of index are not supported yet")),
            ("manifest[linux/amd64]:a=b", Err("annotations of manifest[linux/amd64] are not supported yet")),
        ] {
            let want = want.map(|(key, value)| (key.to_owned(), value.to_owned())).map_err(str::to_owned);
            assert_eq!(annotation(text), want, "{text}");
        }
    }
}
