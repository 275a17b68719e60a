//! The last steps of a container's process, shared by `run` and `exec`: limits, directory, user,
//! capabilities, filter, program.
//!
//! The order is the kernel's: what needs privilege comes before it is given up, and the filter comes last
//! that it may come.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use oci_spec::runtime::PosixRlimitType;
use rustix::fs::{Access, AtFlags, FileType, Mode};
use rustix::io::Errno;
use rustix::process::Signal;

use super::guest;
use super::plan::ProcessPlan;
use super::seccomp::Filter;
use super::user::{self, Identity};
use crate::base::exit::ExitWith;
use crate::base::hint::HintExt;
use crate::base::idmap::{IdMap, IdRange};
use crate::sys::bpf;
use crate::sys::exec;
use crate::sys::path::Dir;
use crate::sys::signal;

/// What the steps need that was made before, outside.
pub struct Equipment<'a> {
    /// The embedded starter, a sealed file in memory.
    pub starter: BorrowedFd<'a>,
    /// Where a refused execve(2) is reported; closed by success.
    pub report: BorrowedFd<'a>,
    pub filter: Option<&'a Filter>,
    /// Whether the namespace allows setgroups(2).
    pub can_set_groups: bool,
    /// Descriptors of the caller's that the program has under the same numbers.
    pub preserved: &'a [OwnedFd],
    /// A container never outlives its supervisor: what nobody watches nobody cleans up.
    pub dies_with_parent: bool,
}

/// Where a program is looked for when its environment has no `PATH`; docker's.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Becomes the program; returns only with an error. The root directory is the container's already, and the
/// standard streams are in place.
pub fn become_program(plan: &ProcessPlan, equipment: &Equipment<'_>) -> anyhow::Error {
    match prepare(plan, equipment) {
        Ok((arguments, environment)) => {
            let error = exec::execute(equipment.starter, &arguments, &environment);
            anyhow!(error).context("execute the starter")
        }
        Err(error) => error,
    }
}

fn prepare(plan: &ProcessPlan, equipment: &Equipment<'_>) -> Result<(Vec<CString>, Vec<CString>)> {
    hide_from_the_container()?;
    let root = Dir::open(Path::new("/")).context("open the root directory")?;
    let identity = user::look_up(&root, &plan.user, &plan.additional_groups)?;
    let late = set_limits(plan)?;
    rustix::process::umask(Mode::from_raw_mode(plan.umask));
    signal::reset_all().context("reset the signals")?;
    exec::bound_capabilities(plan.capabilities.bounding.bits()).context("bound the capabilities")?;
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, which the next steps give up.
    if !plan.no_new_privileges {
        load(equipment.filter)?;
    }
    make_directory(plan, &identity)?;
    own_streams(&identity)?;
    become_user(plan, &identity, equipment)?;
    enter_directory(&root, plan)?;
    let environment = environment(plan, &identity);
    let program = find_program(&plan.args[0], &environment)?;
    if equipment.dies_with_parent {
        // Only now: a change of user forgets it.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
            .context("follow the supervisor")?;
    }
    if plan.no_new_privileges {
        rustix::thread::set_no_new_privs(true).context("set no_new_privs")?;
        load(equipment.filter)?;
    }
    exec::close_on_exec_from(3).context("close the descriptors")?;
    exec::keep_on_exec(equipment.report)?;
    equipment.preserved.iter().try_for_each(|fd| exec::keep_on_exec(fd.as_fd()))?;
    let mode = if plan.init { guest::Mode::Init } else { guest::Mode::Exec };
    let (words, environment) = (c_strings(&plan.args)?, c_strings(&environment)?);
    late.map_or(Ok(()), |limit| limit.set())?;
    Ok(guest::order(mode, equipment.report, &program, &words, &environment))
}

fn load(filter: Option<&Filter>) -> Result<()> {
    let Some(filter) = filter else { return Ok(()) };
    bpf::load(&filter.program, filter.flags).context("load the seccomp filter")?;
    Ok(())
}

/// A limit as setrlimit(2) takes it.
struct ProcessLimit {
    kind: PosixRlimitType,
    value: rustix::process::Rlimit,
}

impl ProcessLimit {
    fn set(&self) -> Result<()> {
        rustix::process::setrlimit(resource(self.kind), self.value)
            .with_context(|| format!("set {}", self.kind))
    }
}

/// Sets the limits, while this process may raise them. A lower number of open files is for the end: the steps to come
/// open some.
fn set_limits(plan: &ProcessPlan) -> Result<Option<ProcessLimit>> {
    let mut late = None;
    for &(kind, soft, hard) in &plan.rlimits {
        let value = |limit: u64| (limit != u64::MAX).then_some(limit);
        let value = rustix::process::Rlimit { current: value(soft), maximum: value(hard) };
        let limit = ProcessLimit { kind, value };
        let now = rustix::process::getrlimit(resource(kind)).maximum;
        let is_lower = now.unwrap_or(u64::MAX) >= hard;
        match kind {
            PosixRlimitType::RlimitNofile if is_lower => late = Some(limit),
            _ => limit.set()?,
        }
    }
    Ok(late)
}

/// Sets how readily the kernel ends this process, and what it forks, for want of memory. The file belongs to
/// root of the host once the process hides: this comes before.
pub fn set_oom_score(plan: &ProcessPlan) -> Result<()> {
    match plan.oom_score_adj {
        Some(adjustment) => std::fs::write("/proc/self/oom_score_adj", adjustment.to_string())
            .with_context(|| format!("set oom_score_adj to {adjustment}")),
        None => Ok(()),
    }
}

/// Lets no process of the container open this one's files under `/proc`, among them the engine's binary as
/// `/proc/<pid>/exe` (CVE-2019-5736). Its memory belongs to the host's user namespace, so no capability in
/// the container's helps; execve(2) ends it, with the starter's memory.
pub fn hide_from_the_container() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).context("hide from the container")
}

/// Becomes root of the user namespace, so that what is made from now on is root's.
pub fn become_root() -> Result<()> {
    exec::become_user(0, 0, None).context("become root of the user namespace")
}

/// Lets the supervisor, and the network helper it starts, look at this process again: after a change of user the
/// kernel forbids it.
pub fn show_to_the_supervisor() -> Result<()> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::Dumpable).context("show itself to the supervisor")
}

fn resource(kind: PosixRlimitType) -> rustix::process::Resource {
    use rustix::process::Resource;
    match kind {
        PosixRlimitType::RlimitCpu => Resource::Cpu,
        PosixRlimitType::RlimitFsize => Resource::Fsize,
        PosixRlimitType::RlimitData => Resource::Data,
        PosixRlimitType::RlimitStack => Resource::Stack,
        PosixRlimitType::RlimitCore => Resource::Core,
        PosixRlimitType::RlimitRss => Resource::Rss,
        PosixRlimitType::RlimitNproc => Resource::Nproc,
        PosixRlimitType::RlimitNofile => Resource::Nofile,
        PosixRlimitType::RlimitMemlock => Resource::Memlock,
        PosixRlimitType::RlimitAs => Resource::As,
        PosixRlimitType::RlimitLocks => Resource::Locks,
        PosixRlimitType::RlimitSigpending => Resource::Sigpending,
        PosixRlimitType::RlimitMsgqueue => Resource::Msgqueue,
        PosixRlimitType::RlimitNice => Resource::Nice,
        PosixRlimitType::RlimitRtprio => Resource::Rtprio,
        PosixRlimitType::RlimitRttime => Resource::Rttime,
    }
}

/// The working directory of an image need not exist: docker makes it, for the user.
fn make_directory(plan: &ProcessPlan, identity: &Identity) -> Result<()> {
    if !plan.create_cwd {
        return Ok(());
    }
    match std::fs::metadata(&plan.cwd) {
        Ok(metadata) if !metadata.is_dir() => bail!("Cannot mkdir: {} is not a directory", plan.cwd),
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    let attempt = || -> io::Result<()> {
        std::fs::create_dir_all(&plan.cwd)?;
        let owner =
            (rustix::process::Uid::from_raw(identity.uid), rustix::process::Gid::from_raw(identity.gid));
        Ok(rustix::fs::chown(&*plan.cwd, Some(owner.0), Some(owner.1))?)
    };
    attempt().with_context(|| format!("create the working directory {}", plan.cwd))
}

/// Gives the standard streams to the user, who may open them again as `/dev/stdout`.
fn own_streams(identity: &Identity) -> Result<()> {
    if identity.uid == 0 {
        return Ok(());
    }
    for fd in [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()] {
        let kind = FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode);
        let is_terminal = rustix::termios::isatty(fd);
        if kind.is_fifo() || is_terminal {
            match rustix::fs::fchown(fd, Some(rustix::process::Uid::from_raw(identity.uid)), None) {
                // A pipe of a user that does not exist inside: it is open to all instead.
                Err(Errno::PERM) if kind.is_fifo() => {}
                // A user whom the container does not have: becoming that user says which there are.
                Err(Errno::INVAL) => {}
                result => result.context("give the standard streams to the user")?,
            }
        }
    }
    Ok(())
}

/// Changes the directory as the user, following no link of `/proc/<pid>`: a descriptor that had leaked could be
/// named as `/proc/self/fd/7` (CVE-2024-21626). What was entered must be in the container all the same.
fn enter_directory(root: &Dir, plan: &ProcessPlan) -> Result<()> {
    let context = || format!("chdir to cwd ({:?}) set in config.json failed", plan.cwd);
    let refused = |error: io::Error| {
        let code = if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 };
        ExitWith::new(code, anyhow!("{}: {}", context(), describe(&error)))
    };
    let directory = root.locate_dir(&plan.cwd).map_err(refused)?;
    rustix::process::fchdir(directory.as_fd()).map_err(|errno| refused(errno.into()))?;
    let cwd = rustix::process::getcwd(Vec::new()).with_context(context)?;
    if !cwd.to_bytes().starts_with(b"/") {
        bail!("{}: the directory is outside of the container", context());
    }
    Ok(())
}

/// Says which ids there are, as the container's own `/proc` has them.
fn unmapped(identity: &Identity) -> String {
    let shown = |file: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let numbers = text.lines().filter_map(|line| {
            let mut numbers = line.split_ascii_whitespace().map(|number| number.parse().ok());
            Some(IdRange { inside: numbers.next()??, outside: numbers.next()??, count: numbers.next()?? })
        });
        IdMap(numbers.collect()).shown()
    };
    let groups: Vec<String> = identity.groups.iter().map(u32::to_string).collect();
    format!(
        "become user {} with the groups {}: the container has the user ids {} and the group ids {}",
        identity.uid,
        groups.join(","),
        shown("/proc/self/uid_map"),
        shown("/proc/self/gid_map")
    )
}

fn become_user(plan: &ProcessPlan, identity: &Identity, equipment: &Equipment<'_>) -> Result<()> {
    let sets = &plan.capabilities;
    rustix::thread::set_keep_capabilities(true).context("keep capabilities")?;
    let sets_groups = equipment.can_set_groups && !plan.keep_groups;
    let groups = sets_groups.then_some(&identity.groups[..]);
    exec::become_user(identity.uid, identity.gid, groups)
        .with_context(|| unmapped(identity))
        .hint(|| "choose another --user, or give the container more ids: --userns, --uidmap and --gidmap")?;
    rustix::thread::set_keep_capabilities(false).context("keep capabilities")?;
    let inheritable = sets.inheritable.bits();
    exec::set_capabilities(sets.effective.bits(), sets.permitted.bits(), inheritable)
        .context("set the capabilities")?;
    exec::raise_ambient(sets.ambient.bits()).context("set the ambient capabilities")
}

fn environment(plan: &ProcessPlan, identity: &Identity) -> Vec<String> {
    let mut environment = plan.env.clone();
    if !environment.iter().any(|entry| entry.starts_with("HOME=")) {
        environment.push(format!("HOME={}", identity.home));
    }
    environment
}

/// Finds the program as a shell would, in the container. Exit code 127 says that there is none, 126 that it
/// cannot be invoked.
fn find_program(name: &str, environment: &[String]) -> Result<CString> {
    let path = environment.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    let mut denied = None;
    let candidates: Vec<String> = if name.is_empty() {
        Vec::new()
    } else if name.contains('/') {
        vec![name.to_owned()]
    } else {
        path.split(':')
            .map(|directory| format!("{}/{name}", if directory.is_empty() { "." } else { directory }))
            .collect()
    };
    for candidate in candidates {
        match check_program(&candidate) {
            Ok(()) => return Ok(CString::new(candidate)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => denied = Some(error),
        }
    }
    Err(match denied {
        Some(error) => ExitWith::new(126, anyhow!("exec: {name:?}: {}", describe(&error))).into(),
        None if name.contains('/') => {
            ExitWith::new(127, anyhow!("exec: {name:?}: stat {name}: no such file or directory")).into()
        }
        None => ExitWith::new(127, anyhow!("exec: {name:?}: executable file not found in $PATH")).into(),
    })
}

fn check_program(path: &str) -> io::Result<()> {
    let stat = rustix::fs::statat(rustix::fs::CWD, path, AtFlags::empty())?;
    if FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Err(rustix::io::Errno::ISDIR.into());
    }
    Ok(rustix::fs::accessat(rustix::fs::CWD, path, Access::EXEC_OK, AtFlags::EACCESS)?)
}

/// The kernel's words without the number that Rust adds, as docker shows them.
pub fn describe(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_owned();
    text.to_lowercase()
}

fn c_strings(words: &[String]) -> Result<Vec<CString>> {
    words
        .iter()
        .map(|word| CString::new(word.as_str()).with_context(|| format!("argument {word:?}")))
        .collect()
}

/// Puts an owned descriptor in place of the standard streams, where the container has none of its own.
pub fn null_device() -> io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open("/dev/null", flags, Mode::empty())?)
}

/// Makes one descriptor all three standard streams.
pub fn set_all_stdio(fd: BorrowedFd<'_>) -> io::Result<()> {
    exec::set_stdio(fd.as_fd(), fd.as_fd(), fd.as_fd())
}
