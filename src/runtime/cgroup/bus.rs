//! As much of D-Bus as it takes to ask systemd for a scope: a few calls and one signal over a local socket.
//!
//! The wire format is that of the D-Bus specification, "Message Protocol"; credentials are those that the kernel
//! attests (`EXTERNAL` without a name). Everything is little-endian, as the machines are that coracle is built for,
//! and every message is bounded.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// No message that is meant for us is longer.
const MESSAGE_LIMIT: usize = 1 << 20;

/// Kinds of messages.
const CALL: u8 = 1;
const ANSWER: u8 = 2;
const ERROR: u8 = 3;
const SIGNAL: u8 = 4;

/// A call of a method.
pub struct Call<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
    /// The types of what is in `body`.
    pub signature: &'a str,
    pub body: Body,
}

/// What has arrived.
#[derive(Debug, Default)]
pub struct Message {
    pub kind: u8,
    /// The serial number of the call that it answers.
    pub answers: u32,
    /// The name of an error, or of a signal.
    pub name: String,
    pub body: Vec<u8>,
}

/// A connection.
pub struct Bus {
    stream: UnixStream,
    serial: u32,
    /// What goes out at once: every way to the daemon and back costs two changes of process at least.
    unsent: Vec<u8>,
    /// Whether the daemon has said who we are.
    is_known: bool,
}

impl Bus {
    /// Connects to the bus at a socket, and greets it.
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(socket).with_context(|| format!("connect to {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut bus = Self { stream, serial: 0, unsent: Vec::new(), is_known: false };
        let hello = Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
            signature: "",
            body: Body::default(),
        };
        // Who was not heard is not answered either: nothing that follows waits for this.
        bus.unsent.extend(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n");
        bus.send(&hello);
        Ok(bus)
    }

    /// Lines of text come first, then messages.
    fn hear_greeting(&mut self) -> Result<()> {
        let mut said = Vec::new();
        let mut byte = [0];
        loop {
            if self.stream.read(&mut byte)? == 0 || said.len() > 1024 {
                bail!("it does not answer");
            }
            said.push(byte[0]);
            let Some(line) = said.strip_suffix(b"\r\n") else { continue };
            match line {
                line if line.starts_with(b"OK ") => return Ok(()),
                line if line.starts_with(b"DATA") => said.clear(),
                _ => bail!("it does not know this user"),
            }
        }
    }

    /// Sends a call with the next that is received, without waiting for its answer; its serial number.
    pub fn send(&mut self, call: &Call<'_>) -> u32 {
        self.serial += 1;
        self.unsent.extend(encode(call, self.serial));
        self.serial
    }

    /// Sends a call, and waits until it is answered.
    pub fn call(&mut self, call: &Call<'_>) -> Result<Message> {
        let serial = self.send(call);
        loop {
            let message = self.receive()?;
            if message.answers == serial {
                return message.into_answer().with_context(|| format!("call {}", call.member));
            }
        }
    }

    /// The next message.
    pub fn receive(&mut self) -> Result<Message> {
        if !self.unsent.is_empty() {
            self.stream.write_all(&std::mem::take(&mut self.unsent)).context("write to systemd")?;
        }
        if !self.is_known {
            self.hear_greeting().context("greet the D-Bus of systemd")?;
            self.is_known = true;
        }
        let mut head = [0; 16];
        self.stream.read_exact(&mut head).context("wait for systemd")?;
        let length = remaining(&head)?;
        let mut rest = vec![0; length];
        self.stream.read_exact(&mut rest).context("wait for systemd")?;
        decode(&head, &rest).context("read a message of systemd: it is malformed")
    }
}

impl Message {
    pub fn is_signal(&self, name: &str) -> bool {
        self.kind == SIGNAL && self.name == name
    }

    /// The answer to a call, or the error that it is.
    pub fn into_answer(self) -> Result<Self> {
        match self.kind {
            ANSWER => Ok(self),
            ERROR => {
                let text = Fields::new(&self.body).text().unwrap_or_default();
                bail!("{}: {text}", self.name)
            }
            _ => bail!("the answer is none"),
        }
    }

    /// Reads what is in it.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(&self.body)
    }
}

/// Values on the wire, each aligned to its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body(Vec<u8>);

impl Body {
    pub fn align(&mut self, size: usize) {
        self.0.resize(self.0.len().next_multiple_of(size), 0);
    }

    pub fn number(mut self, value: u32) -> Self {
        self.align(4);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub fn large(mut self, value: u64) -> Self {
        self.align(8);
        self.0.extend(value.to_le_bytes());
        self
    }

    /// A string, or an object's path.
    pub fn text(self, text: &str) -> Self {
        let length = u32::try_from(text.len()).expect("it is far shorter");
        let mut body = self.number(length);
        body.0.extend(text.as_bytes());
        body.0.push(0);
        body
    }

    fn signature(mut self, signature: &str) -> Self {
        self.0.push(u8::try_from(signature.len()).expect("it is far shorter"));
        self.0.extend(signature.as_bytes());
        self.0.push(0);
        self
    }

    /// An array whose elements are aligned to `alignment`.
    pub fn array(self, alignment: usize, fill: impl FnOnce(Self) -> Self) -> Self {
        let mut body = self.number(0);
        let at = body.0.len() - 4;
        body.align(alignment);
        let start = body.0.len();
        let mut body = fill(body);
        let length = u32::try_from(body.0.len() - start).expect("it is far shorter");
        body.0[at..at + 4].copy_from_slice(&length.to_le_bytes());
        body
    }

    /// The head of a structure in an array of `(sv)`: a name and the type of its value, which follows.
    pub fn property(mut self, name: &str, signature: &str) -> Self {
        self.align(8);
        self.text(name).signature(signature)
    }

    pub fn flag(self, value: bool) -> Self {
        self.number(u32::from(value))
    }
}

/// Reads values one after the other; `None` once they are not what was expected.
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, alignment: usize, length: usize) -> Option<&'a [u8]> {
        let start = self.at.next_multiple_of(alignment);
        let end = start.checked_add(length)?;
        let taken = self.bytes.get(start..end)?;
        self.at = end;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1, 1).map(|bytes| bytes[0])
    }

    pub fn number(&mut self) -> Option<u32> {
        self.take(4, 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub fn text(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        let text = String::from_utf8(self.take(1, length)?.to_vec()).ok()?;
        self.take(1, 1)?;
        Some(text)
    }

    fn signature(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        let signature = self.take(1, length)?;
        self.take(1, 1)?;
        Some(signature)
    }
}

fn encode(call: &Call<'_>, serial: u32) -> Vec<u8> {
    let field = |body: Body, code: u8, kind: &str, text: &str| {
        let mut body = body;
        body.align(8);
        body.0.push(code);
        let body = body.signature(kind);
        if kind == "g" { body.signature(text) } else { body.text(text) }
    };
    let length = u32::try_from(call.body.0.len()).expect("it is far shorter");
    let start = Body(vec![b'l', CALL, 0, 1]).number(length).number(serial);
    let mut message = start.array(8, |mut fields| {
        for (code, kind, text) in
            [(1, "o", call.path), (2, "s", call.interface), (3, "s", call.member), (6, "s", call.destination)]
        {
            fields = field(fields, code, kind, text);
        }
        if call.signature.is_empty() { fields } else { field(fields, 8, "g", call.signature) }
    });
    message.align(8);
    message.0.extend(&call.body.0);
    message.0
}

/// How many bytes follow the first 16 of a message.
fn remaining(head: &[u8; 16]) -> Result<usize> {
    let number =
        |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (body, fields) = (number(4), number(12));
    if head[0] != b'l' || body > MESSAGE_LIMIT || fields > MESSAGE_LIMIT {
        bail!("read a message of systemd: it is not one for us");
    }
    Ok(fields.next_multiple_of(8) + body)
}

fn decode(head: &[u8; 16], rest: &[u8]) -> Option<Message> {
    let length = u32::from_le_bytes(*head[12..].first_chunk()?) as usize;
    let mut message = Message { kind: head[1], ..Message::default() };
    // The first of the fields is aligned to 8 bytes already: the head is of 16.
    let mut fields = Fields::new(rest.get(..length)?);
    while fields.at < length {
        fields.take(8, 0)?;
        let code = fields.byte()?;
        match fields.signature()? {
            b"u" => {
                let number = fields.number()?;
                if code == 5 {
                    message.answers = number;
                }
            }
            b"s" | b"o" => {
                let text = fields.text()?;
                // Of a signal the member, of an error its name.
                if (code == 3 && message.kind == SIGNAL) || code == 4 {
                    message.name = text;
                }
            }
            b"g" => drop(fields.signature()?),
            _ => return None,
        }
    }
    message.body = rest.get(length.next_multiple_of(8)..)?.to_vec();
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Call<'static> {
        Call {
            destination: "a.b",
            path: "/a",
            interface: "a.b",
            member: "M",
            signature: "su",
            body: Body::default().text("x").number(7),
        }
    }

    #[test]
    fn a_call_is_laid_out_as_the_specification_says() {
        let bytes = encode(&hello(), 3);
        let mut want = Vec::from(*b"l\x01\x00\x01\x0c\0\0\0\x03\0\0\0\x3f\0\0\0");
        want.extend(*b"\x01\x01o\0\x02\0\0\0/a\0\0\0\0\0\0");
        want.extend(*b"\x02\x01s\0\x03\0\0\0a.b\0\0\0\0\0");
        want.extend(*b"\x03\x01s\0\x01\0\0\0M\0\0\0\0\0\0\0");
        want.extend(*b"\x06\x01s\0\x03\0\0\0a.b\0\0\0\0\0");
        want.extend(*b"\x08\x01g\0\x02su\0");
        let fields = want.len() - 16;
        want[12] = u8::try_from(fields).unwrap();
        want.extend(*b"\x01\0\0\0x\0\0\0\x07\0\0\0");
        want[4] = 12;
        assert_eq!(bytes, want);
        let head: [u8; 16] = bytes[..16].try_into().unwrap();
        assert_eq!(remaining(&head).unwrap(), bytes.len() - 16);
    }

    #[test]
    fn a_message_is_read_back() {
        let bytes = encode(&hello(), 3);
        let mut head: [u8; 16] = bytes[..16].try_into().unwrap();
        head[1] = SIGNAL;
        let message = decode(&head, &bytes[16..]).unwrap();
        assert!(message.is_signal("M"));
        let mut fields = message.fields();
        assert_eq!((fields.text().as_deref(), fields.number(), fields.number()), (Some("x"), Some(7), None));
    }

    #[test]
    fn what_is_malformed_is_refused() {
        let bytes = encode(&hello(), 3);
        let head: [u8; 16] = bytes[..16].try_into().unwrap();
        for end in 16..bytes.len() - 16 {
            // Never a panic, whatever is missing.
            let _ = decode(&head, &bytes[16..end]);
        }
        assert!(decode(&head, &bytes[16..40]).is_none());
        let mut large = head;
        large[7] = 0xff;
        assert!(remaining(&large).is_err());
    }

    #[test]
    fn arrays_know_their_length() {
        let body = Body::default().array(8, |body| body.property("P", "u").number(1));
        assert_eq!(body.0, b"\x10\0\0\0\0\0\0\0\x01\0\0\0P\0\x01u\0\0\0\0\x01\0\0\0");
    }
}
