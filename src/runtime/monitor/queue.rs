//! What a client has not taken yet: a little in memory, the rest in a file without a name.
//!
//! ```text
//! front (memory) ← spill (file) ← rest (memory: what the disk had no room for) ← new messages
//! ```
//!
//! A slow reader so costs neither memory nor the container's time. Only where the disk is full does anything
//! wait, and [`Queue::is_stuck`] says so.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use rustix::fs::{FallocateFlags, Mode, OFlags};

/// Bytes that wait in memory before the file takes more.
const MEMORY_LIMIT: usize = 64 << 10;

/// Bytes that are read back at once; at least one whole message.
const LOAD: usize = 2 * MEMORY_LIMIT;

/// Where queues may put what does not fit: a directory of the container.
pub type Place = Option<Rc<OwnedFd>>;

/// Messages in order.
pub struct Queue {
    place: Place,
    front: VecDeque<Vec<u8>>,
    front_size: usize,
    spill: Option<Spill>,
    rest: VecDeque<Vec<u8>>,
}

impl Queue {
    /// An empty queue that spills into `place`.
    pub fn new(place: Place) -> Self {
        Self { place, front: VecDeque::new(), front_size: 0, spill: None, rest: VecDeque::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.front.is_empty()
    }

    /// Whether more would have to be kept in memory: there is no place on disk.
    pub fn is_stuck(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Adds a message behind those that wait.
    pub fn push(&mut self, message: Vec<u8>) {
        let in_memory = self.spill.is_none() && self.rest.is_empty();
        if in_memory && (self.front.is_empty() || self.front_size + message.len() <= MEMORY_LIMIT) {
            self.front_size += message.len();
            self.front.push_back(message);
        } else if !self.rest.is_empty() || self.spill(&message).is_err() {
            self.rest.push_back(message);
        }
    }

    /// The message that is next.
    pub fn front(&self) -> Option<&[u8]> {
        self.front.front().map(Vec::as_slice)
    }

    /// Takes the next message away, and fetches more from the file when memory is empty.
    pub fn pop(&mut self) -> io::Result<()> {
        if let Some(message) = self.front.pop_front() {
            self.front_size -= message.len();
        }
        if !self.front.is_empty() {
            return Ok(());
        }
        if let Some(spill) = &mut self.spill {
            spill.load(&mut self.front)?;
            if spill.is_drained() {
                self.spill = None;
            }
        }
        if self.spill.is_none() {
            self.front.append(&mut self.rest);
        }
        self.front_size = self.front.iter().map(Vec::len).sum();
        Ok(())
    }

    fn spill(&mut self, message: &[u8]) -> io::Result<()> {
        if self.spill.is_none() {
            let place = self.place.as_ref().ok_or(ErrorKind::Unsupported)?;
            self.spill = Some(Spill::new(place)?);
        }
        let Some(spill) = &mut self.spill else { return Ok(()) };
        let appended = spill.append(message);
        if spill.is_drained() {
            self.spill = None;
        }
        appended
    }
}

/// Messages in a file that has no name: each its length in four bytes, then itself.
struct Spill {
    file: File,
    read: u64,
    written: u64,
}

impl Spill {
    fn new(place: &OwnedFd) -> io::Result<Self> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = rustix::fs::openat(place, ".", flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Self { file: file.into(), read: 0, written: 0 })
    }

    fn is_drained(&self) -> bool {
        self.read == self.written
    }

    /// Adds a message whole or, when the disk is full, not at all.
    fn append(&mut self, message: &[u8]) -> io::Result<()> {
        let size = u32::try_from(message.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let framed = [&size.to_le_bytes(), message].concat();
        self.file.write_all_at(&framed, self.written)?;
        self.written += framed.len() as u64;
        Ok(())
    }

    /// Moves the next messages to `queue` and gives their place on disk back.
    fn load(&mut self, queue: &mut VecDeque<Vec<u8>>) -> io::Result<()> {
        let size = LOAD.min(usize::try_from(self.written - self.read).unwrap_or(LOAD));
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, self.read)?;
        let mut at = 0;
        while let Some((head, tail)) = bytes[at..].split_first_chunk::<4>() {
            let size = u32::from_le_bytes(*head) as usize;
            let Some(message) = tail.get(..size) else { break };
            queue.push_back(message.to_vec());
            at += 4 + size;
        }
        // Not every filesystem can do this: there the place comes back at the end.
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = rustix::fs::fallocate(&self.file, punch, self.read, at as u64);
        self.read += at as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn place(path: &std::path::Path) -> Place {
        Some(Rc::new(File::open(path).unwrap().into()))
    }

    fn message(number: u32) -> Vec<u8> {
        number.to_le_bytes().repeat(4096)
    }

    #[test]
    fn order_is_kept_through_memory_and_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut queue = Queue::new(place(directory.path()));
        let (mut next, mut taken) = (0, 0);
        // Three in, two out, for a while: the file is filled, drained in part, filled again.
        for round in 0..200 {
            for _ in 0..3 {
                queue.push(message(next));
                next += 1;
            }
            for _ in 0..if round < 100 { 2 } else { 4 } {
                assert_eq!(queue.front(), Some(&message(taken)[..]));
                queue.pop().unwrap();
                taken += 1;
            }
            let in_memory: usize = queue.front.iter().map(Vec::len).sum();
            assert!(in_memory <= LOAD && queue.rest.is_empty(), "{in_memory}");
            if let Some(spill) = &queue.spill {
                let on_disk = spill.file.metadata().unwrap().blocks() * 512;
                let given_back = spill.read < 2 << 20 || on_disk < spill.written - spill.read / 2;
                assert!(given_back, "{on_disk} of {}", spill.written);
            }
        }
        assert!(queue.spill.is_none(), "drained");
        while queue.front().is_some() {
            assert_eq!(queue.front(), Some(&message(taken)[..]));
            queue.pop().unwrap();
            taken += 1;
        }
        assert_eq!(taken, next);
    }

    #[test]
    fn without_a_place_it_is_stuck_and_loses_nothing() {
        let mut queue = Queue::new(None);
        for number in 0..10 {
            queue.push(message(number));
        }
        assert!(queue.is_stuck());
        for number in 0..10 {
            assert_eq!(queue.front(), Some(&message(number)[..]));
            queue.pop().unwrap();
        }
        assert!(queue.is_empty() && !queue.is_stuck());
    }
}
