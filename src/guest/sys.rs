//! What the guest programs share: their entry point and the system calls, without a C library.
//!
//! Not a module of the crate: each program includes this file and is compiled by `build.rs` for itself.
//! A program defines `unsafe extern "C" fn start(stack: *const usize) -> !`; `stack` is the stack pointer
//! as the kernel left it: the argument count, the arguments, a null, the environment, a null (System V ABI,
//! "Initial Stack and Register State").

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the guest programs are written for x86_64 and aarch64");

#[cfg(target_arch = "x86_64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    // Zero ends the chain of frames; the ABI wants the stack aligned to 16 bytes at a call.
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {start}",
    start = sym crate::start,
);

#[cfg(target_arch = "aarch64")]
core::arch::global_asm!(
    ".globl _start",
    "_start:",
    "mov x29, #0",
    "mov x30, #0",
    "mov x0, sp",
    "bl {start}",
    start = sym crate::start,
);

/// Numbers of the system calls in use.
#[allow(dead_code)]
#[cfg(target_arch = "x86_64")]
pub mod number {
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const GETPID: usize = 39;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const SETPGID: usize = 109;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const PRCTL: usize = 157;
    pub const EXIT_GROUP: usize = 231;
}

/// Numbers of the system calls in use.
#[allow(dead_code)]
#[cfg(target_arch = "aarch64")]
pub mod number {
    pub const FCNTL: usize = 25;
    pub const IOCTL: usize = 29;
    pub const CLOSE: usize = 57;
    pub const WRITE: usize = 64;
    pub const EXIT_GROUP: usize = 94;
    pub const KILL: usize = 129;
    pub const RT_SIGPROCMASK: usize = 135;
    pub const RT_SIGTIMEDWAIT: usize = 137;
    pub const SETPGID: usize = 154;
    pub const PRCTL: usize = 167;
    pub const GETPID: usize = 172;
    pub const CLONE: usize = 220;
    pub const EXECVE: usize = 221;
    pub const WAIT4: usize = 260;
}

/// Makes a system call; the result is the kernel's, with errors as negative numbers.
///
/// # Safety
/// The arguments must be what the call of this number takes: every pointer among them valid for what the
/// kernel reads or writes through it.
#[cfg(target_arch = "x86_64")]
pub unsafe fn call(number: usize, arguments: [usize; 5]) -> isize {
    let [a, b, c, d, e] = arguments;
    let result;
    // SAFETY: the instruction changes rax, rcx and r11 alone, all declared; memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// Makes a system call; the result is the kernel's, with errors as negative numbers.
///
/// # Safety
/// The arguments must be what the call of this number takes: every pointer among them valid for what the
/// kernel reads or writes through it.
#[cfg(target_arch = "aarch64")]
pub unsafe fn call(number: usize, arguments: [usize; 5]) -> isize {
    let [a, b, c, d, e] = arguments;
    let result;
    // SAFETY: the instruction changes x0 alone, which is declared; memory is the caller's promise.
    unsafe {
        core::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            options(nostack),
        );
    }
    result
}

/// Writes all of `bytes`, or gives up at the first error: there is nobody to tell.
pub fn write(fd: i32, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        // SAFETY: write(2) reads `bytes.len()` bytes of a live slice.
        let count = unsafe { call(number::WRITE, [fd as usize, bytes.as_ptr() as usize, bytes.len(), 0, 0]) };
        match usize::try_from(count).ok().and_then(|count| bytes.get(count..)) {
            Some(rest) => bytes = rest,
            None => return,
        }
    }
}

/// Ends the process.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: exit_group(2) takes a number and does not return.
        unsafe { call(number::EXIT_GROUP, [code as usize, 0, 0, 0, 0]) };
    }
}

/// No path of these programs panics; the language asks for the function.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    exit(125)
}
