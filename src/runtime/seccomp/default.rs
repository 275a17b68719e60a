//! The default profile, equal in effect to docker's (moby/profiles of autumn 2026), as tables that are
//! computed when this is compiled: starting a container parses nothing and looks up no name.
//!
//! Left out of it because it cannot matter here: rules for other machines, and the bound "since Linux 4.8" on
//! `ptrace`, which every kernel with overlays in user namespaces passes.

use oci_spec::runtime::{
    LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder, LinuxSeccompOperator,
    LinuxSyscall,
};
use syscalls::{aarch64, arm, riscv64, x86, x86_64};

use super::abi::{self, Abi};
use super::plan::{ALLOW, Plan, Table, Verdict, errno};
use super::rules::{Comparison, Condition, Rule};
use crate::runtime::caps::{Cap, CapSet};

/// Allowed to every container.
#[rustfmt::skip] // One name a line would take hundreds of them.
const ALWAYS: &[&str] = &[
    "_llseek", "_newselect", "accept", "accept4", "access", "adjtimex", "alarm", "bind", "brk", "cachestat",
    "capget", "capset", "chdir", "chmod", "chown", "chown32", "clock_adjtime", "clock_adjtime64",
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "close", "close_range", "connect", "copy_file_range", "creat", "dup", "dup2",
    "dup3", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait", "epoll_pwait2",
    "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "execve", "execveat", "exit", "exit_group",
    "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fanotify_mark", "fchdir",
    "fchmod", "fchmodat", "fchmodat2", "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync",
    "fgetxattr", "flistxattr", "flock", "fork", "fremovexattr", "fsetxattr", "fstat", "fstat64",
    "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futex", "futex_requeue",
    "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "futimesat", "get_robust_list",
    "get_thread_area", "getcpu", "getcwd", "getdents", "getdents64", "getegid", "getegid32", "geteuid",
    "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getitimer", "getpeername", "getpgid",
    "getpgrp", "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresgid32", "getresuid",
    "getresuid32", "getrlimit", "getrusage", "getsid", "getsockname", "getsockopt", "gettid",
    "gettimeofday", "getuid", "getuid32", "getxattr", "getxattrat", "inotify_add_watch", "inotify_init",
    "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents",
    "io_pgetevents_time64", "io_setup", "io_submit", "ioctl", "ioprio_get", "ioprio_set", "ipc", "kill",
    "landlock_add_rule", "landlock_create_ruleset", "landlock_restrict_self", "lchown", "lchown32",
    "lgetxattr", "link", "linkat", "listen", "listmount", "listxattr", "listxattrat", "llistxattr",
    "lremovexattr", "lseek", "lsetxattr", "lstat", "lstat64", "madvise", "map_shadow_stack", "membarrier",
    "memfd_create", "memfd_secret", "mincore", "mkdir", "mkdirat", "mknod", "mknodat", "mlock", "mlock2",
    "mlockall", "mmap", "mmap2", "mprotect", "mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive",
    "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "mremap", "mseal",
    "msgctl", "msgget", "msgrcv", "msgsnd", "msync", "munlock", "munlockall", "munmap", "name_to_handle_at",
    "nanosleep", "newfstatat", "open", "openat", "openat2", "pause", "pidfd_open", "pidfd_send_signal",
    "pipe", "pipe2", "pkey_alloc", "pkey_free", "pkey_mprotect", "poll", "ppoll", "ppoll_time64", "prctl",
    "pread64", "preadv", "preadv2", "prlimit64", "process_mrelease", "process_vm_readv",
    "process_vm_writev", "pselect6", "pselect6_time64", "ptrace", "pwrite64", "pwritev", "pwritev2", "read",
    "readahead", "readlink", "readlinkat", "readv", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64",
    "recvmsg", "remap_file_pages", "removexattr", "removexattrat", "rename", "renameat", "renameat2",
    "restart_syscall", "riscv_hwprobe", "rmdir", "rseq", "rt_sigaction", "rt_sigpending", "rt_sigprocmask",
    "rt_sigqueueinfo", "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64",
    "rt_tgsigqueueinfo", "sched_get_priority_max", "sched_get_priority_min", "sched_getaffinity",
    "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam",
    "sched_setscheduler", "sched_yield", "seccomp", "select", "semctl", "semget", "semop", "semtimedop",
    "semtimedop_time64", "send", "sendfile", "sendfile64", "sendmmsg", "sendmsg", "sendto",
    "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32", "setfsuid",
    "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setitimer", "setpgid", "setpriority",
    "setregid", "setregid32", "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid",
    "setreuid32", "setrlimit", "setsid", "setsockopt", "setuid", "setuid32", "setxattr", "setxattrat",
    "shmat", "shmctl", "shmdt", "shmget", "shutdown", "sigaltstack", "signalfd", "signalfd4", "sigprocmask",
    "sigreturn", "socketcall", "socketpair", "splice", "stat", "stat64", "statfs", "statfs64", "statmount",
    "statx", "symlink", "symlinkat", "sync", "sync_file_range", "syncfs", "sysinfo", "tee", "tgkill",
    "time", "timer_create", "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64",
    "timer_settime", "timer_settime64", "timerfd_create", "timerfd_gettime", "timerfd_gettime64",
    "timerfd_settime", "timerfd_settime64", "times", "tkill", "truncate", "truncate64", "ugetrlimit",
    "umask", "uname", "unlink", "unlinkat", "uretprobe", "utime", "utimensat", "utimensat_time64", "utimes",
    "vfork", "vmsplice", "wait4", "waitid", "waitpid", "write", "writev",
];

/// Allowed to every container on this machine's architecture.
const MACHINE: &[&str] = match Abi::NATIVE {
    Abi::X86_64 => &["arch_prctl", "modify_ldt"],
    Abi::Aarch64 => &[
        "arm_fadvise64_64",
        "arm_sync_file_range",
        "breakpoint",
        "cacheflush",
        "set_tls",
        "sync_file_range2",
    ],
    Abi::Riscv64 => &["riscv_flush_icache"],
    _ => &[],
};

/// Allowed to containers that hold a capability.
const BY_CAPABILITY: &[(Cap, &[&str])] = &[
    (Cap::DAC_READ_SEARCH, &["open_by_handle_at"]),
    (
        Cap::SYS_ADMIN,
        &[
            "bpf",
            "clone",
            "clone3",
            "fanotify_init",
            "fsconfig",
            "fsmount",
            "fsopen",
            "fspick",
            "lookup_dcookie",
            "lsm_get_self_attr",
            "lsm_list_modules",
            "lsm_set_self_attr",
            "mount",
            "mount_setattr",
            "move_mount",
            "open_tree",
            "perf_event_open",
            "quotactl",
            "quotactl_fd",
            "setdomainname",
            "sethostname",
            "setns",
            "syslog",
            "umount",
            "umount2",
            "unshare",
        ],
    ),
    (Cap::SYS_BOOT, &["reboot"]),
    (Cap::SYS_CHROOT, &["chroot"]),
    (Cap::SYS_MODULE, &["delete_module", "finit_module", "init_module"]),
    (Cap::SYS_PACCT, &["acct"]),
    (Cap::SYS_PTRACE, &["kcmp", "pidfd_getfd", "process_madvise"]),
    (Cap::SYS_RAWIO, &["ioperm", "iopl"]),
    (Cap::SYS_TIME, &["clock_settime", "clock_settime64", "settimeofday", "stime"]),
    (Cap::SYS_TTY_CONFIG, &["vhangup"]),
    (Cap::SYS_NICE, &["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"]),
    (Cap::SYSLOG, &["syslog"]),
    (Cap::BPF, &["bpf"]),
    (Cap::PERFMON, &["perf_event_open"]),
];

/// Address families of socket(2) up to AF_ROSE, without a gap.
const FAMILIES_BELOW: u64 = 12;

/// The other address families that may be used. Not among them: what kernels no longer have (DECnet,
/// Econet, ATM SVC, IrDA, Wanpipe, ISDN, CAIF), AF_ALG, whose kernel interface is seldom needed and often
/// attacked, and AF_VSOCK, which reaches virtual machines past every network namespace.
const FAMILIES: &[u64] =
    &[13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45];

/// Execution domains of personality(2): Linux, without 16-bit ids (0x20000), Linux32 (8), both, and the
/// question which one it is.
const PERSONALITIES: [u64; 5] = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`.
const NAMESPACE_FLAGS: u64 = 0x7e02_0000;

/// The profile for a container whose bounding set is `caps`.
pub fn plan(caps: CapSet) -> Plan {
    let mut rules = vec![families(), one_of(&PERSONALITIES)];
    if !caps.contains(Cap::SYS_ADMIN) {
        rules.push(vec![no_namespaces()]);
    }
    let open = open_gates(caps);
    let tables = Abi::HOST.iter().map(|abi| Table::new(*abi, calls(*abi, open))).collect();
    Plan { default: errno(libc::EPERM), newer: errno(libc::ENOSYS), rules, tables }
}

/// The same profile as an OCI document.
pub fn to_oci(caps: CapSet) -> LinuxSeccomp {
    let mut seccomp = LinuxSeccomp::default();
    seccomp
        .set_default_action(LinuxSeccompAction::ScmpActErrno)
        .set_default_errno_ret(Some(libc::EPERM.unsigned_abs()))
        .set_architectures(Some(Abi::HOST.iter().map(|abi| abi.oci()).collect()))
        .set_syscalls(Some(syscalls(caps)));
    seccomp
}

fn syscalls(caps: CapSet) -> Vec<LinuxSyscall> {
    let held = BY_CAPABILITY.iter().filter(|(cap, _)| caps.contains(*cap)).map(|(_, names)| *names);
    let mut all: Vec<_> =
        [ALWAYS, MACHINE].into_iter().chain(held).map(|names| allowed(names, None)).collect();
    let on_first = |name: &'static str, value, operator| {
        let argument = LinuxSeccompArgBuilder::default().index(0usize).value(value).op(operator);
        let argument = argument.build().expect("every field has a default");
        allowed(&[name], Some(argument))
    };
    all.push(on_first("socket", FAMILIES_BELOW, LinuxSeccompOperator::ScmpCmpLt));
    all.extend(FAMILIES.iter().map(|family| on_first("socket", *family, LinuxSeccompOperator::ScmpCmpEq)));
    all.extend(PERSONALITIES.iter().map(|id| on_first("personality", *id, LinuxSeccompOperator::ScmpCmpEq)));
    if !caps.contains(Cap::SYS_ADMIN) {
        // With this operator the value is the mask and the second value, zero, what must be left of it.
        all.push(on_first("clone", NAMESPACE_FLAGS, LinuxSeccompOperator::ScmpCmpMaskedEq));
        let mut clone3 = allowed(&["clone3"], None);
        clone3.set_action(LinuxSeccompAction::ScmpActErrno).set_errno_ret(Some(libc::ENOSYS.unsigned_abs()));
        all.push(clone3);
    }
    all
}

fn allowed(names: &[&str], argument: Option<LinuxSeccompArg>) -> LinuxSyscall {
    let mut syscall = LinuxSyscall::default();
    syscall
        .set_names(names.iter().map(|name| (*name).to_owned()).collect())
        .set_action(LinuxSeccompAction::ScmpActAllow)
        .set_args(argument.map(|argument| vec![argument]));
    syscall
}

fn allow_first(comparison: Comparison) -> Rule {
    Rule { conditions: vec![Condition { index: 0, comparison }], action: ALLOW }
}

fn one_of(values: &[u64]) -> Vec<Rule> {
    values.iter().map(|value| allow_first(Comparison::Equal(*value))).collect()
}

fn families() -> Vec<Rule> {
    let mut rules = vec![allow_first(Comparison::Less(FAMILIES_BELOW))];
    rules.extend(one_of(FAMILIES));
    rules
}

fn no_namespaces() -> Rule {
    allow_first(Comparison::Masked { mask: NAMESPACE_FLAGS, value: 0 })
}

/// What a call of one number needs: the bit at the index of every capability that allows it, or one of the
/// bits below.
type Gates = u32;

const OPEN: Gates = 1 << 31;
const SOCKET: Gates = 1 << 30;
const PERSONALITY: Gates = 1 << 29;
const CLONE: Gates = 1 << 28;
const CLONE3: Gates = 1 << 27;

fn open_gates(caps: CapSet) -> Gates {
    let held = BY_CAPABILITY.iter().enumerate().filter(|(_, (cap, _))| caps.contains(*cap));
    held.fold(OPEN, |open, (index, _)| open | 1 << index)
}

fn calls(abi: Abi, open: Gates) -> Vec<(u32, Verdict)> {
    let of_table = (abi.first()..).zip(table(abi)).map(|(number, gates)| (number, *gates));
    let own = if abi == Abi::Arm { abi::ARM_OWN.as_slice() } else { &[] };
    let own = own.iter().map(|(name, number)| (*number, gates_of(name)));
    of_table.chain(own).filter_map(|(number, gates)| Some((number, verdict(gates, open)?))).collect()
}

/// `None` leaves the call to the default. The rules are in the order that [`plan`] puts them in.
fn verdict(gates: Gates, open: Gates) -> Option<Verdict> {
    match gates {
        _ if gates & open != 0 => Some(Verdict::Return(ALLOW)),
        _ if gates & SOCKET != 0 => Some(Verdict::Rules(0)),
        _ if gates & PERSONALITY != 0 => Some(Verdict::Rules(1)),
        _ if gates & CLONE != 0 => Some(Verdict::Rules(2)),
        // Its flags are behind a pointer; ENOSYS makes C libraries fall back to clone(2).
        _ if gates & CLONE3 != 0 => Some(Verdict::Return(errno(libc::ENOSYS))),
        _ => None,
    }
}

/// The gates of every number of an interface, from its first on.
fn table(abi: Abi) -> &'static [Gates] {
    match abi {
        Abi::X86_64 => &X86_64,
        Abi::X86 => &X86,
        Abi::X32 => &X32,
        Abi::Aarch64 => &AARCH64,
        Abi::Arm => &ARM,
        Abi::Riscv64 => &RISCV64,
    }
}

macro_rules! gates_of_all {
    ($abi:ident) => {{
        let mut table = [0; $abi::Sysno::last().id() as usize + 1];
        let mut number = 0;
        while number < table.len() {
            if let Some(call) = $abi::Sysno::new(number) {
                table[number] = gates_of(call.name());
            }
            number += 1;
        }
        table
    }};
}

static X86_64: [Gates; 470] = gates_of_all!(x86_64);
static X86: [Gates; 470] = gates_of_all!(x86);
static AARCH64: [Gates; 470] = gates_of_all!(aarch64);
static ARM: [Gates; 470] = gates_of_all!(arm);
static RISCV64: [Gates; 470] = gates_of_all!(riscv64);
static X32: [Gates; abi::X32_OWN_FIRST as usize + abi::X32_OWN.len()] = x32();

const fn x32() -> [Gates; abi::X32_OWN_FIRST as usize + abi::X32_OWN.len()] {
    let mut table = [0; abi::X32_OWN_FIRST as usize + abi::X32_OWN.len()];
    let mut number = 0;
    while number < X86_64.len() {
        if let Some(call) = x86_64::Sysno::new(number)
            && !contains(&abi::X32_OWN, call.name())
            && !contains(&abi::NOT_X32, call.name())
        {
            table[number] = gates_of(call.name());
        }
        number += 1;
    }
    let mut own = 0;
    while own < abi::X32_OWN.len() {
        table[abi::X32_OWN_FIRST as usize + own] = gates_of(abi::X32_OWN[own]);
        own += 1;
    }
    table
}

const fn gates_of(name: &str) -> Gates {
    let mut gates = match name.as_bytes() {
        b"socket" => SOCKET,
        b"personality" => PERSONALITY,
        b"clone" => CLONE,
        b"clone3" => CLONE3,
        _ => 0,
    };
    if contains_sorted(ALWAYS, name) || contains(MACHINE, name) {
        gates |= OPEN;
    }
    let mut index = 0;
    while index < BY_CAPABILITY.len() {
        if contains(BY_CAPABILITY[index].1, name) {
            gates |= 1 << index;
        }
        index += 1;
    }
    gates
}

const fn contains(names: &[&str], name: &str) -> bool {
    let mut rest = names;
    while let [first, others @ ..] = rest {
        if compare(first.as_bytes(), name.as_bytes()) == 0 {
            return true;
        }
        rest = others;
    }
    false
}

const fn contains_sorted(names: &[&str], name: &str) -> bool {
    let (mut low, mut high) = (0, names.len());
    while low < high {
        let middle = (low + high) / 2;
        match compare(names[middle].as_bytes(), name.as_bytes()) {
            0 => return true,
            order if order < 0 => low = middle + 1,
            _ => high = middle,
        }
    }
    false
}

/// Negative, zero or positive as `a` comes before `b`, is `b`, or comes after; for evaluation by the compiler.
const fn compare(a: &[u8], b: &[u8]) -> i32 {
    let mut index = 0;
    while index < a.len() && index < b.len() {
        if a[index] != b[index] {
            return a[index] as i32 - b[index] as i32;
        }
        index += 1;
    }
    a.len() as i32 - b.len() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> impl Iterator<Item = &'static str> {
        let held = BY_CAPABILITY.iter().flat_map(|(_, names)| names.iter());
        ALWAYS.iter().chain(MACHINE).chain(held).copied()
    }

    #[test]
    fn names_are_sorted_and_exist_somewhere() {
        assert!(ALWAYS.is_sorted());
        let all = [Abi::X86_64, Abi::X86, Abi::X32, Abi::Aarch64, Abi::Arm, Abi::Riscv64];
        for name in names() {
            assert!(all.iter().any(|abi| abi.number(name).is_some()), "{name}");
        }
    }

    #[test]
    fn tables_agree_with_the_numbers_of_names() {
        for abi in [Abi::X86_64, Abi::X86, Abi::X32, Abi::Aarch64, Abi::Arm, Abi::Riscv64] {
            let calls = calls(abi, open_gates(CapSet::ALL));
            for name in names() {
                let Some(number) = abi.number(name) else { continue };
                let found = calls.iter().find(|(known, _)| *known == number);
                assert_eq!(
                    found.map(|(_, verdict)| *verdict),
                    Some(Verdict::Return(ALLOW)),
                    "{abi:?} {name}"
                );
            }
            assert!(calls.is_sorted_by_key(|(number, _)| *number));
        }
    }

    #[test]
    fn families_and_flags_are_the_kernels() {
        let allowed = |family: i32| {
            let family = family.unsigned_abs().into();
            families().iter().any(|rule| rule.conditions[0].comparison.holds(family))
        };
        for family in
            [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_XDP]
        {
            assert!(allowed(family), "{family}");
        }
        for family in [
            libc::AF_VSOCK,
            libc::AF_ALG,
            libc::AF_CAIF,
            libc::AF_ISDN,
            libc::AF_IRDA,
            libc::AF_ECONET,
            libc::AF_DECnet,
            libc::AF_ATMSVC,
            libc::AF_WANPIPE,
            46,
        ] {
            assert!(!allowed(family), "{family}");
        }
        let flags = libc::CLONE_NEWNS
            | libc::CLONE_NEWCGROUP
            | libc::CLONE_NEWUTS
            | libc::CLONE_NEWIPC
            | libc::CLONE_NEWUSER
            | libc::CLONE_NEWPID
            | libc::CLONE_NEWNET;
        assert_eq!(NAMESPACE_FLAGS, u64::from(flags.unsigned_abs()));
    }
}
