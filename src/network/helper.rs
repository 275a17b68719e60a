//! The network helper: one process per user that keeps the networks of all containers.
//!
//! It is in the user namespace in which containers are made, and on the host's network. It ends by itself when it has
//! had nothing to do for a while; the lock beside its socket is held then, as it is while one is started, so that
//! nobody finds one that is about to go.

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::hub::{Departure, Hub};
use super::names::Bearer;
use super::protocol::{self, LOCK, Reply, Request, SOCKET};
use crate::base::failure::Failure;
use crate::base::file::FileLock;
use crate::base::network::Endpoint;
use crate::sys::{process, socket};

/// How long a helper waits for the first connection at least.
const FIRST: Duration = Duration::from_secs(2);

/// After so long without anything to do, what only that needed is given back.
const QUIET: Duration = Duration::from_secs(1);

/// A connection's thread only waits and copies.
const STACK: usize = 256 << 10;

/// The helper.
pub struct Helper {
    directory: PathBuf,
    listener: OwnedFd,
    shared: Arc<Shared>,
    /// Readable when a connection has ended.
    ended: UnixStream,
}

/// What the threads of the connections share.
struct Shared {
    hub: Hub,
    /// The user namespace, which is handed out.
    users: OwnedFd,
    connections: AtomicUsize,
    was_used: AtomicBool,
    ended: UnixStream,
}

/// What a connection stands for.
#[derive(Default)]
struct OwnStay {
    /// Whose networks go with the connection.
    container: Option<String>,
    /// What is left to do for one that has left, once that is answered.
    departure: Option<Departure>,
}

impl Helper {
    /// Listens in `directory`, whose lock the caller holds. `users` is the user namespace that the process is in, and
    /// `former` what containers have, by their ids, of a helper that was killed.
    pub fn listen(directory: &Path, users: OwnedFd, former: Vec<(String, Endpoint)>) -> Result<Self> {
        let path = directory.join(SOCKET);
        clear(directory);
        let listener =
            socket::listen(directory, SOCKET).with_context(|| format!("listen on {}", path.display()))?;
        let (ended, tell) = UnixStream::pair().context("make a socket pair")?;
        ended.set_nonblocking(true).context("make a socket wait for nobody")?;
        tell.set_nonblocking(true).context("make a socket wait for nobody")?;
        let hub = Hub::new(directory.to_owned(), former);
        let shared = Arc::new(Shared {
            hub,
            users,
            connections: AtomicUsize::new(0),
            was_used: AtomicBool::new(false),
            ended: tell,
        });
        Ok(Self { directory: directory.to_owned(), listener, shared, ended })
    }

    /// Serves until nobody has needed it for a while.
    pub fn serve(&self) -> Result<()> {
        let mut is_trimmed = false;
        loop {
            let next = self.shared.hub.sweep();
            let is_busy = self.shared.connections.load(Ordering::SeqCst) > 0;
            let limit = if is_busy { next } else { next.or(Some(self.patience())) };
            let may_rest = is_busy && !is_trimmed && limit.is_none_or(|limit| limit > QUIET);
            let woken = self.wait(if may_rest { Some(QUIET) } else { limit })?;
            if may_rest && !woken {
                process::trim_memory();
                is_trimmed = true;
                continue;
            }
            is_trimmed &= !woken;
            while let Some(connection) = self.accept()? {
                self.shared.clone().begin(connection)?;
            }
            if !woken && self.shared.is_idle() && self.end()? {
                return Ok(());
            }
        }
    }

    /// How long an unused helper waits for somebody: the first must have time to connect, and after that the networks
    /// have waited already.
    fn patience(&self) -> Duration {
        match self.shared.was_used.load(Ordering::SeqCst) {
            true => Duration::ZERO,
            false => self.shared.hub.linger().max(FIRST),
        }
    }

    /// Waits for a connection, or for the end of one; whether there was any.
    fn wait(&self, limit: Option<Duration>) -> Result<bool> {
        let limit = limit.map(|limit| Timespec {
            tv_sec: limit.as_secs() as i64,
            // Rounded up, so that what is waited for is over then.
            tv_nsec: i64::from(limit.subsec_millis() + 1).min(999) * 1_000_000,
        });
        let mut fds = [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(&self.ended, PollFlags::IN)];
        let ready = match poll(&mut fds, limit.as_ref()) {
            Err(Errno::INTR) => 1,
            ready => ready.context("wait for connections")?,
        };
        if !fds[1].revents().is_empty() {
            while matches!(rustix::io::read(&self.ended, &mut [0; 64]), Ok(1..)) {}
        }
        Ok(ready > 0)
    }

    fn accept(&self) -> Result<Option<OwnedFd>> {
        let uid = rustix::process::getuid().as_raw();
        socket::accept(self.listener.as_fd(), uid).context("accept a connection")
    }

    /// Ends, unless somebody is about to connect.
    fn end(&self) -> Result<bool> {
        let Some(_lock) = FileLock::try_acquire(&self.directory.join(LOCK))? else { return Ok(false) };
        if let Some(connection) = self.accept()? {
            self.shared.clone().begin(connection)?;
            return Ok(false);
        }
        // Who connects in this moment sees the connection close, and starts another helper.
        let _ = fs::remove_file(self.directory.join(SOCKET));
        Ok(true)
    }
}

/// Takes away what a helper that was killed has left: all but the lock.
fn clear(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = fs::remove_dir_all(path);
        } else if entry.file_name() != LOCK {
            let _ = fs::remove_file(path);
        }
    }
}

impl Shared {
    fn is_idle(&self) -> bool {
        self.connections.load(Ordering::SeqCst) == 0 && self.hub.is_empty()
    }

    /// Serves a connection in a thread of its own.
    fn begin(self: Arc<Self>, connection: OwnedFd) -> Result<()> {
        let flags = rustix::fs::fcntl_getfl(&connection)?;
        rustix::fs::fcntl_setfl(&connection, flags.difference(rustix::fs::OFlags::NONBLOCK))?;
        self.connections.fetch_add(1, Ordering::SeqCst);
        self.was_used.store(true, Ordering::SeqCst);
        let serve = move || {
            let mut stay = OwnStay::default();
            while let Ok(Some((request, fd))) = protocol::receive(connection.as_fd()) {
                let (reply, users) = match self.answer(request, fd, &mut stay) {
                    Ok(reply @ Reply::Reserved { .. }) => (reply, Some(self.users.as_fd())),
                    Ok(reply) => (reply, None),
                    Err(error) => (Reply::Failed { failure: Failure::of(&error) }, None),
                };
                let sent = protocol::send(connection.as_fd(), &reply, users);
                self.finish(&mut stay);
                if sent.is_err() {
                    break;
                }
            }
            self.leave(&mut stay);
            self.finish(&mut stay);
            self.connections.fetch_sub(1, Ordering::SeqCst);
            // A full buffer wakes the main thread as well.
            let _ = (&self.ended).write(&[0]);
        };
        let thread = thread::Builder::new().name("connection".to_owned()).stack_size(STACK);
        thread.spawn(serve).context("start a thread").map(drop)
    }

    fn leave(&self, stay: &mut OwnStay) {
        if let Some(container) = stay.container.take() {
            stay.departure = self.hub.leave(&container);
        }
    }

    fn finish(&self, stay: &mut OwnStay) {
        if let Some(departure) = stay.departure.take() {
            self.hub.finish(&departure);
        }
    }

    /// Does what is asked over the connection whose stay is `stay`.
    fn answer(&self, request: Request, fd: Option<OwnedFd>, stay: &mut OwnStay) -> Result<Reply> {
        match request {
            Request::Reserve { container: id, networks, ports } => {
                if stay.container.is_some() {
                    bail!("this connection is a container's already");
                }
                let (endpoints, ports) = self.hub.reserve(&id, &networks, &ports)?;
                stay.container = Some(id);
                Ok(Reply::Reserved { endpoints, ports })
            }
            Request::Attach { bearer } => {
                let id = stay.container.clone().context("nothing was reserved")?;
                let namespace = fd.context("no network namespace came with the request")?;
                self.hub.attach(Bearer { id, ..bearer }, namespace)?;
                Ok(Reply::Done)
            }
            Request::Leave => {
                self.leave(stay);
                Ok(Reply::Done)
            }
            Request::Connect { container, wanted, ports } => {
                let (endpoint, ports) = self.hub.connect(&container, &wanted, &ports)?;
                Ok(Reply::Connected { endpoint: Box::new(endpoint), ports })
            }
            Request::Reload { container } => {
                self.hub.reload(&container)?;
                Ok(Reply::Done)
            }
            Request::Rename { container, name } => {
                self.hub.rename(&container, &name);
                Ok(Reply::Done)
            }
            Request::Disconnect { container, network } => {
                Ok(Reply::Disconnected { ports: self.hub.disconnect(&container, &network)? })
            }
        }
    }
}
