//! Whether what is to be stored has room: asked before anything is brought, where it is known how much that will be.

use anyhow::{Context, Result, anyhow};

use super::layout::Layout;
use crate::base::hint::{self, Hinted};
use crate::base::size;

/// Refuses what needs more bytes than an ordinary user may still write to the store's filesystem.
pub fn require(layout: &Layout, needed: u64) -> Result<()> {
    let path = layout.data();
    let stat = rustix::fs::statvfs(path).with_context(|| format!("inspect {}", path.display()))?;
    check(needed, stat.f_bavail.saturating_mul(stat.f_frsize), &path.display().to_string())
}

fn check(needed: u64, free: u64, path: &str) -> Result<()> {
    if needed <= free {
        return Ok(());
    }
    let error = anyhow!(
        "at least {} are needed, and {} are free on the filesystem of {path}",
        size::human(needed, 4),
        size::human(free, 4)
    );
    Err(Hinted::new(error, hint::NO_ROOM).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_both_numbers() {
        assert!(check(1000, 1000, "/x").is_ok());
        let error = check(2_500_000, 1000, "/x").unwrap_err();
        assert_eq!(error.to_string(), "at least 2.5MB are needed, and 1kB are free on the filesystem of /x");
        assert_eq!(hint::find(&error), Some(hint::NO_ROOM));
    }
}
