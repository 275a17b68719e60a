//! The systemd journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram per entry.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::{Piece, Stream, pieces};

/// Where the journal listens.
pub const SOCKET: &str = "/run/systemd/journal/socket";

/// A connection to the journal.
pub struct Journal {
    path: PathBuf,
    socket: UnixDatagram,
    /// The fields that every entry carries, encoded.
    fields: Vec<u8>,
    message: Vec<u8>,
    /// What it had no room for yet.
    waiting: VecDeque<u8>,
}

impl Journal {
    /// Connects; every entry will carry `fields`.
    pub fn connect(path: impl AsRef<Path>, fields: &BTreeMap<String, String>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let mut encoded = Vec::new();
        for (name, value) in fields {
            encode(name, value.as_bytes(), &mut encoded);
        }
        Ok(Self {
            socket: open(&path)?,
            path,
            fields: encoded,
            message: Vec::new(),
            waiting: VecDeque::new(),
        })
    }

    /// Sends an entry, or keeps it behind those that wait.
    pub fn send(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        if self.waiting.is_empty() {
            match self.try_send(piece) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                sent => return sent,
            }
        }
        pieces::encode(piece, &mut self.waiting);
        Ok(())
    }

    /// Whether entries wait.
    pub fn is_stuck(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Sends what waits, as far as there is room. What cannot be sent at all is lost.
    pub fn flush(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut rest = &*waiting.make_contiguous();
        while let Some((piece, after)) = pieces::decode(rest) {
            let sent = self.try_send(&piece);
            if sent.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
                break;
            }
            rest = after;
        }
        let left = rest.len();
        waiting.drain(..waiting.len() - left);
        self.waiting = waiting;
    }

    /// Sends an entry now. A journal that was restarted is connected to again.
    fn try_send(&mut self, piece: &Piece<'_>) -> io::Result<()> {
        self.message.clear();
        self.message.extend_from_slice(&self.fields);
        encode("MESSAGE", piece.text, &mut self.message);
        // Docker's: informational and error.
        let priority: &[u8] = if piece.stream == Stream::Stdout { b"6" } else { b"3" };
        encode("PRIORITY", priority, &mut self.message);
        if !piece.whole {
            encode("CONTAINER_PARTIAL_MESSAGE", b"true", &mut self.message);
        }
        match self.socket.send(&self.message) {
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotConnected) => {
                self.socket = open(&self.path)?;
                self.socket.send(&self.message).map(drop)
            }
            sent => sent.map(drop),
        }
    }

    /// The descriptor of the connection.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn open(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Appends a field in the form that takes any value.
fn encode(name: &str, value: &[u8], to: &mut Vec<u8>) {
    to.extend_from_slice(name.as_bytes());
    to.push(b'\n');
    to.extend_from_slice(&(value.len() as u64).to_le_bytes());
    to.extend_from_slice(value);
    to.push(b'\n');
}

/// Makes a label's or a variable's name one of the journal's: upper case letters, digits, underscores, the first
/// of which is not an underscore. None if nothing is left.
pub fn field_name(name: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let field: String = name.chars().map(plain).skip_while(|c| *c == '_').collect();
    (!field.is_empty()).then_some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_as_the_journal_takes_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let server = UnixDatagram::bind(&path).unwrap();
        let fields = BTreeMap::from([("CONTAINER_NAME".to_owned(), "web".to_owned())]);
        let mut journal = Journal::connect(&path, &fields).unwrap();
        let time = jiff::Timestamp::UNIX_EPOCH;
        let mut piece = Piece { stream: Stream::Stderr, time, text: b"a\nb", whole: false };
        journal.send(&piece).unwrap();
        let mut buffer = [0; 512];
        let size = server.recv(&mut buffer).unwrap();
        let want = b"CONTAINER_NAME\n\x03\0\0\0\0\0\0\0web\nMESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n\
                     PRIORITY\n\x01\0\0\0\0\0\0\x003\nCONTAINER_PARTIAL_MESSAGE\n\x04\0\0\0\0\0\0\0true\n";
        assert_eq!(&buffer[..size], want);
        // The journal is restarted.
        drop(server);
        std::fs::remove_file(&path).unwrap();
        assert!(journal.send(&piece).is_err());
        let server = UnixDatagram::bind(&path).unwrap();
        piece.whole = true;
        journal.send(&piece).unwrap();
        assert_eq!(server.recv(&mut buffer).unwrap(), size - 39);
    }

    #[test]
    fn a_journal_that_takes_nothing_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let server = UnixDatagram::bind(&path).unwrap();
        let mut journal = Journal::connect(&path, &BTreeMap::new()).unwrap();
        let mut sent = 0;
        let mut send = |journal: &mut Journal| {
            sent += 1;
            let text = sent.to_string();
            let (time, stream) = (jiff::Timestamp::UNIX_EPOCH, Stream::Stdout);
            journal.send(&Piece { stream, time, text: text.as_bytes(), whole: true }).unwrap();
        };
        while !journal.is_stuck() {
            send(&mut journal);
        }
        send(&mut journal);
        journal.flush();
        assert!(journal.is_stuck());
        server.set_nonblocking(true).unwrap();
        let mut buffer = [0; 512];
        for number in 1..=sent {
            let size = server.recv(&mut buffer).unwrap();
            let mut want = Vec::new();
            encode("MESSAGE", number.to_string().as_bytes(), &mut want);
            assert!(buffer[..size].starts_with(&want), "{number}");
            journal.flush();
        }
        assert!(!journal.is_stuck());
    }

    #[test]
    fn names_of_fields() {
        for (name, want) in [("com.example/a-b1", Some("COM_EXAMPLE_A_B1")), ("__x", Some("X")), ("..", None)]
        {
            assert_eq!(field_name(name).as_deref(), want);
        }
    }
}
