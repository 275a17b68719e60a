//! Standard output and standard error, told apart from every other file when they fail.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};

use super::escape::printable;
use crate::base::exit::ReaderGone;

/// Writes one line to standard output.
pub fn line(text: &str) -> Result<()> {
    write(&[text.as_bytes(), b"\n"])
}

/// Writes text to standard output as it is.
pub fn text(text: &str) -> Result<()> {
    write(&[text.as_bytes()])
}

fn write(parts: &[&[u8]]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let written = parts.iter().try_for_each(|part| stdout.write_all(part)).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(ReaderGone.into()),
        written => written.context("write to standard output"),
    }
}

/// Writes one line to standard error; when that is closed there is nobody left to tell.
pub fn error_line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says on standard error what takes long: a line of its own, then, on a terminal, how much of it is done in a
/// line that is drawn again and again and gone when all is done.
pub fn status(text: &str, done: Option<(u64, u64)>) {
    match done {
        None => error_line(&printable(text)),
        Some((done, total)) if io::stderr().is_terminal() => {
            let line = if done < total { format!("{done} of {total} files") } else { String::new() };
            let _ = write!(io::stderr().lock(), "\r\x1b[2K{line}");
        }
        Some(_) => {}
    }
}
