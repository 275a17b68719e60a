//! `run`: create and start in one go.
//!
//! The supervisor itself makes the container: whatever becomes of the command, there is always a process that
//! will take away or keep what is on disk.

use anyhow::Result;

use super::attach::{Outcome, Streams};
use super::caller::{Goal, Preserved};
use super::create::Draft;
use super::start::{self, Work};
use super::{Engine, rmi};
use crate::store::options::ContainerOptions;

/// Makes a container and starts it; with `streams` it stays attached until the container ends. `decided` is
/// told the id before anything is made; the program has the `preserved` descriptors,
/// which are taken once there is an image.
pub fn run(
    engine: &Engine,
    options: ContainerOptions,
    name: Option<&str>,
    streams: Option<Streams>,
    preserved: &mut Preserved,
    decided: &mut dyn FnMut(&str) -> Result<()>,
) -> Result<Outcome> {
    let run = || {
        let draft = Draft::new(engine, options, name)?;
        decided(&draft.id)?;
        start::launch(engine, Work::New(draft), Goal::Run(streams), std::mem::take(preserved))
    };
    let outcome = run();
    rmi::make_up(engine);
    outcome
}
