//! Text from strangers made harmless for a terminal, and Go's quoting.
//!
//! Names, labels, commands and messages of images, containers and registries may hold escape sequences
//! that move the cursor, retitle the window or reorder what is read. None reaches the terminal.

use std::borrow::Cow;
use std::fmt::Write;

/// Shows control and reordering characters as Go's `\x1b`, `\n`, `\u202e`; leaves the rest as it is.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_hostile(character) {
            true => push_escaped(&mut shown, character),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// [`printable`] text whose tabs stay, as in the lines of a program's output.
pub fn printable_line(text: &str) -> Cow<'_, str> {
    match text.contains('\t') {
        true => Cow::Owned(text.split('\t').map(printable).collect::<Vec<_>>().join("\t")),
        false => printable(text),
    }
}

/// Quotes as Go's `strconv.Quote` does.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            _ if is_hostile(character) => push_escaped(&mut quoted, character),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Control characters, line separators, and the marks that change the direction of text.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

fn push_escaped(text: &mut String, character: char) {
    let code = character as u32;
    let short = match character {
        '\x07' => 'a',
        '\x08' => 'b',
        '\x0c' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        '\x0b' => 'v',
        _ => {
            // Writing to a String cannot fail.
            let _ = match code {
                0..0x80 => write!(text, "\\x{code:02x}"),
                _ => write!(text, "\\u{code:04x}"),
            };
            return;
        }
    };
    text.push('\\');
    text.push(short);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor() {
        for (text, want) in [
            ("plain é 漢", "plain é 漢"),
            ("\x1b[2J\x1b]0;title\x07", "\\x1b[2J\\x1b]0;title\\a"),
            ("a\tb\nc\rd", "a\\tb\\nc\\rd"),
            ("\u{9b}31m", "\\u009b31m"),
            ("exe\u{202e}gpj", "exe\\u202egpj"),
            ("\x7f", "\\x7f"),
        ] {
            assert_eq!(printable(text), want);
        }
        assert_eq!(printable_line("\ta\tb\x1b[2J"), "\ta\tb\\x1b[2J");
    }

    #[test]
    fn quotes_like_go() {
        assert_eq!(quote(r#"sh -c "a\b"…"#), r#""sh -c \"a\\b\"…""#);
        assert_eq!(quote("\x1b\n"), r#""\x1b\n""#);
    }
}
