//! Owners: ids that the user namespace may or may not have.

use anyhow::{Context, Result, bail};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use crate::base::hint::HintExt;

/// A user and a group of the container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// The owner of what this process makes.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };

    /// Checks ids of an archive: 2^32 - 1 means "unchanged" to the kernel, and beyond it an id would wrap
    /// (CVE-2024-40635).
    pub fn new(uid: u64, gid: u64) -> Result<Self> {
        let check = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        match (check(uid), check(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid }),
            (None, _) => bail!("the user id {uid} is out of range"),
            (_, None) => bail!("the group id {gid} is out of range"),
        }
    }

    /// Sets the owner by `chown`. With `fold`, where the namespace has only its own id, an owner that cannot be set
    /// stays 0:0; false says so.
    pub fn set(
        self,
        fold: bool,
        chown: impl FnOnce(Option<Uid>, Option<Gid>) -> Result<(), Errno>,
    ) -> Result<bool> {
        match chown(Some(Uid::from_raw(self.uid)), Some(Gid::from_raw(self.gid))) {
            Ok(()) => Ok(true),
            Err(Errno::PERM | Errno::INVAL) if fold => Ok(false),
            // The kernel's answer for an id that the namespace does not have (man chown(2)).
            Err(Errno::INVAL) => Err(Errno::INVAL)
                .with_context(|| {
                    format!("set the owner to {}:{}, which has no subordinate id", self.uid, self.gid)
                })
                .hint(|| self.remedy()),
            Err(error) => Err(error).with_context(|| format!("set the owner to {}:{}", self.uid, self.gid)),
        }
    }

    fn remedy(self) -> String {
        let count = u64::from(self.uid.max(self.gid)) + 1;
        let last = 1_000_000 + count - 1;
        format!(
            "the image needs {count} ids: sudo usermod --add-subuids 1000000-{last} --add-subgids 1000000-{last} $USER"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hint;

    #[test]
    fn ids_that_would_wrap_are_refused() {
        for (uid, gid) in [(1 << 32, 0), (u64::from(u32::MAX), 0), (0, u64::MAX)] {
            assert!(Owner::new(uid, gid).is_err(), "{uid}:{gid}");
        }
        assert_eq!(Owner::new(0, 0).unwrap(), Owner::ROOT);
    }

    #[test]
    fn unmapped_ids_are_folded_or_explained() {
        let owner = Owner::new(70_000, 5).unwrap();
        assert!(owner.set(false, |_, _| Ok(())).unwrap());
        assert!(!owner.set(true, |_, _| Err(Errno::INVAL)).unwrap());
        assert!(!owner.set(true, |_, _| Err(Errno::PERM)).unwrap());
        let error = owner.set(false, |_, _| Err(Errno::INVAL)).unwrap_err();
        assert!(format!("{error:#}").starts_with("set the owner to 70000:5, which has no subordinate id"));
        assert!(hint::find(&error).unwrap().contains("--add-subuids 1000000-1070000"));
        assert!(owner.set(true, |_, _| Err(Errno::IO)).is_err());
    }
}
