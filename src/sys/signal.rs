//! Signals as readable events.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, pthread_sigmask, signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that arrive as events instead of interrupting. Dropped, they are unblocked again, but for those that were
/// blocked before: whoever has done that sees the next.
pub struct Signals {
    fd: SignalFd,
    blocked: SigSet,
}

impl Signals {
    /// Blocks these signals and queues them.
    pub fn catch(signals: &[Signal]) -> io::Result<Self> {
        let caught: SigSet = signals.iter().copied().collect();
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&caught), Some(&mut before))?;
        let blocked = signals.iter().copied().filter(|signal| !before.contains(*signal)).collect();
        let fd = SignalFd::with_flags(&caught, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { fd, blocked })
    }

    /// The next signal number that arrived, if any.
    pub fn next(&self) -> io::Result<Option<i32>> {
        Ok(self.fd.read_signal()?.map(|info| info.ssi_signo as i32))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _ = pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&self.blocked), None);
    }
}

/// Gives every signal its default action and unblocks all: what a program expects at its start. An
/// ignored signal (`SIGPIPE`, which Rust's runtime ignores) would stay ignored across execve(2).
pub fn reset_all() -> io::Result<()> {
    for number in Signal::iterator() {
        if !matches!(number, Signal::SIGKILL | Signal::SIGSTOP) {
            // SAFETY: the default action installs no handler.
            unsafe { signal(number, SigHandler::SigDfl) }?;
        }
    }
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}
