//! The patterns of `${name#pattern}` and its like: `*`, `?`, and `\` before them and itself.
//!
//! A wildcard stands for no line break, as in BuildKit, which makes a regular expression of it.

use super::{ExpandError, LIMIT, Result, error};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Any,
    One,
    Literal(char),
}

/// A pattern, part by part.
#[derive(Debug)]
pub struct Pattern(Vec<Part>);

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Self> {
        let mut rest = text.chars().peekable();
        let mut parts = Vec::new();
        while let Some(character) = rest.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                // The escape that kept the character from ending the pattern.
                '\\' if matches!(rest.peek(), Some('}' | '/')) => continue,
                '\\' => match rest.next() {
                    Some(escaped @ ('*' | '?' | '\\')) => Part::Literal(escaped),
                    other => {
                        let shown: String = other.into_iter().collect();
                        return error(format!(
                            "invalid pattern ({text}) in substitution: invalid escape '\\{shown}'"
                        ));
                    }
                },
                literal => Part::Literal(literal),
            });
        }
        Ok(Self(parts))
    }

    /// The pattern that matches a reversed text.
    pub fn reversed(mut self) -> Self {
        self.0.reverse();
        self
    }

    /// How many characters at the start of `text` match, at most or at least; `None` if it does not match.
    pub fn prefix(&self, text: &[char], longest: bool, steps: &mut usize) -> Result<Option<usize>> {
        // The places in the pattern that the characters read so far can have led to.
        let mut here = vec![false; self.0.len() + 1];
        here[0] = true;
        let mut found = None;
        for at in 0..=text.len() {
            self.skip_stars(&mut here);
            if here[self.0.len()] {
                found = Some(at);
                if !longest {
                    break;
                }
            }
            let (Some(&character), true) = (text.get(at), here.contains(&true)) else { break };
            let cost = here.len();
            *steps = steps.checked_sub(cost).ok_or_else(too_long)?;
            here = self.step(&here, character);
        }
        Ok(found)
    }

    /// A star may stand for nothing.
    fn skip_stars(&self, here: &mut [bool]) {
        for (at, part) in self.0.iter().enumerate() {
            if here[at] && *part == Part::Any {
                here[at + 1] = true;
            }
        }
    }

    fn step(&self, here: &[bool], character: char) -> Vec<bool> {
        let mut next = vec![false; here.len()];
        for (at, part) in self.0.iter().enumerate().filter(|(at, _)| here[*at]) {
            match part {
                Part::Any if character != '\n' => next[at] = true,
                Part::One if character != '\n' => next[at + 1] = true,
                Part::Literal(literal) if *literal == character => next[at + 1] = true,
                _ => {}
            }
        }
        next
    }

    /// `text` with the first match replaced, or every one; a match is as long as can be.
    pub fn replace(
        &self,
        text: &[char],
        replacement: &str,
        everywhere: bool,
        steps: &mut usize,
    ) -> Result<String> {
        let mut result = String::new();
        let (mut at, mut done, mut after_match) = (0, false, false);
        while at <= text.len() {
            if result.len() > LIMIT {
                return Err(too_long());
            }
            let matched = if done { None } else { self.prefix(&text[at..], true, steps)? };
            // Nothing is found right behind what was found before.
            let matched = matched.filter(|&length| length > 0 || !after_match);
            if let Some(length) = matched {
                result.push_str(replacement);
                done = !everywhere;
                at += length;
                after_match = length > 0;
                if length > 0 {
                    continue;
                }
            }
            after_match = false;
            result.extend(text.get(at));
            at += 1;
        }
        Ok(result)
    }
}

fn too_long() -> ExpandError {
    ExpandError("the pattern takes too long to match".to_owned())
}
