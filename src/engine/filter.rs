//! `ps --filter`: the same key twice means either, except of labels, all of which must be there; different keys
//! mean both.

use std::collections::HashMap;

use anyhow::{Result, anyhow, bail};

use super::list::{Listed, network_names};
use crate::base::digest::Digest;
use crate::base::pattern::Regex;
use crate::store::containers::Status;
use crate::store::health::HealthStatus;
use crate::store::images::Images;
use crate::store::layout::Layout;
use crate::store::options::MountKind;

/// The conditions of one `ps`.
#[derive(Debug, Default)]
pub struct Filters(Vec<(Key, Vec<Condition>)>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Id,
    Name,
    Label,
    Exited,
    Status,
    Ancestor,
    Before,
    Since,
    Volume,
    Network,
    Publish,
    Expose,
    Health,
    Isolation,
    IsTask,
}

#[derive(Debug)]
enum Condition {
    Text(String),
    Pattern {
        text: String,
        regex: Regex,
    },
    Code(i32),
    Ports {
        first: u16,
        last: u16,
        protocol: String,
    },
    /// Something that every container is.
    Always,
    /// Something that none is: dead, a task of a swarm.
    Never,
}

impl Filters {
    /// Reads `key=value` pairs.
    pub fn new(pairs: &[(String, String)]) -> Result<Self> {
        let mut filters = Self::default();
        for (key, value) in pairs {
            let key = read_key(key)?;
            let condition = read_condition(key, value)?;
            match filters.0.iter_mut().find(|(other, _)| *other == key) {
                Some((_, conditions)) => conditions.push(condition),
                None => filters.0.push((key, vec![condition])),
            }
        }
        Ok(filters)
    }

    /// Whether a condition looks at the flags of a container.
    pub fn need_details(&self) -> bool {
        let detail = [Key::Label, Key::Volume, Key::Network, Key::Expose];
        self.0.iter().any(|(key, _)| detail.contains(key))
    }

    /// Whether containers that do not run are asked for, as `status=` does.
    pub fn imply_all(&self) -> bool {
        self.0.iter().any(|(key, _)| *key == Key::Status)
    }

    /// Keeps the containers that meet every condition; `before` and `since` name one among them, `ancestor` an image
    /// of the store.
    pub fn apply(&self, containers: &mut Vec<Listed>, layout: &Layout) -> Result<()> {
        for (key, conditions) in &self.0 {
            let meets = |container: &Listed, condition| meets(*key, condition, container);
            match key {
                Key::Before | Key::Since => keep_relative(*key, conditions, containers)?,
                Key::Ancestor => keep_descendants(conditions, containers, layout),
                Key::Label => containers.retain(|container| conditions.iter().all(|c| meets(container, c))),
                _ => containers.retain(|container| conditions.iter().any(|c| meets(container, c))),
            }
        }
        Ok(())
    }
}

fn read_key(key: &str) -> Result<Key> {
    Ok(match key {
        "id" => Key::Id,
        "name" => Key::Name,
        "label" => Key::Label,
        "exited" => Key::Exited,
        "status" => Key::Status,
        "ancestor" => Key::Ancestor,
        "before" => Key::Before,
        "since" => Key::Since,
        "volume" => Key::Volume,
        "network" => Key::Network,
        "publish" => Key::Publish,
        "expose" => Key::Expose,
        "health" => Key::Health,
        "isolation" => Key::Isolation,
        "is-task" => Key::IsTask,
        _ => bail!("invalid filter '{key}'"),
    })
}

fn read_condition(key: Key, value: &str) -> Result<Condition> {
    let invalid = |key: &str| anyhow!("invalid filter '{key}={value}'");
    match key {
        Key::Id | Key::Name => Ok(Condition::Pattern { text: value.to_owned(), regex: Regex::new(value)? }),
        Key::Exited => value.parse().map(Condition::Code).map_err(|_| invalid("exited")),
        Key::Status => match value {
            "created" | "initialized" | "running" | "paused" | "restarting" | "exited" => {
                Ok(Condition::Text(value.to_owned()))
            }
            "removing" | "dead" => Ok(Condition::Never),
            _ => Err(invalid("status")),
        },
        Key::Health => match value {
            "none" | "starting" | "healthy" | "unhealthy" => Ok(Condition::Text(value.to_owned())),
            _ => Err(invalid("health")),
        },
        // A matter of Windows; docker takes any value elsewhere.
        Key::Isolation => Ok(Condition::Always),
        Key::IsTask => match value {
            "0" | "false" => Ok(Condition::Always),
            "1" | "true" => Ok(Condition::Never),
            // Docker shows the list of all values here.
            _ => Err(anyhow!("invalid filter 'is-task=[{value}]'")),
        },
        Key::Publish => read_ports(value).ok_or_else(|| invalid("publish")),
        Key::Expose => read_ports(value).ok_or_else(|| invalid("expose")),
        _ => Ok(Condition::Text(value.to_owned())),
    }
}

/// `80`, `80-90`, `80/udp`; TCP if nothing else is said.
fn read_ports(value: &str) -> Option<Condition> {
    let (range, protocol) = value.split_once('/').unwrap_or((value, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let protocol = protocol.to_owned();
    Some(Condition::Ports { first: first.parse().ok()?, last: last.parse().ok()?, protocol })
}

fn keep_relative(key: Key, conditions: &[Condition], containers: &mut Vec<Listed>) -> Result<()> {
    let mut limits = Vec::new();
    for condition in conditions {
        let Condition::Text(text) = condition else { continue };
        let named =
            containers.iter().find(|c| c.name == *text || (!text.is_empty() && c.id.starts_with(text)));
        limits.push(named.ok_or_else(|| anyhow!("No such container: {text}"))?.created);
    }
    containers.retain(|container| {
        limits.iter().any(|limit| match key {
            Key::Before => container.created < *limit,
            _ => container.created > *limit,
        })
    });
    Ok(())
}

/// Keeps the containers of the images that are named, and of images that have their layers beneath their own.
fn keep_descendants(conditions: &[Condition], containers: &mut Vec<Listed>, layout: &Layout) {
    let images = Images::new(layout);
    let texts = conditions.iter().filter_map(|condition| match condition {
        Condition::Text(text) => Some((text.as_str(), images.lookup(text).ok())),
        _ => None,
    });
    let ancestors: Vec<_> = texts.collect();
    // Many containers are of few images.
    let mut layers = HashMap::<Digest, Vec<Digest>>::new();
    containers.retain(|container| {
        ancestors.iter().any(|(text, ancestor)| match (ancestor, &container.image_id) {
            // Of an image that is gone there is only what the containers say.
            (None, _) => is_named(container, text),
            (Some(_), None) => false,
            (Some(ancestor), Some(id)) => {
                let own = layers.entry(id.clone()).or_insert_with(|| layers_of(&images, id));
                let base = &ancestor.config.rootfs.diff_ids;
                ancestor.id == *id || (!base.is_empty() && own.starts_with(base))
            }
        })
    });
}

/// The layers of an image, lowest first; none if it is gone.
fn layers_of(images: &Images, id: &Digest) -> Vec<Digest> {
    images.config(id).map(|(_, config)| config.rootfs.diff_ids).unwrap_or_default()
}

fn meets(key: Key, condition: &Condition, container: &Listed) -> bool {
    match (key, condition) {
        (Key::Id, Condition::Pattern { text, regex }) => {
            container.id == *text || regex.is_match(&container.id)
        }
        (Key::Name, Condition::Pattern { text, regex }) => {
            container.name == *text
                || regex.is_match(&container.name)
                || regex.is_match(&format!("/{}", container.name))
        }
        (Key::Exited, Condition::Code(code)) => {
            container.state.status == Status::Exited && container.state.exit_code == *code
        }
        (Key::Status, Condition::Text(status)) => container.word() == status,
        (Key::Health, Condition::Text(health)) => {
            container.health.map_or("none", HealthStatus::as_str) == health
        }
        (Key::Label, Condition::Text(label)) => has_label(container, label),
        (Key::Volume, Condition::Text(volume)) => has_volume(container, volume),
        (Key::Network, Condition::Text(network)) => {
            network_names(&container.details.network).contains(network)
        }
        (Key::Publish, Condition::Ports { first, last, protocol }) => container
            .ports
            .iter()
            .any(|port| (*first..=*last).contains(&port.host_port) && protocol == port.protocol.as_str()),
        (Key::Expose, Condition::Ports { first, last, protocol }) => {
            exposed_ports(container).any(|(port, of)| (*first..=*last).contains(&port) && protocol == of)
        }
        (_, Condition::Always) => true,
        _ => false,
    }
}

fn has_label(container: &Listed, wanted: &str) -> bool {
    let labels = &container.details.labels;
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|label| label == value),
        None => labels.contains_key(wanted),
    }
}

/// By name, with or without the default tag, or by a prefix of the image's id.
fn is_named(container: &Listed, image: &str) -> bool {
    let tagged = |name: &str| match name.rsplit('/').next().is_some_and(|last| last.contains(':')) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    };
    let id = image.strip_prefix("sha256:").unwrap_or(image);
    (!image.is_empty() && tagged(&container.image) == tagged(image))
        || (id.len() >= 4 && container.image_id.as_ref().is_some_and(|own| own.hex().starts_with(id)))
}

fn has_volume(container: &Listed, wanted: &str) -> bool {
    container.details.mounts.iter().any(|mount| {
        mount.target == wanted
            || match &mount.kind {
                MountKind::Volume { name, .. } => name == wanted,
                MountKind::Bind { source, .. } => source.as_os_str() == wanted,
                MountKind::Image { image, .. } => image == wanted,
                MountKind::Tmpfs { .. } | MountKind::Filesystem { .. } => false,
            }
    })
}

fn exposed_ports(container: &Listed) -> impl Iterator<Item = (u16, &str)> {
    let published = container.ports.iter().map(|port| (port.container_port, port.protocol.as_str()));
    let exposed = container.details.expose.iter().filter_map(|text| {
        let (port, protocol) = text.split_once('/')?;
        Some((port.parse().ok()?, protocol))
    });
    published.chain(exposed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::paths::Roots;
    use crate::engine::list::Details;
    use crate::store::containers::State;

    fn container(name: &str, second: i64, status: Status, exit_code: i32) -> Listed {
        Listed {
            id: crate::base::digest::Digest::of(name.as_bytes()).hex(),
            name: name.to_owned(),
            image: "busybox".to_owned(),
            image_id: Some(crate::base::digest::Digest::of(b"busybox")),
            command: "sh".to_owned(),
            created: jiff::Timestamp::from_second(second).unwrap(),
            state: State { status, exit_code, ..State::default() },
            ports: Vec::new(),
            exposed: Vec::new(),
            paused: false,
            health: (name == "web2").then_some(HealthStatus::Healthy),
            details: Details {
                labels: [("a".to_owned(), "1".to_owned()), (name.to_owned(), String::new())].into(),
                ..Details::default()
            },
        }
    }

    fn kept(filters: &[&str]) -> Result<Vec<String>> {
        let pairs: Vec<_> = filters
            .iter()
            .map(|filter| filter.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned())).unwrap())
            .collect();
        let mut containers = vec![
            container("web2", 3, Status::Running, 0),
            container("web", 2, Status::Exited, 3),
            container("db", 1, Status::Created, 0),
        ];
        // No store: images are gone.
        let layout = Layout::new(Roots { data: "/nowhere".into(), run: "/nowhere".into() });
        Filters::new(&pairs)?.apply(&mut containers, &layout)?;
        Ok(containers.into_iter().map(|container| container.name).collect())
    }

    #[test]
    fn conditions() {
        for (filters, want) in [
            (&["name=web"][..], &["web2", "web"][..]),
            (&["name=^/?web$"], &["web"]),
            (&["name=db", "name=web2"], &["web2", "db"]),
            (&["name=web", "status=exited"], &["web"]),
            (&["exited=3"], &["web"]),
            (&["exited=0"], &[]),
            (&["status=paused"], &[]),
            (&["label=a"], &["web2", "web", "db"]),
            (&["label=a=2"], &[]),
            (&["label=db"], &["db"]),
            (&["label=a", "label=db"], &["db"]),
            (&["isolation=default", "name=db"], &["db"]),
            (&["is-task=false", "name=db"], &["db"]),
            (&["is-task=1"], &[]),
            (&["before=web"], &["db"]),
            (&["since=db"], &["web2", "web"]),
            (&["ancestor=busybox:latest"], &["web2", "web", "db"]),
            (&["ancestor=alpine"], &[]),
            (&["network=slirp4netns"], &["web2", "web", "db"]),
            (&["health=none", "name=db"], &["db"]),
            (&["health=healthy"], &["web2"]),
            (&["health=none"], &["web", "db"]),
            (&["health=starting", "health=unhealthy"], &[]),
        ] {
            assert_eq!(kept(filters).unwrap(), want, "{filters:?}");
        }
    }

    #[test]
    fn refusals() {
        for (filter, want) in [
            ("foo=1", "invalid filter 'foo'"),
            ("status=foo", "invalid filter 'status=foo'"),
            ("exited=x", "invalid filter 'exited=x'"),
            ("is-task=x", "invalid filter 'is-task=[x]'"),
            ("since=nosuch", "No such container: nosuch"),
            ("name=(", "invalid pattern \"(\""),
        ] {
            assert_eq!(kept(&[filter]).unwrap_err().to_string(), want);
        }
    }
}
