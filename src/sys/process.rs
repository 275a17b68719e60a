//! Processes by number: whether one that was written down is still the one meant.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};

/// Room for `/proc/<pid>/stat`: 52 numbers and a name.
const STAT_SIZE: usize = 2048;

/// `/proc/<pid>/stat`, which the kernel gives whole to one read.
fn stat(pid: i32) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    read_stat(rustix::fs::open(format!("/proc/{pid}/stat"), flags, Mode::empty())?)
}

/// The name in it is whatever the process calls itself, in any bytes.
fn read_stat(file: OwnedFd) -> io::Result<String> {
    let mut buffer = [0; STAT_SIZE];
    let size = rustix::io::read(file, &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..size]).into_owned())
}

/// When a process started, in clock ticks since boot: field 22 of `/proc/<pid>/stat` (man proc(5)). A pid
/// alone is reused; with this and the boot id it is not.
pub fn start_time(pid: i32) -> io::Result<u64> {
    let stat = stat(pid)?;
    parse_start_time(&stat).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// The parent of a process: field 4.
pub fn parent(pid: i32) -> io::Result<i32> {
    let stat = stat(pid)?;
    let parent = fields(&stat).and_then(|mut fields| fields.nth(1)?.parse().ok());
    parent.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// What a process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Time of processors, with that of children it has waited for.
    pub processor: Duration,
    /// Bytes of memory that are resident.
    pub memory: u64,
    pub threads: u64,
}

/// What a process uses, from `/proc/<pid>/stat`.
pub fn usage(pid: i32) -> io::Result<Usage> {
    let stat = stat(pid)?;
    let (ticks, page) = (rustix::param::clock_ticks_per_second(), rustix::param::page_size() as u64);
    parse_usage(&stat, ticks, page).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Fields 14 to 17, 20 and 24 (man proc_pid_stat(5)).
fn parse_usage(stat: &str, ticks: u64, page: u64) -> Option<Usage> {
    let numbers: Vec<i64> = fields(stat)?.skip(1).map_while(|field| field.parse().ok()).collect();
    // The first of them is field 4.
    let field = |number: usize| numbers.get(number - 4).map(|value| u64::try_from(*value).unwrap_or(0));
    let busy = field(14)? + field(15)? + field(16)? + field(17)?;
    let processor = Duration::from_millis(busy * 1000 / ticks.max(1));
    Some(Usage { processor, memory: field(24)? * page, threads: field(20)? })
}

/// Whether `pid` is still the process that started at `start`, and no zombie.
pub fn is_alive(pid: i32, start: u64) -> bool {
    if pid <= 0 {
        return false;
    }
    let Ok(stat) = stat(pid) else { return false };
    parse_start_time(&stat) == Some(start) && !matches!(parse_state(&stat), Some("Z" | "X"))
}

/// Opens the directory of a process in `/proc`, if it is still the one that started at `start`. What is opened
/// beneath it belongs to that process for good, whatever becomes of its number.
pub fn open(pid: i32, start: u64) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty())?;
    let text =
        read_stat(rustix::fs::openat(&directory, "stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)?;
    match parse_start_time(&text) == Some(start) && !matches!(parse_state(&text), Some("Z" | "X")) {
        true => Ok(directory),
        false => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

/// The random id of this boot.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// Sends a signal, real-time ones too, to the process behind a pidfd.
pub fn send_signal(pidfd: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    // SAFETY: with a null siginfo pidfd_send_signal(2) reads no memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            number,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Kills every process that descends from `pid`, youngest first, as far as they still do: one whose parent has
/// ended belongs to its namespace's first process.
pub fn kill_descendants(pid: i32) {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
        kill_descendants(child);
        if let Some(child) = rustix::process::Pid::from_raw(child) {
            let _ = rustix::process::kill_process(child, rustix::process::Signal::KILL);
        }
    }
}

unsafe extern "C" {
    /// Where the program's file is mapped, and where its code ends; defined by the linker.
    static __executable_start: u8;
    static etext: u8;
}

/// Gives back what a process that only waits does not need: freed memory, the stack below its present depth, and
/// the mapped pages of its own file, which come back from the page cache when they are run again. It is for the first
/// thread.
pub fn trim_memory() {
    const PAGE: usize = 4096;
    /// What may have been used of the stack, and what may still be in use below this frame.
    const DEEPEST: usize = 1 << 20;
    const IN_USE: usize = 16 << 10;
    let (start, end) = (&raw const __executable_start as usize, &raw const etext as usize);
    let here = &raw const start as usize;
    for (from, to) in [(start, end), (here.saturating_sub(DEEPEST), here.saturating_sub(IN_USE))] {
        let (from, to) = (from.next_multiple_of(PAGE), to / PAGE * PAGE);
        if from < to {
            // SAFETY: the first range is a private mapping of a file that nothing has written to, which is read
            // from the file again; the second lies below every live frame of this thread, the program's first. Pages of
            // either that are not mapped are an error that changes nothing.
            unsafe { libc::madvise(from as *mut libc::c_void, to - from, libc::MADV_DONTNEED) };
        }
    }
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) only returns unused pages of the allocator.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The fields after the command name, which may itself hold spaces and parentheses.
fn fields(stat: &str) -> Option<std::str::SplitAsciiWhitespace<'_>> {
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace())
}

fn parse_state(stat: &str) -> Option<&str> {
    fields(stat)?.next()
}

fn parse_start_time(stat: &str) -> Option<u64> {
    fields(stat)?.nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_uses() {
        let stat =
            "7 (a) b) S 1 7 7 0 -1 4194304 1 2 3 4 150 50 20 30 20 0 3 0 99 4096 25 18446744073709551615 1";
        let want = Usage { processor: Duration::from_millis(2500), memory: 25 << 12, threads: 3 };
        assert_eq!(parse_usage(stat, 100, 4096), Some(want));
        assert_eq!(parse_usage("7 (a) S 1", 100, 4096), None);
    }

    #[test]
    fn reads_past_a_hostile_command_name() {
        let stat = "7 (a) S 1 (b) Z 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 11";
        assert_eq!(parse_state(stat), Some("Z"));
        assert_eq!(parse_start_time(stat), Some(9876));
    }

    #[test]
    fn knows_itself() {
        let pid = std::process::id() as i32;
        let start = start_time(pid).unwrap();
        assert!(is_alive(pid, start));
        assert!(!is_alive(pid, start + 1));
    }
}
