//! How a build goes on, as BuildKit shows it: steps redrawn on a terminal, lines elsewhere, JSON for programs.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;

use crate::base::digest::Digest;
use crate::cli::escape::{printable, printable_line};
use crate::config::env;
use crate::engine::build::progress::Watch;

/// Says how progress is shown where no flag does.
const VARIABLE: &str = "BUILDKIT_PROGRESS";
/// What a step has printed is kept to this, for the message if it fails.
const TAIL: usize = 50;
/// Lines of a running step that a terminal shows.
const SHOWN: usize = 6;
/// A terminal is redrawn at most this often.
const INTERVAL: Duration = Duration::from_millis(100);

/// `--progress`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Style {
    Auto,
    Plain,
    Tty,
    Rawjson,
    Quiet,
}

impl Style {
    /// What `BUILDKIT_PROGRESS` says.
    pub fn of_environment() -> Result<Self> {
        let Some(text) = env::value(VARIABLE).filter(|text| !text.is_empty()) else { return Ok(Self::Auto) };
        Self::from_str(&text, false).map_err(|_| anyhow!("{VARIABLE}: invalid progress mode {text:?}"))
    }
}

/// One thing that is shown.
struct Vertex {
    name: String,
    begun: Instant,
    started: Timestamp,
    state: State,
    /// The last lines that it printed, with the time at which each began.
    lines: VecDeque<(Duration, String)>,
    /// What it has printed of a line that goes on.
    open: String,
}

#[derive(Clone, PartialEq)]
enum State {
    Running,
    Cached(Duration),
    Done(Duration),
    Failed(Duration, String),
}

/// Shows a build on standard error.
pub struct Display {
    style: Style,
    vertices: Vec<Vertex>,
    begun: Instant,
    /// Lines that were drawn and are drawn anew.
    drawn: usize,
    drawn_at: Option<Instant>,
    /// The step whose lines were printed last.
    last: Option<usize>,
}

impl Display {
    pub fn new(style: Style) -> Self {
        let style = match style {
            Style::Auto if io::stderr().is_terminal() => Style::Tty,
            Style::Auto => Style::Plain,
            style => style,
        };
        Self { style, vertices: Vec::new(), begun: Instant::now(), drawn: 0, drawn_at: None, last: None }
    }

    /// The last that a step has printed, for the message of its failure.
    pub fn tail(&self, vertex: usize) -> Vec<String> {
        let Some(vertex) = self.vertices.get(vertex) else { return Vec::new() };
        let lines = vertex.lines.iter().map(|(time, line)| format!("{} {line}", seconds(*time, 3)));
        lines.collect()
    }

    /// What stays on the screen when all is done.
    pub fn finish(&mut self) {
        if self.style == Style::Tty {
            self.draw(true);
        }
    }

    fn write(&self, text: &str) {
        let mut error = io::stderr().lock();
        // There is nobody left to tell.
        let _ = error.write_all(text.as_bytes());
        let _ = error.flush();
    }

    /// A line of a step, after a free line where another's were before.
    fn plain(&mut self, vertex: usize, line: &str) {
        let gap = if self.last.is_some_and(|last| last != vertex) { "\n" } else { "" };
        let title = match self.last == Some(vertex) {
            true => String::new(),
            false => format!("#{} {}\n", vertex + 1, printable_line(&self.vertices[vertex].name)),
        };
        self.last = Some(vertex);
        self.write(&format!("{gap}{title}#{} {}\n", vertex + 1, printable_line(line)));
    }

    fn json(&self, vertex: usize, what: &str, value: serde_json::Value) {
        let name = &self.vertices[vertex].name;
        let digest = Digest::of(format!("{vertex} {name}").as_bytes()).to_string();
        let mut fields = match what {
            "vertexes" => {
                json!({ "digest": digest, "name": name, "started": self.vertices[vertex].started.to_string() })
            }
            _ => json!({ "vertex": digest, "stream": 1 }),
        };
        if let (Some(fields), Some(more)) = (fields.as_object_mut(), value.as_object()) {
            fields.extend(more.clone());
        }
        self.write(&format!("{}\n", json!({ what: [fields] })));
    }

    fn ended(&mut self, vertex: usize, state: State) {
        self.flush(vertex);
        let line = match &state {
            State::Running => return,
            State::Cached(_) => "CACHED".to_owned(),
            State::Done(time) => format!("DONE {}s", seconds(*time, 1)),
            State::Failed(_, why) => format!("ERROR: {why}"),
        };
        let failed = match &state {
            State::Failed(_, why) => Some(why.clone()),
            _ => None,
        };
        let is_cached = matches!(state, State::Cached(_));
        self.vertices[vertex].state = state;
        match self.style {
            Style::Plain => self.plain(vertex, &line),
            Style::Rawjson => {
                let mut fields = json!({ "completed": Timestamp::now().to_string() });
                if is_cached {
                    fields["cached"] = json!(true);
                }
                if let Some(why) = failed {
                    fields["error"] = json!(why);
                }
                self.json(vertex, "vertexes", fields);
            }
            Style::Tty => self.draw(false),
            Style::Quiet | Style::Auto => {}
        }
    }

    /// A last line without an end.
    fn flush(&mut self, vertex: usize) {
        if !self.vertices[vertex].open.is_empty() {
            self.print(vertex, b"\n");
        }
    }

    /// Draws the steps anew on the terminal; those that ended scroll away with what was before.
    fn draw(&mut self, is_last: bool) {
        if !is_last && self.drawn_at.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        let (columns, rows) = rustix::termios::tcgetwinsize(io::stderr())
            .map_or((80, 24), |size| (usize::from(size.ws_col.max(20)), usize::from(size.ws_row.max(5))));
        let lines = self.screen(columns, rows, is_last);
        let mut text = String::new();
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        text.push_str("\x1b[0J");
        for line in &lines {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines.len();
        self.drawn_at = Some(Instant::now());
        self.write(&text);
    }

    fn screen(&self, columns: usize, rows: usize, is_last: bool) -> Vec<String> {
        let ended = self.vertices.iter().filter(|vertex| vertex.state != State::Running).count();
        let finished = if is_last { " FINISHED" } else { "" };
        let mut lines = vec![format!(
            "[+] Building {}s ({ended}/{}){finished}",
            seconds(self.begun.elapsed(), 1),
            self.vertices.len()
        )];
        for vertex in &self.vertices {
            let (mark, time) = match &vertex.state {
                State::Running => ("=>", vertex.begun.elapsed()),
                State::Cached(time) => ("=> CACHED", *time),
                State::Done(time) => ("=>", *time),
                State::Failed(time, _) => ("=> ERROR", *time),
            };
            let time = format!("{}s", seconds(time, 1));
            let room = columns.saturating_sub(time.len() + 2);
            let title: String = format!(" {mark} {}", drawn(&vertex.name)).chars().take(room).collect();
            lines.push(format!("{title:room$} {time}"));
            if vertex.state == State::Running {
                let hidden = vertex.lines.len().saturating_sub(SHOWN);
                lines.extend(vertex.lines.iter().skip(hidden).map(|(time, line)| {
                    let line = format!(" => => # {} {}", seconds(*time, 3), drawn(line));
                    line.chars().take(columns.saturating_sub(1)).collect()
                }));
            }
        }
        // What does not fit cannot be drawn over: the first lines are left out until the end.
        if !is_last && lines.len() >= rows {
            let excess = lines.len() - (rows - 1);
            lines.drain(1..=excess);
        }
        lines
    }
}

impl Watch for Display {
    fn begin(&mut self, name: &str) -> usize {
        self.vertices.push(Vertex {
            name: name.to_owned(),
            begun: Instant::now(),
            started: Timestamp::now(),
            state: State::Running,
            lines: VecDeque::new(),
            open: String::new(),
        });
        let vertex = self.vertices.len() - 1;
        match self.style {
            Style::Plain => {
                let gap = if self.last.is_some() { "\n" } else { "" };
                self.last = Some(vertex);
                self.write(&format!("{gap}#{} {}\n", vertex + 1, printable_line(name)));
            }
            Style::Rawjson => self.json(vertex, "vertexes", json!({})),
            Style::Tty => self.draw(false),
            Style::Quiet | Style::Auto => {}
        }
        vertex
    }

    fn cached(&mut self, vertex: usize) {
        let time = self.vertices[vertex].begun.elapsed();
        self.ended(vertex, State::Cached(time));
    }

    fn print(&mut self, vertex: usize, bytes: &[u8]) {
        let time = self.vertices[vertex].begun.elapsed();
        let text = String::from_utf8_lossy(bytes).into_owned();
        if self.style == Style::Rawjson {
            use base64::Engine;
            let data = base64::engine::general_purpose::STANDARD.encode(bytes);
            let fields = json!({ "timestamp": Timestamp::now().to_string(), "data": data });
            self.json(vertex, "logs", fields);
        }
        for piece in text.split_inclusive('\n') {
            self.vertices[vertex].open.push_str(piece);
            if !piece.ends_with('\n') {
                continue;
            }
            let line = std::mem::take(&mut self.vertices[vertex].open);
            // Of a line that was drawn over itself the last state counts.
            let line = line.trim_end_matches(['\n', '\r']);
            let line = line.rsplit('\r').next().unwrap_or_default().to_owned();
            if self.style == Style::Plain {
                self.plain(vertex, &format!("{} {line}", seconds(time, 3)));
            }
            let lines = &mut self.vertices[vertex].lines;
            lines.push_back((time, line));
            if lines.len() > TAIL {
                lines.pop_front();
            }
        }
        if self.style == Style::Tty {
            self.draw(false);
        }
    }

    fn say(&mut self, vertex: usize, text: &str) {
        match self.style {
            Style::Plain => self.plain(vertex, text),
            Style::Rawjson => {
                let now = Timestamp::now().to_string();
                self.json(vertex, "statuses", json!({ "id": text, "timestamp": now, "completed": now }));
            }
            Style::Tty | Style::Quiet | Style::Auto => {}
        }
    }

    fn done(&mut self, vertex: usize) {
        let time = self.vertices[vertex].begun.elapsed();
        self.ended(vertex, State::Done(time));
    }

    fn failed(&mut self, vertex: usize, why: &str) {
        let time = self.vertices[vertex].begun.elapsed();
        self.ended(vertex, State::Failed(time, why.to_owned()));
    }

    fn tick(&mut self) {
        if self.style == Style::Tty {
            self.draw(false);
        }
    }
}

/// A line of which each character takes one column.
fn drawn(line: &str) -> String {
    printable(&line.replace('\t', " ")).into_owned()
}

fn seconds(time: Duration, digits: usize) -> String {
    format!("{:.*}", digits, time.as_secs_f64())
}
