//! Local sockets that keep message boundaries and can carry descriptors.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};

/// A connected pair of `SOCK_SEQPACKET` sockets.
pub fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Listens on a socket named `name` in `directory`. The name is reached through a descriptor, so the
/// 108 bytes that a socket's address may have (man unix(7)) do not bound the directory.
pub fn listen(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    let socket = seqpacket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    with_short_address(directory, name, |address| Ok(rustix::net::bind(&socket, address)?))?;
    rustix::net::listen(&socket, 64)?;
    Ok(socket)
}

/// Connects to the socket `name` in `directory`.
pub fn connect(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    let socket = seqpacket(SocketFlags::CLOEXEC)?;
    with_short_address(directory, name, |address| Ok(rustix::net::connect(&socket, address)?))?;
    Ok(socket)
}

/// Makes reads and writes of a descriptor return at once.
pub fn never_block(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// Takes the next connection, if its peer is `uid` or root; anybody else is turned away.
pub fn accept(listener: BorrowedFd<'_>, uid: u32) -> io::Result<Option<OwnedFd>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let peer = match rustix::net::accept_with(listener, flags) {
        Ok(peer) => peer,
        Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => {
            return Ok(None);
        }
        Err(error) => return Err(error.into()),
    };
    let peer_uid = sockopt::socket_peercred(&peer)?.uid.as_raw();
    Ok((peer_uid == uid || peer_uid == 0).then_some(peer))
}

/// Sends one message, waiting for room unless the socket does not block.
pub fn send(socket: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<()> {
    send_with_fd(socket, parts, None)
}

/// Sends one message and, with it, a descriptor.
pub fn send_with_fd(
    socket: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    fd: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    rustix::io::retry_on_intr(|| rustix::net::sendmsg(socket, parts, &mut control, SendFlags::NOSIGNAL))?;
    Ok(())
}

/// Receives one message into `buffer`; 0 bytes means that the peer has closed. A message longer than the
/// buffer is an error, not a shorter message.
pub fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    receive_with_fd(socket, buffer).map(|(size, _)| size)
}

/// Like [`receive`], with the descriptor that came along.
pub fn receive_with_fd(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        let slice = &mut [IoSliceMut::new(buffer)];
        match rustix::net::recvmsg(socket, slice, &mut control, RecvFlags::CMSG_CLOEXEC) {
            // A peer that closed before it had read everything: the kernel says so once, ahead of what that
            // peer has sent and of the end of file.
            Err(Errno::INTR | Errno::CONNRESET) => {}
            result => break result?,
        }
    };
    let fd = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    if message.flags.contains(rustix::net::ReturnFlags::TRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too long"));
    }
    Ok((message.bytes, fd))
}

/// Takes datagrams at a socket named `name` in `directory`, without waiting for them.
pub fn receive_datagrams(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    with_short_address(directory, name, |address| Ok(rustix::net::bind(&socket, address)?))?;
    Ok(socket)
}

/// Sends a datagram to an address as `NOTIFY_SOCKET` has it: a path, or after an `@` a name without a file.
pub fn send_datagram(address: &str, message: &[u8]) -> io::Result<()> {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
        None => SocketAddrUnix::new(address)?,
    };
    rustix::net::sendto(&socket, message, SendFlags::NOSIGNAL, &address)?;
    Ok(())
}

fn seqpacket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}

fn with_short_address<T>(
    directory: &Path,
    name: &str,
    use_address: impl FnOnce(&SocketAddrUnix) -> io::Result<T>,
) -> io::Result<T> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory, flags, Mode::empty())?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&directory.as_fd());
    use_address(&SocketAddrUnix::new(format!("/proc/self/fd/{number}/{name}"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_arrives_though_the_peer_closed_without_reading() {
        let (a, b) = pair().unwrap();
        send(a.as_fd(), &[IoSlice::new(b"unread")]).unwrap();
        send(b.as_fd(), &[IoSlice::new(b"last words")]).unwrap();
        drop(b);
        let mut buffer = [0; 16];
        assert_eq!(receive(a.as_fd(), &mut buffer).unwrap(), 10);
        assert_eq!(receive(a.as_fd(), &mut buffer).unwrap(), 0);
    }
}
