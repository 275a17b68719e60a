//! Writes what is being stored to the disk while more is on its way.
//!
//! The kernel by itself keeps new pages in memory for half a minute, or until a tenth of memory is full of
//! them. Whoever must have them on the disk in the end then waits for the whole; begun early, the disk works
//! while the processors do.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use super::layout::Layout;

/// Long enough for writes to gather, short enough that little is left at the end.
const PAUSE: Duration = Duration::from_millis(300);

/// Syncs the store's filesystem again and again until [`Flusher::finish`]; dropped, it only stops.
#[must_use]
pub struct Flusher {
    directory: Arc<File>,
    running: Option<(Sender<()>, JoinHandle<io::Result<()>>)>,
}

impl Flusher {
    /// Begins in a thread of its own.
    pub fn start(layout: &Layout) -> Result<Self> {
        let path = layout.data();
        let directory = File::open(path).with_context(|| format!("open {}", path.display()))?;
        let directory = Arc::new(directory);
        let (stop, stopped) = mpsc::channel::<()>();
        let shared = directory.clone();
        let flush = move || {
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                rustix::fs::syncfs(&shared)?;
            }
            Ok(())
        };
        let thread = Builder::new().name("flush".to_owned()).spawn(flush).context("start a thread")?;
        Ok(Self { directory, running: Some((stop, thread)) })
    }

    /// Writes the rest, and returns when everything written before the call is on the disk. An error that an
    /// earlier round met counts: the kernel tells each only once.
    pub fn finish(mut self) -> Result<()> {
        let earlier = self.stop();
        earlier.and_then(|()| Ok(rustix::fs::syncfs(&self.directory)?)).context("sync the store")
    }

    fn stop(&mut self) -> io::Result<()> {
        let Some((stop, thread)) = self.running.take() else { return Ok(()) };
        drop(stop);
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        // Nobody relies on what was written.
        let _ = self.stop();
    }
}
