//! Patterns of `--filter`: small regular expressions for names and ids, globs for image references.
//!
//! A start with a regular expression crate costs more than everything else that `ps` does, and the names
//! matched here are short. What Go's syntax has beyond `. [] * + ? ^ $ | ()` and `\` is refused.

use std::iter::Peekable;
use std::str::Chars;

/// Why a text is not a pattern.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid pattern {0:?}")]
pub struct PatternError(String);

/// Nesting beyond this is no filter of a sane person.
const DEPTH: usize = 16;
/// Steps after which a match is given up: enough for any name, and never a hang.
const STEPS: usize = 100_000;

/// A regular expression that may match anywhere in a text.
#[derive(Debug)]
pub struct Regex(Vec<Vec<Node>>);

#[derive(Debug)]
struct Node {
    atom: Atom,
    /// Least and most repetitions.
    repeat: (usize, usize),
}

#[derive(Debug)]
enum Atom {
    Any,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
    Start,
    End,
    Group(Vec<Vec<Node>>),
}

impl Regex {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let mut rest = text.chars().peekable();
        let parsed = alternatives(&mut rest, 0).filter(|_| rest.peek().is_none());
        parsed.map(Self).ok_or_else(|| PatternError(text.to_owned()))
    }

    /// Whether it matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let mut steps = STEPS;
        (0..=text.len()).any(|start| any_of(&self.0, &text, start, &mut steps, &mut |_, _| true))
    }
}

fn alternatives(rest: &mut Peekable<Chars>, depth: usize) -> Option<Vec<Vec<Node>>> {
    if depth > DEPTH {
        return None;
    }
    let mut all = vec![Vec::new()];
    while let Some(&next) = rest.peek() {
        match next {
            ')' if depth > 0 => break,
            '|' => {
                rest.next();
                all.push(Vec::new());
            }
            _ => {
                let node = node(rest, depth)?;
                all.last_mut()?.push(node);
            }
        }
    }
    Some(all)
}

fn node(rest: &mut Peekable<Chars>, depth: usize) -> Option<Node> {
    let atom = match rest.next()? {
        '.' => Atom::Any,
        '^' => Atom::Start,
        '$' => Atom::End,
        '[' => class(rest)?,
        '(' => {
            let inner = alternatives(rest, depth + 1)?;
            rest.next_if_eq(&')')?;
            Atom::Group(inner)
        }
        // A letter after a backslash is a class of Go's that is not known here.
        '\\' => Atom::Literal(rest.next().filter(|c| !c.is_alphanumeric())?),
        '*' | '+' | '?' | ')' | '{' => return None,
        literal => Atom::Literal(literal),
    };
    let repeat = match rest.peek() {
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('?') => (0, 1),
        _ => return Some(Node { atom, repeat: (1, 1) }),
    };
    rest.next();
    Some(Node { atom, repeat })
}

fn class(rest: &mut Peekable<Chars>) -> Option<Atom> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match rest.next()? {
            ']' if !ranges.is_empty() => return Some(Atom::Class { negated, ranges }),
            '\\' => rest.next()?,
            first => first,
        };
        let last = match rest.next_if_eq(&'-') {
            Some(_) if rest.peek() == Some(&']') => {
                ranges.push(('-', '-'));
                first
            }
            Some(_) => rest.next()?,
            None => first,
        };
        ranges.push((first, last));
    }
}

/// What must match after this: position, steps left.
type Then<'a> = &'a mut dyn FnMut(usize, &mut usize) -> bool;

fn any_of(all: &[Vec<Node>], text: &[char], at: usize, steps: &mut usize, then: Then) -> bool {
    all.iter().any(|nodes| sequence(nodes, text, at, steps, then))
}

fn sequence(nodes: &[Node], text: &[char], at: usize, steps: &mut usize, then: Then) -> bool {
    let Some((first, rest)) = nodes.split_first() else { return then(at, steps) };
    repeated(first, 0, text, at, steps, &mut |at, steps| sequence(rest, text, at, steps, then))
}

/// Tries one more repetition of `node`, then what follows: the longest match first.
fn repeated(node: &Node, count: usize, text: &[char], at: usize, steps: &mut usize, then: Then) -> bool {
    if *steps == 0 {
        return false;
    }
    *steps -= 1;
    let (least, most) = node.repeat;
    let more = count < most
        && once(&node.atom, text, at, steps, &mut |next, steps| {
            // A repetition of nothing would go on for ever.
            (next > at || most == 1) && repeated(node, count + 1, text, next, steps, then)
        });
    more || (count >= least && then(at, steps))
}

fn once(atom: &Atom, text: &[char], at: usize, steps: &mut usize, then: Then) -> bool {
    let matched = match atom {
        Atom::Start => return at == 0 && then(at, steps),
        Atom::End => return at == text.len() && then(at, steps),
        Atom::Group(inner) => return any_of(inner, text, at, steps, then),
        Atom::Any => at < text.len(),
        Atom::Literal(literal) => text.get(at) == Some(literal),
        Atom::Class { negated, ranges } => text
            .get(at)
            .is_some_and(|c| ranges.iter().any(|(first, last)| (first..=last).contains(&c)) != *negated),
    };
    matched && then(at + 1, steps)
}

/// Whether a glob matches the whole of a text, as Go's `path.Match`: `*` and `?` never match `/`.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last `*` takes one more character.
    let mut star: Option<(usize, usize)> = None;
    while p < pattern.len() || t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') if text.get(t).is_some_and(|c| *c != '/') => (p, t) = (p + 1, t + 1),
            Some(literal) if text.get(t) == Some(literal) => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) if text.get(taken).is_some_and(|c| *c != '/') => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions() {
        for (pattern, yes, no) in [
            ("web", &["web", "myweb1"][..], &["we", ""][..]),
            ("^web$", &["web"], &["web1", "aweb"]),
            ("^/?web", &["/web1", "web"], &["a/web"]),
            ("web-[0-9]+$", &["web-12"], &["web-", "web-1a"]),
            ("a|^b.c$", &["xax", "bxc"], &["bc", "xbxc"]),
            ("^(ab|c)*d$", &["d", "ababd", "cabd"], &["abad", "a"]),
            ("a.*c", &["abbc"], &["cba"]),
            (r"1\.2", &["1.2"], &["1x2"]),
            ("[^a-c-]", &["d"], &["abc-"]),
            ("", &["", "x"], &[]),
        ] {
            let regex = Regex::new(pattern).unwrap();
            assert!(yes.iter().all(|text| regex.is_match(text)), "{pattern}");
            assert!(!no.iter().any(|text| regex.is_match(text)), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for pattern in ["*a", "(a", "a)", "[a", "a{2}", r"\d", "\\", "[", &"(".repeat(100)] {
            assert_eq!(Regex::new(pattern).unwrap_err(), PatternError(pattern.to_owned()));
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let regex = Regex::new("(a*)*(a*)*(a*)*b").unwrap();
        assert!(!regex.is_match(&"a".repeat(60)));
    }

    #[test]
    fn globs() {
        for (pattern, text, want) in [
            ("busy*", "busybox", true),
            ("*box", "busybox", true),
            ("b*s?ox", "busybox", false),
            ("b*y?ox", "busybox", true),
            ("*", "library/busybox", false),
            ("library/*", "library/busybox", true),
            ("a", "b", false),
            ("", "", true),
            ("**", "x", true),
        ] {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
