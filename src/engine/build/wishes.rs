//! What a build was asked for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::exchange::{CacheTo, Carrier};
use super::leave::Output;
use super::run::{SecretSource, Volume};
use crate::build::context;
use crate::build::step::RunNetwork;
use crate::oci::media::Family;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::options::{SecurityOptions, Ulimit};
use crate::store::resources::ResourceOptions;

/// What `build` was asked.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// A directory, `-`, or an address.
    pub context: String,
    pub files: context::Files,
    /// `--from`: what the first stage begins with, whatever the file says.
    pub from: Option<Reference>,
    pub tags: Vec<Reference>,
    pub target: Option<String>,
    pub build_args: BTreeMap<String, String>,
    /// `--build-context`: what a name stands for.
    pub contexts: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// Labels and variables that the image is not to have.
    pub unset_labels: Vec<String>,
    pub unset_env: Vec<String>,
    pub annotations: BTreeMap<String, String>,
    /// Which documents the image has.
    pub family: Family,
    /// What is built for, each by itself; none is this machine's.
    pub platforms: Vec<Platform>,
    /// Images are looked for at their registries even if they are here.
    pub pull: bool,
    pub no_cache: bool,
    /// The stages that are built again whatever the cache says.
    pub no_cache_filter: Vec<String>,
    pub secrets: BTreeMap<String, SecretSource>,
    /// The sockets of agents, by their names.
    pub ssh: BTreeMap<String, PathBuf>,
    /// `name:address`.
    pub add_hosts: Vec<String>,
    pub dns: Vec<IpAddr>,
    pub dns_search: Vec<String>,
    pub dns_options: Vec<String>,
    pub network: RunNetwork,
    /// Bytes.
    pub shm_size: Option<u64>,
    pub ulimits: Vec<Ulimit>,
    /// `--memory` and the like, of each step by itself.
    pub resources: ResourceOptions,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    /// `--security-opt`, of every step.
    pub security: SecurityOptions,
    /// Entitlements: [`INSECURE`], [`HOST_NETWORK`].
    pub allow: Vec<String>,
    /// `SOURCE_DATE_EPOCH`, in seconds: no time in the image is later.
    pub epoch: Option<i64>,
    pub outputs: Vec<Output>,
    /// The list that the image is added to.
    pub manifest: Option<String>,
    pub squash: Squash,
    pub cache_from: Vec<Carrier>,
    pub cache_to: Vec<CacheTo>,
    /// `--volume`: mounted in every step.
    pub volumes: Vec<Volume>,
    /// How the host of the steps is called, if not as with docker's builder.
    pub hostname: Option<String>,
    /// The mounts of `type=cache` are apart from those of other builds.
    pub cache_namespace: Option<String>,
    /// How many steps at once; 0 is for the machine to say.
    pub jobs: usize,
}

/// Which layers become one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Squash {
    #[default]
    None,
    /// Those of the build.
    Own,
    /// Those of the image that it begins with too.
    All,
}

impl Wishes {
    /// Whether an image is made.
    pub fn makes_image(&self) -> bool {
        self.outputs.iter().any(Output::is_image)
    }

    /// Whether the image is to be one of the store's.
    pub fn keeps_image(&self) -> bool {
        self.manifest.is_some() || self.outputs.contains(&Output::Image)
    }

    /// Whether the images are for several platforms.
    pub fn is_for_several(&self) -> bool {
        self.platforms.len() > 1
    }
}
