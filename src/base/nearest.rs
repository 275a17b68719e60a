//! The word that was meant: what is close to a word that is not known.

/// Letters of a word that may be a slip of the finger.
const LONGEST: usize = 100;

/// The one of `words` that is one or two slips of the finger away from `typed`.
pub fn nearest<'a>(typed: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if typed.len() > LONGEST {
        return None;
    }
    let (distance, word) = words.into_iter().map(|word| (distance(typed, word), word)).min()?;
    // A short word is near everything.
    (distance <= 2 && distance * 2 < typed.len()).then_some(word)
}

/// The least number of letters to insert, remove, replace or swap with the next (Damerau and Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // Words of so different lengths are not near, however long they are.
    if a.len().abs_diff(b.len()) > 2 {
        return usize::MAX / 2;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger() {
        let words = ["from", "chown", "RUN", "ENTRYPOINT", "ps"];
        for (typed, want) in [
            ("frmo", Some("from")),
            ("chwon", Some("chown")),
            ("ENTRYPIONT", Some("ENTRYPOINT")),
            ("RUNN", Some("RUN")),
            ("pss", Some("ps")),
            ("zz", None),
            ("", None),
        ] {
            assert_eq!(nearest(typed, words), want, "{typed}");
        }
    }
}
