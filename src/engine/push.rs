//! `push`: in a child, which may start threads.

use anyhow::Result;

use super::{Engine, events, namespace};
use crate::image::progress::Progress;
use crate::image::push::{self, PushRequest};

/// What was pushed: the name in full, and the digest that the registry knows it by.
pub type Pushed = Vec<(String, String)>;

/// Sends images to a registry. `progress` is made in the child that does the work, which runs in the user
/// namespace: compressed layers replace plain ones, and those belong to its users.
pub fn push<P, F>(engine: &Engine, request: &PushRequest, progress: F) -> Result<Pushed>
where
    P: Progress,
    F: FnOnce() -> P,
{
    engine.layout().create()?;
    let opened = namespace::open(engine)?.finish()?;
    namespace::run_inside(&opened, || {
        let pushed = push::push(engine.layout(), request, &progress())?;
        for one in &pushed {
            let image = engine.images().by_name(&one.reference).ok().flatten();
            events::transfer(engine, &one.reference, image.as_ref(), "push");
        }
        Ok(pushed.into_iter().map(|one| (one.reference.to_string(), one.digest.to_string())).collect())
    })
}
