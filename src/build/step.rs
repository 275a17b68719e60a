//! What a build does, with all variables expanded: what the language gives to those who carry it out.
//!
//! Source: Dockerfile reference, <https://docs.docker.com/reference/dockerfile/>, syntax 1.20.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::oci::image::ContainerConfig;

/// The lines of a Dockerfile that an instruction takes up, from 1, both included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lines {
    pub first: usize,
    pub last: usize,
}

/// One instruction of a stage.
#[derive(Clone, Debug)]
pub struct Step {
    /// The instruction as progress shows it: `RUN apt-get update`, one line.
    pub shown: String,
    pub lines: Lines,
    pub action: Action,
    /// The stage's configuration once the step is done.
    pub config: ContainerConfig,
    /// What the history says of it: `RUN /bin/sh -c apt-get update # buildkit`.
    pub created_by: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Nothing but the configuration changes.
    Configure,
    /// A directory is made where none is, as its user: an absolute path.
    Workdir(String),
    Run(Run),
    Copy(Copy),
}

/// Where files come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Origin {
    /// The build's main context.
    Context,
    /// A stage of the same file, by its number from 0.
    Stage(usize),
    /// A context with a name (`--build-context`), else an image.
    Other(String),
}

/// `RUN`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// The program and its arguments, the shell included.
    pub command: Vec<String>,
    /// A here-document that begins with `#!`: its name and content, to be executed from `/dev/pipes/<name>`.
    pub script: Option<(String, String)>,
    pub mounts: Vec<RunMount>,
    pub network: RunNetwork,
    /// `--security=insecure`.
    pub insecure: bool,
    /// The build arguments in scope that the program sees and that its cache key depends on. They win over `ENV`:
    /// one that a later `ENV` has set anew is not among them.
    pub args: BTreeMap<String, String>,
    /// Those that it sees where it has no variable of that name, and that no key or history depends on: the
    /// proxies' addresses.
    pub silent_args: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum RunNetwork {
    #[default]
    Default,
    None,
    Host,
}

/// `RUN --mount`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunMount {
    /// Absolute. A secret for the environment alone has none, and an agent that is mounted where it usually is.
    pub target: Option<String>,
    pub kind: RunMountKind,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum RunMountKind {
    Bind {
        from: Origin,
        source: String,
        /// What is written is thrown away after the step.
        writable: bool,
    },
    Cache {
        id: String,
        sharing: Sharing,
        /// What a new cache begins with.
        from: Option<Origin>,
        source: String,
        mode: u32,
        uid: u32,
        gid: u32,
        read_only: bool,
    },
    Tmpfs {
        /// Bytes.
        size: Option<u64>,
    },
    Secret {
        id: String,
        required: bool,
        mode: u32,
        uid: u32,
        gid: u32,
        /// The variable that it is given as.
        env: Option<String>,
    },
    Ssh {
        id: String,
        required: bool,
        mode: u32,
        uid: u32,
        gid: u32,
    },
}

/// What happens when two steps want the same cache at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Sharing {
    #[default]
    Shared,
    /// Each has one of its own.
    Private,
    /// One waits.
    Locked,
}

/// `COPY` and `ADD`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Copy {
    pub is_add: bool,
    pub from: Origin,
    pub sources: Vec<Source>,
    /// Absolute, with the `/` at its end that it was written with.
    pub destination: String,
    /// `--chown`: a user and a group, by number or by their name in the image.
    pub owner: Option<String>,
    /// `--chmod`: octal, or symbolic as chmod(1) takes it.
    pub mode: Option<String>,
    pub link: bool,
    pub parents: bool,
    pub exclude: Vec<String>,
    /// `--checksum` of the one address that is added.
    pub checksum: Option<String>,
    pub keep_git_dir: bool,
    /// `--unpack`; without it local archives are unpacked by `ADD` and nothing else is.
    pub unpack: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Source {
    /// Beneath the origin's root; may have wildcards.
    Path(String),
    Url(String),
    Git(String),
    /// A here-document.
    File {
        name: String,
        content: String,
    },
}
