//! What flags and operands may be.

use super::{Candidate, Rest};
use crate::base::signal;
use crate::cli::verb::Session;
use crate::engine::{Engine, pause};
use crate::runtime::caps::CapSet;
use crate::store::containers::Record;
use crate::store::options::LogDriver;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is known of what may stand there.
    Unknown,
    /// One of these.
    Words(&'static [&'static str]),
    /// The beginning of one of these.
    Beginnings(&'static [&'static str]),
    Containers(Which),
    /// A container, then a path in it.
    PathsIn,
    ContainersOrImages,
    Images,
    Networks,
    Volumes,
    /// What a volume is, then where it is.
    Mounts,
    Secrets,
    Signals,
    Capabilities,
    LogDrivers,
    Files,
    Directories,
}

/// Which containers a verb can do anything with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    All,
    Running,
    NotRunning,
    Paused,
    NotPaused,
}

/// The flags whose values are known by their name.
const FLAGS: &[(&str, Kind)] = &[
    ("add-host", Kind::Unknown),
    ("attach", Kind::Words(&["stdin", "stdout", "stderr"])),
    ("cap-add", Kind::Capabilities),
    ("cap-drop", Kind::Capabilities),
    ("cgroup-manager", Kind::Words(&["systemd", "cgroupfs"])),
    ("cgroupns", Kind::Words(&["private", "host"])),
    ("cgroups", Kind::Words(&["enabled", "disabled", "no-conmon", "split"])),
    ("compression-format", Kind::Words(&["gzip", "zstd"])),
    ("device", Kind::Files),
    ("dns-option", Kind::Unknown),
    ("health-on-failure", Kind::Words(&["none", "kill", "restart", "stop"])),
    ("image-volume", Kind::Words(&["anonymous", "tmpfs", "ignore"])),
    ("ipc", Kind::Words(&["private", "shareable", "none", "host", "container:"])),
    ("log-driver", Kind::LogDrivers),
    ("mount", Kind::Beginnings(&["type=bind,", "type=volume,", "type=tmpfs,", "type=image,"])),
    ("network", Kind::Networks),
    ("pid", Kind::Words(&["private", "host", "container:"])),
    ("platform", Kind::Words(&["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64"])),
    ("policy", Kind::Words(&["always", "missing", "newer", "never"])),
    ("progress", Kind::Words(&["auto", "plain", "tty", "quiet", "rawjson"])),
    ("pull", Kind::Words(&["always", "missing", "newer", "never"])),
    ("requires", Kind::Containers(Which::All)),
    ("restart", Kind::Words(&["no", "on-failure", "always", "unless-stopped"])),
    ("sdnotify", Kind::Words(&["container", "conmon", "healthy", "ignore"])),
    ("secret", Kind::Secrets),
    (
        "security-opt",
        Kind::Beginnings(&[
            "apparmor=",
            "mask=",
            "no-new-privileges",
            "seccomp=",
            "systempaths=unconfined",
            "unmask=",
        ]),
    ),
    ("signal", Kind::Signals),
    ("stop-signal", Kind::Signals),
    ("storage-driver", Kind::Words(&["overlay", "fuse-overlayfs", "vfs"])),
    ("systemd", Kind::Words(&["true", "false", "always"])),
    ("userns", Kind::Words(&["host", "keep-id", "auto", "nomap", "container:"])),
    ("uts", Kind::Words(&["private", "host", "container:"])),
    ("volume", Kind::Mounts),
    ("volumes-from", Kind::Containers(Which::All)),
];

/// The flags of one verb that mean something else there than elsewhere.
const FLAGS_OF: &[(&str, &str, Kind)] = &[
    ("build", "network", Kind::Words(&["default", "host", "none"])),
    ("build", "secret", Kind::Beginnings(&["id="])),
    ("ps", "format", Kind::Beginnings(&["json", "table "])),
];

/// The values of a flag of a verb, as far as its name tells.
pub fn of_flag(path: &str, long: &str, typed: &str) -> Kind {
    let verb = path.rsplit(' ').next().unwrap_or_default();
    let special = FLAGS_OF.iter().find(|(of, name, _)| *of == verb && *name == long).map(|(.., kind)| *kind);
    let known = special.or_else(|| FLAGS.iter().find(|(name, _)| *name == long).map(|(_, kind)| *kind));
    match known {
        Some(Kind::Words(_)) if typed.starts_with("container:") => Kind::Containers(Which::All),
        Some(kind) => kind,
        None if matches!(long, "root" | "runroot") => Kind::Directories,
        None => Kind::Unknown,
    }
}

/// The values of a flag by what its help calls them.
pub fn of_value(name: &str, _typed: &str) -> Kind {
    match name {
        "container" => Kind::Containers(Which::All),
        "image" => Kind::Images,
        "network" => Kind::Networks,
        "secret" => Kind::Secrets,
        "signal" => Kind::Signals,
        "file" | "path" => Kind::Files,
        "directory" | "dir" => Kind::Directories,
        "bool" => Kind::Words(&["true", "false"]),
        "format" => Kind::Beginnings(&["json", "table "]),
        _ => Kind::Unknown,
    }
}

/// The words of usage lines, with what they stand for; what has no names to choose from is known as such.
const OPERANDS: &[(&str, Kind)] = &[
    ("CONTAINER", Kind::Containers(Which::All)),
    ("CONTAINER:", Kind::PathsIn),
    ("IMAGE", Kind::Images),
    ("SOURCE_IMAGE", Kind::Images),
    ("TARGET_IMAGE", Kind::Images),
    ("MANIFEST_LIST", Kind::Images),
    ("REPOSITORY", Kind::Images),
    ("NETWORK", Kind::Networks),
    ("VOLUME", Kind::Volumes),
    ("SECRET", Kind::Secrets),
    ("NAME|ID", Kind::ContainersOrImages),
    ("PATH", Kind::Directories),
    ("DIR", Kind::Directories),
    ("FILE", Kind::Files),
    ("HOST::", Kind::Images),
    ("bash|zsh|fish", Kind::Words(&["bash", "zsh", "fish"])),
    ("NAME", Kind::Unknown),
    ("NEW_NAME", Kind::Unknown),
    ("COMMAND", Kind::Unknown),
    ("ARG", Kind::Unknown),
    ("PRIVATE_PORT", Kind::Unknown),
    ("ps", Kind::Unknown),
    ("OPTIONS", Kind::Unknown),
    ("DESTINATION", Kind::Unknown),
    ("REGISTRY/", Kind::Unknown),
    ("SERVER", Kind::Unknown),
    ("DIGEST", Kind::Unknown),
    ("URL", Kind::Unknown),
];

/// The operands of a usage line, in order, and whether the last may be there again.
fn operands(usage: &str) -> (Vec<&str>, bool) {
    let usage = usage.strip_prefix("[OPTIONS]").unwrap_or(usage).trim();
    let usage = usage.split(" | ").next().unwrap_or_default();
    let words: Vec<&str> = usage.split_whitespace().collect();
    let repeats = words.last().is_some_and(|word| word.contains("..."));
    let names =
        words.into_iter().map(|word| word.trim_start_matches('[').trim_end_matches(['.', ']'])).collect();
    (names, repeats)
}

fn of_word(word: &str) -> Option<Kind> {
    let exact = |name: &str| OPERANDS.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind);
    let first = |end: &[char]| word.split(end).next().unwrap_or_default();
    exact(word)
        .or_else(|| exact(first(&[']'])))
        .or_else(|| exact(first(&['|'])))
        .or_else(|| exact(first(&['[', '|', '/'])))
}

/// Whether each operand of a usage line is known here.
#[cfg(test)]
pub fn is_understood(usage: &str) -> bool {
    operands(usage).0.into_iter().all(|word| of_word(word).is_some())
}

/// What the next operand of a verb may be.
pub fn of_operand(usage: &str, path: &str, before: &[String], current: &str) -> Kind {
    let (names, repeats) = operands(usage);
    let name = match names.get(before.len()) {
        Some(name) => *name,
        None if repeats => names.last().copied().unwrap_or_default(),
        None => return Kind::Unknown,
    };
    match of_word(name).unwrap_or(Kind::Unknown) {
        Kind::Containers(_) => Kind::Containers(which(path)),
        Kind::PathsIn if current.contains(['/', '.']) => Kind::Files,
        kind => kind,
    }
}

fn which(path: &str) -> Which {
    match path.rsplit(' ').next().unwrap_or_default() {
        "attach" | "exec" | "kill" | "port" | "stop" | "top" => Which::Running,
        "start" | "init" => Which::NotRunning,
        "pause" => Which::NotPaused,
        "unpause" => Which::Paused,
        _ => Which::All,
    }
}

/// What there is of a kind, and what else may stand there.
pub fn list(kind: Kind, current: &str, session: &Session) -> (Vec<Candidate>, Rest) {
    let words = |all: &[&str]| all.iter().map(|word| Candidate::new(*word, "")).collect::<Vec<_>>();
    match kind {
        Kind::Unknown => (Vec::new(), Rest::Nothing),
        Kind::Words(all) => {
            let is_beginning = all.iter().any(|word| word.ends_with(':') && word.starts_with(current));
            (words(all), if is_beginning { Rest::More } else { Rest::Nothing })
        }
        Kind::Beginnings(all) => (words(all), Rest::More),
        Kind::Files => (Vec::new(), Rest::Files),
        Kind::Directories => (Vec::new(), Rest::Directories),
        Kind::Signals => (signal::names().map(|name| Candidate::new(name, "")).collect(), Rest::Nothing),
        Kind::Capabilities => {
            let mut all: Vec<_> = CapSet::ALL
                .iter()
                .map(|cap| Candidate::new(cap.to_string().trim_start_matches("CAP_"), ""))
                .collect();
            all.push(Candidate::new("ALL", ""));
            (all, Rest::Nothing)
        }
        Kind::LogDrivers => {
            (LogDriver::ALL.iter().map(|driver| Candidate::new(driver.as_str(), "")).collect(), Rest::Nothing)
        }
        Kind::Mounts if current.contains('/') || current.starts_with(['.', '~']) => {
            match current.rsplit_once(':') {
                Some((before, _)) if before.contains(':') => {
                    let all = ["ro", "rw"].map(|mode| Candidate::new(format!("{before}:{mode}"), ""));
                    (all.to_vec(), Rest::Nothing)
                }
                Some(_) => (Vec::new(), Rest::Nothing),
                None => (Vec::new(), Rest::Files),
            }
        }
        named => {
            session.engine().map_or_else(|_| Default::default(), |engine| stored(named, current, &engine))
        }
    }
}

/// What the store has of a kind. What cannot be read is not shown: here is nobody to tell.
fn stored(kind: Kind, current: &str, engine: &Engine) -> (Vec<Candidate>, Rest) {
    let with = |mut names: Vec<Candidate>, end: &str| {
        names.iter_mut().for_each(|name| name.word.push_str(end));
        names
    };
    match kind {
        Kind::Containers(which) => {
            let prefix = if current.starts_with("container:") { "container:" } else { "" };
            let mut all = containers(engine, which);
            all.iter_mut().for_each(|name| name.word.insert_str(0, prefix));
            (all, Rest::Nothing)
        }
        Kind::PathsIn => {
            let is_inside = current.contains(':');
            let names = if is_inside { Vec::new() } else { with(containers(engine, Which::All), ":") };
            let has_names = names.iter().any(|name| name.word.starts_with(current));
            (names, if has_names { Rest::More } else { Rest::Files })
        }
        Kind::Images => (images(engine), Rest::Nothing),
        Kind::ContainersOrImages => {
            ([containers(engine, Which::All), images(engine)].concat(), Rest::Nothing)
        }
        Kind::Networks => {
            let usual = ["none", "host", "bridge"].map(|name| Candidate::new(name, ""));
            let mut all: Vec<_> = engine
                .networks()
                .list()
                .unwrap_or_default()
                .into_iter()
                .map(|network| Candidate::new(network.name, ""))
                .collect();
            all.extend(usual);
            all.sort_by(|a, b| a.word.cmp(&b.word));
            all.dedup();
            (all, Rest::Nothing)
        }
        Kind::Volumes => (volumes(engine), Rest::Nothing),
        Kind::Mounts => (with(volumes(engine), ":"), Rest::More),
        Kind::Secrets => {
            let all = engine.secrets().list().unwrap_or_default();
            (all.into_iter().map(|secret| Candidate::new(secret.name, "")).collect(), Rest::Nothing)
        }
        _ => Default::default(),
    }
}

fn containers(engine: &Engine, which: Which) -> Vec<Candidate> {
    let fits = |record: &Record| match which {
        Which::All => true,
        Which::Running => record.state.is_up(),
        Which::NotRunning => !record.state.is_up(),
        Which::Paused => pause::is_paused(record),
        Which::NotPaused => record.state.is_up() && !pause::is_paused(record),
    };
    let all = engine.containers().list().map(|(all, _)| all).unwrap_or_default();
    let fitting = all.into_iter().filter(fits);
    fitting.map(|record| Candidate::new(record.name, record.options.image)).collect()
}

fn images(engine: &Engine) -> Vec<Candidate> {
    let all = engine.images().list_by_threads().map(|(all, _)| all).unwrap_or_default();
    let names = all.iter().flat_map(|image| &image.names).map(|name| name.familiar());
    names.map(|name| Candidate::new(name, "")).collect()
}

fn volumes(engine: &Engine) -> Vec<Candidate> {
    let all = engine.volumes().list().unwrap_or_default();
    let named = all.into_iter().filter(|volume| !volume.is_anonymous());
    named.map(|volume| Candidate::new(volume.name, "")).collect()
}
