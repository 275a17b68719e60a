//! The system call interfaces that processes of one kernel may use, and their numbers.

use std::str::FromStr;

use oci_spec::runtime::Arch;
use syscalls::{aarch64, arm, riscv64, x86, x86_64};

/// One way to call the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abi {
    X86_64,
    X86,
    /// 32-bit pointers on x86_64: the same architecture to the kernel, told apart by a bit of the number.
    X32,
    Aarch64,
    Arm,
    Riscv64,
}

/// Marks a number of the x32 interface (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;

/// ARM's own calls are numbered from here on, far above all others (`__ARM_NR_BASE`).
pub const ARM_PRIVATE: u32 = 0x000f_0000;

/// `AUDIT_ARCH_` constants of `linux/audit.h`: ELF machine, 64-bit and little-endian bits.
const AUDIT_X86_64: u32 = 0xc000_003e;
const AUDIT_I386: u32 = 0x4000_0003;
const AUDIT_AARCH64: u32 = 0xc000_00b7;
const AUDIT_ARM: u32 = 0x4000_0028;
const AUDIT_RISCV64: u32 = 0xc000_00f3;

impl Abi {
    /// What this binary itself uses.
    pub const NATIVE: Self = match std::env::consts::ARCH.as_bytes() {
        b"x86_64" => Self::X86_64,
        b"aarch64" => Self::Aarch64,
        b"riscv64" => Self::Riscv64,
        _ => panic!("seccomp filters are written for x86_64, aarch64 and riscv64"),
    };

    /// Everything a kernel of this architecture may understand, the native one first.
    pub const HOST: &[Self] = match Self::NATIVE {
        Self::Aarch64 => &[Self::Aarch64, Self::Arm],
        Self::Riscv64 => &[Self::Riscv64],
        _ => &[Self::X86_64, Self::X86, Self::X32],
    };

    /// What the kernel gives as the architecture of a call.
    pub fn audit(self) -> u32 {
        match self {
            Self::X86_64 | Self::X32 => AUDIT_X86_64,
            Self::X86 => AUDIT_I386,
            Self::Aarch64 => AUDIT_AARCH64,
            Self::Arm => AUDIT_ARM,
            Self::Riscv64 => AUDIT_RISCV64,
        }
    }

    /// The specification's name.
    pub fn oci(self) -> Arch {
        match self {
            Self::X86_64 => Arch::ScmpArchX86_64,
            Self::X32 => Arch::ScmpArchX32,
            Self::X86 => Arch::ScmpArchX86,
            Self::Aarch64 => Arch::ScmpArchAarch64,
            Self::Arm => Arch::ScmpArchArm,
            Self::Riscv64 => Arch::ScmpArchRiscv64,
        }
    }

    /// Docker's name, as in `includes.arches` of a profile.
    pub fn docker(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::X32 => "x32",
            Self::X86 => "x86",
            Self::Aarch64 => "arm64",
            Self::Arm => "arm",
            Self::Riscv64 => "riscv64",
        }
    }

    /// Whether arguments are 32 bits wide.
    pub fn is_narrow(self) -> bool {
        matches!(self, Self::X86 | Self::Arm)
    }

    /// The lowest number there is.
    pub fn first(self) -> u32 {
        if self == Self::X32 { X32_BIT } else { 0 }
    }

    /// The number of a system call, if it exists here.
    pub fn number(self, name: &str) -> Option<u32> {
        let number = match self {
            Self::X86_64 => x86_64::Sysno::from_str(name).ok()?.id(),
            Self::X86 => x86::Sysno::from_str(name).ok()?.id(),
            Self::X32 => return x32_number(name),
            Self::Aarch64 => aarch64::Sysno::from_str(name).ok()?.id(),
            Self::Arm => return arm_number(name),
            Self::Riscv64 => riscv64::Sysno::from_str(name).ok()?.id(),
        };
        u32::try_from(number).ok()
    }
}

/// Calls of x32 that differ from x86_64's in the layout of what they are given, numbered from 512
/// (`arch/x86/entry/syscalls/syscall_64.tbl`).
#[rustfmt::skip] // One name a line would take hundreds of them.
pub const X32_OWN: [&str; 36] = [
    "rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom", "sendmsg", "recvmsg", "execve",
    "ptrace", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "sigaltstack", "timer_create",
    "mq_notify", "kexec_load", "waitid", "set_robust_list", "get_robust_list", "vmsplice", "move_pages",
    "preadv", "pwritev", "rt_tgsigqueueinfo", "recvmmsg", "sendmmsg", "process_vm_readv",
    "process_vm_writev", "setsockopt", "getsockopt", "io_setup", "io_submit", "execveat", "preadv2",
    "pwritev2",
];

/// The first number of [`X32_OWN`].
pub const X32_OWN_FIRST: u32 = 512;

/// Calls of x86_64 that x32 does not have at all (marked `64` in the same table), beside those it replaces.
pub const NOT_X32: [&str; 12] = [
    "_sysctl",
    "create_module",
    "epoll_ctl_old",
    "epoll_wait_old",
    "get_kernel_syms",
    "get_thread_area",
    "nfsservctl",
    "query_module",
    "set_thread_area",
    "uretprobe",
    "uselib",
    "vserver",
];

fn x32_number(name: &str) -> Option<u32> {
    if let Some(index) = X32_OWN.iter().position(|own| *own == name) {
        return Some(X32_BIT | (X32_OWN_FIRST + index as u32));
    }
    if NOT_X32.contains(&name) {
        return None;
    }
    Some(X32_BIT | Abi::X86_64.number(name)?)
}

/// Calls that only ARM has (`arch/arm/include/uapi/asm/unistd.h`), from [`ARM_PRIVATE`] on.
pub const ARM_OWN: [(&str, u32); 5] = [
    ("breakpoint", ARM_PRIVATE + 1),
    ("cacheflush", ARM_PRIVATE + 2),
    ("usr26", ARM_PRIVATE + 3),
    ("usr32", ARM_PRIVATE + 4),
    ("set_tls", ARM_PRIVATE + 5),
];

fn arm_number(name: &str) -> Option<u32> {
    let own = ARM_OWN.iter().find(|(own, _)| *own == name).map(|(_, number)| *number);
    own.or_else(|| u32::try_from(arm::Sysno::from_str(name).ok()?.id()).ok())
}

/// Calls that 32-bit x86 also has behind one number, with the value of the first argument that selects them
/// (`linux/net.h`, `linux/ipc.h`). A filter that names only the call itself would be passed by.
pub const MULTIPLEXED: [(&str, &str, u32); 32] = [
    ("socket", "socketcall", 1),
    ("bind", "socketcall", 2),
    ("connect", "socketcall", 3),
    ("listen", "socketcall", 4),
    ("accept", "socketcall", 5),
    ("getsockname", "socketcall", 6),
    ("getpeername", "socketcall", 7),
    ("socketpair", "socketcall", 8),
    ("send", "socketcall", 9),
    ("recv", "socketcall", 10),
    ("sendto", "socketcall", 11),
    ("recvfrom", "socketcall", 12),
    ("shutdown", "socketcall", 13),
    ("setsockopt", "socketcall", 14),
    ("getsockopt", "socketcall", 15),
    ("sendmsg", "socketcall", 16),
    ("recvmsg", "socketcall", 17),
    ("accept4", "socketcall", 18),
    ("recvmmsg", "socketcall", 19),
    ("sendmmsg", "socketcall", 20),
    ("semop", "ipc", 1),
    ("semget", "ipc", 2),
    ("semctl", "ipc", 3),
    ("semtimedop", "ipc", 4),
    ("msgsnd", "ipc", 11),
    ("msgrcv", "ipc", 12),
    ("msgget", "ipc", 13),
    ("msgctl", "ipc", 14),
    ("shmat", "ipc", 21),
    ("shmdt", "ipc", 22),
    ("shmget", "ipc", 23),
    ("shmctl", "ipc", 24),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_numbers_of_every_interface() {
        for (abi, name, number) in [
            (Abi::X86_64, "read", Some(0)),
            (Abi::X86_64, "clone3", Some(435)),
            (Abi::X86_64, "socketcall", None),
            (Abi::X86, "read", Some(3)),
            (Abi::X86, "socketcall", Some(102)),
            (Abi::X86, "umount2", Some(52)),
            (Abi::X86, "_newselect", Some(142)),
            (Abi::X86, "clock_gettime64", Some(403)),
            (Abi::X32, "read", Some(0x4000_0000)),
            (Abi::X32, "execve", Some(0x4000_0208)),
            (Abi::X32, "pwritev2", Some(0x4000_0223)),
            (Abi::X32, "uselib", None),
            (Abi::Aarch64, "openat", Some(56)),
            (Abi::Aarch64, "open", None),
            (Abi::Arm, "read", Some(3)),
            (Abi::Arm, "set_tls", Some(0xf0005)),
            (Abi::Riscv64, "riscv_flush_icache", Some(259)),
            (Abi::X86_64, "no_such_call", None),
        ] {
            assert_eq!(abi.number(name), number, "{abi:?} {name}");
        }
    }

    #[test]
    fn tables_name_calls_that_exist() {
        for name in X32_OWN.iter().chain(&NOT_X32) {
            assert!(Abi::X86_64.number(name).is_some(), "{name}");
        }
        for (_, by, _) in MULTIPLEXED {
            assert!(Abi::X86.number(by).is_some());
        }
    }
}
