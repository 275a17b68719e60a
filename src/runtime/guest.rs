//! The program through which every process of a container is started, embedded in this binary.
//!
//! Its source is `src/guest/init.rs`, whose header is the protocol; it is no module of the crate, because
//! it is compiled by `build.rs` to stand alone. Executed from a sealed file in memory, it keeps the engine's
//! own binary out of `/proc/<pid>/exe` of anything in a container (CVE-2019-5736).

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

use crate::sys::memfd;

/// The static program, an ELF file of a few kilobytes.
const INIT: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/init"));

/// Whether the starter becomes the container's program or stays as its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Becomes the program.
    Exec,
    /// `--init`: stays the first process, passes signals on and collects the dead.
    Init,
}

/// Puts the program into a sealed file in memory, to be executed with [`executable`] and [`arguments`].
pub fn program() -> io::Result<OwnedFd> {
    memfd::sealed("coracle-init", INIT)
}

/// The path under which a process that holds `program` executes it.
#[cfg(test)]
pub fn executable(program: BorrowedFd<'_>) -> CString {
    without_zero(format!("/proc/self/fd/{}", program.as_raw_fd()))
}

fn without_zero(text: String) -> CString {
    CString::new(text).expect("a formatted number holds no zero byte")
}

/// The starter's arguments for running `path`, already looked up in PATH, with the arguments `argv`, the
/// program's name first. `error_fd` must be open and not close-on-exec when the starter is executed.
pub fn arguments(mode: Mode, error_fd: BorrowedFd<'_>, path: &CStr, argv: &[CString]) -> Vec<CString> {
    let (name, mode) = match mode {
        // Docker's name, so that a glance at `ps` in the container tells what process 1 is.
        Mode::Init => (c"/sbin/docker-init", c"init"),
        Mode::Exec => (c"coracle-init", c"exec"),
    };
    let error_fd = without_zero(error_fd.as_raw_fd().to_string());
    let mut all = vec![name.to_owned(), mode.to_owned(), error_fd, path.to_owned(), c"--".to_owned()];
    all.extend_from_slice(argv);
    all
}

/// Reads what the starter left on the error descriptor: nothing if the program was executed.
///
/// # Errors
/// The kernel's refusal, or `UnexpectedEof` if the starter died while it wrote.
#[cfg(test)]
pub fn outcome(report: &[u8]) -> io::Result<()> {
    match <[u8; 4]>::try_from(report) {
        _ if report.is_empty() => Ok(()),
        Ok(bytes) => Err(io::Error::from_raw_os_error(i32::from_le_bytes(bytes))),
        Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, Stdio};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    const RAW: [&str; 2] = ["exec", "init"];

    /// Runs the starter with standard error as its error descriptor; the test's pipe is then all of it.
    fn start(mode: &str, rest: &[&str]) -> Child {
        let fd = program().unwrap();
        let path = executable(fd.as_fd());
        Command::new(std::ffi::OsStr::from_bytes(path.as_bytes()))
            .arg0("starter")
            .args([mode, "2"])
            .args(rest)
            .env_clear()
            .env("KEPT", "yes")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Exit code, standard output, and the report on the error descriptor.
    fn run(mode: &str, rest: &[&str]) -> (Option<i32>, String, Vec<u8>) {
        let output = start(mode, rest).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    }

    fn shell(mode: &str, script: &str) -> (Option<i32>, String, Vec<u8>) {
        run(mode, &["/bin/sh", "--", "sh", "-c", script])
    }

    #[test]
    fn passes_arguments_environment_and_exit_code_on() {
        for mode in RAW {
            let script = "echo \"$0 $1 $KEPT\"; [ -e /proc/self/fd/2 ] && exit 1; exit 7";
            let got = run(mode, &["/bin/sh", "--", "sh", "-c", script, "zero", "one"]);
            assert_eq!(got, (Some(7), "zero one yes\n".to_owned(), vec![]), "{mode}");
        }
    }

    #[test]
    fn reports_why_the_program_could_not_be_executed() {
        for mode in RAW {
            for (path, code, errno) in [("/nothing", 127, libc::ENOENT), ("/", 126, libc::EACCES)] {
                let (status, _, report) = run(mode, &[path, "--", "program"]);
                assert_eq!((status, report.as_slice()), (Some(code), &errno.to_le_bytes()[..]), "{mode}");
                assert_eq!(outcome(&report).unwrap_err().raw_os_error(), Some(errno));
            }
        }
        assert!(outcome(b"").is_ok());
        assert_eq!(outcome(b"ab").unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn refuses_other_arguments_than_the_protocol_has() {
        let invalid = libc::EINVAL.to_le_bytes().to_vec();
        for (mode, rest) in [
            ("exec", &[][..]),
            ("exec", &["/bin/true"]),
            ("exec", &["/bin/true", "--"]),
            ("exec", &["/bin/true", "-", "true"]),
            ("execute", &["/bin/true", "--", "true"]),
            ("ini", &["/bin/true", "--", "true"]),
            ("", &["/bin/true", "--", "true"]),
        ] {
            assert_eq!(run(mode, rest), (Some(126), String::new(), invalid.clone()), "{mode} {rest:?}");
        }
    }

    #[test]
    fn is_not_the_engine_to_the_container() {
        let (_, path, _) = run("exec", &["/bin/readlink", "--", "readlink", "/proc/self/exe"]);
        assert!(path.ends_with("/readlink\n"), "{path}");
        // While process 1 of `--init` lives, its file is the one in memory.
        let (_, path, _) = shell("init", "readlink /proc/$PPID/exe");
        assert_eq!(path, "/memfd:coracle-init (deleted)\n");
    }

    #[test]
    fn init_ends_as_the_program_was_killed() {
        assert_eq!(shell("init", "kill -9 $$").0, Some(137));
        assert_eq!(shell("init", "kill -TERM $$").0, Some(143));
    }

    #[test]
    fn init_collects_orphans() {
        let script = "orphan=$( (sleep 0.05 >/dev/null & echo $!) )
            [ -e /proc/$orphan ] || exit 1
            for i in $(seq 200); do [ -e /proc/$orphan ] || exit 9; sleep 0.02; done; exit 2";
        assert_eq!(shell("init", script).0, Some(9));
    }

    #[test]
    fn init_passes_signals_on_and_lets_the_program_decide() {
        let script = "trap 'exit 42' TERM; trap 'exit 43' USR1; trap 'exit 44' WINCH
            echo ready; while :; do sleep 0.02; done";
        for (signal, code) in [(Signal::SIGTERM, 42), (Signal::SIGUSR1, 43), (Signal::SIGWINCH, 44)] {
            let mut child = start("init", &["/bin/sh", "--", "sh", "-c", script]);
            let mut ready = [0; 6];
            child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
            kill(Pid::from_raw(child.id() as i32), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        }
    }

    #[test]
    fn init_gives_the_program_its_own_group_and_the_mask_it_had() {
        let (_, output, _) = shell("init", "cat /proc/$$/stat; exec grep SigBlk /proc/self/status");
        let fields: Vec<&str> = output.rsplit_once(')').unwrap().1.split_ascii_whitespace().collect();
        let pid = output.split_ascii_whitespace().next().unwrap();
        assert_eq!(fields[2], pid, "leads its group");
        let ours = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = |text: &str| text.lines().find(|line| line.starts_with("SigBlk")).map(str::to_owned);
        assert_eq!(mask(&output), mask(&ours));
    }

    #[test]
    fn init_stays_small() {
        let (_, output, _) = shell("init", "grep -E '^(Rss|Private_Dirty)' /proc/$PPID/smaps_rollup");
        let kilobytes: Vec<u32> = output
            .lines()
            .map(|line| line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap())
            .collect();
        assert!(kilobytes[0] <= 32 && kilobytes[1] <= 16, "{output}");
    }

    #[test]
    fn builds_the_arguments_of_the_protocol() {
        let fd = program().unwrap();
        let number = fd.as_raw_fd().to_string();
        let all = arguments(Mode::Init, fd.as_fd(), c"/bin/sh", &[c"sh".to_owned(), c"-c".to_owned()]);
        let texts: Vec<&str> = all.iter().map(|text| text.to_str().unwrap()).collect();
        assert_eq!(texts, ["/sbin/docker-init", "init", &number, "/bin/sh", "--", "sh", "-c"]);
        assert_eq!(arguments(Mode::Exec, fd.as_fd(), c"/x", &[])[1].as_c_str(), c"exec");
    }

    #[test]
    fn ends_by_a_signal_in_exec_mode() {
        let status = start("exec", &["/bin/sh", "--", "sh", "-c", "kill -9 $$"]).wait().unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}
