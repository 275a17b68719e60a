//! The program through which every process of a container is started.
//!
//! The runtime executes it from a sealed memory file. The process that then executes the container's
//! program has this file as its `/proc/self/exe`, and never the engine's binary on the host, which
//! container root could otherwise open and overwrite (CVE-2019-5736). It allocates nothing, uses no C
//! library and stays within a few pages, because with `--init` it lives as long as the container.
//!
//! # Protocol
//!
//! ```text
//! argv[0]   any name
//! argv[1]   "--"
//! argv[2…]  the program's own arguments, its name first
//! envp[0]   "INIT=", "exec" or "init", a space, the error descriptor, a decimal number, a space, the path to execute,
//!           already looked up in PATH; the descriptor is open, not close-on-exec
//! envp[1…]  the program's environment
//! ```
//!
//! So `ps` shows of a container with `--init` what it does with docker's: `/sbin/docker-init -- program argument`. The
//! signal mask and everything else are passed on unchanged.
//!
//! - **exec** becomes the program.
//! - **init** stays and starts the program as its child, in a process group of its own, which becomes the
//!   foreground of the terminal if standard input is one. It passes on every signal that can be passed on,
//!   collects what dies in the container, and ends as the program ends: with its exit code, or 128 plus the
//!   number of the signal that killed it.
//!
//! The error descriptor is made close-on-exec first. End of file on it without data says that the program
//! was executed. Where that is refused, the kernel's error number is written to it as four bytes, little
//! endian, and the process ends with 127 if the file was not found and with 126 otherwise. Arguments that
//! are not as above count as EINVAL (22); where not even the descriptor can be read, only the exit code 126
//! tells.
#![no_std]
#![no_main]
// Keeps the compiler from turning loops into calls of the C library, which is not there.
#![no_builtins]

mod sys;

use core::ptr;

use sys::number;

const ENOENT: i32 = 2;
const EINVAL: i32 = 22;
const EINTR: isize = -4;

/// A C string, or a null-ended list of them, as the kernel passes them.
type Text = *const u8;
type List = *const Text;

/// The characters of a C string from the initial stack.
#[derive(Clone)]
struct Characters(Text);

impl Iterator for Characters {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        // SAFETY: the pointer came from the argument list and has not gone past the string's zero.
        let character = unsafe { *self.0 };
        if character == 0 {
            return None;
        }
        // SAFETY: at most the zero comes next.
        self.0 = unsafe { self.0.add(1) };
        Some(character)
    }
}

impl Characters {
    /// Takes a word and the space behind it.
    fn word(&mut self) -> impl Iterator<Item = u8> + Clone + use<> {
        let word = self.clone();
        while self.next().is_some_and(|letter| letter != b' ') {}
        word.take_while(|letter| *letter != b' ')
    }
}

/// What to do, taken from the arguments and the environment.
struct Order {
    stay: bool,
    error_fd: i32,
    path: Text,
    arguments: List,
    environment: List,
}

/// Reads the order and carries it out.
///
/// # Safety
/// Called once, by the entry point, with the initial stack pointer.
unsafe extern "C" fn start(stack: *const usize) -> ! {
    // SAFETY: the kernel puts the argument count there, then as many pointers, a null, the environment.
    let (count, arguments) = unsafe { (*stack, stack.add(1).cast::<Text>()) };
    // SAFETY: as above.
    let (order, environment) = unsafe { (*arguments.add(count + 1), arguments.add(count + 2)) };
    if order.is_null() {
        sys::exit(126);
    }
    let mut order = Characters(order);
    let is_order = b"INIT=".iter().all(|letter| order.next() == Some(*letter));
    let (mode, number) = (order.word(), order.word());
    let Some(error_fd) = number_of(number).filter(|_| is_order) else { sys::exit(126) };
    close_on_exec(error_fd);
    let stay = mode.clone().eq(*b"init");
    if count < 3 || !(stay || mode.eq(*b"exec")) {
        refuse(error_fd, EINVAL);
    }
    // SAFETY: indexes 1 and 2 are below the count.
    let (dashes, arguments) = unsafe { (Characters(*arguments.add(1)), arguments.add(2)) };
    if !dashes.eq(*b"--") {
        refuse(error_fd, EINVAL);
    }
    carry_out(&Order { stay, error_fd, path: order.0, arguments, environment })
}

fn carry_out(order: &Order) -> ! {
    if order.stay { supervise(order) } else { execute(order) }
}

/// Becomes the program, or reports why not.
fn execute(order: &Order) -> ! {
    // SAFETY: the path and both lists lie on the initial stack, which is never changed.
    let result = unsafe {
        sys::call(
            number::EXECVE,
            [order.path as usize, order.arguments as usize, order.environment as usize, 0, 0],
        )
    };
    refuse(order.error_fd, result.wrapping_neg() as i32)
}

/// Starts the program as a child and lives until it has ended.
fn supervise(order: &Order) -> ! {
    // Blocked before the fork, so that no signal falls between the two processes.
    let before = set_mask(SIG_BLOCK, forwardable());
    adopt_orphans();
    take_name();
    let child = match fork() {
        0 => {
            lead_group();
            set_mask(SIG_SETMASK, before);
            execute(order)
        }
        pid if pid > 0 => pid as i32,
        error => refuse(order.error_fd, error.wrapping_neg() as i32),
    };
    // The reader waits for the end of file, which comes when the last copy is closed: the child's, at exec.
    close(order.error_fd);
    loop {
        match next_signal(forwardable()) {
            SIGCHLD => collect(child),
            signal if signal > 0 => kill(child, signal as i32),
            _ => {}
        }
    }
}

/// Collects every child that has died; ends as the program did if it is among them.
fn collect(program: i32) {
    loop {
        let mut status = 0i32;
        let pid = wait_any(&mut status);
        if pid == EINTR {
            continue;
        }
        if pid <= 0 {
            return;
        }
        if pid as i32 == program {
            sys::exit(exit_code(status));
        }
    }
}

/// The exit code a shell would give for a wait status (wait(2)).
fn exit_code(status: i32) -> i32 {
    match status & 0x7f {
        0 => (status >> 8) & 0xff,
        signal => 128 + signal,
    }
}

/// Reports an error number and ends.
fn refuse(error_fd: i32, errno: i32) -> ! {
    sys::write(error_fd, &errno.to_le_bytes());
    sys::exit(if errno == ENOENT { 127 } else { 126 })
}

fn number_of(text: impl Iterator<Item = u8>) -> Option<i32> {
    let mut number = None;
    for digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        number = Some(number.unwrap_or(0i32).checked_mul(10)?.checked_add(i32::from(digit - b'0'))?);
    }
    number
}

/// A signal mask as the kernel takes it: bit n-1 is signal n.
type Mask = u64;

const SIG_BLOCK: usize = 0;
const SIG_SETMASK: usize = 2;
const SIGCHLD: isize = 17;

/// Every signal but those that mean this process itself is broken, and those that cannot be blocked.
const fn forwardable() -> Mask {
    // ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS; KILL and STOP.
    const OWN: [u32; 9] = [4, 5, 6, 7, 8, 11, 31, 9, 19];
    let mut mask = !0;
    let mut rest: &[u32] = &OWN;
    while let [signal, tail @ ..] = rest {
        mask &= !(1 << (*signal - 1));
        rest = tail;
    }
    mask
}

fn set_mask(how: usize, mask: Mask) -> Mask {
    let mut before: Mask = 0;
    // SAFETY: both masks are live and eight bytes long, as the last argument says.
    unsafe {
        sys::call(
            number::RT_SIGPROCMASK,
            [how, &raw const mask as usize, &raw mut before as usize, size_of::<Mask>(), 0],
        )
    };
    before
}

/// Waits for a blocked signal and returns its number, or a negative error.
fn next_signal(mask: Mask) -> isize {
    let none: *const u8 = ptr::null();
    // SAFETY: the mask is live; neither details nor a time limit are asked for.
    unsafe {
        sys::call(
            number::RT_SIGTIMEDWAIT,
            [&raw const mask as usize, none as usize, none as usize, size_of::<Mask>(), 0],
        )
    }
}

/// Forks; on success 0 in the child and its number in the parent.
fn fork() -> isize {
    // SAFETY: without CLONE_VM the child has a copy of this single thread and its stack.
    unsafe { sys::call(number::CLONE, [SIGCHLD as usize, 0, 0, 0, 0]) }
}

/// Makes this process the leader of its own group, and the group the terminal's foreground.
fn lead_group() {
    const TIOCSPGRP: usize = 0x5410;
    // SAFETY: getpid(2) and setpgid(2) take numbers; the ioctl reads one live number. Where standard input
    // is no terminal, or not this session's, it fails and changes nothing. SIGTTOU is blocked.
    unsafe {
        sys::call(number::SETPGID, [0; 5]);
        let group = sys::call(number::GETPID, [0; 5]) as i32;
        sys::call(number::IOCTL, [0, TIOCSPGRP, &raw const group as usize, 0, 0]);
    }
}

/// Is called in `ps -o comm` what its arguments say: the name of the file is of no use to anybody.
fn take_name() {
    const PR_SET_NAME: usize = 15;
    // SAFETY: the option takes a C string.
    unsafe { sys::call(number::PRCTL, [PR_SET_NAME, c"docker-init".as_ptr() as usize, 0, 0, 0]) };
}

/// Has orphans come to this process also where it is not the first of its namespace (`--pid=host`).
fn adopt_orphans() {
    const PR_SET_CHILD_SUBREAPER: usize = 36;
    // SAFETY: the option takes a number.
    unsafe { sys::call(number::PRCTL, [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0]) };
}

fn close_on_exec(fd: i32) {
    const F_SETFD: usize = 2;
    const FD_CLOEXEC: usize = 1;
    // SAFETY: the command takes a number.
    unsafe { sys::call(number::FCNTL, [fd as usize, F_SETFD, FD_CLOEXEC, 0, 0]) };
}

fn close(fd: i32) {
    // SAFETY: nothing in this process uses the descriptor afterwards.
    unsafe { sys::call(number::CLOSE, [fd as usize, 0, 0, 0, 0]) };
}

fn kill(pid: i32, signal: i32) {
    // SAFETY: kill(2) takes numbers.
    unsafe { sys::call(number::KILL, [pid as usize, signal as usize, 0, 0, 0]) };
}

/// Collects one dead child without waiting: its number, 0 if none is dead, or a negative error.
fn wait_any(status: &mut i32) -> isize {
    const WNOHANG: usize = 1;
    // SAFETY: `status` is live and exclusive; no resource usage is asked for.
    unsafe { sys::call(number::WAIT4, [usize::MAX, status as *mut i32 as usize, WNOHANG, 0, 0]) }
}
