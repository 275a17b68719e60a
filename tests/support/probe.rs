//! Looks around inside a container and says what it finds. Built by `tests/run.sh` as one static program
//! without dependencies, so that it runs in any image.
//!
//! ```text
//! probe fds                   open descriptors, one a line: number and what it is
//! probe calls                 what the filter says to a list of system calls: name and error
//! probe tiocsti               whether keys can be pushed into the terminal
//! probe write PATH            opens PATH for writing: ok or the error
//! probe swap A B SECONDS      exchanges two names as fast as it can
//! probe hunt SECONDS          tries to write to the executable of every process that appears
//! probe peers PORT            tells connections and datagrams the address that they come from, and sends back
//!                             what connections send
//! probe ask tcp|udp ADDRESS   what is told there: kept, if it is the address of this side, or the other one
//! probe names ADDRESS         a name server: all of `example` is at ADDRESS, but nothing is said of `silent.example`
//! probe keys SOCKET           how many keys the ssh agent there has, or the error
//! ```

use std::env;
use std::ffi::{CString, c_char, c_int, c_long, c_uint};
use std::fs;
use std::io::{BufRead, BufReader, Error, Write};
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn ioctl(fd: c_int, request: u64, ...) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn write(fd: c_int, bytes: *const u8, count: usize) -> isize;
    fn close(fd: c_int) -> c_int;
    fn listen(fd: c_int, backlog: c_int) -> c_int;
    fn renameat2(a: c_int, from: *const c_char, b: c_int, to: *const c_char, flags: c_uint) -> c_int;
}

const AT_FDCWD: c_int = -100;
const RENAME_EXCHANGE: c_uint = 2;
const O_WRONLY: c_int = 1;
const O_PATH: c_int = 0o10_000_000;
const TIOCSTI: u64 = 0x5412;

#[cfg(target_arch = "x86_64")]
const CALLS: &[(&str, c_long, [c_long; 3])] = &[
    ("add_key", 248, [0, 0, 0]),
    ("keyctl", 250, [0, 0, 0]),
    ("request_key", 249, [0, 0, 0]),
    ("userfaultfd", 323, [1, 0, 0]),
    ("io_uring_setup", 425, [1, 0, 0]),
    ("unshare-user", 272, [0x1000_0000, 0, 0]),
    ("unshare-mount", 272, [0x0002_0000, 0, 0]),
    ("clone3", 435, [0, 0, 0]),
    ("personality-x86-no-randomize", 135, [0x0040_0000, 0, 0]),
    ("socket-vsock", 41, [40, 1, 0]),
    ("mount", 165, [0, 0, 0]),
    ("pivot_root", 155, [0, 0, 0]),
    ("setns", 308, [-1, 0, 0]),
    ("bpf", 321, [0, 0, 0]),
    ("perf_event_open", 298, [0, 0, 0]),
    ("open_by_handle_at", 304, [-1, 0, 0]),
    ("kexec_load", 246, [0, 0, 0]),
    ("init_module", 175, [0, 0, 0]),
    ("quotactl", 179, [0, 0, 0]),
    ("getpid", 39, [0, 0, 0]),
];

#[cfg(target_arch = "aarch64")]
const CALLS: &[(&str, c_long, [c_long; 3])] = &[
    ("add_key", 217, [0, 0, 0]),
    ("keyctl", 219, [0, 0, 0]),
    ("request_key", 218, [0, 0, 0]),
    ("userfaultfd", 282, [1, 0, 0]),
    ("io_uring_setup", 425, [1, 0, 0]),
    ("unshare-user", 97, [0x1000_0000, 0, 0]),
    ("unshare-mount", 97, [0x0002_0000, 0, 0]),
    ("clone3", 435, [0, 0, 0]),
    ("personality-x86-no-randomize", 92, [0x0040_0000, 0, 0]),
    ("socket-vsock", 198, [40, 1, 0]),
    ("mount", 40, [0, 0, 0]),
    ("pivot_root", 41, [0, 0, 0]),
    ("setns", 268, [-1, 0, 0]),
    ("bpf", 280, [0, 0, 0]),
    ("perf_event_open", 241, [0, 0, 0]),
    ("open_by_handle_at", 265, [-1, 0, 0]),
    ("kexec_load", 104, [0, 0, 0]),
    ("init_module", 105, [0, 0, 0]),
    ("quotactl", 60, [0, 0, 0]),
    ("getpid", 172, [0, 0, 0]),
];

/// The few error numbers that a filter or the kernel answers with here.
fn name_of(error: &Error) -> String {
    match error.raw_os_error() {
        Some(1) => "EPERM".into(),
        Some(2) => "ENOENT".into(),
        Some(5) => "EIO".into(),
        Some(9) => "EBADF".into(),
        Some(13) => "EACCES".into(),
        Some(14) => "EFAULT".into(),
        Some(22) => "EINVAL".into(),
        Some(25) => "ENOTTY".into(),
        Some(26) => "ETXTBSY".into(),
        Some(30) => "EROFS".into(),
        Some(38) => "ENOSYS".into(),
        Some(number) => number.to_string(),
        None => "?".into(),
    }
}

fn fds() {
    for fd in 0..4096 {
        if let Ok(target) = fs::read_link(format!("/proc/self/fd/{fd}")) {
            println!("{fd} {}", target.display());
        }
    }
}

fn calls() {
    for (name, number, [a, b, c]) in CALLS {
        // SAFETY: every argument is a small number or null, which the kernel refuses or ignores.
        let result = unsafe { syscall(*number, *a, *b, *c, 0 as c_long, 0 as c_long, 0 as c_long) };
        let answer = if result < 0 { name_of(&Error::last_os_error()) } else { "ok".into() };
        println!("{name} {answer}");
    }
}

fn tiocsti() {
    // SAFETY: the request reads one byte, which lives on the stack.
    let result = unsafe { ioctl(0, TIOCSTI, &b'x' as *const u8) };
    println!("{}", if result < 0 { name_of(&Error::last_os_error()) } else { "ok".into() });
}

fn path(text: &str) -> CString {
    CString::new(text).expect("a path without a zero byte")
}

fn open_writable(text: &str) -> Result<c_int, Error> {
    // SAFETY: the path is a terminated string that outlives the call.
    let fd = unsafe { open(path(text).as_ptr(), O_WRONLY) };
    if fd < 0 { Err(Error::last_os_error()) } else { Ok(fd) }
}

fn try_write(text: &str) {
    match open_writable(text) {
        Ok(_) => println!("ok"),
        Err(error) => println!("{}", name_of(&error)),
    }
}

fn swap(a: &str, b: &str, seconds: u64) {
    let (a, b) = (path(a), path(b));
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        for _ in 0..100 {
            // SAFETY: both paths are terminated strings that outlive the call.
            unsafe { renameat2(AT_FDCWD, a.as_ptr(), AT_FDCWD, b.as_ptr(), RENAME_EXCHANGE) };
        }
    }
}

/// CVE-2019-5736: holds the executable of whatever joins the container, and writes to it once it has ended.
fn hunt(seconds: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut held, mut caught) = (Vec::new(), Vec::new());
    println!("hunting");
    while Instant::now() < end {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let link = entry.path().join("exe");
            let Ok(target) = fs::read_link(&link) else { continue };
            let name = target.display().to_string();
            if !name.contains("coracle") || caught.contains(&entry.file_name()) {
                continue;
            }
            // SAFETY: the path is a terminated string that outlives the call.
            let fd = unsafe { open(path(&link.display().to_string()).as_ptr(), O_PATH) };
            // The process may have become the container's own program meanwhile.
            let held_name = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
            if fd >= 0 && held_name.display().to_string().contains("coracle") {
                println!("caught {}", held_name.display());
                held.push(fd);
                caught.push(entry.file_name());
            }
        }
        for fd in &held {
            if let Ok(writable) = open_writable(&format!("/proc/self/fd/{fd}")) {
                // SAFETY: the descriptor was opened above and the buffer is static.
                let written = unsafe {
                    let written = write(writable, b"#!overwritten\n".as_ptr(), 14);
                    close(writable);
                    written
                };
                if written > 0 {
                    println!("overwritten");
                }
            }
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn peers(port: u16) {
    let everywhere = (Ipv6Addr::UNSPECIFIED, port);
    let listener = TcpListener::bind(everywhere).expect("a port");
    // The 128 of the standard library are not enough for a burst: the kernel goes over to SYN cookies then, and resets a
    // connection whose first segment it had to drop (`SyncookiesFailed` of /proc/net/netstat).
    assert_eq!(unsafe { listen(listener.as_raw_fd(), 4096) }, 0, "a longer queue");
    let socket = UdpSocket::bind(everywhere).expect("a port");
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((_, peer)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(canonical(peer).to_string().as_bytes(), peer);
        }
    });
    for stream in listener.incoming().flatten() {
        thread::Builder::new()
            .stack_size(64 << 10)
            .spawn(move || {
                let peer = stream.peer_addr()?;
                writeln!(&stream, "{}", canonical(peer))?;
                std::io::copy(&mut &stream, &mut &stream)
            })
            .expect("a thread");
    }
}

fn ask(is_udp: bool, address: &str) {
    let time = Some(Duration::from_secs(10));
    let mut told = String::new();
    let own = if is_udp {
        let any = if address.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
        let socket = UdpSocket::bind(any).expect("a socket");
        socket.connect(address).expect("a route");
        socket.set_read_timeout(time).expect("a limit");
        socket.send(b"?").expect("sent");
        let mut buffer = [0; 1500];
        let size = socket.recv(&mut buffer).expect("an answer");
        told.push_str(std::str::from_utf8(&buffer[..size]).expect("text"));
        socket.local_addr()
    } else {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(time).expect("a limit");
        BufReader::new(&stream).read_line(&mut told).expect("an answer");
        stream.local_addr()
    };
    let told: SocketAddr = told.trim_end().parse().expect("an address");
    let ip: IpAddr = told.ip();
    match own.expect("an address") == told {
        true => println!("kept"),
        false => println!("{ip}"),
    }
}

/// Sends so many bytes as one packet and says how many come back.
fn datagram(address: &str, size: usize) {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(address).expect("a route");
    socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    socket.send(&vec![b'x'; size]).expect("sent");
    println!("{}", socket.recv(&mut vec![0; 65536]).expect("an answer"));
}

/// Answers with one address, or that there is no such name (RFC 1035, 4.1).
fn names(address: Ipv4Addr) {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 53)).expect("port 53");
    let mut buffer = [0; 512];
    while let Ok((size, from)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..size];
        let Some(end) = query.iter().skip(12).position(|byte| *byte == 0).map(|at| 12 + at + 5) else { continue };
        let (Some(name), Some(kind)) = (query.get(12..end - 4), query.get(end - 4..end - 2)) else { continue };
        if name.ends_with(b"\x06silent\x07example\0") {
            continue;
        }
        let is_known = name.ends_with(b"\x07example\0");
        let has_address = is_known && kind == [0, 1];
        let code = if is_known { 0x80 } else { 0x83 };
        let mut reply = [&query[..2], &[0x81, code, 0, 1, 0, u8::from(has_address), 0, 0, 0, 0]].concat();
        reply.extend(query.get(12..end).unwrap_or_default());
        if has_address {
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            reply.extend(address.octets());
        }
        let _ = socket.send_to(&reply, from);
    }
}

/// `SSH_AGENTC_REQUEST_IDENTITIES` and its answer (draft-ietf-sshm-ssh-agent, section 3.5).
fn keys(socket: &str) {
    let ask = || -> Result<u32, Error> {
        let mut agent = UnixStream::connect(socket)?;
        agent.write_all(&[0, 0, 0, 1, 11])?;
        let mut answer = [0; 9];
        agent.read_exact(&mut answer)?;
        Ok(u32::from_be_bytes([answer[5], answer[6], answer[7], answer[8]]))
    };
    match ask() {
        Ok(count) => println!("{count}"),
        Err(error) => println!("{}", name_of(&error)),
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let seconds = |text: &str| text.parse().expect("a number of seconds");
    match words[..] {
        ["fds"] => fds(),
        ["calls"] => calls(),
        ["tiocsti"] => tiocsti(),
        ["write", file] => try_write(file),
        ["swap", a, b, time] => swap(a, b, seconds(time)),
        ["hunt", time] => hunt(seconds(time)),
        ["peers", port] => peers(port.parse().expect("a port")),
        ["ask", protocol, address] => ask(protocol == "udp", address),
        ["datagram", address, size] => datagram(address, size.parse().expect("a number of bytes")),
        ["names", address] => names(address.parse().expect("an address")),
        ["keys", socket] => keys(socket),
        _ => {
            eprintln!(
                "usage: probe fds|calls|tiocsti|write PATH|swap A B SECONDS|hunt SECONDS|peers PORT|\
                 ask tcp|udp ADDRESS|datagram ADDRESS BYTES|names ADDRESS|keys SOCKET"
            );
            std::process::exit(2);
        }
    }
}
