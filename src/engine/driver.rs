//! Which storage driver containers are made with: what the user wants, else what this host takes.
//!
//! A host is tried once in each boot: the first command that makes a container does it, and writes down what it
//! found ([`driver::remember`]).

use anyhow::Result;

use super::{Engine, namespace};
use crate::runtime::probe;
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
    engine.layout().create()?;
    let refusal = namespace::run_inside(&namespace, || {
        let staging = Layers::new(engine.layout()).stage()?;
        let directory = staging.path();
        Ok(probe::overlay_works(&directory).err().map(|error| format!("{error:#}")))
    })?;
    let choice = pick(refusal);
    driver::remember(engine.layout(), &choice)?;
    if choice.driver == Driver::Vfs {
        engine.notice(&format!(
            "containers get whole copies of their images (storage driver vfs), which takes time and room: {}",
            choice.reason
        ));
    }
    Ok(choice.driver)
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

/// Picks by what the kernel's overlay was refused with.
fn pick(refusal: Option<String>) -> Choice {
    match refusal {
        None => Choice { driver: Driver::Overlay, reason: "the kernel's overlay works here".to_owned() },
        Some(why) => {
            Choice { driver: Driver::Vfs, reason: format!("the kernel's overlay does not work here: {why}") }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_that_works() {
        for (refusal, driver, reason) in [
            (None, Driver::Overlay, "the kernel's overlay works here"),
            (Some("EPERM"), Driver::Vfs, "the kernel's overlay does not work here: EPERM"),
        ] {
            let choice = pick(refusal.map(str::to_owned));
            assert_eq!((choice.driver, choice.reason.as_str()), (driver, reason));
        }
    }
}
