//! Modes as chmod(1) takes them: octal, or symbolic.

use std::str::FromStr;

/// A text is no mode.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModeError {
    #[error("invalid chmod parameter: '{0}'. it should be octal string and between 0 and 07777")]
    Number(String),
    #[error("invalid chmod parameter: '{0}'")]
    Symbol(String),
}

/// What becomes of a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeChange {
    /// It is replaced.
    Absolute(u32),
    Relative(Vec<Clause>),
}

/// One change of a symbolic mode: `u+rw`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// The bits of those whom it is about: the user's, the group's and the others' nine, and their special ones.
    who: u32,
    operator: char,
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    /// Bits for everybody, and whether `X` was among them.
    Bits { bits: u32, search: bool },
    /// The bits that one of `u`, `g`, `o` has, by how far they are shifted.
    Copy(u32),
}

const USER: u32 = 0o4700;
const GROUP: u32 = 0o2070;
const OTHERS: u32 = 0o1007;
const EXECUTE: u32 = 0o111;

impl ModeChange {
    /// The mode of a file or directory after the change.
    pub fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        match self {
            Self::Absolute(mode) => *mode,
            Self::Relative(clauses) => {
                clauses.iter().fold(mode & 0o7777, |mode, clause| clause.apply(mode, is_directory))
            }
        }
    }
}

impl Clause {
    fn apply(&self, mode: u32, is_directory: bool) -> u32 {
        let bits = match &self.what {
            What::Bits { bits, search } => {
                let search = *search && (is_directory || mode & EXECUTE != 0);
                bits | if search { EXECUTE } else { 0 }
            }
            What::Copy(shift) => ((mode >> shift) & 7) * EXECUTE,
        };
        let bits = bits & self.who;
        match self.operator {
            '+' => mode | bits,
            '-' => mode & !bits,
            // Set-id bits of a directory stay unless they are named, and the sticky bit is everybody's.
            _ => mode & !(self.who & 0o777) & !(if is_directory { 0 } else { self.who & 0o6000 }) | bits,
        }
    }
}

impl FromStr for ModeChange {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Self, ModeError> {
        if text.bytes().next().is_some_and(|first| first.is_ascii_digit()) {
            let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            return mode.map(Self::Absolute).ok_or_else(|| ModeError::Number(text.to_owned()));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            read(part, &mut clauses).ok_or_else(|| ModeError::Symbol(text.to_owned()))?;
        }
        Ok(Self::Relative(clauses))
    }
}

/// Reads `[ugoa]*` and any number of `[+-=][rwxXst]*` or `[+-=][ugo]`.
fn read(text: &str, clauses: &mut Vec<Clause>) -> Option<()> {
    let start = text.find(['+', '-', '='])?;
    let mut who = text[..start].chars().try_fold(0, |who, c| {
        Some(
            who | shift(c)
                .map(|shift| [OTHERS, GROUP, USER][shift as usize / 3])
                .or((c == 'a').then_some(0o7777))?,
        )
    })?;
    if who == 0 {
        who = 0o7777;
    }
    let mut rest = text[start..].chars().peekable();
    while let Some(operator) = rest.next() {
        let what = match rest.peek().copied().and_then(shift) {
            Some(shift) => {
                rest.next();
                What::Copy(shift)
            }
            None => bits(&mut rest, who)?,
        };
        if rest.peek().is_some_and(|c| !"+-=".contains(*c)) {
            return None;
        }
        clauses.push(Clause { who, operator, what });
    }
    Some(())
}

fn shift(who: char) -> Option<u32> {
    match who {
        'u' => Some(6),
        'g' => Some(3),
        'o' => Some(0),
        _ => None,
    }
}

fn bits(rest: &mut std::iter::Peekable<std::str::Chars>, who: u32) -> Option<What> {
    let (mut bits, mut search) = (0, false);
    while let Some(c) = rest.next_if(|c| !"+-=".contains(*c)) {
        bits |= match c {
            'r' => 0o444,
            'w' => 0o222,
            'x' => EXECUTE,
            'X' => {
                search = true;
                0
            }
            's' => who & 0o6000,
            't' => 0o1000,
            _ => return None,
        };
    }
    Some(What::Bits { bits, search })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        for (text, before, is_directory, after) in [
            ("644", 0o755, false, 0o644),
            ("0", 0o755, false, 0),
            ("4755", 0, false, 0o4755),
            ("07777", 0, true, 0o7777),
            ("u+x", 0o644, false, 0o744),
            ("+x", 0o644, false, 0o755),
            ("a-w,u+w", 0o666, false, 0o644),
            ("go=", 0o755, false, 0o700),
            ("go=u", 0o750, false, 0o777),
            ("g=o-r", 0o704, false, 0o704),
            ("u=rwX,go=rX", 0o600, false, 0o644),
            ("u=rwX,go=rX", 0o600, true, 0o755),
            ("u=rwX,go=rX", 0o700, false, 0o755),
            ("a+X", 0o100, false, 0o111),
            ("u+s", 0o755, false, 0o4755),
            ("g+s", 0o755, false, 0o2755),
            ("+t", 0o777, true, 0o1777),
            ("u=rw", 0o4755, false, 0o655),
            ("a=rx", 0o2755, true, 0o2555),
            ("u+rw-x", 0o100, false, 0o600),
        ] {
            let change: ModeChange = text.parse().unwrap();
            assert_eq!(change.apply(before, is_directory), after, "{text} {before:o}");
        }
    }

    #[test]
    fn what_is_no_mode() {
        for text in ["8", "10000", "0x1", "9999"] {
            assert_eq!(text.parse::<ModeChange>(), Err(ModeError::Number(text.to_owned())));
        }
        for text in ["", "x", "u", "u+z", "z+r", "u+r,", "u+gx", "-1"] {
            assert_eq!(text.parse::<ModeChange>(), Err(ModeError::Symbol(text.to_owned())), "{text}");
        }
    }
}
