//! Files in memory that nobody can change any more (memfd_create(2)).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;

/// Makes an executable file in memory with these bytes, sealed against every change. The descriptor is
/// close-on-exec; `/proc/self/fd/N` executes it. `name` is what `/proc/<pid>/exe` shows.
pub fn sealed(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(create(name)?);
    file.write_all(bytes)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    fcntl_add_seals(file.as_fd(), seals)?;
    Ok(file.into())
}

/// Linux 6.3 wants to be told that the file will be executed (`vm.memfd_noexec`); older ones refuse the flag.
fn create(name: &str) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(name, flags),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_writing_also_when_opened_anew() {
        use std::os::fd::AsRawFd;
        let fd = sealed("coracle-test", b"abc").unwrap();
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        let mut again = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        assert_eq!(again.write(b"x").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(again.set_len(0).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    }
}
