//! Which storage driver containers are made with: what the user wants, else what this host takes.
//!
//! A host is tried once in each boot: the first command that makes a container does it, and writes down what it
//! found ([`driver::remember`]).

use std::path::Path;

use anyhow::Result;

use super::{Engine, namespace};
use crate::runtime::probe;
use crate::runtime::userns::UserNamespace;
use crate::store::driver::{self, Choice, Driver};
use crate::store::layers::Layers;

/// The driver of a new container.
pub fn choose(engine: &Engine) -> Result<Driver> {
    if let Some(driver) = engine.driver {
        return Ok(driver);
    }
    if let Some(choice) = driver::remembered(engine.layout()) {
        return Ok(choice.driver);
    }
    // Without a namespace nothing can be said, and no container will run either way.
    let Ok(namespace) = namespace::open(engine).and_then(namespace::Opening::finish) else {
        return Ok(Driver::default());
    };
    let choice = try_host(engine, &namespace)?;
    match choice.driver {
        Driver::Overlay => {}
        Driver::FuseOverlayfs => engine.notice(&format!(
            "containers' files are served by fuse-overlayfs, which takes time: {}",
            choice.reason
        )),
        Driver::Vfs => engine.notice(&format!(
            "containers get whole copies of their images (storage driver vfs), which takes time and room: {}",
            choice.reason
        )),
    }
    Ok(choice.driver)
}

/// Finds out what this host takes, whatever was found out before, and remembers it.
pub fn try_host(engine: &Engine, namespace: &UserNamespace) -> Result<Choice> {
    engine.layout().create()?;
    let refusal = |works: fn(&Path) -> Result<()>| {
        namespace::run_inside(namespace, || {
            let staging = Layers::new(engine.layout()).stage()?;
            Ok(works(&staging.path()).err().map(|error| format!("{error:#}")))
        })
    };
    let choice = pick(refusal(probe::overlay_works)?, || refusal(probe::fuse_works))?;
    driver::remember(engine.layout(), &choice)?;
    Ok(choice)
}

/// What `info` shows: the driver, and why it is this one.
pub fn explain(engine: &Engine) -> Result<Choice> {
    if let Some(driver) = engine.driver {
        return Ok(Choice { driver, reason: "it was asked for".to_owned() });
    }
    let driver = choose(engine)?;
    let reason = || "no user namespace could be made to try others".to_owned();
    Ok(driver::remembered(engine.layout()).unwrap_or_else(|| Choice { driver, reason: reason() }))
}

/// Picks by what the kernel's overlay was refused with, and then fuse-overlayfs.
fn pick(overlay: Option<String>, fuse: impl FnOnce() -> Result<Option<String>>) -> Result<Choice> {
    let Some(why) = overlay else {
        return Ok(Choice { driver: Driver::Overlay, reason: "the kernel's overlay works here".to_owned() });
    };
    let reason = format!("the kernel's overlay does not work here: {why}");
    Ok(match fuse()? {
        None => Choice { driver: Driver::FuseOverlayfs, reason },
        Some(why) => {
            Choice { driver: Driver::Vfs, reason: format!("{reason}; nor does fuse-overlayfs: {why}") }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_works() {
        let refused = "the kernel's overlay does not work here: EPERM";
        for (overlay, fuse, driver, reason) in [
            (None, None, Driver::Overlay, "the kernel's overlay works here"),
            (Some("EPERM"), None, Driver::FuseOverlayfs, refused),
            (
                Some("EPERM"),
                Some("no program"),
                Driver::Vfs,
                &format!("{refused}; nor does fuse-overlayfs: no program"),
            ),
        ] {
            let choice = pick(overlay.map(str::to_owned), || Ok(fuse.map(str::to_owned))).unwrap();
            assert_eq!((choice.driver, choice.reason.as_str()), (driver, reason));
        }
    }
}
