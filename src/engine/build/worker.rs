//! The processes that carry out steps: each a child of the build, with a pipe for what it answers and one for what
//! its program prints.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use serde::{Deserialize, Serialize};

use super::copy::Survey;
use crate::base::failure::Failure;
use crate::engine::namespace;
use crate::runtime::userns::UserNamespace;
use crate::store::build_cache::Made;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::signal::Signals;

/// What a worker says, one line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// What is known of the files that a step takes.
    Surveyed(Survey),
    /// The step's files are there for others to build upon; the layer is still to be stored.
    Ready,
    /// The step is done. `placed`: its directory has become the layer; else another's is.
    Stored {
        made: Made,
        placed: bool,
    },
    /// It need not be done.
    Found {
        made: Made,
    },
    /// The step's program has ended with this code.
    Exited(i32),
    Failed(Failure),
}

/// The worker's side.
pub struct Outlet {
    answers: OwnedFd,
    /// Where the step's program prints.
    pub output: OwnedFd,
}

impl Outlet {
    pub fn say(&self, answer: &Answer) -> Result<()> {
        let mut line = serde_json::to_vec(answer).context("encode an answer")?;
        line.push(b'\n');
        let mut answers = File::from(self.answers.try_clone().context("duplicate a descriptor")?);
        answers.write_all(&line).context("answer the build")
    }
}

/// The build's side. Dropped, the worker and what it started are killed.
pub struct Worker {
    child: Child,
    answers: File,
    output: File,
    /// What has been read of the next answer.
    rest: Vec<u8>,
}

/// Starts a worker, in a user namespace if there is one; it dies with this process. `work` says what comes of it.
pub fn spawn(namespace: Option<&UserNamespace>, work: impl FnOnce(&Outlet) -> Result<()>) -> Result<Worker> {
    let pipe = || rustix::pipe::pipe_with(PipeFlags::CLOEXEC).context("make a pipe");
    let ((answers, answers_in), (output, output_in)) = (pipe()?, pipe()?);
    match clone::clone(Namespaces::default()).context("fork")? {
        Forked::Parent(child) => {
            for fd in [&answers, &output] {
                rustix::fs::fcntl_setfl(fd, OFlags::NONBLOCK).context("prepare a pipe")?;
            }
            Ok(Worker { child, answers: answers.into(), output: output.into(), rest: Vec::new() })
        }
        Forked::Child => {
            drop((answers, output));
            // The build ends this child where it is asked to end, and cleans up after it.
            let _ignored = Signals::catch(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
            let outlet = Outlet { answers: answers_in, output: output_in };
            let enter = || match namespace {
                Some(namespace) => namespace::enter(namespace),
                None => namespace::follow_command(),
            };
            let done = enter().and_then(|()| work(&outlet));
            if let Err(error) = &done {
                let _ = outlet.say(&Answer::Failed(Failure::of(error)));
            }
            clone::exit_now(i32::from(done.is_err()))
        }
    }
}

impl Worker {
    /// What to wait for: answers, and what the program prints.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.answers.as_fd(), self.output.as_fd()]
    }

    /// Reads the answers that are there. `None` after the last one: the worker is at its end.
    pub fn answers(&mut self) -> Result<Option<Vec<Answer>>> {
        let is_open = drain(&mut self.answers, |bytes| self.rest.extend_from_slice(bytes))?;
        let mut answers = Vec::new();
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            answers.push(serde_json::from_slice(&line).context("understand a worker")?);
        }
        Ok((is_open || !answers.is_empty()).then_some(answers))
    }

    /// Passes on what the program has printed. False: it will print no more.
    pub fn output(&mut self, print: impl FnMut(&[u8])) -> Result<bool> {
        drain(&mut self.output, print)
    }

    /// Waits for its end.
    pub fn wait(self) -> Result<i32> {
        self.child.wait().context("wait for a worker")
    }
}

/// Reads what is there now; false at the end.
fn drain(pipe: &mut File, mut take: impl FnMut(&[u8])) -> Result<bool> {
    let mut buffer = [0; 32 << 10];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(n) => take(&buffer[..n]),
            Err(error) if error.raw_os_error() == Some(Errno::AGAIN.raw_os_error()) => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("hear from a worker"),
        }
    }
}
