//! What `inspect` shows of mounts, in docker's four places.

use serde_json::{Map, Value, json};

use super::leave_out_empty;
use crate::store::layout::Layout;
use crate::store::mounts::{Given, MountKind, MountOption};
use crate::store::volumes::{LOCAL, Volumes};

fn given(mounts: &[MountOption], by: Given) -> impl Iterator<Item = &MountOption> {
    mounts.iter().filter(move |mount| mount.flags.given == by)
}

/// `HostConfig.Binds`: `-v` as it was written, but for what has no source.
pub fn binds(mounts: &[MountOption]) -> Vec<String> {
    let bind = |mount: &MountOption| {
        let source = match &mount.kind {
            MountKind::Bind { source, .. } => source.display().to_string(),
            MountKind::Volume { name, anonymous: false, .. } => name.clone(),
            _ => return None,
        };
        let mode = if mount.mode.is_empty() { String::new() } else { format!(":{}", mount.mode) };
        Some(format!("{source}:{}{mode}", mount.target))
    };
    given(mounts, Given::Volume).filter_map(bind).collect()
}

/// `HostConfig.Tmpfs`: `--tmpfs`.
pub fn tmpfs(mounts: &[MountOption]) -> Map<String, Value> {
    let tmpfs = |mount: &MountOption| match &mount.kind {
        MountKind::Tmpfs { options, .. } => Some((mount.target.clone(), options.join(",").into())),
        _ => None,
    };
    given(mounts, Given::Tmpfs).filter_map(tmpfs).collect()
}

/// `HostConfig.Mounts`: `--mount`.
pub fn long(mounts: &[MountOption]) -> Vec<Value> {
    given(mounts, Given::Mount).map(long_mount).collect()
}

fn long_mount(mount: &MountOption) -> Value {
    let (kind, source, key, mut options) = match &mount.kind {
        MountKind::Bind { source, create, propagation, recursive } => (
            "bind",
            source.display().to_string(),
            "BindOptions",
            json!({
                "Propagation": propagation.as_deref().unwrap_or_default(),
                "NonRecursive": (!recursive).then_some(true),
                "CreateMountpoint": create.then_some(true),
                "ReadOnlyNonRecursive": mount.flags.writable_beneath.then_some(true),
            }),
        ),
        MountKind::Volume { name, anonymous, nocopy, subpath, labels, options } => (
            "volume",
            if *anonymous { String::new() } else { name.clone() },
            "VolumeOptions",
            json!({
                "NoCopy": nocopy.then_some(true),
                "Labels": labels,
                "Subpath": subpath.as_deref().unwrap_or_default(),
                "DriverConfig": if options.is_empty() { Value::Null } else { json!({"Options": options}) },
            }),
        ),
        MountKind::Tmpfs { options, .. } => ("tmpfs", String::new(), "TmpfsOptions", tmpfs_options(options)),
        MountKind::Image { image, subpath, .. } => (
            "image",
            image.clone(),
            "ImageOptions",
            json!({"Subpath": subpath.as_deref().unwrap_or_default()}),
        ),
        MountKind::Filesystem { name, .. } => (name.as_str(), String::new(), "", Value::Null),
    };
    let keys: Vec<String> = options.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    leave_out_empty(&mut options, &keys.iter().map(String::as_str).collect::<Vec<_>>());
    let mut shown = json!({
        "Type": kind,
        "Source": source,
        "Target": mount.target,
        "ReadOnly": mount.read_only.then_some(true),
    });
    if !key.is_empty() {
        shown[key] = options;
    }
    leave_out_empty(
        &mut shown,
        &["Source", "ReadOnly", "BindOptions", "VolumeOptions", "TmpfsOptions", "ImageOptions"],
    );
    shown
}

fn tmpfs_options(options: &[String]) -> Value {
    let value = |key: &str| options.iter().find_map(|option| option.strip_prefix(key)?.strip_prefix('='));
    json!({
        "SizeBytes": value("size").and_then(|size| size.parse::<u64>().ok()),
        "Mode": value("mode").and_then(|mode| u32::from_str_radix(mode, 8).ok()),
    })
}

/// `Mounts`: what is mounted where; `--tmpfs` is only among the flags.
pub fn points(mounts: &[MountOption], layout: &Layout) -> Vec<Value> {
    mounts
        .iter()
        .filter(|mount| mount.flags.given != Given::Tmpfs)
        .map(|mount| point(mount, layout))
        .collect()
}

fn point(mount: &MountOption, layout: &Layout) -> Value {
    let (kind, name, source, propagation) = match &mount.kind {
        MountKind::Bind { source, propagation, .. } => {
            ("bind", "", source.display().to_string(), propagation.as_deref().unwrap_or("rprivate"))
        }
        MountKind::Volume { name, .. } => {
            ("volume", name.as_str(), Volumes::new(layout).data(name).display().to_string(), "")
        }
        MountKind::Tmpfs { .. } => ("tmpfs", "", String::new(), ""),
        MountKind::Image { image, .. } => ("image", image.as_str(), String::new(), ""),
        MountKind::Filesystem { name, .. } => (name.as_str(), "", String::new(), ""),
    };
    let mut shown = json!({
        "Type": kind,
        "Name": name,
        "Source": source,
        "Destination": mount.target,
        "Driver": if kind == "volume" { LOCAL } else { "" },
        "Mode": mount.mode,
        "RW": !mount.read_only,
        "Propagation": propagation,
    });
    leave_out_empty(&mut shown, &["Name", "Driver"]);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::paths::Roots;

    #[test]
    fn each_where_docker_has_it() {
        let bind =
            |create| MountKind::Bind { source: "/a".into(), create, propagation: None, recursive: true };
        let short =
            MountOption { read_only: true, mode: "ro".to_owned(), ..MountOption::new(bind(true), "/b") };
        let tmpfs = |options: &[&str]| MountKind::Tmpfs {
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            copy_up: false,
        };
        let mounts = [
            short,
            MountOption::new(bind(false), "/c").given_by(Given::Mount),
            MountOption::new(tmpfs(&["size=10", "mode=1770"]), "/d").given_by(Given::Mount),
            MountOption::new(tmpfs(&["size=1m"]), "/e").given_by(Given::Tmpfs),
            MountOption::new(MountKind::volume("v", false), "/f").given_by(Given::From),
        ];
        assert_eq!(binds(&mounts), ["/a:/b:ro"]);
        assert_eq!(Value::Object(super::tmpfs(&mounts)), json!({"/e": "size=1m"}));
        assert_eq!(
            long(&mounts),
            [
                json!({"Type": "bind", "Source": "/a", "Target": "/c"}),
                json!({"Type": "tmpfs", "Target": "/d", "TmpfsOptions": {"SizeBytes": 10, "Mode": 0o1770}}),
            ]
        );
        let layout = Layout::new(Roots { data: "/data".into(), run: "/run".into() });
        let points = points(&mounts, &layout);
        assert_eq!(points.len(), 4);
        assert_eq!(
            points[0],
            json!({"Type": "bind", "Source": "/a", "Destination": "/b", "Mode": "ro", "RW": false, "Propagation": "rprivate"})
        );
        assert_eq!(
            points[3],
            json!({
                "Type": "volume", "Name": "v", "Source": "/data/volumes/v/_data", "Destination": "/f",
                "Driver": "local", "Mode": "", "RW": true, "Propagation": "",
            })
        );
    }
}
