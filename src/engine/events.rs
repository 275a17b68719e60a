//! What happens, written down for `events`: docker's actions with docker's attributes (moby `daemon/events.go`).
//!
//! Writing an event never fails the command that it is about. It costs one `write(2)` and is not synced.

use super::Engine;
use super::list::network_name;
use crate::oci::reference::Reference;
use crate::store::containers::Record;
use crate::store::events::{self, Event, Sink};
use crate::store::images::Image;
use crate::store::options::{MountKind, NetworkMode};
use crate::store::volumes::LOCAL;

/// Writes down what happened to a container, with its labels, its image and its name, and `more`.
pub fn container(engine: &Engine, record: &Record, action: &str, more: &[(&str, &str)]) {
    append(engine, &of_container(record, action, more));
}

/// Writes down that a container's program runs, after what of network and volumes it has taken for that.
pub fn started(engine: &Engine, record: &Record) {
    network(engine, record, "connect");
    for mount in &record.options.mounts {
        let MountKind::Volume { name, .. } = &mount.kind else { continue };
        let attributes = [
            ("container", record.id.as_str()),
            ("destination", &mount.target),
            ("driver", LOCAL),
            ("propagation", ""),
            ("read/write", if mount.read_only { "false" } else { "true" }),
        ];
        object(engine, "volume", name, "mount", &attributes);
    }
    container(engine, record, "start", &[]);
}

/// Writes down that a container's program has ended, if it ever ran, and what it has given back.
pub fn died(engine: &Engine, record: &Record) {
    let (Some(started), Some(finished)) = (record.state.started_at, record.state.finished_at) else { return };
    let seconds = finished.duration_since(started).as_secs().max(0).to_string();
    let code = record.state.exit_code.to_string();
    container(engine, record, "die", &[("execDuration", &seconds), ("exitCode", &code)]);
    network(engine, record, "disconnect");
    for mount in &record.options.mounts {
        let MountKind::Volume { name, .. } = &mount.kind else { continue };
        object(engine, "volume", name, "unmount", &[("container", &record.id), ("driver", LOCAL)]);
    }
}

/// Writes down what becomes of a container on its network, which has no id but its name.
fn network(engine: &Engine, record: &Record, action: &str) {
    let kind = match &record.options.network {
        // It is another container's that is on a network.
        NetworkMode::Container { .. } | NetworkMode::Path { .. } => return,
        NetworkMode::None => "null",
        NetworkMode::Host => "host",
        NetworkMode::Default | NetworkMode::Slirp4netns { .. } => "slirp4netns",
        NetworkMode::Pasta { .. } => "pasta",
        NetworkMode::Bridge { .. } => return bridges(engine, record, action),
    };
    let name = network_name(&record.options.network);
    let attributes = [("container", record.id.as_str()), ("name", &name), ("type", kind)];
    object(engine, "network", &name, action, &attributes);
}

/// The same for each bridge that it is on.
fn bridges(engine: &Engine, record: &Record, action: &str) {
    for endpoint in &record.endpoints {
        let attributes = [("container", record.id.as_str()), ("name", &endpoint.network), ("type", "bridge")];
        object(engine, "network", &endpoint.network_id, action, &attributes);
    }
}

/// [`container`] for a process that no longer sees the store by its path.
pub fn container_in(sink: &Sink, record: &Record, action: &str, more: &[(&str, &str)]) {
    let _ = sink.append(&of_container(record, action, more));
}

fn of_container(record: &Record, action: &str, more: &[(&str, &str)]) -> Event {
    let mut attributes = record.options.labels.clone();
    attributes.extend(pairs(more));
    if !record.options.image.is_empty() {
        attributes.insert("image".to_owned(), record.options.image.clone());
    }
    attributes.insert("name".to_owned(), record.name.clone());
    Event::now("container", action, &record.id, attributes)
}

/// Writes down what happened to an image under its id: `tag` with the new name, `load`, `import`; without a
/// name `untag` and `delete`.
pub fn image(engine: &Engine, image: &Image, name: Option<&Reference>, action: &str) {
    let name = name.map_or_else(|| image.id.to_string(), Reference::familiar);
    named_image(engine, &image.id.to_string(), &name, Some(image), action);
}

/// Writes down that an image was pulled or pushed: docker has its name in place of the id.
pub fn transfer(engine: &Engine, reference: &Reference, image: Option<&Image>, action: &str) {
    named_image(engine, &reference.familiar(), &reference.familiar_name(), image, action);
}

fn named_image(engine: &Engine, id: &str, name: &str, image: Option<&Image>, action: &str) {
    let mut attributes = image.map(|image| image.config.config.labels.clone()).unwrap_or_default();
    attributes.insert("name".to_owned(), name.to_owned());
    append(engine, &Event::now("image", action, id, attributes));
}

/// Writes down what happened to a volume, a network, a secret: `kind` and `id` with these attributes.
pub fn object(engine: &Engine, kind: &str, id: &str, action: &str, attributes: &[(&str, &str)]) {
    append(engine, &Event::now(kind, action, id, pairs(attributes).collect()));
}

fn pairs<'a>(pairs: &'a [(&str, &str)]) -> impl Iterator<Item = (String, String)> + 'a {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
}

fn append(engine: &Engine, event: &Event) {
    let _ = events::append(engine.layout(), event);
}
