//! How a pull or a push goes on, as docker shows it: redrawn lines with bars on a terminal, one line per change
//! elsewhere.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::escape::printable;
use crate::base::size;
use crate::image::progress::{LayerState, Progress};

/// Cells of a bar.
const BAR: usize = 50;
/// A terminal narrower than this shows no bars.
const NARROW: usize = 110;
/// Bars move at most this often: what changes faster nobody can read.
const INTERVAL: Duration = Duration::from_millis(100);

/// Which stream the progress goes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// `pull` and `push`: standard output.
    Output,
    /// `run` and `create`, whose standard output is the program's or the id: standard error.
    Error,
}

impl Target {
    /// Standard output, unless nothing is to be shown.
    pub fn output(quiet: bool) -> Option<Self> {
        (!quiet).then_some(Self::Output)
    }
}

/// Shows the steps of a load: each image as it is stored, and bars of the layers on a terminal alone, as docker does.
pub struct LoadDisplay {
    display: Display,
    bars: bool,
}

impl LoadDisplay {
    /// Shows on standard output; `quiet` shows no bars.
    pub fn new(quiet: bool) -> Result<Self> {
        Ok(Self { display: Display::new(Some(Target::Output))?, bars: !quiet && io::stdout().is_terminal() })
    }
}

impl Progress for LoadDisplay {
    fn line(&self, text: &str) {
        self.display.line(text);
    }

    fn layer(&self, id: &str, state: LayerState) {
        if let LayerState::Downloading { current, total } = state
            && self.bars
        {
            self.display.layer(id, LayerState::Loading { current, total });
        }
    }
}

/// Shows the steps of a pull or a push, or nothing.
pub struct Display(Option<Mutex<Screen<File>>>);

impl Display {
    /// Shows on the stream of this process, bars only if that is a terminal; nothing without one, for `--quiet`.
    pub fn new(target: Option<Target>) -> Result<Self> {
        let screen = target.map(Self::screen_on).transpose().context("open the output")?;
        Ok(Self(screen.map(Mutex::new)))
    }

    fn screen_on(target: Target) -> io::Result<Screen<File>> {
        let (stream, terminal) = match target {
            Target::Output => (io::stdout().as_fd().try_clone_to_owned()?, io::stdout().is_terminal()),
            Target::Error => (io::stderr().as_fd().try_clone_to_owned()?, io::stderr().is_terminal()),
        };
        let width = terminal.then(|| {
            let size = rustix::termios::tcgetwinsize(&stream).ok();
            size.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(200)
        });
        Ok(Screen::new(File::from(stream), width))
    }

    /// A screen that a thread died on is still a screen.
    fn screen(&self) -> Option<MutexGuard<'_, Screen<File>>> {
        Some(self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Progress for Display {
    fn line(&self, text: &str) {
        if let Some(mut screen) = self.screen() {
            screen.line(text);
        }
    }

    fn layer(&self, id: &str, state: LayerState) {
        if let Some(mut screen) = self.screen() {
            screen.layer(id, state, Instant::now());
        }
    }
}

/// The lines that were drawn since the last line without a layer.
struct Screen<W> {
    out: W,
    /// Columns of the terminal; `None` if it is none.
    width: Option<usize>,
    layers: HashMap<String, Layer>,
}

/// Where a layer's line stands, counted from the top, and what it showed last.
struct Layer {
    line: usize,
    state: LayerState,
    drawn: Instant,
}

impl<W: Write> Screen<W> {
    fn new(out: W, width: Option<usize>) -> Self {
        Self { out, width, layers: HashMap::new() }
    }

    /// Prints a line of its own; what was drawn above is not touched again. Progress that cannot be shown is
    /// no reason to stop a pull.
    fn line(&mut self, text: &str) {
        self.layers.clear();
        let _ = writeln!(self.out, "{}", printable(text));
    }

    fn layer(&mut self, id: &str, state: LayerState, now: Instant) {
        match self.width {
            None => {
                if fraction(&state).is_none() && self.is_new(id, &state, now) {
                    let _ = writeln!(self.out, "{id}: {}", words(&state));
                }
            }
            Some(width) => {
                if self.is_new(id, &state, now) {
                    let _ = self.draw(id, &state, width);
                }
            }
        }
    }

    /// Notes the state of a layer; false if it need not be shown.
    fn is_new(&mut self, id: &str, state: &LayerState, now: Instant) -> bool {
        let line = self.layers.len();
        match self.layers.get_mut(id) {
            None => {
                self.layers.insert(id.to_owned(), Layer { line, state: state.clone(), drawn: now });
                if self.width.is_some() {
                    let _ = writeln!(self.out);
                }
                true
            }
            Some(layer) => {
                let moved = words(&layer.state) != words(state)
                    || now.duration_since(layer.drawn) >= INTERVAL
                    || fraction(state).is_some_and(|(current, total)| current == total);
                let new = layer.state != *state && moved;
                if new {
                    (layer.state, layer.drawn) = (state.clone(), now);
                }
                new
            }
        }
    }

    /// Redraws one line: up to it, clear it, write it, and down again.
    fn draw(&mut self, id: &str, state: &LayerState, width: usize) -> io::Result<()> {
        let up = self.layers.get(id).map_or(1, |layer| self.layers.len() - layer.line);
        let text = format!("{id}: {}{}", words(state), bar(state, width));
        write!(self.out, "\x1b[{up}A\x1b[2K\r{text}\r\x1b[{up}B")?;
        self.out.flush()
    }
}

/// Docker's words for a state.
fn words(state: &LayerState) -> Cow<'static, str> {
    Cow::Borrowed(match state {
        LayerState::PullingFsLayer => "Pulling fs layer",
        LayerState::Waiting => "Waiting",
        LayerState::Downloading { .. } => "Downloading",
        LayerState::Loading { .. } => "Loading layer",
        LayerState::VerifyingChecksum => "Verifying Checksum",
        LayerState::DownloadComplete => "Download complete",
        LayerState::Extracting { .. } => "Extracting",
        LayerState::PullComplete => "Pull complete",
        LayerState::AlreadyExists => "Already exists",
        LayerState::Preparing => "Preparing",
        LayerState::Pushing { .. } => "Pushing",
        LayerState::Pushed => "Pushed",
        LayerState::LayerAlreadyExists => "Layer already exists",
        LayerState::MountedFrom(repository) => return Cow::Owned(format!("Mounted from {repository}")),
    })
}

fn fraction(state: &LayerState) -> Option<(u64, u64)> {
    match state {
        LayerState::Downloading { current, total }
        | LayerState::Loading { current, total }
        | LayerState::Extracting { current, total }
        | LayerState::Pushing { current, total } => Some((*current, *total)),
        _ => None,
    }
}

/// ` [====>     ]  1.2MB/3.4MB`, as `jsonmessage` draws it.
fn bar(state: &LayerState, width: usize) -> String {
    let Some((current, total)) = fraction(state).filter(|(current, total)| current + total > 0) else {
        return String::new();
    };
    let done = size::human(current, 4);
    if total == 0 || current > total {
        return format!(" {done:>8}");
    }
    let filled = (current as f64 / total as f64 * BAR as f64) as usize;
    let bar = match width > NARROW {
        true => format!("[{}>{}] ", "=".repeat(filled), " ".repeat(BAR.saturating_sub(filled))),
        false => String::new(),
    };
    format!(" {bar}{done:>8}/{}", size::human(total, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use LayerState::*;

    fn shown(width: Option<usize>, steps: &[(&str, LayerState)]) -> String {
        let mut screen = Screen::new(Vec::new(), width);
        let start = Instant::now();
        screen.line("latest: Pulling from library/x");
        for (index, (id, state)) in steps.iter().enumerate() {
            screen.layer(id, state.clone(), start + INTERVAL * index as u32);
        }
        screen.line("Digest: sha256:0\x1b[2J");
        String::from_utf8(screen.out).unwrap()
    }

    const STEPS: &[(&str, LayerState)] = &[
        ("a", PullingFsLayer),
        ("b", AlreadyExists),
        ("a", Downloading { current: 1_200_000, total: 3_400_000 }),
        ("a", DownloadComplete),
        ("a", Extracting { current: 0, total: 10 }),
        ("a", PullComplete),
    ];

    #[test]
    fn a_line_for_each_change_without_a_terminal() {
        assert_eq!(
            shown(None, STEPS),
            "latest: Pulling from library/x\na: Pulling fs layer\nb: Already exists\na: Download complete\n\
             a: Pull complete\nDigest: sha256:0\\x1b[2J\n"
        );
    }

    #[test]
    fn lines_are_redrawn_on_a_terminal() {
        let text = shown(Some(80), STEPS);
        assert!(text.contains("\n\x1b[1A\x1b[2K\ra: Pulling fs layer\r\x1b[1B"));
        assert!(text.contains("\n\x1b[1A\x1b[2K\rb: Already exists\r\x1b[1B"));
        assert!(text.contains("\x1b[2A\x1b[2K\ra: Downloading    1.2MB/3.4MB\r\x1b[2B"));
        assert!(text.ends_with("\x1b[2A\x1b[2K\ra: Pull complete\r\x1b[2BDigest: sha256:0\\x1b[2J\n"));
    }

    #[test]
    fn bars() {
        for (state, want) in [
            (
                Downloading { current: 1_200_000, total: 3_400_000 },
                " [=================>                                 ]    1.2MB/3.4MB",
            ),
            (Downloading { current: 10, total: 0 }, "      10B"),
            (Downloading { current: 0, total: 0 }, ""),
            (
                Extracting { current: 10, total: 10 },
                " [==================================================>]      10B/10B",
            ),
            (PullComplete, ""),
        ] {
            assert_eq!(bar(&state, 120), want);
        }
    }

    #[test]
    fn bars_move_no_faster_than_the_eye() {
        let mut screen = Screen::new(Vec::new(), Some(80));
        let now = Instant::now();
        for current in 0..1000 {
            screen.layer("a", Downloading { current, total: 2000 }, now);
        }
        let draws = String::from_utf8(screen.out).unwrap().matches("\x1b[2K").count();
        assert_eq!(draws, 1);
    }
}
