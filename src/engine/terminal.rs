//! The user's own terminal while a container has it: raw, and given back as it was.

use std::os::fd::BorrowedFd;

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};

/// Keeps a terminal in raw mode; dropped, it restores what was.
#[must_use]
pub struct RawMode {
    terminal: BorrowedFd<'static>,
    before: Termios,
}

impl RawMode {
    /// Switches standard input to raw mode; `None` if it is no terminal.
    pub fn enter() -> Option<Self> {
        let terminal = rustix::stdio::stdin();
        let before = tcgetattr(terminal).ok()?;
        let mode = Self { terminal, before };
        mode.apply();
        Some(mode)
    }

    /// Raw again, after the shell had the terminal back for a while (SIGCONT).
    pub fn apply(&self) {
        let mut raw = self.before.clone();
        raw.make_raw();
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &raw);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Rows and columns of the terminal that the user sees.
pub fn size() -> Option<(u16, u16)> {
    let terminal = find()?;
    let size = tcgetwinsize(terminal).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Whether the user sees a terminal. One that hung up is none any more.
pub fn is_there() -> bool {
    find().is_some()
}

fn find() -> Option<BorrowedFd<'static>> {
    let candidates = [rustix::stdio::stdout(), rustix::stdio::stdin(), rustix::stdio::stderr()];
    candidates.into_iter().find(|&fd| isatty(fd))
}

/// Finds the detach sequence in what is typed.
pub struct DetachKeys {
    sequence: Vec<u8>,
    matched: usize,
}

impl DetachKeys {
    /// Looks for `sequence`; an empty one is never found.
    pub fn new(sequence: Vec<u8>) -> Self {
        Self { sequence, matched: 0 }
    }

    /// Takes typed bytes; returns what goes on to the container, and whether the sequence was completed. Bytes
    /// that may begin the sequence are held back until it is clear that they do not.
    pub fn filter(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut passed = Vec::with_capacity(typed.len() + self.matched);
        for &byte in typed {
            if self.sequence.get(self.matched) == Some(&byte) {
                self.matched += 1;
                if self.matched == self.sequence.len() {
                    return (passed, true);
                }
                continue;
            }
            passed.extend_from_slice(&self.sequence[..self.matched]);
            self.matched = usize::from(self.sequence.first() == Some(&byte) && self.sequence.len() > 1);
            if self.matched == 0 {
                passed.push(byte);
            }
        }
        (passed, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detach_keys_across_reads() {
        for (typed, passed, found) in [
            (&[&b"ls\n"[..]][..], &b"ls\n"[..], false),
            (&[b"a\x10\x11"], b"a", true),
            (&[b"a\x10", b"\x11b"], b"a", true),
            (&[b"\x10", b"x"], b"\x10x", false),
            (&[b"\x10\x10\x11"], b"\x10", true),
            (&[b"\x11\x10"], b"\x11", false),
        ] {
            let mut keys = DetachKeys::new(vec![0x10, 0x11]);
            let (mut got, mut detached) = (Vec::new(), false);
            for piece in typed {
                let (passed, done) = keys.filter(piece);
                got.extend(passed);
                detached |= done;
            }
            assert_eq!((&got[..], detached), (passed, found), "{typed:?}");
        }
        assert_eq!(DetachKeys::new(vec![]).filter(b"\x10\x11"), (b"\x10\x11".to_vec(), false));
    }
}
