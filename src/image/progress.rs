//! What a pull or a push tells while it works. `cli::progress` draws it; nothing here prints.

/// Hears of the steps of a pull or a push, from several threads at once.
pub trait Progress: Sync {
    /// Takes a line about the whole image: `latest: Pulling from library/alpine`, `Digest: …`, `Status: …`.
    fn line(&self, text: &str);

    /// Takes the new state of one layer; `id` is the first 12 digits of its compressed digest in a pull, of its
    /// diff-id in a push, as docker has it.
    fn layer(&self, id: &str, state: LayerState);
}

/// Where one layer stands, with docker's words for it. Sizes are compressed bytes.
///
/// A layer goes down its list and never back, except that a broken connection repeats `Downloading` or `Pushing`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LayerState {
    PullingFsLayer,
    Waiting,
    Downloading {
        current: u64,
        total: u64,
    },
    /// The same out of an archive.
    Loading {
        current: u64,
        total: u64,
    },
    VerifyingChecksum,
    DownloadComplete,
    Extracting {
        current: u64,
        total: u64,
    },
    PullComplete,
    AlreadyExists,
    /// From here on, a push.
    Preparing,
    Pushing {
        current: u64,
        total: u64,
    },
    Pushed,
    LayerAlreadyExists,
    /// Taken over from this repository.
    MountedFrom(String),
}

/// Shows nothing: `--quiet`.
pub struct Silent;

impl Progress for Silent {
    fn line(&self, _: &str) {}
    fn layer(&self, _: &str, _: LayerState) {}
}
