//! Lists of processors or memory nodes, as the kernel writes them: `0-3,5`.

/// More than any kernel knows.
const MOST: u32 = 1 << 16;

/// Reads each first and last number; `None` if it is not such a list.
pub fn ranges(text: &str) -> Option<Vec<(u32, u32)>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        (first <= last && last < MOST).then_some((first, last))
    };
    text.split(',').map(range).collect()
}

/// Whether all that one list names is in the other.
pub fn is_within(wanted: &[(u32, u32)], present: &[(u32, u32)]) -> bool {
    let is_present = |number| present.iter().any(|(first, last)| (*first..=*last).contains(&number));
    wanted.iter().all(|(first, last)| (*first..=*last).all(is_present))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists() {
        for (text, want) in [
            ("", Some(vec![])),
            ("0", Some(vec![(0, 0)])),
            ("0-3,5", Some(vec![(0, 3), (5, 5)])),
            ("1-0", None),
            ("1-", None),
            ("x", None),
            ("0,", None),
            ("99999999", None),
        ] {
            assert_eq!(ranges(text), want, "{text}");
        }
        for (wanted, present, want) in [
            ("0", "0-1", true),
            ("0-1", "0,1", true),
            ("", "", true),
            ("0-2", "0-1", false),
            ("1", "0", false),
        ] {
            assert_eq!(
                is_within(&ranges(wanted).unwrap(), &ranges(present).unwrap()),
                want,
                "{wanted} {present}"
            );
        }
    }
}
