//! What `inspect` shows of an image: docker 28's document, key by key in docker's order.

use serde_json::{Map, Value, json};

use super::inspect::{leave_out_empty, list_or_null};
use crate::oci::image::{ContainerConfig, HealthConfig};
use crate::oci::reference::Reference;
use crate::store::images::Image;
use crate::store::layout::Layout;

/// The document of one image; `size` is the bytes in the files of its layers.
pub fn image(image: &Image, size: u64, layout: &Layout) -> Value {
    let config = &image.config;
    let tags: Vec<_> = image.names.iter().map(Reference::familiar).collect();
    let digests: Vec<_> = image
        .repo_digests
        .iter()
        .map(|(repository, digest)| format!("{}@{digest}", repository.familiar_name()))
        .collect();
    let mut document = json!({
        "Id": image.id.to_string(),
        "RepoTags": tags,
        "RepoDigests": digests,
        "Parent": "",
        "Comment": last_comment(image),
        "Created": config.created,
        "DockerVersion": config.docker_version.as_deref().unwrap_or_default(),
        "Author": config.author.as_deref().unwrap_or_default(),
        "Config": container_config(&config.config),
        "Architecture": config.architecture,
        "Variant": config.variant,
        "Os": config.os,
        "OsVersion": config.os_version,
        "Size": size,
        "GraphDriver": graph_driver(image, layout),
        "RootFS": {
            "Type": "layers",
            "Layers": config.rootfs.diff_ids.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
        "Metadata": {"LastTagTime": "0001-01-01T00:00:00Z"},
        "Descriptor": {
            "mediaType": image.media_type,
            "digest": image.manifest.to_string(),
            "size": image.manifest_size,
        },
    });
    leave_out_empty(&mut document, &["Created", "Variant", "OsVersion"]);
    document
}

/// Docker shows the comment of the newest step where the image has none of its own.
fn last_comment(image: &Image) -> &str {
    let own = image.config.comment.as_deref().filter(|comment| !comment.is_empty());
    own.or_else(|| image.config.history.last().map(|step| step.comment.as_str())).unwrap_or_default()
}

fn container_config(config: &ContainerConfig) -> Value {
    let mut shown = json!({
        "Hostname": "",
        "Domainname": "",
        "User": config.user,
        "AttachStdin": false,
        "AttachStdout": false,
        "AttachStderr": false,
        "ExposedPorts": empty_objects(config.exposed_ports.keys()),
        "Tty": false,
        "OpenStdin": false,
        "StdinOnce": false,
        "Env": list_or_null(config.env.clone()),
        "Cmd": list_or_null(config.cmd.clone()),
        "Healthcheck": config.healthcheck.as_ref().map(healthcheck),
        "Image": "",
        "Volumes": empty_objects(config.volumes.keys()),
        "WorkingDir": config.working_dir,
        "Entrypoint": list_or_null(config.entrypoint.clone()),
        "OnBuild": list_or_null(config.on_build.clone()),
        "Labels": if config.labels.is_empty() { Value::Null } else { json!(config.labels) },
        "StopSignal": config.stop_signal,
        "Shell": list_or_null(config.shell.clone()),
    });
    leave_out_empty(&mut shown, &["ExposedPorts", "Healthcheck", "StopSignal", "Shell"]);
    shown
}

fn healthcheck(health: &HealthConfig) -> Value {
    let mut shown = Map::new();
    shown.insert("Test".to_owned(), json!(health.test));
    for (key, value) in [
        ("Interval", health.interval),
        ("Timeout", health.timeout),
        ("StartPeriod", health.start_period),
        ("StartInterval", health.start_interval),
        ("Retries", health.retries.into()),
    ] {
        if value > 0 {
            shown.insert(key.to_owned(), value.into());
        }
    }
    shown.into()
}

/// Go's set: a map to empty objects, `null` without any.
fn empty_objects<'a>(keys: impl Iterator<Item = &'a String>) -> Value {
    let objects: Map<String, Value> = keys.map(|key| (key.clone(), json!({}))).collect();
    if objects.is_empty() { Value::Null } else { objects.into() }
}

fn graph_driver(image: &Image, layout: &Layout) -> Value {
    let mut layers =
        image.config.rootfs.diff_ids.iter().rev().map(|layer| layout.layer(layer).display().to_string());
    let mut data = Map::new();
    if let Some(upper) = layers.next() {
        let lower: Vec<_> = layers.collect();
        if !lower.is_empty() {
            data.insert("LowerDir".to_owned(), lower.join(":").into());
        }
        data.insert("UpperDir".to_owned(), upper.into());
    }
    json!({"Data": data, "Name": "overlay"})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::config::paths::Roots;
    use crate::oci::image::ImageConfig;

    #[test]
    fn keys_are_dockers_in_dockers_order() {
        let layout = Layout::new(Roots { data: "/data".into(), run: "/run".into() });
        let config = r#"{"created":"2024-05-01T10:00:00Z","architecture":"arm64","variant":"v8","os":"linux",
            "config":{"Cmd":["/hello"],"Env":null,"ExposedPorts":{"80/tcp":{}}},
            "rootfs":{"type":"layers","diff_ids":[]},"history":[{"comment":"buildkit"}]}"#;
        let config: ImageConfig = serde_json::from_str(config).unwrap();
        let content = Digest::of(b"x");
        let shown = image(
            &Image {
                id: content.clone(),
                manifest: content.clone(),
                manifest_size: 1,
                target: content.clone(),
                siblings: vec![content.clone()],
                media_type: "m".to_owned(),
                layers: Vec::new(),
                config,
                names: vec![Reference::parse("hello-world:latest").unwrap()],
                repo_digests: vec![(Reference::parse("hello-world").unwrap(), content)],
            },
            13256,
            &layout,
        );
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(
            keys(&shown),
            "Id RepoTags RepoDigests Parent Comment Created DockerVersion Author Config Architecture Variant Os \
             Size GraphDriver RootFS Metadata Descriptor"
        );
        assert_eq!(shown["RepoTags"], json!(["hello-world:latest"]));
        assert!(shown["RepoDigests"][0].as_str().unwrap().starts_with("hello-world@sha256:"));
        assert_eq!((&shown["Comment"], &shown["Size"]), (&json!("buildkit"), &json!(13256)));
        assert_eq!(shown["Config"]["Cmd"], json!(["/hello"]));
    }
}
