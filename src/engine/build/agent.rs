//! `RUN --mount=type=ssh` with another owner or mode: the user's agent at a socket of the step's own.
//!
//! The agent's socket is the user's, who is root in the build. Whom a step runs its program as may not reach it, so a
//! process of the step listens for that user, and passes on what it hears.

use std::fs::Permissions;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result};

use crate::engine::namespace;
use crate::sys::clone::{self, Child, Forked, Namespaces};
use crate::sys::path::Dir;

/// The name of the socket, in a directory of its own.
const NAME: &str = "agent";

/// More connections at once than these are turned away.
const MOST_CONNECTIONS: usize = 64;

/// The process that passes on; dropped, it ends.
pub struct Relay {
    _child: Child,
}

impl Relay {
    /// Listens in `directory` for the agent at `agent`. Returns the socket's path too.
    pub fn start(
        agent: &Path,
        directory: &Path,
        (mode, uid, gid): (u32, u32, u32),
    ) -> Result<(Self, PathBuf)> {
        let attempt = || format!("listen for the agent in {}", directory.display());
        let place = Dir::open(directory).with_context(attempt)?;
        // A socket's address has no more than 108 bytes (unix(7)).
        let address = format!("/proc/self/fd/{}/{NAME}", place.as_fd().as_raw_fd());
        let listener = UnixListener::bind(&address).with_context(attempt)?;
        std::os::unix::fs::chown(&address, Some(uid), Some(gid)).with_context(attempt)?;
        std::fs::set_permissions(&address, Permissions::from_mode(mode)).with_context(attempt)?;
        match clone::clone(Namespaces::default()).context("fork")? {
            Forked::Parent(child) => Ok((Self { _child: child }, directory.join(NAME))),
            Forked::Child => {
                let served = namespace::follow_command().and_then(|()| serve(&listener, agent));
                clone::exit_now(i32::from(served.is_err()))
            }
        }
    }
}

fn serve(listener: &UnixListener, agent: &Path) -> Result<()> {
    let turn = Arc::new(());
    for client in listener.incoming() {
        let client = client.context("hear a client of the agent")?;
        if Arc::strong_count(&turn) > MOST_CONNECTIONS {
            continue;
        }
        let (turn, agent) = (Arc::clone(&turn), agent.to_owned());
        let pass_on = move || {
            let _turn = turn;
            // What cannot be passed on is closed, which is all that an agent says too.
            let _ = UnixStream::connect(agent).and_then(|agent| pass_both_ways(&client, &agent));
        };
        thread::Builder::new().spawn(pass_on).context("start a thread")?;
    }
    Ok(())
}

fn pass_both_ways(client: &UnixStream, agent: &UnixStream) -> io::Result<()> {
    fn pass(mut from: &UnixStream, mut to: &UnixStream) -> io::Result<()> {
        let passed = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)?;
        passed.map(drop)
    }
    thread::scope(|scope| {
        let answers = scope.spawn(|| pass(agent, client));
        let asked = pass(client, agent);
        answers.join().map_err(|_| io::Error::other("a thread has failed"))?.and(asked)
    })
}
