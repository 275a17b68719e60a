//! Capability sets: names, docker's default, `--cap-add` and `--cap-drop`.
//!
//! Pure: what the kernel is told is decided here and told elsewhere. Inheritable and ambient sets are always
//! empty, so that a program which gained capabilities by its file can never hand them on (CVE-2022-24769,
//! CVE-2022-29162).

use std::fmt;

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities};

/// A capability by its kernel number (`linux/capability.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap(u8);

impl Cap {
    pub const DAC_READ_SEARCH: Self = Self(2);
    pub const SYS_MODULE: Self = Self(16);
    pub const SYS_RAWIO: Self = Self(17);
    pub const SYS_CHROOT: Self = Self(18);
    pub const SYS_PTRACE: Self = Self(19);
    pub const SYS_PACCT: Self = Self(20);
    pub const SYS_ADMIN: Self = Self(21);
    pub const SYS_BOOT: Self = Self(22);
    pub const SYS_NICE: Self = Self(23);
    pub const SYS_TIME: Self = Self(25);
    pub const SYS_TTY_CONFIG: Self = Self(26);
    pub const SYSLOG: Self = Self(34);
    pub const PERFMON: Self = Self(38);
    pub const BPF: Self = Self(39);

    /// Reads `SYS_ADMIN`, `CAP_SYS_ADMIN` or `cap_sys_admin`.
    ///
    /// # Errors
    /// Docker's words, with the name as docker completes it.
    pub fn parse(text: &str) -> Result<Self, UnknownCapability> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let number = TABLE.iter().position(|(name, _)| *name == bare);
        match number.and_then(|number| u8::try_from(number).ok()) {
            Some(number) => Ok(Self(number)),
            None => Err(UnknownCapability(format!("CAP_{bare}"))),
        }
    }
}

impl fmt::Display for Cap {
    /// The full name, `CAP_SYS_ADMIN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match TABLE.get(usize::from(self.0)) {
            Some((name, _)) => write!(f, "CAP_{name}"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A name that is no capability's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown capability: {0:?}")]
pub struct UnknownCapability(String);

/// What is wrong with `--cap-add` or `--cap-drop`; docker names the list by its API field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CapabilityError {
    #[error("invalid CapAdd: {0}")]
    Add(UnknownCapability),
    #[error("invalid CapDrop: {0}")]
    Drop(UnknownCapability),
}

/// A set of capabilities, one bit for each number, as capset(2) takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapSet(u64);

impl CapSet {
    pub const NONE: Self = Self(0);
    /// Every capability up to Linux 6.18, `CAP_CHECKPOINT_RESTORE` the last.
    pub const ALL: Self = Self((1 << TABLE.len()) - 1);
    /// Docker's default: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
    /// NET_BIND_SERVICE, NET_RAW, SYS_CHROOT, MKNOD, AUDIT_WRITE, SETFCAP.
    pub const DEFAULT: Self = Self(0xa804_25fb);

    pub const fn bits(self) -> u64 {
        self.0
    }

    pub const fn contains(self, cap: Cap) -> bool {
        self.0 & (1 << cap.0) != 0
    }

    pub const fn with(self, cap: Cap) -> Self {
        Self(self.0 | 1 << cap.0)
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members in order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = Cap> {
        (0u8..64).map(Cap).filter(move |cap| self.contains(*cap))
    }

    fn to_oci(self) -> Capabilities {
        TABLE
            .iter()
            .enumerate()
            .filter(|(number, _)| self.0 & (1 << number) != 0)
            .map(|(_, (_, capability))| *capability)
            .collect()
    }

    fn from_oci(set: Option<&Capabilities>) -> Self {
        let contained = |capability: &Capability| set.is_some_and(|set| set.contains(capability));
        let bits = TABLE
            .iter()
            .enumerate()
            .filter(|(_, (_, capability))| contained(capability))
            .fold(0, |bits, (number, _)| bits | 1 << number);
        Self(bits)
    }
}

/// The capabilities of a container's first process: docker's default, changed by `--cap-add` and
/// `--cap-drop`, or all of them with `--privileged`.
///
/// As in docker: `ALL` is accepted in both lists; with `ALL` added only names in `drop` are taken away; with
/// `ALL` dropped only names in `add` remain; otherwise what is added wins over what is dropped. A privileged
/// container has them all whatever the lists say.
///
/// # Errors
/// A name that is no capability, in either list, `--privileged` or not.
pub fn effective<S: AsRef<str>>(privileged: bool, add: &[S], drop: &[S]) -> Result<CapSet, CapabilityError> {
    let add = List::parse(add).map_err(CapabilityError::Add)?;
    let drop = List::parse(drop).map_err(CapabilityError::Drop)?;
    Ok(if privileged {
        CapSet::ALL
    } else if add.all {
        CapSet::ALL.without(drop.named)
    } else if drop.all {
        add.named
    } else {
        CapSet::DEFAULT.without(drop.named).union(add.named)
    })
}

/// One of the two lists.
struct List {
    all: bool,
    named: CapSet,
}

impl List {
    fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, UnknownCapability> {
        let mut list = Self { all: false, named: CapSet::NONE };
        for name in names.iter().map(AsRef::as_ref) {
            if name.eq_ignore_ascii_case("ALL") {
                list.all = true;
            } else {
                list.named = list.named.with(Cap::parse(name)?);
            }
        }
        Ok(list)
    }
}

/// The sets of a process that holds `set` and can never hold more.
pub fn to_oci(set: CapSet) -> LinuxCapabilities {
    let mut capabilities = LinuxCapabilities::default();
    capabilities
        .set_bounding(Some(set.to_oci()))
        .set_effective(Some(set.to_oci()))
        .set_permitted(Some(set.to_oci()))
        .set_inheritable(Some(Capabilities::new()))
        .set_ambient(Some(Capabilities::new()));
    capabilities
}

/// The five sets of a process, as the kernel takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    pub bounding: CapSet,
    pub effective: CapSet,
    pub permitted: CapSet,
    pub inheritable: CapSet,
    pub ambient: CapSet,
}

impl From<&LinuxCapabilities> for Sets {
    /// A set that the specification leaves out is empty.
    fn from(oci: &LinuxCapabilities) -> Self {
        Self {
            bounding: CapSet::from_oci(oci.bounding().as_ref()),
            effective: CapSet::from_oci(oci.effective().as_ref()),
            permitted: CapSet::from_oci(oci.permitted().as_ref()),
            inheritable: CapSet::from_oci(oci.inheritable().as_ref()),
            ambient: CapSet::from_oci(oci.ambient().as_ref()),
        }
    }
}

/// Names and the specification's values, at the index of their number.
const TABLE: [(&str, Capability); 41] = [
    ("CHOWN", Capability::Chown),
    ("DAC_OVERRIDE", Capability::DacOverride),
    ("DAC_READ_SEARCH", Capability::DacReadSearch),
    ("FOWNER", Capability::Fowner),
    ("FSETID", Capability::Fsetid),
    ("KILL", Capability::Kill),
    ("SETGID", Capability::Setgid),
    ("SETUID", Capability::Setuid),
    ("SETPCAP", Capability::Setpcap),
    ("LINUX_IMMUTABLE", Capability::LinuxImmutable),
    ("NET_BIND_SERVICE", Capability::NetBindService),
    ("NET_BROADCAST", Capability::NetBroadcast),
    ("NET_ADMIN", Capability::NetAdmin),
    ("NET_RAW", Capability::NetRaw),
    ("IPC_LOCK", Capability::IpcLock),
    ("IPC_OWNER", Capability::IpcOwner),
    ("SYS_MODULE", Capability::SysModule),
    ("SYS_RAWIO", Capability::SysRawio),
    ("SYS_CHROOT", Capability::SysChroot),
    ("SYS_PTRACE", Capability::SysPtrace),
    ("SYS_PACCT", Capability::SysPacct),
    ("SYS_ADMIN", Capability::SysAdmin),
    ("SYS_BOOT", Capability::SysBoot),
    ("SYS_NICE", Capability::SysNice),
    ("SYS_RESOURCE", Capability::SysResource),
    ("SYS_TIME", Capability::SysTime),
    ("SYS_TTY_CONFIG", Capability::SysTtyConfig),
    ("MKNOD", Capability::Mknod),
    ("LEASE", Capability::Lease),
    ("AUDIT_WRITE", Capability::AuditWrite),
    ("AUDIT_CONTROL", Capability::AuditControl),
    ("SETFCAP", Capability::Setfcap),
    ("MAC_OVERRIDE", Capability::MacOverride),
    ("MAC_ADMIN", Capability::MacAdmin),
    ("SYSLOG", Capability::Syslog),
    ("WAKE_ALARM", Capability::WakeAlarm),
    ("BLOCK_SUSPEND", Capability::BlockSuspend),
    ("AUDIT_READ", Capability::AuditRead),
    ("PERFMON", Capability::Perfmon),
    ("BPF", Capability::Bpf),
    ("CHECKPOINT_RESTORE", Capability::CheckpointRestore),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn names(set: CapSet) -> Vec<String> {
        set.iter().map(|cap| cap.to_string()).collect()
    }

    fn set_of(names: &[&str]) -> CapSet {
        names.iter().fold(CapSet::NONE, |set, name| set.with(Cap::parse(name).unwrap()))
    }

    #[test]
    fn the_default_is_dockers_fourteen() {
        let docker = [
            "CHOWN",
            "DAC_OVERRIDE",
            "FSETID",
            "FOWNER",
            "MKNOD",
            "NET_RAW",
            "SETGID",
            "SETUID",
            "SETFCAP",
            "SETPCAP",
            "NET_BIND_SERVICE",
            "SYS_CHROOT",
            "KILL",
            "AUDIT_WRITE",
        ];
        assert_eq!(CapSet::DEFAULT, set_of(&docker));
        assert_eq!(names(CapSet::DEFAULT).len(), 14);
    }

    #[test]
    fn numbers_are_the_kernels() {
        use rustix::thread::CapabilitySet as Kernel;
        for (name, bits) in Kernel::all().iter_names() {
            assert_eq!(1 << Cap::parse(name).unwrap().0, bits.bits(), "{name}");
        }
        assert_eq!(CapSet::ALL.bits(), Kernel::all().iter_names().fold(0, |all, (_, cap)| all | cap.bits()));
        for (cap, text) in [(Cap::BPF, "CAP_BPF"), (Cap::SYS_ADMIN, "CAP_SYS_ADMIN")] {
            assert_eq!(cap.to_string(), text);
        }
        for (cap, name) in [
            (Cap::DAC_READ_SEARCH, "DAC_READ_SEARCH"),
            (Cap::SYS_MODULE, "SYS_MODULE"),
            (Cap::SYS_RAWIO, "SYS_RAWIO"),
            (Cap::SYS_CHROOT, "SYS_CHROOT"),
            (Cap::SYS_PTRACE, "SYS_PTRACE"),
            (Cap::SYS_PACCT, "SYS_PACCT"),
            (Cap::SYS_BOOT, "SYS_BOOT"),
            (Cap::SYS_NICE, "SYS_NICE"),
            (Cap::SYS_TIME, "SYS_TIME"),
            (Cap::SYS_TTY_CONFIG, "SYS_TTY_CONFIG"),
            (Cap::SYSLOG, "SYSLOG"),
            (Cap::PERFMON, "PERFMON"),
        ] {
            assert_eq!(Cap::parse(name), Ok(cap));
        }
    }

    #[test]
    fn add_and_drop_are_dockers() {
        let default = CapSet::DEFAULT;
        let (mknod, sys_admin) = (set_of(&["MKNOD"]), set_of(&["SYS_ADMIN"]));
        type Row<'a> = (bool, &'a [&'a str], &'a [&'a str], CapSet);
        let rows: &[Row] = &[
            (false, &[], &[], default),
            (true, &[], &[], CapSet::ALL),
            (true, &[], &["ALL"], CapSet::ALL),
            (false, &["SYS_ADMIN"], &[], default.union(sys_admin)),
            (false, &["cap_sys_admin"], &[], default.union(sys_admin)),
            (false, &["Sys_Admin"], &["CAP_MKNOD"], default.union(sys_admin).without(mknod)),
            (false, &[], &["MKNOD"], default.without(mknod)),
            (false, &["ALL"], &[], CapSet::ALL),
            (false, &["all"], &["MKNOD"], CapSet::ALL.without(mknod)),
            (false, &["ALL"], &["ALL"], CapSet::ALL),
            (false, &["ALL", "MKNOD"], &["MKNOD"], CapSet::ALL.without(mknod)),
            (false, &[], &["ALL"], CapSet::NONE),
            (false, &["MKNOD"], &["All"], mknod),
            (false, &["MKNOD"], &["ALL", "MKNOD"], mknod),
            (false, &["MKNOD"], &["MKNOD"], default),
            (false, &[], &["SYS_ADMIN"], default),
        ];
        for (privileged, add, drop, want) in rows {
            assert_eq!(effective(*privileged, add, drop), Ok(*want), "+{add:?} -{drop:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_dockers_error() {
        let error = effective(false, &["foo"], &[]).unwrap_err();
        assert_eq!(error.to_string(), r#"invalid CapAdd: unknown capability: "CAP_FOO""#);
        let error = effective(true, &[], &["CAP_CAP_MKNOD"]).unwrap_err();
        assert_eq!(error.to_string(), r#"invalid CapDrop: unknown capability: "CAP_CAP_MKNOD""#);
        for bad in ["", "CAP_", "CAP_ALL", "SYS_ADMIN "] {
            assert!(effective(false, &[bad], &[]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_specification_gives_the_sets_back_and_nothing_to_inherit() {
        for set in [CapSet::NONE, CapSet::DEFAULT, CapSet::ALL] {
            let sets = Sets::from(&to_oci(set));
            let empty = CapSet::NONE;
            let want =
                Sets { bounding: set, effective: set, permitted: set, inheritable: empty, ambient: empty };
            assert_eq!(sets, want);
        }
        let text = serde_json::to_string(&to_oci(set_of(&["SYS_ADMIN"]))).unwrap();
        assert!(
            text.contains(r#""bounding":["CAP_SYS_ADMIN"]"#) && text.contains(r#""ambient":[]"#),
            "{text}"
        );
    }
}
