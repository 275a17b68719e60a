//! The program through which every process of a container is started, embedded in this binary.
//!
//! Its source is `src/guest/init.rs`, whose header is the protocol; it is no module of the crate, because
//! it is compiled by `build.rs` to stand alone. Executed from a sealed file in memory, it keeps the engine's
//! own binary out of `/proc/<pid>/exe` of anything in a container (CVE-2019-5736).

use std::ffi::{CStr, CString};
use std::io;
use std::iter;
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
    without_zero(format!("/proc/self/fd/{}", program.as_raw_fd()).into_bytes())
}

fn without_zero(text: Vec<u8>) -> CString {
    CString::new(text).expect("a formatted number holds no zero byte, nor does a path")
}

/// The starter's arguments and environment for running `path`, already looked up in PATH, with the arguments `argv`, the
/// program's name first. `error_fd` must be open and not close-on-exec when the starter is executed.
pub fn order(
    mode: Mode,
    error_fd: BorrowedFd<'_>,
    path: &CStr,
    argv: &[CString],
    environment: &[CString],
) -> (Vec<CString>, Vec<CString>) {
    let (name, mode) = match mode {
        // Docker's name, so that a glance at `ps` tells what process 1 is.
        Mode::Init => (c"/sbin/docker-init", "init"),
        Mode::Exec => (c"coracle-init", "exec"),
    };
    let order = format!("INIT={mode} {} ", error_fd.as_raw_fd());
    let order = without_zero([order.as_bytes(), path.to_bytes()].concat());
    let arguments = [name.to_owned(), c"--".to_owned()].into_iter().chain(argv.iter().cloned());
    (arguments.collect(), iter::once(order).chain(environment.iter().cloned()).collect())
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
    fn start(mode: &str, path: &str, rest: &[&str]) -> Child {
        let fd = program().unwrap();
        let starter = executable(fd.as_fd());
        Command::new(std::ffi::OsStr::from_bytes(starter.as_bytes()))
            .arg0("starter")
            .args(rest)
            .env_clear()
            // They are passed in the order of their names.
            .env("INIT", format!("{mode} 2 {path}"))
            .env("KEPT", "yes")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Exit code, standard output, and the report on the error descriptor.
    fn run(mode: &str, path: &str, rest: &[&str]) -> (Option<i32>, String, Vec<u8>) {
        let output = start(mode, path, rest).wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), output.stderr)
    }

    fn shell(mode: &str, script: &str) -> (Option<i32>, String, Vec<u8>) {
        run(mode, "/bin/sh", &["--", "sh", "-c", script])
    }

    #[test]
    fn passes_arguments_environment_and_exit_code_on() {
        for mode in RAW {
            let script = "echo \"$0 $1 $KEPT$INIT\"; [ -e /proc/self/fd/2 ] && exit 1; exit 7";
            let got = run(mode, "/bin/sh", &["--", "sh", "-c", script, "zero", "one"]);
            assert_eq!(got, (Some(7), "zero one yes\n".to_owned(), vec![]), "{mode}");
        }
    }

    #[test]
    fn reports_why_the_program_could_not_be_executed() {
        for mode in RAW {
            for (path, code, errno) in [("/nothing", 127, libc::ENOENT), ("/", 126, libc::EACCES)] {
                let (status, _, report) = run(mode, path, &["--", "program"]);
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
            ("exec", &["--"]),
            ("exec", &["-", "true"]),
            ("execute", &["--", "true"]),
            ("ini", &["--", "true"]),
            ("", &["--", "true"]),
        ] {
            let got = run(mode, "/bin/true", rest);
            assert_eq!(got, (Some(126), String::new(), invalid.clone()), "{mode} {rest:?}");
        }
    }

    #[test]
    fn is_not_the_engine_to_the_container() {
        let (_, path, _) = run("exec", "/bin/readlink", &["--", "readlink", "/proc/self/exe"]);
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
            let mut child = start("init", "/bin/sh", &["--", "sh", "-c", script]);
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
    fn builds_the_order_of_the_protocol() {
        let fd = program().unwrap();
        let number = fd.as_raw_fd();
        let argv = [c"sh".to_owned(), c"-c".to_owned()];
        let (arguments, environment) =
            order(Mode::Init, fd.as_fd(), c"/bin/my sh", &argv, &[c"A=1".to_owned()]);
        let texts =
            |list: &[CString]| list.iter().map(|text| text.to_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&arguments), ["/sbin/docker-init", "--", "sh", "-c"]);
        assert_eq!(texts(&environment), [format!("INIT=init {number} /bin/my sh"), "A=1".to_owned()]);
        let (_, environment) = order(Mode::Exec, fd.as_fd(), c"/x", &[], &[]);
        assert_eq!(texts(&environment), [format!("INIT=exec {number} /x")]);
    }

    #[test]
    fn init_shows_what_it_runs() {
        let (_, output, _) = shell("init", "cat /proc/$PPID/comm; tr '\\0' ' ' </proc/$PPID/cmdline");
        assert!(output.starts_with("docker-init\nstarter -- sh -c cat /proc/"), "{output}");
        // The program has a name of its own.
        assert_eq!(shell("init", "cat /proc/$$/comm").1, "sh\n");
    }

    #[test]
    fn ends_by_a_signal_in_exec_mode() {
        let status = start("exec", "/bin/sh", &["--", "sh", "-c", "kill -9 $$"]).wait().unwrap();
        assert_eq!(status.signal(), Some(9));
    }
}
