//! Reads profiles in docker's JSON format, in podman's dialect of it, and in the OCI's.

use anyhow::{Context, Result, ensure};
use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};
use serde::{Deserialize, Deserializer};

use super::abi::Abi;
use crate::runtime::caps::{Cap, CapSet};

/// Docker's extension of the OCI section: which architectures go together, and rules that only apply to some
/// machines, kernels and capabilities.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Profile {
    #[serde(deserialize_with = "empty_is_none")]
    default_action: Option<LinuxSeccompAction>,
    default_errno_ret: Option<u32>,
    #[serde(deserialize_with = "null_default")]
    architectures: Vec<Arch>,
    #[serde(deserialize_with = "null_default")]
    arch_map: Vec<Family>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    listener_path: Option<std::path::PathBuf>,
    listener_metadata: Option<String>,
    #[serde(deserialize_with = "null_default")]
    syscalls: Vec<Call>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    architecture: Arch,
    #[serde(default, deserialize_with = "null_default")]
    sub_architectures: Vec<Arch>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    #[serde(default)]
    name: String,
    #[serde(default, deserialize_with = "null_default")]
    names: Vec<String>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    #[serde(default, deserialize_with = "null_default")]
    args: Vec<LinuxSeccompArg>,
    #[serde(default, deserialize_with = "null_default")]
    includes: Scope,
    #[serde(default, deserialize_with = "null_default")]
    excludes: Scope,
}

/// The conditions of `includes`, which must all hold, or of `excludes`, of which none may.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Scope {
    #[serde(deserialize_with = "null_default")]
    arches: Vec<String>,
    #[serde(deserialize_with = "null_default")]
    caps: Vec<String>,
    #[serde(deserialize_with = "empty_is_none")]
    min_kernel: Option<KernelVersion>,
}

/// Go marshals what is not there as `null`.
fn null_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An empty text stands for a field that is not there.
fn empty_is_none<'de, D: Deserializer<'de>, T: serde::de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let text = text.filter(|text| !text.is_empty()).map(serde::de::IntoDeserializer::into_deserializer);
    text.map(|text: serde::de::value::StringDeserializer<D::Error>| T::deserialize(text)).transpose()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
struct KernelVersion {
    major: u32,
    minor: u32,
}

impl TryFrom<String> for KernelVersion {
    type Error = anyhow::Error;

    /// Reads the start of `4.8` or `6.1.0-44-amd64`.
    fn try_from(text: String) -> Result<Self> {
        let mut numbers = text.splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part[..digits].parse()
        });
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self { major, minor }),
            _ => anyhow::bail!("{text:?} is no kernel version"),
        }
    }
}

/// The machine and container that a profile is made for.
struct Host {
    caps: CapSet,
    kernel: KernelVersion,
}

/// Reads a profile for a container whose bounding set is `caps`, on this machine and its running kernel.
/// A document that says nothing, `{}`, filters nothing.
///
/// # Errors
/// What is no profile, or one that says a thing in two ways.
pub fn from_docker_profile(json: &str, caps: CapSet) -> Result<LinuxSeccomp> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let host = Host { caps, kernel: KernelVersion::try_from(release).context("read kernel version")? };
    // Serde would also take a list of the fields' values.
    ensure!(json.trim_start().starts_with('{'), "read seccomp profile: not a JSON object");
    let profile: Profile = serde_json::from_str(json).context("read seccomp profile")?;
    profile.resolve(&host).context("read seccomp profile")
}

impl Profile {
    fn resolve(self, host: &Host) -> Result<LinuxSeccomp> {
        ensure!(
            self.architectures.is_empty() || self.arch_map.is_empty(),
            "use either 'architectures' or 'archMap', not both"
        );
        let says_nothing = self.default_action.is_none() && self.syscalls.is_empty();
        let default_action = match self.default_action {
            Some(action) => action,
            None if says_nothing => LinuxSeccompAction::ScmpActAllow,
            None => anyhow::bail!("'defaultAction' is missing"),
        };
        let mut seccomp = LinuxSeccomp::default();
        seccomp
            .set_default_action(default_action)
            .set_default_errno_ret(self.default_errno_ret)
            .set_architectures(Some(architectures(self.architectures, self.arch_map)))
            .set_flags(self.flags)
            .set_listener_path(self.listener_path)
            .set_listener_metadata(self.listener_metadata);
        let applying = self.syscalls.into_iter().filter(|call| call.applies(host));
        seccomp.set_syscalls(Some(applying.map(Call::into_oci).collect::<Result<_>>()?));
        Ok(seccomp)
    }
}

fn architectures(listed: Vec<Arch>, families: Vec<Family>) -> Vec<Arch> {
    let ours = families.into_iter().find(|family| family.architecture == Abi::NATIVE.oci());
    match ours {
        Some(family) => std::iter::once(family.architecture).chain(family.sub_architectures).collect(),
        None => listed,
    }
}

impl Call {
    fn applies(&self, host: &Host) -> bool {
        self.includes.all_hold(host) && !self.excludes.any_holds(host)
    }

    fn into_oci(self) -> Result<LinuxSyscall> {
        ensure!(self.name.is_empty() || self.names.is_empty(), "use either 'name' or 'names', not both");
        let names = if self.name.is_empty() { self.names } else { vec![self.name] };
        let mut syscall = LinuxSyscall::default();
        syscall
            .set_names(names)
            .set_action(self.action)
            .set_errno_ret(self.errno_ret)
            .set_args((!self.args.is_empty()).then_some(self.args));
        Ok(syscall)
    }
}

impl Scope {
    fn all_hold(&self, host: &Host) -> bool {
        (self.arches.is_empty() || self.names_machine())
            && self.caps.iter().all(|name| host.holds(name))
            && self.min_kernel.is_none_or(|least| host.kernel >= least)
    }

    fn any_holds(&self, host: &Host) -> bool {
        self.names_machine()
            || self.caps.iter().any(|name| host.holds(name))
            || self.min_kernel.is_some_and(|least| host.kernel >= least)
    }

    fn names_machine(&self) -> bool {
        self.arches.iter().any(|name| name == Abi::NATIVE.docker())
    }
}

impl Host {
    fn holds(&self, name: &str) -> bool {
        Cap::parse(name).is_ok_and(|cap| self.caps.contains(cap))
    }
}
