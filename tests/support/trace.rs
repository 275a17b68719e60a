//! Follows a command and every process it forks through their system calls, and kills one at a chosen call.
//!
//! The steps of a process are its calls that change something outside of it: files, mounts, processes, messages.
//! A process is killed before the call takes effect, so the steps are all the states in which a `SIGKILL`, or a
//! machine that stops, can leave the world; nothing in the program has to be marked, and a new call is a new step.
//!
//! Processes are named by birth: the command is `0`, its second child `0.2`; threads are named as children are, and with
//! one of them the whole process dies. What a process executes is not followed
//! (a container's program; `newuidmap`, which a traced exec would rob of its privilege).

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use syscalls::Sysno;

/// A command that has not ended after this long hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// What is left behind a command has come to rest when none of it has made a call for this long.
const REST: Duration = Duration::from_millis(50);

/// One call that changes something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// The process, by birth.
    pub process: String,
    /// From 1, in that process.
    pub number: usize,
    /// The call, and the path that it names, if any.
    pub call: String,
}

/// Who dies at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victims {
    /// The process that is about to make the step.
    One,
    /// That process and the command itself.
    WithCommand,
}

/// A death to bring about.
#[derive(Clone, Debug)]
pub struct Fault {
    pub step: Step,
    pub victims: Victims,
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Every step of every process, in order; without a [`Fault`] only.
    pub steps: Vec<Step>,
    /// Whether the fault was reached.
    pub struck: bool,
    /// The command did not end by itself.
    pub hung: bool,
}

/// Runs a command, whose streams must not be pipes, until it has ended and its children have come to rest. They
/// are then let go.
pub fn follow(command: Command, fault: Option<&Fault>) -> Seen {
    // Tracing ends with the tracing thread, for every process at once, wherever each is.
    std::thread::scope(|scope| scope.spawn(|| Tracer::new(fault).run(command)).join().expect("no panic"))
}

struct Process {
    name: String,
    children: usize,
    steps: usize,
}

struct Tracer<'a> {
    fault: Option<&'a Fault>,
    root: Pid,
    processes: BTreeMap<Pid, Process>,
    /// Children that stopped before their parent said who they are.
    early: Vec<Pid>,
    /// Announced, and not yet stopped.
    unborn: usize,
    seen: Seen,
}

impl<'a> Tracer<'a> {
    fn new(fault: Option<&'a Fault>) -> Self {
        let processes = BTreeMap::new();
        Self { fault, root: Pid::from_raw(0), processes, early: Vec::new(), unborn: 0, seen: Seen::default() }
    }

    #[expect(clippy::zombie_processes, reason = "the loop waits for every process")]
    fn run(mut self, mut command: Command) -> Seen {
        // SAFETY: ptrace(2) is a plain system call, which a forked child may make.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let child = command.spawn().expect("the command can be executed");
        self.root = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
        waitpid(self.root, None).expect("it stops at its execve");
        let follow = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::setoptions(self.root, follow).expect("options of a stopped process");
        self.processes.insert(self.root, Process { name: "0".into(), children: 0, steps: 0 });
        self.go_on(self.root, None);
        self.follow_root();
        self.follow_rest();
        self.seen
    }

    /// Until the command has ended; one that hangs is killed.
    fn follow_root(&mut self) {
        let over = AtomicBool::new(false);
        let root = self.root;
        let hung = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let end = Instant::now() + LIMIT;
                while !over.load(Ordering::Relaxed) {
                    if Instant::now() > end {
                        let _ = kill(root, Signal::SIGKILL);
                        return true;
                    }
                    std::thread::park_timeout(Duration::from_millis(500));
                }
                false
            });
            while self.processes.contains_key(&root) {
                self.take(WaitPidFlag::empty());
            }
            over.store(true, Ordering::Relaxed);
            watch.thread().unpark();
            watch.join().expect("no panic")
        });
        self.seen.hung = hung;
    }

    /// Until its children have ended or come to rest.
    fn follow_rest(&mut self) {
        let mut quiet = Instant::now();
        while (quiet.elapsed() < REST && !self.seen.struck) || self.unborn > 0 {
            match self.take(WaitPidFlag::WNOHANG) {
                Taken::Something => quiet = Instant::now(),
                Taken::Nothing => std::thread::sleep(Duration::from_millis(1)),
                Taken::NobodyLeft => return,
            }
        }
    }

    /// Deals with one event.
    fn take(&mut self, flags: WaitPidFlag) -> Taken {
        let status = match waitpid(None, Some(flags | WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
            Ok(status) => status,
            Err(Errno::EINTR) => return Taken::Something,
            Err(_) => {
                self.processes.clear();
                return Taken::NobodyLeft;
            }
        };
        match status {
            WaitStatus::StillAlive => return Taken::Nothing,
            WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, _, _) => {
                self.processes.remove(&pid);
            }
            WaitStatus::PtraceEvent(pid, _, event)
                if event == Event::PTRACE_EVENT_FORK as i32 || event == Event::PTRACE_EVENT_CLONE as i32 =>
            {
                self.born(pid)
            }
            WaitStatus::PtraceEvent(pid, _, event) if event == Event::PTRACE_EVENT_EXEC as i32 => {
                self.processes.remove(&pid);
                let _ = ptrace::detach(pid, None);
            }
            WaitStatus::PtraceSyscall(pid) => self.call(pid),
            WaitStatus::Stopped(pid, Signal::SIGSTOP) if !self.processes.contains_key(&pid) => {
                self.early.push(pid)
            }
            WaitStatus::Stopped(pid, Signal::SIGSTOP) if self.unborn > 0 && self.is_new(pid) => {
                self.unborn -= 1;
                self.go_on(pid, None);
            }
            WaitStatus::Stopped(pid, signal) => self.go_on(pid, Some(signal)),
            status => {
                if let Some(pid) = status.pid() {
                    self.go_on(pid, None);
                }
            }
        }
        Taken::Something
    }

    fn is_new(&self, pid: Pid) -> bool {
        self.processes.get(&pid).is_some_and(|process| process.steps == 0 && process.children == 0)
    }

    /// A process has forked: its child gets a name, and both go on.
    fn born(&mut self, parent: Pid) {
        if let (Ok(child), Some(process)) = (ptrace::getevent(parent), self.processes.get_mut(&parent)) {
            let child = Pid::from_raw(i32::try_from(child).expect("a process id"));
            process.children += 1;
            let name = format!("{}.{}", process.name, process.children);
            self.processes.insert(child, Process { name, children: 0, steps: 0 });
            match self.early.iter().position(|early| *early == child) {
                Some(index) => {
                    self.early.swap_remove(index);
                    self.go_on(child, None);
                }
                None => self.unborn += 1,
            }
        }
        self.go_on(parent, None);
    }

    /// Lets a process run to its next call; without tracing its calls where nothing hangs on them.
    fn go_on(&mut self, pid: Pid, signal: Option<Signal>) {
        let watched = match (self.fault, self.processes.get(&pid)) {
            (Some(fault), Some(process)) => !self.seen.struck && process.name == fault.step.process,
            (None, _) => true,
            (Some(_), None) => false,
        };
        // One that was killed meanwhile says so at the next wait.
        let _ = if watched { ptrace::syscall(pid, signal) } else { ptrace::cont(pid, signal) };
    }

    /// A call begins or ends: a beginning may be a step.
    fn call(&mut self, pid: Pid) {
        if let Some(call) = changing_call(pid)
            && let Some(process) = self.processes.get_mut(&pid)
        {
            process.steps += 1;
            let step = Step { process: process.name.clone(), number: process.steps, call };
            match self.fault {
                None => self.seen.steps.push(step),
                Some(fault) if (&step.process, step.number) == (&fault.step.process, fault.step.number) => {
                    self.strike(pid, fault.victims);
                }
                Some(_) => {}
            }
        }
        self.go_on(pid, None);
    }

    fn strike(&mut self, pid: Pid, victims: Victims) {
        self.seen.struck = true;
        let _ = kill(pid, Signal::SIGKILL);
        if victims == Victims::WithCommand && self.processes.contains_key(&self.root) {
            let _ = kill(self.root, Signal::SIGKILL);
        }
    }
}

enum Taken {
    Something,
    Nothing,
    NobodyLeft,
}

/// The call that a process is about to make, if it changes something outside of the process.
fn changing_call(pid: Pid) -> Option<String> {
    let info = ptrace::syscall_info(pid).ok()?;
    if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
        return None;
    }
    // SAFETY: `op` says which member of the union the kernel has filled.
    let entry = unsafe { info.u.entry };
    let name = Sysno::new(usize::try_from(entry.nr).ok()?)?.name();
    let creates = |flags: u64| flags & (libc::O_CREAT | libc::O_TRUNC) as u64 != 0;
    let path = match name {
        "open" if creates(entry.args[1]) => Some(0),
        "openat" if creates(entry.args[2]) => Some(1),
        "openat2" if creates(peek(pid, entry.args[2])?) => Some(1),
        "creat" | "mkdir" | "rmdir" | "unlink" | "chmod" | "chown" | "lchown" | "truncate" | "mknod"
        | "setxattr" | "lsetxattr" | "removexattr" | "umount2" | "execve" => Some(0),
        "mkdirat" | "unlinkat" | "fchmodat" | "fchmodat2" | "fchownat" | "mknodat" | "utimensat"
        | "execveat" => Some(1),
        "rename" | "link" | "symlink" | "mount" => Some(1),
        "symlinkat" => Some(2),
        "renameat" | "renameat2" | "linkat" => Some(3),
        "write" | "pwrite64" | "writev" | "pwritev" | "sendmsg" | "sendto" | "sendfile" | "splice"
        | "copy_file_range" | "ftruncate" | "fchmod" | "fchown" | "fsetxattr" | "fallocate" => None,
        "clone" | "clone3" | "fork" | "vfork" | "exit_group" | "waitid" | "wait4" | "kill"
        | "pidfd_send_signal" | "setsid" | "move_mount" | "pivot_root" | "bind" | "listen" | "connect"
        | "shutdown" => None,
        _ => return None,
    };
    let path = path.map(|index: usize| format!(" {}", text(pid, entry.args[index]))).unwrap_or_default();
    Some(format!("{name}{path}"))
}

/// A word of the process' memory.
fn peek(pid: Pid, address: u64) -> Option<u64> {
    ptrace::read(pid, address as ptrace::AddressType).ok().map(|word| word as u64)
}

/// The text at an address, as far as it can be read.
fn text(pid: Pid, mut address: u64) -> String {
    let mut bytes = Vec::new();
    while bytes.len() < 256
        && let Some(word) = peek(pid, address)
    {
        let word = word.to_ne_bytes();
        bytes.extend(word.iter().take_while(|byte| **byte != 0));
        if word.contains(&0) {
            break;
        }
        address += 8;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
