//! A mistake in a Dockerfile: where it is, and the lines around it as BuildKit shows them.

use std::fmt;

use super::step::Lines;

/// Lines that are shown at least, where the file has them.
const SHOWN: usize = 5;
/// Lines that are shown at most: an instruction may be a whole here-document.
const MOST: usize = 20;
/// Characters of a line that are shown at most.
const WIDTH: usize = 300;

/// What is wrong, before it is known where the text stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    message: String,
    /// What the caret points at: a word of the instruction.
    word: Option<String>,
}

impl Problem {
    /// A problem of the whole instruction.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), word: None }
    }

    /// A problem of one word.
    pub fn at(word: &str, message: impl Into<String>) -> Self {
        Self { message: message.into(), word: Some(word.to_owned()) }
    }

    /// Adds the word that was probably meant.
    pub fn meant(mut self, nearest: Option<&str>) -> Self {
        if let Some(nearest) = nearest {
            self.message.push_str(&format!(" (did you mean {nearest}?)"));
        }
        self
    }

    pub fn message(&self) -> &str {
        &self.message
    }
}

impl<E: std::error::Error> From<E> for Problem {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// A [`Problem`] in its place. Shows as one line, `Dockerfile:3:5: message`; the excerpt comes apart. Without a message
/// it is the place of another error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    place: String,
    message: String,
    excerpt: Vec<String>,
}

impl Diagnostic {
    /// The lines around the mistake, framed, a caret beneath it; to be shown before the message.
    pub fn excerpt(&self) -> &[String] {
        &self.excerpt
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message.as_str() {
            "" => f.write_str(&self.place),
            message => write!(f, "{}: {message}", self.place),
        }
    }
}

impl std::error::Error for Diagnostic {}

/// The text of a file, for those who point into it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    name: String,
    lines: Vec<String>,
}

impl Source {
    /// A file's text under the name that messages give it.
    pub fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), lines: text.lines().map(str::to_owned).collect() }
    }

    /// Points at the problem's word in `lines`, or at where they begin.
    pub fn diagnostic(&self, lines: Lines, problem: &Problem) -> Diagnostic {
        let caret = problem.word.as_deref().and_then(|word| self.find(lines, word));
        let caret = caret.or_else(|| self.beginning(lines));
        let place = match caret {
            Some((line, column)) => format!("{}:{line}:{column}", self.name),
            None if lines.first == 0 => self.name.clone(),
            None => format!("{}:{}", self.name, lines.first),
        };
        Diagnostic { place, message: shortened(&problem.message), excerpt: self.framed(lines, caret) }
    }

    /// Where lines have their first word.
    fn beginning(&self, lines: Lines) -> Option<(usize, usize)> {
        let line = self.lines.get(lines.first.checked_sub(1)?)?;
        let blank = line.chars().take_while(|character| character.is_whitespace()).count();
        Some((lines.first, blank + 1))
    }

    /// The place of a word, line and column from 1.
    fn find(&self, lines: Lines, word: &str) -> Option<(usize, usize)> {
        (lines.first..=lines.last).find_map(|number| {
            let line = self.lines.get(number.checked_sub(1)?)?;
            let at = whole_word(line, word).or_else(|| line.find(word)).filter(|_| !word.is_empty())?;
            Some((number, line[..at].chars().count() + 1))
        })
    }

    /// The lines of an instruction and some around it, as BuildKit shows them.
    pub fn excerpt(&self, lines: Lines) -> Vec<String> {
        let mut framed = vec![format!("{}:{}", self.name, lines.first)];
        framed.extend(self.framed(lines, None));
        framed
    }

    fn framed(&self, lines: Lines, caret: Option<(usize, usize)>) -> Vec<String> {
        if lines.first == 0 || lines.first > self.lines.len() {
            return Vec::new();
        }
        let last = lines.last.clamp(lines.first, self.lines.len());
        let (mut from, mut to) = (lines.first, last);
        while to - from + 1 < SHOWN && (from > 1 || to < self.lines.len()) {
            from = from.saturating_sub(1).max(1);
            to = (to + 1).min(self.lines.len());
        }
        let rule = "-".repeat(20);
        let mut shown = vec![rule.clone()];
        for number in from..=to.min(from + MOST) {
            let mark = if (lines.first..=last).contains(&number) { ">>>" } else { "   " };
            let text: String = self.lines[number - 1].chars().take(WIDTH).collect();
            shown.push(format!("{number:4} | {mark} {}", text.replace('\t', " ")).trim_end().to_owned());
            if let Some((_, column)) = caret.filter(|&(line, column)| line == number && column <= WIDTH) {
                shown.push(format!("     |     {}^", " ".repeat(column - 1)));
            }
        }
        shown.push(rule);
        shown
    }
}

/// A message that has a long text in it: the text comes first, and what is wrong with it last.
fn shortened(message: &str) -> String {
    let characters: Vec<char> = message.chars().collect();
    match characters.len() > 2 * WIDTH {
        true => {
            let (head, tail) = (&characters[..WIDTH], &characters[characters.len() - WIDTH..]);
            head.iter().chain(&['…']).chain(tail).collect()
        }
        false => message.to_owned(),
    }
}

/// Where `word` stands in a line with no letter or digit beside it.
fn whole_word(line: &str, word: &str) -> Option<usize> {
    let is_part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    line.match_indices(word).map(|(at, _)| at).find(|&at| {
        !is_part(line[..at].chars().next_back()) && !is_part(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_at_the_word() {
        let source = Source::new("Dockerfile", "FROM busybox\nRUN a \\\n\t--b\n\nCMD x\nENV a=b\nUSER u\n");
        let problem = Problem::at("--b", "unknown flag: --b").meant(Some("--c"));
        let diagnostic = source.diagnostic(Lines { first: 2, last: 3 }, &problem);
        assert_eq!(diagnostic.to_string(), "Dockerfile:3:2: unknown flag: --b (did you mean --c?)");
        assert_eq!(
            diagnostic.excerpt(),
            [
                "--------------------",
                "   1 |     FROM busybox",
                "   2 | >>> RUN a \\",
                "   3 | >>>  --b",
                "     |      ^",
                "   4 |",
                "   5 |     CMD x",
                "--------------------"
            ]
        );
        let whole = source.diagnostic(Lines { first: 7, last: 7 }, &Problem::new("bad"));
        assert_eq!((whole.to_string().as_str(), whole.excerpt().len()), ("Dockerfile:7:1: bad", 8));
        let place = source.diagnostic(Lines { first: 2, last: 3 }, &Problem::at("--b", ""));
        assert_eq!(place.to_string(), "Dockerfile:3:2");
        let nowhere = source.diagnostic(Lines::default(), &Problem::new("empty"));
        assert_eq!((nowhere.to_string().as_str(), nowhere.excerpt().len()), ("Dockerfile: empty", 0));
    }
}
