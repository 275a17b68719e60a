//! Errors that carry the line which mends them.
//!
//! An error is one line: the object and the attempt, then the cause. Where the user can do something
//! about it, [`HintExt::hint`] adds the command to run; `cli::report` prints it after the error as
//! `hint: …`.

use std::fmt;
use std::io;

use rustix::io::Errno;

use super::exit::ExitWith;

/// What mends a damaged store.
pub const CHECK: &str = "the store is damaged; to mend it: coracle system check --repair";

/// What helps against a full disk.
pub const NO_ROOM: &str = "free some with: coracle system prune, or choose another directory with --root DIR";

/// What helps where the output that was asked for finds no room, which need not be where the store is.
pub const NO_ROOM_FOR_OUTPUT: &str = "free some where the output goes, or let it go elsewhere";

/// An error together with what the user can do about it. Shows as the error alone.
#[derive(Debug)]
pub struct Hinted {
    error: anyhow::Error,
    hint: String,
}

impl Hinted {
    /// Gives `error` a remedy.
    pub fn new(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> Self {
        Self { error: error.into(), hint: hint.into() }
    }

    /// The remedy, without the `hint:` prefix.
    pub fn text(&self) -> &str {
        &self.hint
    }

    /// The error that got the hint: it stands in the chain as this wrapper alone.
    pub fn inner(&self) -> &anyhow::Error {
        &self.error
    }
}

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Hinted {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Adds a remedy to an error.
pub trait HintExt<T> {
    /// Attaches `text()` to the error; a result that is fine is passed on untouched.
    fn hint<S: Into<String>>(self, text: impl FnOnce() -> S) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> HintExt<T> for Result<T, E> {
    fn hint<S: Into<String>>(self, text: impl FnOnce() -> S) -> anyhow::Result<T> {
        self.map_err(|error| Hinted::new(error, text()).into())
    }
}

/// The hint closest to the top of an error's chain; without one what is known to help against its cause.
pub fn find(error: &anyhow::Error) -> Option<&str> {
    let own = error.chain().find_map(|cause| match cause.downcast_ref::<Hinted>() {
        Some(hinted) => Some(hinted.text()),
        None => cause.downcast_ref::<ExitWith>().and_then(|with| find(with.inner())),
    });
    own.or_else(|| is_about_room(error).then_some(NO_ROOM))
}

/// For work that writes to a place of the user's choice and not into the store: its want of room is that place's.
pub fn of_output<T>(written: anyhow::Result<T>) -> anyhow::Result<T> {
    written.map_err(|error| match find(&error) {
        Some(NO_ROOM) => Hinted::new(error, NO_ROOM_FOR_OUTPUT).into(),
        _ => error,
    })
}

/// Whether an error is one of a full disk.
pub fn is_about_room(error: &anyhow::Error) -> bool {
    error.chain().any(is_full)
}

/// Whether a write has failed for want of room: no other call says so with this type.
fn is_full(cause: &(dyn std::error::Error + 'static)) -> bool {
    let kind = cause.downcast_ref().map(io::Error::kind);
    matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
        || cause.downcast_ref() == Some(&Errno::NOSPC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn shows_as_its_error_and_is_found_beneath_context() {
        let result: anyhow::Result<()> = Err(anyhow!("no such file"));
        let error = result
            .context("open /dev/net/tun")
            .hint(|| "use --network host")
            .context("start slirp4netns")
            .unwrap_err();
        assert_eq!(format!("{error:#}"), "start slirp4netns: open /dev/net/tun: no such file");
        assert_eq!(find(&error), Some("use --network host"));
        let of_output = |error| find(&of_output::<()>(Err(error)).unwrap_err()).map(str::to_owned);
        assert_eq!(of_output(error).as_deref(), Some("use --network host"));
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(find(&anyhow::Error::from(full()).context("write x")), Some(NO_ROOM));
        let other = Err::<(), _>(full()).hint(|| "another").unwrap_err();
        assert_eq!(find(&other), Some("another"));
        assert_eq!(of_output(full().into()).as_deref(), Some(NO_ROOM_FOR_OUTPUT));
        // As the process that did the work has told of it.
        assert_eq!(of_output(Hinted::new(anyhow!("x"), NO_ROOM).into()).as_deref(), Some(NO_ROOM_FOR_OUTPUT));
        assert_eq!(of_output(anyhow!("x")), None);
    }
}
