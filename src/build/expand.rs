//! Variables and quotes in the words of a Dockerfile.
//!
//! Source: BuildKit's `frontend/dockerfile/shell`, whose rules are a shell's only in part: a value that
//! replaces a variable is taken as it is, an escape is dropped outside of quotes, and words are split after
//! variables were replaced.

mod pattern;

use std::collections::{BTreeMap, BTreeSet};
use std::str::Chars;

use pattern::Pattern;

/// The variables that a word may use.
pub type Variables = BTreeMap<String, String>;

/// `${a:-${b:-…}}` deeper than this is written by no one.
const DEPTH: usize = 32;
/// Bytes that one word may become: `${a//x/$a}` a few times over would fill the memory.
const LIMIT: usize = 4 << 20;
/// Comparisons of characters that the patterns of one word may take.
const STEPS: usize = 20_000_000;

/// Why a word cannot be expanded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExpandError(String);

type Result<T> = std::result::Result<T, ExpandError>;

fn error<T>(text: impl Into<String>) -> Result<T> {
    Err(ExpandError(text.into()))
}

/// How quotes, escapes and unknown variables are treated.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// `\`, or the character of the `escape` directive.
    pub escape: char,
    /// Quotes stay in the result.
    pub keep_quotes: bool,
    /// Escapes stay in the result.
    pub keep_escapes: bool,
    /// Quotes mean nothing: the content of a here-document.
    pub plain_quotes: bool,
    /// `$name` stays where there is no such variable.
    pub keep_unset: bool,
}

impl Rules {
    /// What most instructions take.
    pub fn new(escape: char) -> Self {
        Self { escape, keep_quotes: false, keep_escapes: false, plain_quotes: false, keep_unset: false }
    }

    /// The content of a here-document.
    pub fn document() -> Self {
        Self { plain_quotes: true, ..Self::new('\\') }
    }
}

/// A word with its variables replaced.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    pub text: String,
    /// The text split at white space that was not quoted.
    pub words: Vec<String>,
    /// The variables that were used and are set.
    pub used: BTreeSet<String>,
    /// The variables that were used and are not set.
    pub unset: BTreeSet<String>,
}

/// Expands `word`.
pub fn expand(word: &str, variables: &Variables, rules: Rules) -> Result<Expanded> {
    let mut lexer = Lexer {
        rest: word.chars(),
        rules,
        variables,
        used: BTreeSet::new(),
        unset: BTreeSet::new(),
        depth: 0,
        steps: STEPS,
    };
    let wrapped = |ExpandError(cause)| ExpandError(format!("failed to process {word:?}: {cause}"));
    let (text, words) = lexer.until(None, rules.keep_escapes).map_err(wrapped)?;
    Ok(Expanded { text, words, used: lexer.used, unset: lexer.unset })
}

/// Gathers words while the text is read.
#[derive(Default)]
struct Words {
    word: String,
    words: Vec<String>,
}

impl Words {
    fn push(&mut self, character: char) {
        match character.is_whitespace() {
            true => self.end(),
            false => self.word.push(character),
        }
    }

    fn push_str(&mut self, text: &str) {
        text.chars().for_each(|character| self.push(character));
    }

    fn end(&mut self) {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }
}

struct Lexer<'a> {
    rest: Chars<'a>,
    rules: Rules,
    variables: &'a Variables,
    used: BTreeSet<String>,
    unset: BTreeSet<String>,
    depth: usize,
    steps: usize,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        self.rest.next()
    }

    /// Reads up to the character `stop`, which is taken too, or to the end.
    fn until(&mut self, stop: Option<char>, keep_escapes: bool) -> Result<(String, Vec<String>)> {
        if self.depth == DEPTH {
            return error("too many substitutions within each other");
        }
        self.depth += 1;
        let outer = std::mem::replace(&mut self.rules.keep_escapes, keep_escapes);
        let read = self.read_until(stop);
        self.rules.keep_escapes = outer;
        self.depth -= 1;
        read
    }

    fn read_until(&mut self, stop: Option<char>) -> Result<(String, Vec<String>)> {
        let (mut text, mut words) = (String::new(), Words::default());
        while let Some(next) = self.peek() {
            if text.len() > LIMIT {
                return error("the result is too long");
            }
            match next {
                _ if stop == Some(next) => {
                    self.next();
                    words.end();
                    return Ok((text, words.words));
                }
                '$' => {
                    let value = self.dollar()?;
                    words.push_str(&value);
                    text.push_str(&value);
                }
                '\'' | '"' if !self.rules.plain_quotes => {
                    let quoted = if next == '"' { self.double_quoted()? } else { self.single_quoted()? };
                    words.word.push_str(&quoted);
                    text.push_str(&quoted);
                }
                _ => self.plain(&mut text, &mut words),
            }
        }
        if let Some(stop) = stop {
            return error(format!("unexpected end of statement while looking for matching {stop}"));
        }
        words.end();
        Ok((text, words.words))
    }

    /// One character that is no quote and no `$`, or an escaped one.
    fn plain(&mut self, text: &mut String, words: &mut Words) {
        let Some(mut character) = self.next() else { return };
        if character != self.rules.escape {
            words.push(character);
            text.push(character);
            return;
        }
        if self.rules.keep_escapes {
            words.word.push(character);
            text.push(character);
        }
        if let Some(escaped) = self.next() {
            character = escaped;
            words.word.push(character);
            text.push(character);
        }
    }

    fn single_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        let quote = self.next().filter(|_| self.rules.keep_quotes);
        text.extend(quote);
        loop {
            match self.next() {
                None => {
                    return error("unexpected end of statement while looking for matching single-quote");
                }
                Some('\'') => {
                    text.extend(quote);
                    return Ok(text);
                }
                Some(character) => text.push(character),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        let quote = self.next().filter(|_| self.rules.keep_quotes);
        text.extend(quote);
        loop {
            if text.len() > LIMIT {
                return error("the result is too long");
            }
            match self.peek() {
                None => {
                    return error("unexpected end of statement while looking for matching double-quote");
                }
                Some('"') => {
                    self.next();
                    text.extend(quote);
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(character) => {
                    self.next();
                    match character == self.rules.escape {
                        true => self.escaped_in_quotes(character, &mut text),
                        false => text.push(character),
                    }
                }
            }
        }
    }

    /// Within double quotes an escape counts before `"`, `$` and itself, and is itself elsewhere.
    fn escaped_in_quotes(&mut self, escape: char, text: &mut String) {
        if self.rules.keep_escapes {
            text.push(escape);
        }
        match self.peek() {
            None => {}
            Some(next) if next == '"' || next == '$' || next == escape => {
                self.next();
                text.push(next);
            }
            Some(_) => text.push(escape),
        }
    }

    fn dollar(&mut self) -> Result<String> {
        self.next();
        if self.peek() != Some('{') {
            let name = self.name();
            return Ok(match (name.is_empty(), self.value(&name)) {
                (true, _) => "$".to_owned(),
                (false, None) if self.rules.keep_unset => format!("${name}"),
                (false, value) => value.unwrap_or_default(),
            });
        }
        self.next();
        match self.peek() {
            None => return error("syntax error: missing '}'"),
            Some('{' | '}' | ':') => return error("syntax error: bad substitution"),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            Some('}') => Ok(match self.value(&name) {
                None if self.rules.keep_unset => format!("${{{name}}}"),
                value => value.unwrap_or_default(),
            }),
            Some(':') => {
                let modifier = self.next();
                self.modified(&name, modifier, true)
            }
            Some('/') => self.replaced(&name),
            modifier => self.modified(&name, modifier, false),
        }
    }

    /// `${name-word}` and its like; with a colon an empty value counts as none.
    fn modified(&mut self, name: &str, modifier: Option<char>, colon: bool) -> Result<String> {
        let shown: String = colon.then_some(':').into_iter().chain(modifier).collect();
        let modifier = match modifier {
            Some(modifier @ ('+' | '-' | '?' | '#' | '%')) => modifier,
            None => return error("syntax error: missing '}'"),
            Some(_) => return error(format!("unsupported modifier ({shown}) in substitution")),
        };
        let word = self.operand('}', matches!(modifier, '#' | '%'), "syntax error: missing '}'")?;
        let value = self.value(name);
        if value.is_none() && self.rules.keep_unset {
            return Ok(format!("${{{name}{shown}{word}}}"));
        }
        let present = value.as_ref().is_some_and(|value| !(colon && value.is_empty()));
        match modifier {
            '-' => Ok(if present { value.unwrap_or_default() } else { word }),
            '+' => Ok(if present { word } else { String::new() }),
            '?' if present => Ok(value.unwrap_or_default()),
            '?' => {
                let kind = if value.is_none() { "unset" } else { "empty" };
                let message = if word.is_empty() { format!("is not allowed to be {kind}") } else { word };
                error(format!("{name}: {message}"))
            }
            _ => self.trimmed(&value.unwrap_or_default(), modifier, &word),
        }
    }

    /// `${name#pattern}`, `##`, `%` and `%%`.
    fn trimmed(&mut self, value: &str, modifier: char, word: &str) -> Result<String> {
        let longest = word.strip_prefix(modifier);
        let pattern = Pattern::new(longest.unwrap_or(word))?;
        let mut characters: Vec<char> = value.chars().collect();
        if modifier == '#' {
            let length = pattern.prefix(&characters, longest.is_some(), &mut self.steps)?.unwrap_or(0);
            return Ok(characters[length..].iter().collect());
        }
        characters.reverse();
        let length = pattern.reversed().prefix(&characters, longest.is_some(), &mut self.steps)?.unwrap_or(0);
        Ok(characters[length..].iter().rev().collect())
    }

    /// `${name/pattern/replacement}`, and every place with `//`.
    fn replaced(&mut self, name: &str) -> Result<String> {
        let everywhere = self.peek() == Some('/');
        if everywhere {
            self.next();
        }
        let pattern = self.operand('/', true, "syntax error: missing '/' in ${}")?;
        let replacement = self.operand('}', true, "syntax error: missing '}'")?;
        let value = self.value(name);
        if value.is_none() && self.rules.keep_unset {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let value: Vec<char> = value.unwrap_or_default().chars().collect();
        Pattern::new(&pattern)?.replace(&value, &replacement, everywhere, &mut self.steps)
    }

    /// What stands before `stop` within the braces; `missing` is the error of a text that ends there.
    fn operand(&mut self, stop: char, keep_escapes: bool, missing: &str) -> Result<String> {
        match self.until(Some(stop), keep_escapes) {
            Ok((text, _)) => Ok(text),
            Err(_) if self.peek().is_none() => error(missing),
            Err(error) => Err(error),
        }
    }

    /// A name, all digits of a number, or one of the shell's special characters; empty where there is none.
    fn name(&mut self) -> String {
        let belongs: fn(char) -> bool = match self.peek() {
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => {
                return self.next().map(String::from).unwrap_or_default();
            }
            Some(first) if first.is_numeric() => char::is_numeric,
            _ => |character| character.is_alphanumeric() || character == '_',
        };
        let mut name = String::new();
        while let Some(character) = self.peek().filter(|&character| belongs(character)) {
            self.next();
            name.push(character);
        }
        name
    }

    /// A variable's value; notes that it was asked for.
    fn value(&mut self, name: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        let value = self.variables.get(name);
        let asked = if value.is_some() { &mut self.used } else { &mut self.unset };
        asked.insert(name.to_owned());
        value.cloned()
    }
}

#[cfg(test)]
mod tests;
