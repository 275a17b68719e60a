//! Network interfaces, as far as a container without a stack of its own needs them, and options of sockets.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Brings up `lo` in this network namespace; the kernel then gives it its addresses.
pub fn loopback_up() -> io::Result<()> {
    let socket =
        rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: ifreq is plain data for which all zeros is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, which outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets a socket be bound to an address that is not the host's (`IP_TRANSPARENT` of ip(7)). The caller has CAP_NET_RAW
/// or CAP_NET_ADMIN in the user namespace that owns the socket's network namespace.
pub fn set_transparent(socket: BorrowedFd<'_>, is_ipv6: bool) -> io::Result<()> {
    let (level, option) = match is_ipv6 {
        false => (libc::SOL_IP, libc::IP_TRANSPARENT),
        true => (libc::SOL_IPV6, libc::IPV6_TRANSPARENT),
    };
    let on: libc::c_int = 1;
    let size = size_of_val(&on) as libc::socklen_t;
    // SAFETY: setsockopt(2) reads `size` bytes, which are those of the integer that outlives the call.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has a raw socket of ICMPv6 receive messages of these types alone (`ICMP6_FILTER` of RFC 3542, 3.2).
pub fn receive_icmpv6(socket: BorrowedFd<'_>, types: &[u8]) -> io::Result<()> {
    /// `ICMPV6_FILTER` of linux/icmpv6.h.
    const ICMPV6_FILTER: libc::c_int = 1;
    // A bit for each type that is not wanted.
    let mut blocked = [u32::MAX; 8];
    for kind in types {
        blocked[usize::from(kind >> 5)] &= !(1 << (kind & 31));
    }
    let size = size_of_val(&blocked) as libc::socklen_t;
    let filter = (&raw const blocked).cast();
    // SAFETY: setsockopt(2) reads `size` bytes, which are those of the array that outlives the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_ICMPV6, ICMPV6_FILTER, filter, size) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
