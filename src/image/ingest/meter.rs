//! How far a layer is, told now and then.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::LayerWanted;
use crate::image::progress::{LayerState, Progress};

/// Progress is told each time this many bytes more have passed.
const STEP: u64 = 256 << 10;

/// Tells how far a layer is: from the feeding thread until the download is complete, then from the unpacking one.
pub struct Meter<'a> {
    progress: &'a dyn Progress,
    id: String,
    total: u64,
    /// Compressed bytes read.
    position: AtomicU64,
    /// The position that was told last.
    told: AtomicU64,
    is_complete: AtomicBool,
}

impl<'a> Meter<'a> {
    pub fn new(progress: &'a dyn Progress, want: &LayerWanted) -> Self {
        Self {
            progress,
            id: want.digest.short(),
            total: want.size,
            position: AtomicU64::new(0),
            told: AtomicU64::new(0),
            is_complete: AtomicBool::new(false),
        }
    }

    pub fn tell(&self, state: LayerState) {
        self.progress.layer(&self.id, state);
    }

    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Whether enough has passed since the last time.
    fn is_due(&self, position: u64) -> bool {
        let is_due = position >= self.told.load(Ordering::Relaxed) + STEP;
        if is_due {
            self.told.store(position, Ordering::Relaxed);
        }
        is_due
    }

    pub fn read(&self, position: u64) {
        self.position.store(position, Ordering::Relaxed);
        if self.is_due(position) {
            self.tell(LayerState::Downloading { current: position, total: self.total });
        }
    }

    pub fn verifying(&self) {
        self.tell(LayerState::VerifyingChecksum);
    }

    pub fn downloaded(&self) {
        self.tell(LayerState::DownloadComplete);
        self.told.store(0, Ordering::Relaxed);
        self.is_complete.store(true, Ordering::Release);
    }

    pub fn unpacked(&self, position: u64) {
        if self.is_complete.load(Ordering::Acquire) && self.is_due(position) {
            self.tell(LayerState::Extracting { current: position, total: self.total });
        }
    }

    pub fn finish(&self) {
        self.tell(LayerState::Extracting { current: self.total, total: self.total });
        self.tell(LayerState::PullComplete);
    }
}
