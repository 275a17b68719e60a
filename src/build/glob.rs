//! Patterns for paths: those of `COPY`, which are Go's, and those of `.dockerignore`, which have `**` besides.
//!
//! Source: Go `path/filepath.Match`; moby `patternmatcher`, which translates a pattern into a regular expression.
//! Patterns and names are strangers', so matching takes time in proportion to both and never more.

/// A pattern is not one: Go's `filepath.ErrBadPattern`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("syntax error in pattern {0:?}")]
pub struct BadPattern(pub String);

/// What `**` means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stars {
    /// The same as `*`.
    Flat,
    /// Any number of directories.
    Deep,
}

/// One pattern, read.
#[derive(Clone, Debug)]
pub struct Glob {
    kind: Kind,
}

/// Three shapes are compared and not matched, and one of them differs: `**x` is every path that ends in `x`, within a
/// name too.
#[derive(Clone, Debug)]
enum Kind {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Tokens(Vec<Token>),
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Literal(char),
    /// Any character but `/`.
    One,
    /// Any number of them.
    Run,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Nothing, or directories with the `/` after them: this and the next token, which is [`Token::Within`].
    Directories,
    Within,
    /// Whatever is left.
    Rest,
}

/// Whether a path has characters in it that make it a pattern.
pub fn is_pattern(path: &str) -> bool {
    let mut rest = path.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '*' | '?' | '[' => return true,
            _ => {}
        }
    }
    false
}

impl Glob {
    /// Reads a pattern.
    pub fn new(pattern: &str, stars: Stars) -> Result<Self, BadPattern> {
        let kind = read(pattern, stars).ok_or_else(|| BadPattern(pattern.to_owned()))?;
        Ok(Self { kind })
    }

    /// Whether it matches the whole of a path.
    pub fn matches(&self, path: &str) -> bool {
        match &self.kind {
            Kind::Exact(text) => path == text,
            Kind::Prefix(text) => path.starts_with(text.as_str()),
            Kind::Suffix(text) => path.ends_with(text.as_str()) || text.strip_prefix('/') == Some(path),
            Kind::Tokens(tokens) => run(tokens, path),
        }
    }
}

fn read(pattern: &str, stars: Stars) -> Option<Kind> {
    let mut rest = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(c) = rest.next() {
        match c {
            '*' if stars == Stars::Deep && rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                match rest.peek() {
                    None => tokens.push(Token::Rest),
                    Some(_) => tokens.extend([Token::Directories, Token::Within]),
                }
            }
            '*' => tokens.push(Token::Run),
            '?' => tokens.push(Token::One),
            '[' => tokens.push(class(&mut rest)?),
            '\\' => tokens.push(Token::Literal(rest.next()?)),
            literal => tokens.push(Token::Literal(literal)),
        }
    }
    Some(shape(tokens, pattern))
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars>) -> Option<Token> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let first = class_char(rest)?;
        let last = match rest.next_if_eq(&'-') {
            Some(_) => class_char(rest)?,
            None => first,
        };
        ranges.push((first, last));
    }
}

fn class_char(rest: &mut std::iter::Peekable<std::str::Chars>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        c => Some(c),
    }
}

/// Finds the patterns that need no matching.
fn shape(tokens: Vec<Token>, pattern: &str) -> Kind {
    let text = |tokens: &[Token]| {
        let literal = |token: &Token| match token {
            Token::Literal(c) => Some(*c),
            _ => None,
        };
        tokens.iter().map(literal).collect::<Option<String>>()
    };
    let kind = match &tokens[..] {
        [Token::Rest] => Some(Kind::Prefix(String::new())),
        [before @ .., Token::Rest] => text(before).map(Kind::Prefix),
        // What follows the stars, with the `/` after them.
        [Token::Directories, Token::Within, after @ ..] if !pattern.contains('\\') => {
            text(after).map(|_| Kind::Suffix(pattern[2..].to_owned()))
        }
        all => text(all).map(Kind::Exact),
    };
    kind.unwrap_or(Kind::Tokens(tokens))
}

/// Follows all ways through the tokens at once, a character at a time.
fn run(tokens: &[Token], path: &str) -> bool {
    let mut now = vec![false; tokens.len() + 1];
    let mut next = now.clone();
    reach(tokens, &mut now, 0);
    for c in path.chars() {
        next.fill(false);
        for at in (0..tokens.len()).filter(|at| now[*at]) {
            match &tokens[at] {
                Token::Literal(literal) if *literal == c => reach(tokens, &mut next, at + 1),
                Token::One if c != '/' => reach(tokens, &mut next, at + 1),
                Token::Run if c != '/' => reach(tokens, &mut next, at),
                Token::Class { negated, ranges }
                    if ranges.iter().any(|(first, last)| (first..=last).contains(&&c)) != *negated =>
                {
                    reach(tokens, &mut next, at + 1);
                }
                Token::Within => {
                    reach(tokens, &mut next, at);
                    if c == '/' {
                        reach(tokens, &mut next, at + 1);
                    }
                }
                Token::Rest => reach(tokens, &mut next, at),
                _ => {}
            }
        }
        std::mem::swap(&mut now, &mut next);
    }
    now[tokens.len()]
}

/// Marks a place among the tokens, and those that are reached from it by nothing.
fn reach(tokens: &[Token], places: &mut [bool], at: usize) {
    if std::mem::replace(&mut places[at], true) {
        return;
    }
    match tokens.get(at) {
        Some(Token::Run | Token::Rest) => reach(tokens, places, at + 1),
        Some(Token::Directories) => {
            reach(tokens, places, at + 1);
            reach(tokens, places, at + 2);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Go's tests of `filepath.Match`; `None` is a bad pattern.
    #[test]
    fn flat() {
        for (pattern, path, want) in [
            ("abc", "abc", Some(true)),
            ("*", "abc", Some(true)),
            ("*c", "abc", Some(true)),
            ("a*", "a", Some(true)),
            ("a*", "ab/c", Some(false)),
            ("a*/b", "abc/b", Some(true)),
            ("a*/b", "a/c/b", Some(false)),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", Some(true)),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", Some(false)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Some(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Some(false)),
            ("ab[c]", "abc", Some(true)),
            ("ab[b-d]", "abc", Some(true)),
            ("ab[e-g]", "abc", Some(false)),
            ("ab[^c]", "abc", Some(false)),
            ("ab[^e-g]", "abc", Some(true)),
            ("a\\*b", "a*b", Some(true)),
            ("a\\*b", "ab", Some(false)),
            ("a?b", "a☺b", Some(true)),
            ("a[^a]b", "a☺b", Some(true)),
            ("a???b", "a☺b", Some(false)),
            ("[a-ζ]*", "α", Some(true)),
            ("*[a-ζ]", "A", Some(false)),
            ("a?b", "a/b", Some(false)),
            ("a*b", "a/b", Some(false)),
            ("[\\]a]", "]", Some(true)),
            ("[\\-]", "-", Some(true)),
            ("[x\\-]", "z", Some(false)),
            ("[]a]", "]", None),
            ("[-]", "-", None),
            ("[x-]", "x", None),
            ("[-x]", "x", None),
            ("\\", "a", None),
            ("[a-b-c]", "a", None),
            ("[", "a", None),
            ("[^bc", "a", None),
            ("a[", "ab", None),
            ("*x", "xxx", Some(true)),
            ("**", "a/b", Some(false)),
            ("**", "ab", Some(true)),
        ] {
            let got = Glob::new(pattern, Stars::Flat).ok().map(|glob| glob.matches(path));
            assert_eq!(got, want, "{pattern} {path}");
        }
    }

    /// From the tests of moby's `patternmatcher`.
    #[test]
    fn deep() {
        for (pattern, path, want) in [
            ("**", "file", true),
            ("**", "dir/file", true),
            ("**/**", "dir/file", true),
            ("dir/**", "dir/dir2/file", true),
            ("abc/**", "abc", false),
            ("**/dir", "dir", true),
            ("**/dir2/*", "dir/dir2/file", true),
            ("**/dir2/**", "dir/dir2/dir3/file", true),
            ("**file", "dir/dir/file", true),
            ("**file", "afile", true),
            ("**/file", "afile", false),
            ("**/file*", "dir/dir/file.txt", true),
            ("**/file*txt", "dir/dir/file.txt", true),
            ("**/**/*.txt", "dir/dir/file.txt", true),
            ("**/**/*.txt2", "dir/dir/file.txt", false),
            ("**/**/*.txt", "file.txt", true),
            ("a**/*.txt", "a/file.txt", true),
            ("a**/*.txt", "a/dir/dir/file.txt", true),
            ("a/*.txt", "a/dir/file.txt", false),
            ("a/*.txt**", "a/file.txt", true),
            ("a[b-d]e", "ace", true),
            ("a[b-d]e", "aae", false),
            ("a[^b-d]e", "aze", true),
            (".*", ".foo", true),
            (".*", "foo", false),
            ("abc.def", "abcZdef", false),
            ("abc?def", "abcZdef", true),
            ("**/foo/bar", "foo/bar", true),
            ("**/foo/bar", "dir/dir2/foo/bar", true),
            ("**/.foo", "bar.foo", false),
            ("a(b)c/def", "a(b)c/def", true),
            ("a.|)$(}+{bc", "a.|)$(}+{bc", true),
            ("a\\\\", "a\\", true),
            ("a\\*b", "a*b", true),
            ("**/a\\*", "x/a*", true),
        ] {
            assert_eq!(Glob::new(pattern, Stars::Deep).unwrap().matches(path), want, "{pattern} {path}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let glob = Glob::new(&"*a".repeat(500), Stars::Flat).unwrap();
        assert!(!glob.matches(&"a".repeat(400)));
    }

    #[test]
    fn what_is_a_pattern() {
        for (path, want) in
            [("a/b", false), ("a\\*", false), ("a*", true), ("[x]", true), ("a?", true), ("\\", false)]
        {
            assert_eq!(is_pattern(path), want, "{path}");
        }
    }
}
