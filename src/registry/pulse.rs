//! Whether an upload still goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A registry may need this many stalls to put away what has come in whole: some copy it elsewhere first.
const COMMIT_STALLS: u32 = 10;

/// Beats as the connection takes content, and is watched by whoever waits for the answer.
#[derive(Clone)]
pub struct Pulse {
    taken: Arc<AtomicU64>,
    size: u64,
}

impl Pulse {
    /// Nothing of `size` bytes has been taken yet.
    pub fn new(size: u64) -> Self {
        Self { taken: Arc::default(), size }
    }

    /// Notes that the connection has taken so many bytes more; returns how many they are in all.
    pub fn beat(&self, bytes: usize) -> u64 {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64
    }

    /// Returns when nothing has been taken for `stall`, or, after the end, when no answer has come for longer.
    pub async fn stops(&self, stall: Duration) {
        let mut seen = 0;
        loop {
            tokio::time::sleep(stall).await;
            let now = self.taken.load(Ordering::Relaxed);
            if now >= self.size {
                return tokio::time::sleep(stall * COMMIT_STALLS).await;
            }
            if now == seen {
                return;
            }
            seen = now;
        }
    }
}
