//! The user's mounts as an OCI runtime specification has them: pure.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use oci_spec::runtime::{Mount, MountBuilder};

use super::Surroundings;
use crate::runtime::plan::MountExtra;
use crate::store::backing::Backing;
use crate::store::mounts::{MountKind, MountOption};
use crate::store::options::ContainerOptions;

/// What a mount is made of on this host.
#[derive(Clone, Debug, PartialEq)]
pub enum MountSource {
    /// What the option says is all there is to say.
    AsGiven,
    Volume {
        data: PathBuf,
        backing: Backing,
    },
    /// Unpacked layers, lowest first.
    Layers(Vec<PathBuf>),
}

/// The user's mounts, each with what the specification has no words for.
pub fn user_mounts(options: &ContainerOptions, around: &Surroundings) -> Result<Vec<(Mount, MountExtra)>> {
    let each = options.mounts.iter().zip(&around.sources).enumerate();
    each.map(|(index, (wanted, source))| {
        let made = user_mount(wanted, source, &overlay_directory(&around.directory, index));
        made.with_context(|| format!("mount on {}", wanted.target))
    })
    .collect()
}

/// Whether a mount has directories of its own in the container's: `upper`, `work` and `merged`.
pub fn is_layered(mount: &MountOption) -> bool {
    matches!(mount.kind, MountKind::Image { .. }) || mount.flags.overlay.is_some()
}

/// Where they are, beneath the container's directory.
pub fn overlay_directory(container: &Path, index: usize) -> PathBuf {
    container.join("overlays").join(index.to_string())
}

fn user_mount(wanted: &MountOption, source: &MountSource, own: &Path) -> Result<(Mount, MountExtra)> {
    let mut extra = MountExtra { chown: wanted.flags.chown, ..MountExtra::default() };
    // Podman's meaning of O: an upper directory that the user has named is kept.
    extra.fresh =
        is_layered(wanted) && wanted.flags.overlay.as_ref().is_none_or(|given| given.upper.is_none());
    let mount = match (&wanted.kind, source) {
        (MountKind::Bind { source, .. }, _) if wanted.flags.overlay.is_some() => {
            overlay(wanted, std::slice::from_ref(source), own)?
        }
        (MountKind::Bind { source, propagation, recursive, .. }, _) => {
            let bind = if *recursive { "rbind" } else { "bind" };
            let propagation = propagation.as_deref().unwrap_or("rprivate");
            let mut options = vec![bind, propagation];
            options.push(access(wanted, *recursive && !wanted.flags.writable_beneath));
            made("bind", source, wanted, options)?
        }
        (MountKind::Volume { anonymous, nocopy, subpath, .. }, MountSource::Volume { data, backing }) => {
            extra.subpath = subpath.as_deref().map(|subpath| safe_subpath(subpath, "volume")).transpose()?;
            match backing {
                Backing::Directory { .. } if wanted.flags.overlay.is_some() => {
                    overlay(wanted, std::slice::from_ref(data), own)?
                }
                _ if wanted.flags.overlay.is_some() => {
                    bail!("O goes with a plain volume or a host directory")
                }
                Backing::Directory { .. } => {
                    extra.copy_up = !nocopy && subpath.is_none();
                    extra.synced = extra.copy_up && !anonymous;
                    made("bind", data, wanted, vec!["rbind", "rprivate", access(wanted, true)])?
                }
                Backing::Bind { device, options } => {
                    let read_only = wanted.read_only || options.iter().any(|option| option == "ro");
                    let mut all: Vec<&str> = vec!["rprivate"];
                    all.extend(options.iter().map(String::as_str));
                    all.push(if read_only { "rro" } else { "rw" });
                    made("bind", device, wanted, all)?
                }
                Backing::Tmpfs { options } => memory(wanted, options)?,
            }
        }
        (MountKind::Tmpfs { options, copy_up }, _) => {
            extra.copy_up = *copy_up;
            memory(wanted, options)?
        }
        (MountKind::Image { subpath, .. }, MountSource::Layers(layers)) => {
            extra.subpath = subpath.as_deref().map(|subpath| safe_subpath(subpath, "image")).transpose()?;
            extra.via = extra.subpath.is_some().then(|| own.join("merged"));
            overlay(wanted, layers, own)?
        }
        (MountKind::Filesystem { name, options }, _) => {
            let mut all = vec!["nosuid", "noexec", access(wanted, true)];
            all.extend(options.iter().map(String::as_str));
            made(name, Path::new(name), wanted, all)?
        }
        (MountKind::Volume { .. } | MountKind::Image { .. }, _) => bail!("find what is to be mounted"),
    };
    Ok((mount, extra))
}

/// `rro`: what is mounted beneath is read-only too.
fn access(wanted: &MountOption, beneath: bool) -> &'static str {
    match (wanted.read_only, beneath) {
        (false, _) => "rw",
        (true, true) => "rro",
        (true, false) => "ro",
    }
}

fn memory(wanted: &MountOption, options: &[String]) -> Result<Mount> {
    // Docker's defaults; an option of the user comes later and wins.
    let mut all = vec!["nosuid", "nodev", "noexec", access(wanted, true)];
    all.extend(options.iter().map(String::as_str));
    made("tmpfs", Path::new("tmpfs"), wanted, all)
}

/// What is at `lower`, lowest first, under a layer that takes what is written.
fn overlay(wanted: &MountOption, lower: &[PathBuf], own: &Path) -> Result<Mount> {
    let given = wanted.flags.overlay.clone().unwrap_or_default();
    let upper = given.upper.unwrap_or_else(|| own.join("upper"));
    let work = given.work.unwrap_or_else(|| own.join("work"));
    let lower: Vec<_> = lower.iter().rev().map(|path| escaped(path)).collect();
    let texts = [
        format!("lowerdir={}", lower.join(":")),
        format!("upperdir={}", upper.display()),
        format!("workdir={}", work.display()),
    ];
    let mut options = vec![access(wanted, true)];
    options.extend(texts.iter().map(String::as_str));
    made("overlay", Path::new("overlay"), wanted, options)
}

/// A path in a list of overlay's: its colons are no separators.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "\\\\").replace(':', "\\:")
}

fn made(kind: &str, source: &Path, wanted: &MountOption, options: Vec<&str>) -> Result<Mount> {
    let attributes = wanted.flags.attributes.iter().map(String::as_str);
    let options: Vec<String> = options.into_iter().chain(attributes).map(str::to_owned).collect();
    let mount = MountBuilder::default().typ(kind).source(source).destination(&wanted.target).options(options);
    Ok(mount.build()?)
}

fn safe_subpath(subpath: &str, what: &str) -> Result<String> {
    let mut parts = Path::new(subpath).components();
    if subpath.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
        bail!("invalid {what} subpath {subpath:?}: it must be relative and without \"..\"");
    }
    Ok(subpath.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::mounts::OverlayOption;

    fn shown(wanted: &MountOption, source: &MountSource) -> Result<String, String> {
        let (mount, extra) =
            user_mount(wanted, source, Path::new("/c/overlays/0")).map_err(|error| format!("{error:#}"))?;
        let source = mount.source().clone().unwrap_or_default().display().to_string();
        let options = mount.options().clone().unwrap_or_default().join(",");
        let extra = serde_json::to_string(&extra).unwrap();
        Ok(format!("{} {source} {options} {extra}", mount.typ().clone().unwrap_or_default()))
    }

    fn bind(recursive: bool) -> MountOption {
        let kind = MountKind::Bind { source: "/s:1".into(), create: false, propagation: None, recursive };
        MountOption::new(kind, "/t")
    }

    fn volume(backing: Backing) -> MountSource {
        MountSource::Volume { data: "/v/_data".into(), backing }
    }

    #[test]
    fn each_kind() {
        let words = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        let read_only = |mount: MountOption| MountOption { read_only: true, ..mount };
        let mut beneath = read_only(bind(true));
        beneath.flags.writable_beneath = true;
        let mut over = bind(true);
        over.flags.overlay = Some(OverlayOption::default());
        let mut placed = bind(true);
        placed.flags.overlay = Some(OverlayOption { upper: Some("/u".into()), work: Some("/w".into()) });
        let mut own = MountOption::new(MountKind::volume("v", false), "/t");
        own.flags.chown = true;
        own.flags.attributes = words("noexec");
        let sub = MountKind::Volume {
            name: "v".into(),
            anonymous: false,
            nocopy: false,
            subpath: Some("a/b".into()),
            labels: Default::default(),
            options: Default::default(),
        };
        let image = |subpath: Option<&str>| {
            let (image, subpath) = ("i".to_owned(), subpath.map(str::to_owned));
            let kind = MountKind::Image { image, layers: Vec::new(), subpath, writable: false };
            read_only(MountOption::new(kind, "/t"))
        };
        let layers = MountSource::Layers(vec!["/l/1".into(), "/l/2".into()]);
        let given = MountSource::AsGiven;
        let upper = "upperdir=/c/overlays/0/upper,workdir=/c/overlays/0/work";
        for (wanted, source, want) in [
            (bind(true), &given, "bind /s:1 rbind,rprivate,rw {}".to_owned()),
            (read_only(bind(true)), &given, "bind /s:1 rbind,rprivate,rro {}".to_owned()),
            (read_only(bind(false)), &given, "bind /s:1 bind,rprivate,ro {}".to_owned()),
            (beneath, &given, "bind /s:1 rbind,rprivate,ro {}".to_owned()),
            (over, &given, format!("overlay overlay rw,lowerdir=/s\\:1,{upper} {{\"fresh\":true}}")),
            (placed, &given, "overlay overlay rw,lowerdir=/s\\:1,upperdir=/u,workdir=/w {}".to_owned()),
            (
                own,
                &volume(Backing::default()),
                r#"bind /v/_data rbind,rprivate,rw,noexec {"copy_up":true,"synced":true,"chown":true}"#
                    .to_owned(),
            ),
            (
                MountOption::new(sub, "/t"),
                &volume(Backing::default()),
                r#"bind /v/_data rbind,rprivate,rw {"subpath":"a/b"}"#.to_owned(),
            ),
            (
                MountOption::new(MountKind::volume("v", true), "/t"),
                &volume(Backing::Tmpfs { options: words("size=1m") }),
                "tmpfs tmpfs nosuid,nodev,noexec,rw,size=1m {}".to_owned(),
            ),
            (
                MountOption::new(MountKind::volume("v", false), "/t"),
                &volume(Backing::Bind { device: "/srv".into(), options: words("bind,ro") }),
                "bind /srv rprivate,bind,ro,rro {}".to_owned(),
            ),
            (
                image(None),
                &layers,
                format!("overlay overlay rro,lowerdir=/l/2:/l/1,{upper} {{\"fresh\":true}}"),
            ),
            (
                image(Some("bin")),
                &layers,
                format!(
                    "overlay overlay rro,lowerdir=/l/2:/l/1,{upper} \
                     {{\"subpath\":\"bin\",\"via\":\"/c/overlays/0/merged\",\"fresh\":true}}"
                ),
            ),
        ] {
            assert_eq!(shown(&wanted, source).unwrap(), want);
        }
        for bad in ["../x", "/abs", "a/../../b", ""] {
            assert!(
                shown(&image(Some(bad)), &layers).unwrap_err().contains("invalid image subpath"),
                "{bad}"
            );
        }
    }
}
