//! Runs compiled programs in an interpreter and compares every answer with the profile, read word for word.

use std::collections::HashMap;

use oci_spec::runtime::{LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompOperator};
use proptest::prelude::*;

use super::abi::{Abi, MULTIPLEXED, X32_BIT};
use super::plan::{ALLOW, KILL_PROCESS, errno};
use super::*;
use crate::runtime::caps::Cap;

/// What the kernel gives a filter.
#[derive(Clone, Copy, Debug)]
struct Data {
    number: u32,
    audit: u32,
    args: [u64; 6],
}

impl Data {
    fn new(abi: Abi, number: u32, first: u64) -> Self {
        Self { number, audit: abi.audit(), args: [first, 0, 0, 0, 0, 0] }
    }

    fn word(&self, offset: u32) -> u32 {
        match offset {
            0 => self.number,
            4 => self.audit,
            16..64 => (self.args[(offset as usize - 16) / 8] >> (offset as usize % 8 * 8)) as u32,
            _ => panic!("load from {offset}"),
        }
    }
}

/// The answer, and whether an argument was looked at.
fn run(program: &[Instruction], data: &Data) -> (u32, bool) {
    let (mut word, mut at, mut looked) = (0u32, 0usize, false);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let holds = match code {
            0x20 => {
                word = data.word(k);
                looked |= k >= 16;
                continue;
            }
            0x54 => {
                word &= k;
                continue;
            }
            0x05 => {
                at += k as usize;
                continue;
            }
            0x06 => return (k, looked),
            0x15 => word == k,
            0x25 => word > k,
            0x35 => word >= k,
            0x45 => word & k != 0,
            _ => panic!("code {code:#x}"),
        };
        at += usize::from(if holds { jt } else { jf });
    }
}

/// An entry of the profile, and the first argument that a multiplexer must have for it.
type Named = (usize, Option<u64>);

/// A profile with every name looked up, to be asked without any of the compiler's code.
struct Oracle<'a> {
    seccomp: &'a LinuxSeccomp,
    default: u32,
    /// For each architecture and number the entries that name it.
    named: HashMap<(u32, u32), Vec<Named>>,
    newest: HashMap<u32, u32>,
}

fn is_x32(abi: Abi) -> u32 {
    if abi == Abi::X32 { X32_BIT } else { 0 }
}

impl<'a> Oracle<'a> {
    fn new(seccomp: &'a LinuxSeccomp) -> Self {
        let default = seccomp.default_action().as_u32(seccomp.default_errno_ret());
        let mut oracle = Self { seccomp, default, named: HashMap::new(), newest: HashMap::new() };
        for abi in oracle.abis() {
            for (index, entry) in seccomp.syscalls().iter().flatten().enumerate() {
                for name in entry.names() {
                    oracle.enter(abi, index, name, entry.args().as_ref().is_none_or(Vec::is_empty));
                }
            }
        }
        oracle
    }

    fn enter(&mut self, abi: Abi, index: usize, name: &str, bare: bool) {
        let audit = abi.audit();
        if let Some(number) = abi.number(name) {
            self.named.entry((audit, number)).or_default().push((index, None));
            let newest = self.newest.entry(audit | is_x32(abi) >> 30).or_default();
            *newest = number.max(*newest);
        }
        let multiplexed = MULTIPLEXED.iter().find(|(call, _, _)| *call == name);
        if let Some((_, by, selector)) = multiplexed.filter(|_| abi == Abi::X86 && bare) {
            let number = abi.number(by).unwrap();
            self.named.entry((audit, number)).or_default().push((index, Some((*selector).into())));
        }
    }

    fn abis(&self) -> Vec<Abi> {
        let named = self.seccomp.architectures().clone().unwrap_or_default();
        Abi::HOST.iter().copied().filter(|abi| *abi == Abi::NATIVE || named.contains(&abi.oci())).collect()
    }

    fn answer(&self, data: &Data) -> u32 {
        let x32 = data.audit == Abi::X32.audit() && data.number & 0xc000_0000 != 0;
        let Some(abi) =
            self.abis().into_iter().find(|abi| abi.audit() == data.audit && (*abi == Abi::X32) == x32)
        else {
            return KILL_PROCESS;
        };
        let entries = self.seccomp.syscalls().as_deref().unwrap_or_default();
        let action = |index: usize| entries[index].action().as_u32(entries[index].errno_ret());
        let none = Vec::new();
        let named = self.named.get(&(data.audit, data.number)).unwrap_or(&none);
        let mut ours = named.iter().filter(|(index, _)| action(*index) != self.default);
        let arguments = |index: usize| entries[index].args().as_deref().unwrap_or_default();
        // What is listed, a multiplexer too, is not newer than the profile.
        let is_listed = ours.clone().next().is_some();
        let bare = ours.clone().find(|(index, selector)| selector.is_none() && arguments(*index).is_empty());
        let fits = |index: usize, selector: Option<u64>| match selector {
            Some(selector) => data.args[0] == selector,
            None => entry_fits(arguments(index), abi, data),
        };
        let chosen = bare.or_else(|| ours.find(|(index, selector)| fits(*index, *selector)));
        match chosen {
            Some((index, _)) => action(*index),
            None if !is_listed && self.is_newer(abi, data.number) => errno(libc::ENOSYS),
            None => self.default,
        }
    }

    fn is_newer(&self, abi: Abi, number: u32) -> bool {
        let lets_through = matches!(
            self.seccomp.default_action(),
            LinuxSeccompAction::ScmpActAllow
                | LinuxSeccompAction::ScmpActLog
                | LinuxSeccompAction::ScmpActTrace
        );
        let newest = self.newest.get(&(abi.audit() | is_x32(abi) >> 30));
        !lets_through && newest.is_some_and(|newest| number > *newest)
    }
}

fn entry_fits(arguments: &[LinuxSeccompArg], abi: Abi, data: &Data) -> bool {
    let holds = |argument: &LinuxSeccompArg| {
        let wide = |value: u64| if matches!(abi, Abi::X86 | Abi::Arm) { value & 0xffff_ffff } else { value };
        let (given, value) = (data.args[argument.index()], wide(argument.value()));
        match argument.op() {
            LinuxSeccompOperator::ScmpCmpNe => given != value,
            LinuxSeccompOperator::ScmpCmpLt => given < value,
            LinuxSeccompOperator::ScmpCmpLe => given <= value,
            LinuxSeccompOperator::ScmpCmpEq => given == value,
            LinuxSeccompOperator::ScmpCmpGe => given >= value,
            LinuxSeccompOperator::ScmpCmpGt => given > value,
            LinuxSeccompOperator::ScmpCmpMaskedEq => given & value == wide(argument.value_two().unwrap_or(0)),
        }
    };
    let mut indexes: Vec<usize> = arguments.iter().map(LinuxSeccompArg::index).collect();
    indexes.sort_unstable();
    indexes.dedup();
    if indexes.len() < arguments.len() { arguments.iter().any(holds) } else { arguments.iter().all(holds) }
}

fn sets() -> impl Iterator<Item = CapSet> {
    let single = CapSet::ALL.iter().map(|cap| CapSet::DEFAULT.with(cap));
    [CapSet::NONE, CapSet::DEFAULT, CapSet::ALL].into_iter().chain(single)
}

/// First arguments at which the default profile could turn.
fn turning_points() -> Vec<u64> {
    let mut points: Vec<u64> = (0..50).collect();
    points.extend([0x2_0000, 0x2_0008, 0x2_0009, 0xffff_ffff, u64::MAX, 1 << 32, (1 << 32) + 2, 0x7f]);
    points.extend((7..64).map(|bit| 1 << bit));
    points.push(0x0100_0000 | 0x7e02_0000);
    points
}

#[test]
fn the_default_filter_is_the_default_profile() {
    let points = turning_points();
    for caps in sets() {
        let document = to_oci(caps);
        let oracle = Oracle::new(&document);
        for filter in [default_filter(caps), compile(&document).unwrap()] {
            for abi in Abi::HOST {
                for number in (0..600).map(|number| abi.first() + number) {
                    let firsts =
                        if oracle.named.contains_key(&(abi.audit(), number)) { &points[..] } else { &[0] };
                    for first in firsts {
                        let data = Data::new(*abi, number, *first);
                        assert_eq!(run(&filter.program, &data).0, oracle.answer(&data), "{abi:?} {data:x?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_default_filter_does_what_is_known_of_dockers() {
    let (allow, eperm, enosys) = (ALLOW, errno(libc::EPERM), errno(libc::ENOSYS));
    let default = CapSet::DEFAULT;
    let admin = default.with(Cap::SYS_ADMIN);
    let rows: &[(CapSet, Abi, &str, u64, u32)] = &[
        (default, Abi::X86_64, "read", 0, allow),
        (default, Abi::X86_64, "execve", 0, allow),
        (default, Abi::X86_64, "ptrace", 0, allow),
        (default, Abi::X86_64, "chroot", 0, allow),
        (CapSet::NONE, Abi::X86_64, "chroot", 0, eperm),
        (default, Abi::X86_64, "mount", 0, eperm),
        (admin, Abi::X86_64, "mount", 0, allow),
        (default, Abi::X86_64, "unshare", 0x1000_0000, eperm),
        (default, Abi::X86_64, "keyctl", 0, eperm),
        (CapSet::ALL, Abi::X86_64, "keyctl", 0, eperm),
        (default, Abi::X86_64, "io_uring_setup", 0, eperm),
        (CapSet::ALL, Abi::X86_64, "io_uring_setup", 0, eperm),
        (CapSet::ALL, Abi::X86_64, "userfaultfd", 0, eperm),
        (CapSet::ALL, Abi::X86_64, "kexec_load", 0, eperm),
        (default, Abi::X86_64, "bpf", 0, eperm),
        (default.with(Cap::BPF), Abi::X86_64, "bpf", 0, allow),
        (default.with(Cap::PERFMON), Abi::X86_64, "perf_event_open", 0, allow),
        (default.with(Cap::SYSLOG), Abi::X86_64, "syslog", 0, allow),
        (default, Abi::X86_64, "clone", 0x11, allow),
        (default, Abi::X86_64, "clone", 0x3d_0f00, allow),
        (default, Abi::X86_64, "clone", 0x1000_0011, eperm),
        (admin, Abi::X86_64, "clone", 0x1000_0011, allow),
        (default, Abi::X86_64, "clone3", 0, enosys),
        (admin, Abi::X86_64, "clone3", 0, allow),
        (default, Abi::X86_64, "personality", 0xffff_ffff, allow),
        (default, Abi::X86_64, "personality", 0x0004_0000, eperm),
        (default, Abi::X86_64, "socket", libc::AF_INET as u64, allow),
        (default, Abi::X86_64, "socket", libc::AF_ALG as u64, eperm),
        (CapSet::ALL, Abi::X86_64, "socket", libc::AF_VSOCK as u64, eperm),
        (default, Abi::X86_64, "socket", (1 << 32) | libc::AF_INET as u64, eperm),
        (default, Abi::X86, "socketcall", 1, allow),
        (default, Abi::X86, "socket", libc::AF_VSOCK as u64, eperm),
        (default, Abi::X86, "clone", 0x1000_0011, eperm),
        (default, Abi::X86, "personality", 0xffff_ffff, allow),
        (default, Abi::X32, "execve", 0, allow),
        (default, Abi::X32, "mount", 0, eperm),
    ];
    for (caps, abi, name, first, want) in rows.iter().filter(|row| Abi::HOST.contains(&row.1)) {
        let data = Data::new(*abi, abi.number(name).unwrap(), *first);
        assert_eq!(run(&default_filter(*caps).program, &data).0, *want, "{abi:?} {name} {first:#x}");
    }
    let program = default_filter(default).program;
    for (number, want) in [(400, eperm), (466, allow), (467, enosys), (5000, enosys), (0x3fff_ffff, enosys)] {
        assert_eq!(run(&program, &Data::new(Abi::NATIVE, number, 0)).0, want, "{number}");
    }
    let foreign = Data { number: 0, audit: 0x8000_0016, args: [0; 6] };
    assert_eq!(run(&program, &foreign).0, KILL_PROCESS);
}

#[test]
fn the_default_filter_is_short_and_lets_the_kernel_skip_it() {
    for caps in sets() {
        let filter = default_filter(caps);
        assert!(filter.program.len() < 480, "{}", filter.program.len());
        for abi in Abi::HOST {
            let decided_by_arguments = ["socket", "personality", "clone"].map(|name| abi.number(name));
            for number in (0..600).map(|number| abi.first() + number) {
                let (_, looked) = run(&filter.program, &Data::new(*abi, number, 0));
                assert!(!looked || decided_by_arguments.contains(&Some(number)), "{abi:?} {number}");
            }
        }
    }
}

#[test]
fn the_kernel_takes_the_default_filter_and_acts_on_it() {
    let thread = std::thread::spawn(|| {
        rustix::thread::set_no_new_privs(true).unwrap();
        let filter = default_filter(CapSet::DEFAULT);
        assert!(crate::sys::bpf::load(&filter.program, filter.flags).unwrap().is_none());
        let refused = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWUSER);
        let vsock = nix::sys::socket::socket(
            nix::sys::socket::AddressFamily::Vsock,
            nix::sys::socket::SockType::Stream,
            nix::sys::socket::SockFlag::empty(),
            None,
        );
        // Threads and programs are made with clone3 first and with clone where that is ENOSYS.
        let output = std::process::Command::new("/bin/echo").arg("still alive").output().unwrap();
        std::thread::spawn(|| ()).join().unwrap();
        (refused, vsock.map(drop), output.stdout)
    });
    let (refused, vsock, output) = thread.join().unwrap();
    assert_eq!(refused, Err(nix::Error::EPERM));
    assert_eq!(vsock, Err(nix::Error::EPERM));
    assert_eq!(output, b"still alive\n");
}

fn seccomp(json: &str) -> LinuxSeccomp {
    serde_json::from_str(json).unwrap()
}

#[test]
fn a_program_too_large_is_refused() {
    let mut document = seccomp(r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}"#);
    let argument = |value: u64| format!(r#"{{"index":{},"value":{value},"op":"SCMP_CMP_EQ"}}"#, value % 2);
    let entries: Vec<String> = (0..2000)
        .map(|value| {
            format!(r#"{{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{}]}}"#, argument(value))
        })
        .collect();
    document.set_syscalls(Some(serde_json::from_str(&format!("[{}]", entries.join(","))).unwrap()));
    let error = compile(&document).unwrap_err().to_string();
    assert!(error.ends_with("instructions, the kernel takes 4096"), "{error}");
}

#[test]
fn what_the_kernel_cannot_take_is_refused() {
    let entry = |entry: &str| format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{entry}]}}"#);
    for (json, message) in [
        (
            r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#.to_owned(),
            "SCMP_ACT_NOTIFY cannot be used as default action",
        ),
        (entry(r#"{"names":["read"],"action":"SCMP_ACT_NOTIFY"}"#), "SCMP_ACT_NOTIFY needs a listenerPath"),
        (
            entry(r#"{"names":["read"],"action":"SCMP_ACT_KILL","errnoRet":1}"#),
            "seccomp profile: SCMP_ACT_KILL takes no errnoRet",
        ),
        (
            entry(r#"{"names":["read"],"action":"SCMP_ACT_ERRNO","errnoRet":65536}"#),
            "seccomp profile: errnoRet 65536 is out of range",
        ),
        (
            entry(
                r#"{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}"#,
            ),
            "seccomp profile: a system call has no argument 6",
        ),
    ] {
        assert_eq!(compile(&seccomp(&json)).unwrap_err().to_string(), message);
    }
    let notify_write = r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/s",
        "syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]}"#;
    assert!(compile(&seccomp(notify_write)).is_err());
}

#[test]
fn flags_are_what_the_profile_says() {
    let with = |flags: &str| {
        let json = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW"{flags}}}"#);
        compile(&seccomp(&json)).unwrap().flags
    };
    assert_eq!(with(""), 4);
    assert_eq!(with(r#","flags":[]"#), 0);
    assert_eq!(with(r#","flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_TSYNC"]"#), 2);
    assert_eq!(with(r#","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]"#), 32);
    let notify =
        r#","flags":[],"listenerPath":"/s","syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]"#;
    assert_eq!(with(notify), 8);
}

#[test]
fn docker_scopes_apply_as_they_say() {
    let host = Abi::NATIVE.docker();
    let json = |scope: &str| {
        format!(
            r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{{"names":["mount"],"action":"SCMP_ACT_ALLOW",
                "args":null,"comment":"",{scope}}}]}}"#
        )
    };
    for (scope, applies) in [
        (r#""includes":{},"excludes":{}"#.to_owned(), true),
        (r#""includes":null,"excludes":null"#.to_owned(), true),
        (r#""includes":{"caps":["CAP_CHOWN"]}"#.to_owned(), true),
        (r#""includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#.to_owned(), false),
        (r#""includes":{"caps":["CAP_OF_TOMORROW"]}"#.to_owned(), false),
        (r#""excludes":{"caps":["CAP_SYS_ADMIN"]}"#.to_owned(), true),
        (r#""excludes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]}"#.to_owned(), false),
        (format!(r#""includes":{{"arches":["s390x","{host}"]}}"#), true),
        (r#""includes":{"arches":["s390x"]}"#.to_owned(), false),
        (format!(r#""excludes":{{"arches":["{host}"]}}"#), false),
        (r#""includes":{"minKernel":"4.8"}"#.to_owned(), true),
        (r#""includes":{"minKernel":"999.0"}"#.to_owned(), false),
        (r#""excludes":{"minKernel":"4.8"}"#.to_owned(), false),
        (r#""includes":{"minKernel":""}"#.to_owned(), true),
    ] {
        let profile = from_docker_profile(&json(&scope), CapSet::DEFAULT).unwrap();
        assert_eq!(!profile.syscalls().as_ref().unwrap().is_empty(), applies, "{scope}");
    }
}

#[test]
fn docker_profiles_are_read_and_bad_ones_refused() {
    let read = |json: &str| from_docker_profile(json, CapSet::DEFAULT);
    let empty = compile(&read("{}").unwrap()).unwrap();
    assert_eq!(run(&empty.program, &Data::new(Abi::NATIVE, 0, 0)).0, ALLOW);
    let old =
        read(r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"chmod","action":"SCMP_ACT_ERRNO"}]}"#);
    let old = compile(&old.unwrap()).unwrap();
    let chmod = Abi::NATIVE.number("fchmodat").map(|_| "chmod").and_then(|name| Abi::NATIVE.number(name));
    if let Some(number) = chmod {
        assert_eq!(run(&old.program, &Data::new(Abi::NATIVE, number, 0)).0, errno(libc::EPERM));
    }
    let families = r#"{"defaultAction":"SCMP_ACT_ALLOW","archMap":[
        {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
        {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]},
        {"architecture":"SCMP_ARCH_RISCV64","subArchitectures":null}]}"#;
    let host: Vec<_> = Abi::HOST.iter().map(|abi| abi.oci()).collect();
    assert_eq!(read(families).unwrap().architectures().as_ref(), Some(&host));
    for (bad, message) in [
        ("[]", "not a JSON object"),
        ("{", "EOF while parsing"),
        (r#"{"defaultAction":"SCMP_ACT_MAYBE"}"#, "unknown variant"),
        (r#"{"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW"}]}"#, "'defaultAction' is missing"),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}]}"#,
            "use either 'name' or 'names', not both",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],
                "archMap":[{"architecture":"SCMP_ARCH_X86_64"}]}"#,
            "use either 'architectures' or 'archMap', not both",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
                {"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"new"}}]}"#,
            "\"new\" is no kernel version",
        ),
    ] {
        let error = format!("{:#}", read(bad).unwrap_err());
        assert!(error.starts_with("read seccomp profile: ") && error.contains(message), "{error}");
    }
}

/// Calls with several numbers, behind multiplexers, at the ends of tables, and none at all.
const NAMES: [&str; 16] = [
    "read",
    "write",
    "open",
    "close",
    "clone",
    "socket",
    "connect",
    "accept",
    "socketcall",
    "ipc",
    "semop",
    "execve",
    "openat",
    "file_setattr",
    "pwritev2",
    "no_such_call",
];

const VALUES: [u64; 12] = [
    0,
    1,
    2,
    3,
    0x28,
    0x7e02_0000,
    0xffff_fffe,
    0xffff_ffff,
    1 << 32,
    (1 << 32) + 1,
    0xffff_ffff_0000_0000,
    u64::MAX,
];

fn action() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        r#""SCMP_ACT_ALLOW""#,
        r#""SCMP_ACT_LOG""#,
        r#""SCMP_ACT_KILL""#,
        r#""SCMP_ACT_KILL_PROCESS""#,
        r#""SCMP_ACT_TRAP""#,
        r#""SCMP_ACT_TRACE""#,
        r#""SCMP_ACT_ERRNO""#,
        r#""SCMP_ACT_ERRNO","errnoRet":38"#,
        r#""SCMP_ACT_TRACE","errnoRet":7"#,
    ])
}

fn argument() -> impl Strategy<Value = String> {
    let op = prop::sample::select(vec!["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"]);
    let value = || prop::sample::select(VALUES.to_vec());
    (0..3usize, value(), value(), op).prop_map(|(index, value, two, op)| {
        format!(r#"{{"index":{index},"value":{value},"valueTwo":{two},"op":"SCMP_CMP_{op}"}}"#)
    })
}

fn entry() -> impl Strategy<Value = String> {
    let names = prop::collection::vec(prop::sample::select(NAMES.to_vec()), 1..4);
    let args = prop::collection::vec(argument(), 0..4);
    (names, action(), args).prop_map(|(names, action, args)| {
        format!(r#"{{"names":{names:?},"action":{action},"args":[{}]}}"#, args.join(","))
    })
}

fn profile() -> impl Strategy<Value = String> {
    let arches = prop::sample::subsequence(
        vec!["X86_64", "X86", "X32", "AARCH64", "ARM", "MIPS"].into_iter().collect::<Vec<_>>(),
        0..6,
    );
    let default = prop::sample::select(vec!["ALLOW", "LOG", "TRACE", "ERRNO", "KILL_PROCESS", "TRAP"]);
    (default, arches, prop::collection::vec(entry(), 0..14)).prop_map(|(default, arches, entries)| {
        let arches: Vec<String> = arches.iter().map(|arch| format!(r#""SCMP_ARCH_{arch}""#)).collect();
        format!(
            r#"{{"defaultAction":"SCMP_ACT_{default}","architectures":[{}],"syscalls":[{}]}}"#,
            arches.join(","),
            entries.join(",")
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_profile_is_answered_as_it_says(
        json in profile(),
        picked in prop::collection::vec((prop::sample::select(VALUES.to_vec()), any::<bool>()), 24),
        numbers in prop::collection::vec(any::<u32>(), 8),
    ) {
        let document = seccomp(&json);
        let oracle = Oracle::new(&document);
        let program = compile(&document).unwrap().program;
        for abi in Abi::HOST {
            let named = NAMES.iter().filter_map(|name| abi.number(name));
            let around = named.flat_map(|number| [number.wrapping_sub(1), number, number + 1]);
            for number in around.chain(numbers.iter().copied()).chain([0, 600, X32_BIT, u32::MAX]) {
                for chunk in picked.chunks(3) {
                    let mut data = Data::new(*abi, number, 0);
                    for (slot, (value, up)) in data.args.iter_mut().zip(chunk) {
                        *slot = value.wrapping_add(u64::from(*up));
                        if abi.is_narrow() { *slot &= 0xffff_ffff; }
                    }
                    prop_assert_eq!(run(&program, &data).0, oracle.answer(&data), "{:?} {:x?}", abi, data);
                }
            }
        }
    }
}
