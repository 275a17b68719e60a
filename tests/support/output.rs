//! What a finished command said, and exact questions about it.

use std::process::ExitStatus;

use serde_json::Value;

/// Exit status and both streams of a finished command. The assertions name the command and show everything
/// it said when they do not hold, and give the output back so that they can be chained.
#[must_use = "assert the exit code with .code(n) or .success()"]
#[derive(Debug)]
pub struct Output {
    pub command: String,
    pub status: ExitStatus,
    pub bytes: Vec<u8>,
    pub stderr: String,
}

impl Output {
    /// The exit code; a death by signal counts as 128 and the signal, as in a shell.
    pub fn exit_code(&self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or_default())
    }

    /// Standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Standard output without the line end, for commands that say one thing.
    pub fn line(&self) -> String {
        self.out().trim_end().to_owned()
    }

    /// Standard output by lines.
    pub fn lines(&self) -> Vec<String> {
        self.out().lines().map(str::to_owned).collect()
    }

    /// Standard output as one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| self.fail(&format!("not JSON: {error}")))
    }

    #[track_caller]
    pub fn code(&self, want: i32) -> &Self {
        if self.exit_code() != want {
            self.fail(&format!("exit code {} instead of {want}", self.exit_code()));
        }
        self
    }

    #[track_caller]
    pub fn success(&self) -> &Self {
        self.code(0)
    }

    #[track_caller]
    pub fn stdout(&self, want: &str) -> &Self {
        if self.out() != want {
            self.fail(&format!("standard output is not {want:?}"));
        }
        self
    }

    #[track_caller]
    pub fn stderr(&self, want: &str) -> &Self {
        if self.stderr != want {
            self.fail(&format!("standard error is not {want:?}"));
        }
        self
    }

    #[track_caller]
    pub fn stdout_has(&self, want: &str) -> &Self {
        if !self.out().contains(want) {
            self.fail(&format!("standard output lacks {want:?}"));
        }
        self
    }

    #[track_caller]
    pub fn stdout_lacks(&self, unwanted: &str) -> &Self {
        if self.out().contains(unwanted) {
            self.fail(&format!("standard output has {unwanted:?}"));
        }
        self
    }

    #[track_caller]
    pub fn stderr_has(&self, want: &str) -> &Self {
        if !self.stderr.contains(want) {
            self.fail(&format!("standard error lacks {want:?}"));
        }
        self
    }

    #[track_caller]
    pub fn stderr_lacks(&self, unwanted: &str) -> &Self {
        if self.stderr.contains(unwanted) {
            self.fail(&format!("standard error has {unwanted:?}"));
        }
        self
    }

    /// The promise about bad input: one clear line, and perhaps a hint; no panic, no chain over many lines.
    #[track_caller]
    pub fn one_clear_line(&self) -> &Self {
        let lines: Vec<&str> = self.stderr.lines().filter(|line| !line.is_empty()).collect();
        let errors = lines.iter().filter(|line| !is_accompanying(line)).count();
        if errors != 1 || self.stderr.contains("panicked at") || self.stderr.contains("RUST_BACKTRACE") {
            self.fail("the error is not one clear line");
        }
        self
    }

    /// Like [`Self::one_clear_line`], where silence is as good.
    #[track_caller]
    pub fn one_clear_line_or_nothing(&self) -> &Self {
        if self.stderr.is_empty() { self } else { self.one_clear_line() }
    }

    #[track_caller]
    pub fn fail(&self, what: &str) -> ! {
        panic!(
            "{what}\n  command: {}\n  exit code: {}\n--- stdout\n{}--- stderr\n{}---",
            self.command,
            self.exit_code(),
            self.out(),
            self.stderr
        )
    }
}

/// Lines that docker prints around an error, and ours that says how to mend it.
fn is_accompanying(line: &str) -> bool {
    [
        "hint:",
        "Preparing ",
        "Run '",
        "Usage:",
        "Unable to find image",
        "WARNING:",
        "Error: failed to start containers:",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line.contains(": Pulling from ")
        || line.ends_with(": Pulling fs layer")
        || line.ends_with(": Waiting")
}
