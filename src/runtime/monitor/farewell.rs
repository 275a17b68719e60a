//! Clients of a run that is over, between two runs of a container or after the last.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::client::Client;
use crate::sys::signal::Signals;

/// How long a client of a container that has ended may take nothing: long enough for who reads it page by page.
const PATIENCE: Duration = Duration::from_secs(600);

/// Clients of a container that has ended, until they have taken all that was for them.
pub struct Farewell {
    pub(super) clients: Vec<Client>,
    pub(super) listener: Option<OwnedFd>,
}

/// What ended a [`Farewell::rest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Woken {
    /// The time is over.
    Rested,
    /// Somebody asks to look again at what is wanted of the container.
    Asked,
    /// The supervisor was told to end.
    ToldToEnd,
}

impl Farewell {
    /// Lets nobody come any more, and waits until everybody has all that was for them or has given up reading.
    pub fn wait(self) {
        self.wait_with(PATIENCE);
    }

    fn wait_with(mut self, patience: Duration) {
        drop(self.listener.take());
        let begun = Instant::now();
        let end = |client: &Client| client.waits_since().max(begun) + patience;
        while let Some(next) = self.clients.iter().map(end).min() {
            let left = next.saturating_duration_since(Instant::now());
            let Ok(left) = Timespec::try_from(left) else { return };
            let mut fds = self.poll_set();
            if !matches!(poll(&mut fds, Some(&left)), Ok(_) | Err(Errno::INTR)) {
                return;
            }
            drop(fds);
            self.flush();
            let now = Instant::now();
            self.clients.retain(|client| end(client) > now);
        }
    }

    /// Rests until a moment or a signal. Who connects meanwhile waits for the next run.
    pub fn rest(&mut self, signals: &Signals, until: Instant) -> Result<Woken> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Woken::Rested);
            }
            let left = Timespec::try_from(left).context("count the time to rest")?;
            let mut fds = self.poll_set();
            fds.push(PollFd::new(signals, PollFlags::IN));
            match poll(&mut fds, Some(&left)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait to start the container again"),
            }
            drop(fds);
            self.flush();
            match signals.next().context("read signals")? {
                None => {}
                Some(libc::SIGTERM) => return Ok(Woken::ToldToEnd),
                Some(_) => return Ok(Woken::Asked),
            }
        }
    }

    fn poll_set(&self) -> Vec<PollFd<'_>> {
        self.clients.iter().map(|client| PollFd::new(&client.socket, PollFlags::OUT)).collect()
    }

    fn flush(&mut self) {
        self.clients.iter_mut().for_each(Client::flush);
        self.clients.retain(|client| !client.has_all());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::monitor::Ties;
    use crate::runtime::protocol::{CHUNK, Event, Taking};
    use crate::sys::socket;
    use std::os::fd::AsFd;

    const MESSAGES: usize = 40;

    /// A client that is leaving with more than its socket takes, and its other end.
    fn leaving() -> (Client, OwnedFd) {
        let (ours, theirs) = socket::pair().unwrap();
        socket::never_block(ours.as_fd()).unwrap();
        let mut client = Client::new(ours, Taking::default(), Ties::default(), None);
        for _ in 0..MESSAGES {
            client.tell(Event::Stdout(&[b'x'; CHUNK]).encode());
        }
        client.leave(7);
        assert!(!client.has_all());
        (client, theirs)
    }

    fn take(end: &OwnedFd) -> Option<i32> {
        let mut buffer = vec![0; CHUNK + 16];
        let n = socket::receive(end.as_fd(), &mut buffer).unwrap();
        match Event::decode(&buffer[..n]).unwrap() {
            Event::Exited(code) => Some(code),
            _ => None,
        }
    }

    #[test]
    fn who_reads_gets_everything_and_who_does_not_is_given_up() {
        let ((slow, slow_end), (stuck, stuck_end)) = (leaving(), leaving());
        let farewell = Farewell { clients: vec![stuck, slow], listener: None };
        let reader = std::thread::spawn(move || {
            for _ in 0..MESSAGES {
                std::thread::sleep(Duration::from_millis(2));
                assert_eq!(take(&slow_end), None);
            }
            assert_eq!(take(&slow_end), Some(7));
        });
        farewell.wait_with(Duration::from_millis(900));
        reader.join().unwrap();
        // What was on its way is still there, then nothing.
        let (mut taken, mut buffer) = (0, vec![0; CHUNK + 16]);
        while socket::receive(stuck_end.as_fd(), &mut buffer).unwrap() > 0 {
            taken += 1;
        }
        assert!(taken < MESSAGES, "{taken}");
    }

    #[test]
    fn patience_begins_anew_with_every_message_taken() {
        let (mut client, end) = leaving();
        let before = client.waits_since();
        client.flush();
        assert_eq!(client.waits_since(), before, "nothing was taken");
        while !client.has_all() {
            take(&end);
            client.flush();
        }
        assert!(client.waits_since() > before);
    }
}
