//! From the bytes of a Dockerfile to its statements: directives, comments, continued lines, here-documents.
//!
//! Source: BuildKit's `frontend/dockerfile/parser`, of which the quirks are kept: comments within a continued
//! line are dropped, empty lines there too (with a warning), and a here-document is found by splitting the
//! line as a shell would.

use std::collections::HashMap;

use super::heredoc::{self, Heredoc};
use super::words;
use crate::build::diagnostic::{Diagnostic, Problem, Source};
use crate::build::step::Lines;

/// BuildKit's limit of a Dockerfile.
const FILE_LIMIT: usize = 16 << 20;
/// BuildKit's limit of one line.
const LINE_LIMIT: usize = 65_535;
/// Instructions of one file.
const STATEMENT_LIMIT: usize = 20_000;

/// One instruction as it is written, its continued lines joined.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// The instruction's name in the case that it was written in.
    pub word: String,
    /// `--name=value`, the quotes around the value gone.
    pub flags: Vec<String>,
    /// What follows the flags.
    pub rest: String,
    /// The joined line.
    pub original: String,
    pub heredocs: Vec<Heredoc>,
    pub lines: Lines,
    /// The comments right above.
    pub comments: Vec<String>,
}

impl Statement {
    /// A joined line in its parts.
    pub fn of_line(line: &str) -> Self {
        let original = line.to_owned();
        let line = line.trim();
        let (word, rest) = match line.find(words::is_blank) {
            Some(at) => (&line[..at], line[at..].trim_start_matches(words::is_blank)),
            None => (line, ""),
        };
        let (flags, rest) = words::flags(rest);
        let (word, rest) = (word.to_owned(), rest.trim().to_owned());
        Self { word, flags, rest, original, ..Default::default() }
    }
}

/// `# name=value` at the beginning of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    pub syntax: Option<String>,
    pub check: Option<String>,
    /// `\` or a backquote.
    pub escape: Option<char>,
}

impl Directives {
    pub fn escape(&self) -> char {
        self.escape.unwrap_or('\\')
    }

    /// Takes a line; says whether it is a directive.
    fn take(&mut self, line: &str) -> Result<bool, Problem> {
        let Some((name, value)) = line.strip_prefix('#').and_then(|text| text.split_once('=')) else {
            return Ok(false);
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        let seen = match name.as_str() {
            _ if value.is_empty() => return Ok(false),
            "syntax" => self.syntax.replace(value).is_some(),
            "check" => self.check.replace(value).is_some(),
            "escape" => {
                let ("`" | "\\") = value.as_str() else {
                    let problem = format!("invalid escape token '{value}' does not match ` or \\");
                    return Err(Problem::at(&value, problem));
                };
                self.escape.replace(if value == "`" { '`' } else { '\\' }).is_some()
            }
            _ => return Ok(false),
        };
        match seen {
            true => Err(Problem::new(format!("only one {name} parser directive can be used"))),
            false => Ok(true),
        }
    }
}

/// A file in statements.
#[derive(Debug, Default)]
pub struct Statements {
    pub source: Source,
    pub directives: Directives,
    pub statements: Vec<Statement>,
    /// The last line of each statement that has an empty line within.
    pub empty_continuations: Vec<Lines>,
}

/// Reads the statements of the file `name`.
pub fn read(text: &[u8], name: &str) -> Result<Statements, Diagnostic> {
    let nowhere =
        |message: String| Source::new(name, "").diagnostic(Lines::default(), &Problem::new(message));
    if text.len() > FILE_LIMIT {
        return Err(nowhere(format!("Dockerfile exceeds maximum allowed size of {FILE_LIMIT} bytes")));
    }
    if text.is_empty() {
        return Err(nowhere("the Dockerfile cannot be empty".to_owned()));
    }
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let mut reader = Reader {
        lines: text.split_inclusive('\n').collect(),
        at: 0,
        directives_end: false,
        last_places: None,
        comments: Vec::new(),
        read: Statements { source: Source::new(name, &text), ..Default::default() },
    };
    while reader.at < reader.lines.len() {
        let first = reader.at + 1;
        if let Err(problem) = reader.statement() {
            let lines = Lines { first, last: reader.at.max(first) };
            return Err(reader.read.source.diagnostic(lines, &problem));
        }
    }
    match reader.read.statements.is_empty() {
        true => Err(nowhere("file with no instructions".to_owned())),
        false => Ok(reader.read),
    }
}

struct Reader<'a> {
    /// With their ends.
    lines: Vec<&'a str>,
    /// The next line.
    at: usize,
    directives_end: bool,
    /// The last place of every line.
    last_places: Option<HashMap<&'a str, usize>>,
    comments: Vec<String>,
    read: Statements,
}

impl<'a> Reader<'a> {
    fn line(&mut self) -> Result<Option<&'a str>, Problem> {
        let Some(line) = self.lines.get(self.at).copied() else { return Ok(None) };
        self.at += 1;
        if line.len() > LINE_LIMIT {
            return Err(Problem::new(format!(
                "dockerfile line greater than max allowed size of {LINE_LIMIT}"
            )));
        }
        if line.contains('\0') {
            return Err(Problem::at("\0", "the line contains a null byte"));
        }
        Ok(Some(line))
    }

    /// Reads a comment, an empty line or a whole statement.
    fn statement(&mut self) -> Result<(), Problem> {
        let Some(line) = self.line()? else { return Ok(()) };
        let first = self.at;
        let line = line.trim_end_matches(['\r', '\n']).trim_start();
        if !self.directives_end {
            if self.read.directives.take(line)? {
                return Ok(());
            }
            self.directives_end = true;
        }
        if let Some(comment) = line.strip_prefix('#') {
            match comment.trim() {
                "" => self.comments.clear(),
                comment => self.comments.push(comment.to_owned()),
            }
            return Ok(());
        }
        let joined = self.joined(line, first)?;
        if joined.is_empty() {
            return Ok(());
        }
        let mut statement = Statement::of_line(&joined);
        statement.comments = std::mem::take(&mut self.comments);
        for mut document in heredoc::announced(&statement)? {
            if document.spaced && !self.is_ended(&document.name) {
                continue;
            }
            self.document(&mut document)?;
            statement.heredocs.push(document);
        }
        statement.lines = Lines { first, last: self.at };
        if self.read.statements.len() == STATEMENT_LIMIT {
            return Err(Problem::new(format!("more than {STATEMENT_LIMIT} instructions")));
        }
        self.read.statements.push(statement);
        Ok(())
    }

    /// The line with those that continue it.
    fn joined(&mut self, line: &str, first: usize) -> Result<String, Problem> {
        let escape = self.read.directives.escape();
        let (text, mut continues) = continuation(line, escape);
        let (mut joined, mut empty) = (text.to_owned(), false);
        while continues {
            let Some(line) = self.line()? else { break };
            let line = line.trim_end_matches(['\r', '\n']);
            match line.trim_start() {
                "" => empty = true,
                comment if comment.starts_with('#') => {}
                _ => {
                    let (text, more) = continuation(line, escape);
                    joined.push_str(text);
                    continues = more;
                }
            }
        }
        if empty {
            self.read.empty_continuations.push(Lines { first, last: self.at });
        }
        Ok(joined)
    }

    /// Whether a line that is yet to come is `name` alone.
    fn is_ended(&mut self, name: &str) -> bool {
        let lines = &self.lines;
        // Gathered once: a file may have as many here-documents as lines.
        let ends = self.last_places.get_or_insert_with(|| {
            let bare = |line: &&'a str| line.trim_end_matches(['\r', '\n']).trim_start_matches('\t');
            lines.iter().enumerate().map(|(at, line)| (bare(line), at)).collect()
        });
        ends.get(name).is_some_and(|at| *at >= self.at)
    }

    /// Reads the content of a here-document and its last line.
    fn document(&mut self, document: &mut Heredoc) -> Result<(), Problem> {
        while let Some(line) = self.line()? {
            let mut end = line.trim_end_matches(['\r', '\n']);
            if document.chomp {
                end = end.trim_start_matches('\t');
            }
            if end == document.name {
                return Ok(());
            }
            document.content.push_str(line);
        }
        Err(Problem::at("<<", "unterminated heredoc"))
    }
}

/// The line without the escape at its end, and whether the next one belongs to it: a doubled escape does not
/// continue the line.
fn continuation(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(text) if !text.ends_with(escape) => (text, true),
        _ => (line, false),
    }
}
