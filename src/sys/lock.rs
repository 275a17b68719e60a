//! Locks on a part of a file.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Waits until nobody else has the byte at `offset` of the file locked, and locks it for as long as this open file
/// is (`F_OFD_SETLKW` of fcntl(2), Linux 3.15). The byte need not exist.
pub fn byte(file: &File, offset: i64) -> io::Result<()> {
    let lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: offset,
        l_len: 1,
        l_pid: 0,
    };
    loop {
        // SAFETY: the descriptor is open and the structure lives through the call.
        if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &lock) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
