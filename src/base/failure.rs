//! An error on its way to another process.

use anyhow::anyhow;
use serde::{Deserialize, Serialize};

use super::exit::{self, ExitWith};
use super::hint::{self, HintExt};

/// Longer ones are cut.
const LIMIT: usize = 8 << 10;

/// What the other side needs to report an error: exit code, text, hint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub code: u8,
    pub text: String,
    pub hint: String,
}

impl Failure {
    /// The engine's code, of an error that has none of its own.
    pub const NO_CODE: u8 = 125;

    /// Takes an error apart.
    pub fn of(error: &anyhow::Error) -> Self {
        Self {
            code: exit::find(error).unwrap_or(Self::NO_CODE),
            text: format!("{error:#}"),
            hint: hint::find(error).unwrap_or_default().to_owned(),
        }
    }

    /// The same for what keeps a program from its start, whose code is docker's for the cause.
    pub fn of_start(error: &anyhow::Error) -> Self {
        let failure = Self::of(error);
        Self { code: exit::of_start(error).unwrap_or(failure.code), ..failure }
    }

    /// The error again.
    pub fn into_error(self) -> anyhow::Error {
        let error = anyhow::Error::new(ExitWith::new(self.code, anyhow!(self.text)));
        if self.hint.is_empty() {
            return error;
        }
        match Err::<(), _>(error).hint(|| self.hint) {
            Err(error) => error,
            Ok(()) => unreachable!("an error stays one"),
        }
    }

    /// One byte for the code, then the text and the hint with a zero between them.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.code];
        bytes.extend_from_slice(self.text.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(self.hint.as_bytes());
        bytes.truncate(LIMIT);
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Self {
        let (&code, rest) = bytes.split_first().unwrap_or((&125, &[]));
        let mut parts = rest.splitn(2, |&byte| byte == 0);
        let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
        Self { code, text: text(), hint: text() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_keep_code_and_hint() {
        let failure = Failure { code: 126, text: "a: b".into(), hint: "c".into() };
        assert_eq!(Failure::decode(&failure.encode()), failure);
        let error = failure.into_error();
        assert_eq!(
            (format!("{error:#}"), exit::find(&error), hint::find(&error)),
            ("a: b".into(), Some(126), Some("c"))
        );
        assert_eq!(Failure::of(&anyhow!("b").context("a")).code, 125);
    }
}
