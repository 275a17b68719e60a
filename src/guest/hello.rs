//! The program of the image `builtin:hello`: greets and ends.
//!
//! Compiled by `build.rs` into a static program of a few kilobytes that stands alone in its image.
#![no_std]
#![no_main]

mod sys;

const GREETING: &str = "
Hello from Coracle!
You are reading this because containers work on this machine, without root and without a daemon.

What just happened:
 1. The `coracle` command made a user namespace: root in this container is only you outside.
 2. It took the image `builtin:hello` out of its own binary, so no network was needed, and laid
    an overlay over it: what a container writes never reaches the image.
 3. In namespaces of its own, behind a system call filter and with few capabilities, it started
    the one file of that image, /hello, which prints these lines.
 4. When this program ends, nothing stays behind to run: every command does its own work and ends.

What to try next:
    coracle run -it debian sh        a shell in an image from a registry
    coracle ps -a                    the containers there are
    coracle run --help               everything else

";

/// Prints the greeting.
///
/// # Safety
/// Called once, by the entry point.
unsafe extern "C" fn start(_stack: *const usize) -> ! {
    sys::write(1, GREETING.as_bytes());
    sys::exit(0)
}
