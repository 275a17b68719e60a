//! Keeps one network: makes its segment, starts its way out, and starts that again when it dies.

use std::fs;
use std::io::PipeWriter;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::names::{self, Names};
use super::segment::{STACK, Segment};
use super::uplink;
use crate::base::failure::Failure;
use crate::base::network::Network;
use crate::config::paths::private_directory;

/// How long a stack that died is left alone.
const PAUSE: Duration = Duration::from_millis(100);

/// The thread that keeps a network. Dropped, it lets go of it.
pub struct Warden {
    building: Arc<Building>,
    directory: PathBuf,
}

/// A network that is being made, is there, or could not be made.
pub struct Building {
    phase: Mutex<Phase>,
    changed: Condvar,
    /// Who answers questions for names, once the network is there and has any.
    names: OnceLock<Option<names::Server>>,
}

enum Phase {
    Begun,
    /// There, with what ends its stack when it is dropped.
    Ready {
        segment: Arc<Segment>,
        _lifeline: Option<PipeWriter>,
    },
    Failed(Failure),
    /// Not wanted any more.
    Over,
}

impl Warden {
    /// Begins to make a network. `directory` is for its files.
    pub fn start(network: Network, directory: PathBuf, names: Arc<Names>) -> Self {
        let building = Arc::new(Building {
            phase: Mutex::new(Phase::Begun),
            changed: Condvar::new(),
            names: OnceLock::new(),
        });
        let (kept, files) = (building.clone(), directory.clone());
        let keep = move || {
            if let Err(error) = kept.keep(&network, &files, &names) {
                kept.turn(Phase::Failed(Failure::of(&error)));
            }
        };
        if let Err(error) = thread::Builder::new().name("warden".to_owned()).stack_size(STACK).spawn(keep) {
            building.turn(Phase::Failed(Failure::of(&anyhow::Error::new(error).context("start a thread"))));
        }
        Self { building, directory }
    }

    /// Whether the network could not be made.
    pub fn has_failed(&self) -> bool {
        matches!(*self.building.phase(), Phase::Failed(_))
    }

    pub fn building(&self) -> Arc<Building> {
        self.building.clone()
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        self.building.turn(Phase::Over);
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Building {
    /// The network's segment, once it is there with its way out.
    pub fn segment(&self) -> Result<Arc<Segment>> {
        let mut phase = self.phase();
        loop {
            match &*phase {
                Phase::Begun => {
                    phase = self.changed.wait(phase).unwrap_or_else(PoisonError::into_inner);
                }
                Phase::Ready { segment, .. } => return Ok(segment.clone()),
                Phase::Failed(failure) => return Err(failure.clone().into_error()),
                Phase::Over => anyhow::bail!("the network is not there any more"),
            }
        }
    }

    /// The life of a network.
    fn keep(&self, network: &Network, directory: &Path, names: &Names) -> Result<()> {
        private_directory(directory)?;
        let segment = Arc::new(Segment::create(network)?);
        let _ = self.names.set(names.serve(&segment, network)?);
        if network.internal {
            self.turn(Phase::Ready { segment, _lifeline: None });
            return Ok(());
        }
        let _answering = uplink::answer(names, &segment, network)?;
        let mut child = self.open(&segment, network, directory)?;
        loop {
            child.wait().context("wait for slirp4netns")?;
            loop {
                if matches!(*self.phase(), Phase::Over) {
                    return Ok(());
                }
                thread::sleep(PAUSE);
                if let Ok(again) = self.open(&segment, network, directory) {
                    child = again;
                    break;
                }
            }
        }
    }

    /// Starts the way out; the network is ready then.
    fn open(&self, segment: &Arc<Segment>, network: &Network, directory: &Path) -> Result<Child> {
        let (lifeline, child) = uplink::start(segment, network, directory)?.split();
        self.turn(Phase::Ready { segment: segment.clone(), _lifeline: Some(lifeline) });
        Ok(child)
    }

    /// What is over stays so.
    fn turn(&self, next: Phase) {
        let mut phase = self.phase();
        if !matches!(*phase, Phase::Over) {
            *phase = next;
        }
        self.changed.notify_all();
    }

    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
