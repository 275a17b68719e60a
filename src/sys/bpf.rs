//! Loads seccomp filters (seccomp(2)).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// One instruction of classic BPF, laid out as the kernel's `sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    pub code: u16,
    /// How many instructions a true condition skips.
    pub jt: u8,
    /// How many instructions a false condition skips.
    pub jf: u8,
    pub k: u32,
}

const _: () = assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<Instruction>() == align_of::<libc::sock_filter>());

/// Filters every further system call of this thread and of what it starts. With
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER` in `flags` the descriptor that receives notifications is returned.
///
/// # Errors
/// EACCES without CAP_SYS_ADMIN in the user namespace and without `no_new_privs`; EINVAL for a program or a
/// flag the kernel refuses.
pub fn load(program: &[Instruction], flags: u32) -> io::Result<Option<OwnedFd>> {
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter = libc::sock_fprog { len, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `filter` names `len` live instructions in the kernel's layout, which it copies and does not
    // change; the kernel checks the program itself.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    let listens = libc::c_ulong::from(flags) & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
    // SAFETY: with this flag the result is a new descriptor that nobody else knows.
    Ok(listens.then(|| unsafe { OwnedFd::from_raw_fd(result as i32) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;

    const LOAD_NUMBER: Instruction = Instruction { code: 0x20, jt: 0, jf: 0, k: 0 };
    const ALLOW: Instruction = Instruction { code: 0x06, jt: 0, jf: 0, k: 0x7fff_0000 };

    fn is(number: i64) -> Instruction {
        Instruction { code: 0x15, jt: 0, jf: 1, k: number as u32 }
    }

    /// In a thread of its own, because a filter stays for as long as its thread lives.
    fn filtered<T: Send>(answer: u32, flags: u32, probe: impl FnOnce(Option<OwnedFd>) -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                rustix::thread::set_no_new_privs(true).unwrap();
                let answer = Instruction { code: 0x06, jt: 0, jf: 0, k: answer };
                let program = [LOAD_NUMBER, is(libc::SYS_getppid), answer, ALLOW];
                probe(load(&program, flags).unwrap())
            });
            thread.join().unwrap()
        })
    }

    #[test]
    fn the_kernel_answers_as_the_program_says() {
        let (result, errno, fd) = filtered(0x0005_0000 | libc::ENOSYS as u32, 0, |fd| {
            // SAFETY: getppid(2) takes nothing.
            let result = unsafe { libc::syscall(libc::SYS_getppid) };
            (result, io::Error::last_os_error().raw_os_error(), fd)
        });
        assert_eq!((result, errno), (-1, Some(libc::ENOSYS)));
        assert!(fd.is_none());
    }

    #[test]
    fn a_listener_is_a_descriptor() {
        let flag = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32;
        let number = filtered(0x7fc0_0000, flag, |fd| {
            let fd = fd.unwrap();
            rustix::io::fcntl_getfd(&fd).unwrap();
            fd.as_raw_fd()
        });
        assert!(number >= 0);
    }

    #[test]
    fn refuses_what_is_no_program() {
        let error = load(&[LOAD_NUMBER], 0).unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::EINVAL | libc::EACCES)), "{error}");
        let error = load(&vec![ALLOW; 70_000], 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
