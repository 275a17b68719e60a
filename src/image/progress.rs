//! What a pull tells while it works. `cli::progress` draws it; nothing here prints.

/// Hears of a pull's steps, from several threads at once.
pub trait Progress: Sync {
    /// Takes a line about the whole image: `latest: Pulling from library/alpine`, `Digest: …`, `Status: …`.
    fn line(&self, text: &str);

    /// Takes the new state of one layer; `id` is the first 12 digits of its compressed digest.
    fn layer(&self, id: &str, state: LayerState);
}

/// Where one layer stands, with docker's words for it. Sizes are compressed bytes.
///
/// A layer goes down this list and never back, except that a broken connection repeats `Downloading`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LayerState {
    PullingFsLayer,
    Waiting,
    Downloading { current: u64, total: u64 },
    VerifyingChecksum,
    DownloadComplete,
    Extracting { current: u64, total: u64 },
    PullComplete,
    AlreadyExists,
}

/// Shows nothing: `pull --quiet`.
pub struct Silent;

impl Progress for Silent {
    fn line(&self, _: &str) {}
    fn layer(&self, _: &str, _: LayerState) {}
}
