//! Access control lists as extended attributes (linux/posix_acl_xattr.h): a version, then entries of tag,
//! permissions and id, little-endian. The kernel shows the ids as the reader's namespace has them.

use crate::base::idmap::IdMaps;

const HEADER: usize = 4;
const ENTRY: usize = 8;
const USER: u16 = 0x02;
const GROUP: u16 = 0x08;

/// Replaces the ids in the value of a `system.posix_acl_*`; one that has no place in the map stays.
pub fn shift(value: &mut [u8], maps: &IdMaps) {
    let Some(entries) = value.get_mut(HEADER..) else { return };
    for entry in entries.chunks_exact_mut(ENTRY) {
        let map = match u16::from_le_bytes([entry[0], entry[1]]) {
            USER => &maps.uids,
            GROUP => &maps.gids,
            _ => continue,
        };
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        if let Some(outside) = map.outside(id) {
            entry[4..].copy_from_slice(&outside.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::idmap::{IdMap, IdRange};

    #[test]
    fn only_named_users_and_groups_have_ids() {
        let map = |outside| IdMap(vec![IdRange { inside: 0, outside, count: 100 }]);
        let maps = IdMaps { uids: map(1000), gids: map(2000) };
        let entry =
            |tag: u16, id: u32| [&tag.to_le_bytes()[..], &7u16.to_le_bytes(), &id.to_le_bytes()].concat();
        let acl = |user, group, far| {
            [vec![2, 0, 0, 0], entry(1, u32::MAX), entry(USER, user), entry(GROUP, group), entry(USER, far)]
                .concat()
        };
        let mut value = acl(5, 6, 500);
        shift(&mut value, &maps);
        assert_eq!(value, acl(1005, 2006, 500));
        shift(&mut value[..3], &maps);
    }
}
