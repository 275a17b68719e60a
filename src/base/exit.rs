//! Errors that decide the exit code of the whole command.

use std::{fmt, io};

use rustix::io::Errno;

use super::hint::Hinted;

/// An error together with the exit code it calls for: 126 for a program that cannot be invoked, 127 for
/// one that is not there. Shows as the error alone.
#[derive(Debug)]
pub struct ExitWith {
    code: u8,
    error: anyhow::Error,
}

impl ExitWith {
    /// Gives `error` an exit code.
    pub fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }
}

impl fmt::Display for ExitWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for ExitWith {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl ExitWith {
    /// The error that got the code: it stands in the chain as this wrapper alone.
    pub fn inner(&self) -> &anyhow::Error {
        &self.error
    }
}

/// The reader of our output has gone. That is no failure of the work: nothing is reported, and the exit code
/// is that of a program that the closed pipe has ended.
#[derive(Debug, thiserror::Error)]
#[error("the reader of the output has gone")]
pub struct ReaderGone;

/// Whether our output got all of what `written` is the result of: not if its reader has gone. For work that writes
/// nowhere else.
pub fn is_whole<T>(written: anyhow::Result<T>) -> anyhow::Result<bool> {
    let is_pipe = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match written {
        Err(error) if error.chain().any(|cause| cause.downcast_ref().is_some_and(is_pipe)) => Ok(false),
        written => written.map(|_| true),
    }
}

/// A signal ended the work, which has been put away: nothing is reported, and the exit code is 128 + its number.
#[derive(Debug, thiserror::Error)]
#[error("interrupted by signal {0}")]
pub struct Interrupted(pub u8);

/// The exit code of a start that failed: what its error asks for, else docker's for the cause, which goes by its words.
pub fn of_start(error: &anyhow::Error) -> Option<u8> {
    find(error).or_else(|| match cause(error)? {
        Errno::NOENT => Some(127),
        Errno::ACCESS | Errno::ISDIR => Some(126),
        _ => None,
    })
}

/// Gives an error the code that it has at a start.
pub fn at_start(error: anyhow::Error) -> anyhow::Error {
    match of_start(&error) {
        Some(code) => ExitWith::new(code, error).into(),
        None => error,
    }
}

/// What the kernel answered, if that is what an error comes from.
fn cause(error: &anyhow::Error) -> Option<Errno> {
    error.chain().find_map(|cause| {
        let inner = cause.downcast_ref::<Hinted>().map(Hinted::inner);
        let errno = cause.downcast_ref::<Errno>().copied();
        errno.or_else(|| Errno::from_io_error(cause.downcast_ref()?)).or_else(|| self::cause(inner?))
    })
}

/// The exit code that an error's chain asks for, the outermost first.
pub fn find(error: &anyhow::Error) -> Option<u8> {
    error.chain().find_map(|cause| match cause.downcast_ref::<ExitWith>() {
        Some(with) => Some(with.code),
        None => cause.downcast_ref::<Hinted>().and_then(|hinted| find(hinted.inner())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hint::{self, HintExt};
    use anyhow::{Context, anyhow};

    #[test]
    fn is_found_beneath_context() {
        let error = ExitWith::new(127, anyhow!("no such file").context("exec /hello"));
        let error = Err::<(), _>(error).context("start web").unwrap_err();
        assert_eq!(format!("{error:#}"), "start web: exec /hello: no such file");
        assert_eq!(find(&error), Some(127));
        let hinted = Err::<(), _>(error).hint(|| "install it").context("run").unwrap_err();
        assert_eq!((find(&hinted), hint::find(&hinted)), (Some(127), Some("install it")));
        let coded = anyhow::Error::from(ExitWith::new(126, hinted));
        assert_eq!((find(&coded), hint::find(&coded)), (Some(126), Some("install it")));
        assert_eq!(find(&anyhow!("other")), None);
    }

    #[test]
    fn a_start_is_told_by_its_cause() {
        let refused = |errno: Errno| anyhow::Error::from(io::Error::from(errno)).context("open /x");
        for (errno, code) in [
            (Errno::NOENT, Some(127)),
            (Errno::ACCESS, Some(126)),
            (Errno::ISDIR, Some(126)),
            (Errno::PERM, None),
            (Errno::NOTDIR, None),
        ] {
            assert_eq!(of_start(&refused(errno)), code, "{errno:?}");
            let hinted =
                Err::<(), _>(refused(errno)).hint(|| "look there").context("mount on /x").unwrap_err();
            assert_eq!(of_start(&hinted), code, "{errno:?}");
            assert_eq!(of_start(&ExitWith::new(125, refused(errno)).into()), Some(125));
        }
    }
}
