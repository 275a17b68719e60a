//! `image mount` and `image unmount`: what an image holds at a path, for who is root of the user's namespace (`unshare`).
//!
//! For reading only: an overlay of its layers alone, at `images/<id>` of the runtime directory.

use std::os::fd::AsFd;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{Mode, OFlags};

use super::mounting::{detach, is_mounted, lay_over, refuse_outside};
use super::{Engine, driver};
use crate::base::digest::Digest;
use crate::config::paths::private_directory;
use crate::store::driver::Driver;
use crate::store::images::Image;
use crate::store::layers::shown_once;
use crate::sys::mount;

/// Mounts an image, unless it is; returns it, and where.
pub fn mount(engine: &Engine, name: &str) -> Result<(Image, PathBuf)> {
    refuse_outside("image mount")?;
    let image = engine.images().lookup(name)?;
    let place = place(engine, &image.id);
    let attach = || -> Result<()> {
        let driver = driver::choose(engine)?;
        if driver == Driver::Vfs {
            bail!("the storage driver vfs has nothing that can be mounted");
        }
        private_directory(&place)?;
        rustix::process::chdir(engine.layout().layers()).context("enter the layers")?;
        let mut layers: Vec<_> =
            shown_once(&image.config.rootfs.diff_ids).into_iter().map(Digest::hex).collect();
        ensure!(!layers.is_empty(), "it has no layers");
        if driver == Driver::Overlay && layers.len() == 1 {
            // The kernel's overlay takes two at least: the empty place itself is the lowest.
            layers.insert(0, place.display().to_string());
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let target = rustix::fs::open(&place, flags, Mode::empty()).context("open the place")?;
        let made = lay_over(engine, driver, &layers)?;
        mount::attach(made.as_fd(), target.as_fd()).context("attach the layers")
    };
    if !is_mounted(&place)? {
        attach().with_context(|| format!("mount image {name}"))?;
    }
    Ok((image, place))
}

/// Every image that is mounted here, and where.
pub fn mounted(engine: &Engine) -> Result<Vec<(Image, PathBuf)>> {
    refuse_outside("image mount")?;
    let (images, _) = engine.images().list()?;
    let places = images.into_iter().map(|image| (place(engine, &image.id), image));
    let here = places.filter(|(place, _)| is_mounted(place).unwrap_or(false));
    Ok(here.map(|(place, image)| (image, place)).collect())
}

/// Takes an image's files away again; returns its id.
pub fn unmount(engine: &Engine, name: &str) -> Result<Digest> {
    refuse_outside("image unmount")?;
    let id = engine.images().lookup(name)?.id;
    let place = place(engine, &id);
    if !is_mounted(&place)? {
        bail!("image {name} is not mounted");
    }
    detach(&place)?;
    Ok(id)
}

/// Takes the files of an image that is going away with it, if they are mounted here. Nobody but root can have mounted
/// them.
pub fn forget(engine: &Engine, id: &Digest) -> Result<()> {
    if rustix::process::geteuid().is_root() { detach(&place(engine, id)) } else { Ok(()) }
}

fn place(engine: &Engine, id: &Digest) -> PathBuf {
    engine.layout().run().join("images").join(id.hex())
}
