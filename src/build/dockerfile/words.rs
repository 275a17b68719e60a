//! How the text behind an instruction's name is split: flags, words, `name=value`, JSON lists.

use crate::build::diagnostic::Problem;

/// What separates an instruction's name from the rest, and words where no quotes are minded.
pub fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// The words of a text without regard to quotes.
pub fn plain(text: &str) -> Vec<String> {
    text.split(is_blank).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The flags at the beginning, with quotes and escapes resolved, and what follows them.
pub fn flags(text: &str) -> (Vec<String>, &str) {
    let (mut flags, mut rest) = (Vec::new(), text.trim_start());
    while rest.starts_with("--") {
        let (flag, tail) = flag(rest);
        rest = tail;
        if flag == "--" {
            break;
        }
        flags.push(flag);
        rest = rest.trim_start();
    }
    (flags, rest)
}

fn flag(text: &str) -> (String, &str) {
    let (mut flag, mut quote) = (String::new(), None);
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => flag.extend(characters.next().map(|(_, escaped)| escaped)),
            _ if quote == Some(character) => quote = None,
            _ if quote.is_some() => flag.push(character),
            '\'' | '"' => quote = Some(character),
            _ if character.is_whitespace() => return (flag, &text[at..]),
            _ => flag.push(character),
        }
    }
    (flag, "")
}

/// The words of a text with their quotes and escapes, which keep blanks within a word.
pub fn quoted(text: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            _ if character == escape && quote != Some('\'') => {
                // An escape at the end is dropped.
                if let Some(escaped) = characters.next() {
                    word.extend([character, escaped]);
                }
                continue;
            }
            _ if quote == Some(character) => quote = None,
            _ if quote.is_some() => {}
            '\'' | '"' => quote = Some(character),
            _ if character.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            _ => {}
        }
        word.push(character);
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// One `name=value` of `ENV` and `LABEL`, not expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    pub value: String,
    /// Written `NAME the value`.
    pub old_form: bool,
}

/// `a=1 b="2 3"`, or the old `NAME the value`.
pub fn pairs(text: &str, escape: char, instruction: &str) -> Result<Vec<Pair>, Problem> {
    let words = quoted(text, escape);
    let first = words.first();
    let Some(first) = first else {
        return Err(Problem::new(format!("{instruction} requires at least one argument")));
    };
    if !first.contains('=') {
        let (name, value) = text
            .split_once(is_blank)
            .ok_or_else(|| Problem::new(format!("{instruction} must have two arguments")))?;
        let value = value.trim_start_matches(is_blank).to_owned();
        return Ok(vec![Pair { name: name.to_owned(), value, old_form: true }]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some(("", _)) => Err(Problem::at(word, format!("{instruction} names can not be blank"))),
        Some((name, value)) => Ok(Pair { name: name.to_owned(), value: value.to_owned(), old_form: false }),
        None => Err(Problem::at(
            word,
            format!("Syntax error - can't find = in {word:?}. Must be of the form: name=value"),
        )),
    };
    words.iter().map(pair).collect()
}

/// A JSON list of texts; `None` if the text is none, an error if it has other things than texts.
pub fn json(text: &str) -> Result<Option<Vec<String>>, Problem> {
    if !text.starts_with('[') {
        return Ok(None);
    }
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else { return Ok(None) };
    let texts: Option<Vec<String>> = values
        .into_iter()
        .map(|value| match value {
            serde_json::Value::String(text) => Some(text),
            _ => None,
        })
        .collect();
    texts.map(Some).ok_or_else(|| {
        Problem::at("[", "when using JSON array syntax, arrays must be comprised of strings only")
    })
}
