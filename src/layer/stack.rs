//! One directory in several layers, as an overlay of them shows it.

use std::collections::HashSet;
use std::ffi::{CStr, CString};
use std::io;
use std::sync::Arc;

use rustix::fs::{AtFlags, Stat};
use rustix::io::Errno;

use super::{tree, whiteout};
use crate::sys::path::Dir;

/// The directory in each layer that has it, the highest first. One layer alone is shown as it is, with its whiteouts.
#[derive(Clone, Default)]
pub struct Stack(Vec<Arc<Dir>>);

impl Stack {
    /// Begins at the roots of layers, the highest first.
    pub fn new(layers: Vec<Dir>) -> Self {
        Self(layers.into_iter().map(Arc::new).collect())
    }

    /// The highest layer's directory, which gives owner, mode and attributes; none where no layer has any.
    pub fn top(&self) -> Option<&Dir> {
        self.0.first().map(|top| &**top)
    }

    /// The directory in the layer of this index.
    pub fn layer(&self, index: usize) -> &Dir {
        &self.0[index]
    }

    /// The same without the layers above one.
    pub fn below(&self, index: usize) -> Self {
        Self(self.0[index..].to_vec())
    }

    /// Opens a directory of exactly this name, which it is in the highest of the layers: with those below that go
    /// on in it.
    pub fn enter(&self, name: &CStr) -> Result<Self, Errno> {
        let mut found = Vec::new();
        for layer in &self.0 {
            let directory = match tree::open_child(layer, name.to_bytes()) {
                Ok(directory) => directory,
                Err(Errno::NOENT) if !found.is_empty() => continue,
                // A whiteout, or something else that the directories above hide, with all that is below it.
                Err(Errno::NOTDIR | Errno::LOOP) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let hides = self.0.len() > 1 && whiteout::is_opaque(&directory).unwrap_or(false);
            found.push(Arc::new(directory));
            if hides {
                break;
            }
        }
        Ok(Self(found))
    }

    /// Every name, once, with the index of the highest layer that has it. A whiteout is a name too.
    pub fn names(&self) -> io::Result<Vec<(CString, usize)>> {
        let mut names = Vec::new();
        let mut seen = HashSet::new();
        for (index, layer) in self.0.iter().enumerate() {
            for entry in rustix::fs::Dir::read_from(&**layer)? {
                let name = entry?.file_name().to_owned();
                let is_shown = &*name != c"." && &*name != c"..";
                if is_shown && (self.0.len() == 1 || seen.insert(name.clone())) {
                    names.push((name, index));
                }
            }
        }
        Ok(names)
    }

    /// Looks a name up: the index of the layer that shows it, and what it is there.
    pub fn find(&self, name: &CStr) -> Result<Option<(usize, Stat)>, Errno> {
        for (index, layer) in self.0.iter().enumerate() {
            match rustix::fs::statat(&**layer, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) if whiteout::is_whiteout(&stat) => return Ok(None),
                Ok(stat) => return Ok(Some((index, stat))),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn higher_layers_hide_lower_ones() {
        let scratch = tempfile::tempdir().unwrap();
        let open = |name: &str| Dir::open(&scratch.path().join(name)).unwrap();
        for path in ["1/a/x", "1/b/hidden", "1/c", "2/a/y", "2/b", "3/a", "3/c"] {
            fs::create_dir_all(scratch.path().join(path)).unwrap();
        }
        fs::write(scratch.path().join("2/c"), "").unwrap();
        if whiteout::create(open("3/a"), b"x").is_err() || whiteout::make_opaque(open("2/b")).is_err() {
            return;
        }
        let stack = Stack::new(vec![open("3"), open("2"), open("1")]);
        let names = |stack: &Stack| {
            let mut names: Vec<_> = stack
                .names()
                .unwrap()
                .into_iter()
                .map(|(name, index)| (name.into_string().unwrap(), index))
                .collect();
            names.sort();
            names
        };
        let owned = |names: &[(&str, usize)]| {
            names.iter().map(|(name, index)| ((*name).to_owned(), *index)).collect::<Vec<_>>()
        };
        assert_eq!(names(&stack), owned(&[("a", 0), ("b", 1), ("c", 0)]));
        let a = stack.enter(c"a").unwrap();
        assert_eq!(names(&a), owned(&[("x", 0), ("y", 1)]));
        assert!(a.find(c"x").unwrap().is_none() && a.find(c"y").unwrap().is_some());
        // Opaque, and below a file.
        assert_eq!(names(&stack.below(1).enter(c"b").unwrap()), owned(&[]));
        assert_eq!(stack.enter(c"c").unwrap().0.len(), 1);
        assert!(stack.enter(c"b").is_err(), "the highest does not have it");
    }
}
