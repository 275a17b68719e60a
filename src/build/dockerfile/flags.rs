//! The flags of an instruction: which there are, and what is said of those that are not.

use crate::base::nearest;
use crate::build::diagnostic::Problem;

type Result<T> = std::result::Result<T, Problem>;

/// The flags of one instruction, taken one after the other by their names.
#[derive(Debug)]
pub struct Flags<'a> {
    given: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Flags<'a> {
    /// Takes `--name` and `--name=value`; `known` are the names there are, those of `repeated` more than once.
    pub fn new(flags: &'a [String], known: &[&str], repeated: &[&str]) -> Result<Self> {
        let mut given: Vec<(&str, Option<&str>)> = Vec::new();
        for flag in flags {
            let text = flag.strip_prefix("--").unwrap_or(flag);
            let (name, value) =
                text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
            if !known.contains(&name) && !repeated.contains(&name) {
                let near = nearest::nearest(name, known.iter().chain(repeated).copied());
                return Err(Problem::at(&format!("--{name}"), format!("unknown flag: --{name}")).meant(near));
            }
            if !repeated.contains(&name) && given.iter().any(|(other, _)| *other == name) {
                return Err(Problem::at(&format!("--{name}"), format!("duplicate flag specified: --{name}")));
            }
            given.push((name, value));
        }
        Ok(Self { given })
    }

    fn find(&self, name: &str) -> Option<Option<&'a str>> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, value)| *value)
    }

    /// A flag's value.
    pub fn text(&self, name: &str) -> Result<Option<String>> {
        match self.find(name) {
            None => Ok(None),
            Some(Some(value)) => Ok(Some(value.to_owned())),
            Some(None) => Err(missing(name)),
        }
    }

    /// All values of a flag that may be repeated.
    pub fn texts(&self, name: &str) -> Result<Vec<String>> {
        let given = self.given.iter().filter(|(given, _)| *given == name);
        given.map(|(_, value)| value.map(str::to_owned).ok_or_else(|| missing(name))).collect()
    }

    /// Whether a flag is on: `--name`, `--name=true`, `--name=false`; `None` if it is not there.
    pub fn switch(&self, name: &str) -> Result<Option<bool>> {
        match self.find(name) {
            None => Ok(None),
            Some(None) => Ok(Some(true)),
            Some(Some("")) => Err(missing(name)),
            Some(Some(value)) if value.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Some(value)) if value.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(Some(value)) => {
                let message = format!("expecting boolean value for flag --{name}, not: {value}");
                Err(Problem::at(&format!("--{name}"), message))
            }
        }
    }

    /// One of several words.
    pub fn choice(&self, name: &str, words: &[&str]) -> Result<Option<String>> {
        let Some(value) = self.text(name)? else { return Ok(None) };
        if words.contains(&value.as_str()) {
            return Ok(Some(value));
        }
        let near = nearest::nearest(&value, words.iter().copied());
        let message = format!("{name} {value:?} is not valid");
        let problem = Problem::at(&format!("--{name}"), message).meant(near);
        Err(problem)
    }
}

fn missing(name: &str) -> Problem {
    Problem::at(&format!("--{name}"), format!("missing a value on flag: --{name}"))
}
