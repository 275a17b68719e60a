//! Identifiers: random ids and the rules for names.

/// `digits` random lower-case hexadecimal digits.
pub fn random_hex(digits: usize) -> String {
    let mut bytes = vec![0u8; digits.div_ceil(2)];
    fill_random(&mut bytes);
    let mut text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}

/// Fills `bytes` with the kernel's random numbers.
pub fn fill_random(bytes: &mut [u8]) {
    let mut filled = 0;
    while filled < bytes.len() {
        let rest = &mut bytes[filled..];
        // Only an interrupted wait for the first entropy after boot fails; it is waited for again.
        filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()).unwrap_or(0);
    }
}

/// A new container id: 64 hexadecimal digits. Never all decimal in its first 12, since a
/// hostname made of digits alone confuses programs (docker's rule, moby `stringid`).
pub fn container_id() -> String {
    loop {
        let id = random_hex(64);
        if id[..12].bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return id;
        }
    }
}

/// Whether `text` may name a container, volume or network: docker's `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
pub fn is_valid_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && text.len() >= 2
        && text.len() <= 255
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Whether `text` could be a container id or a prefix of one.
pub fn is_id_prefix(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hexadecimal_and_differ() {
        let (a, b) = (container_id(), container_id());
        assert_eq!(a.len(), 64);
        assert!(is_id_prefix(&a));
        assert_ne!(a, b);
    }

    #[test]
    fn names() {
        for good in ["web", "a1", "my_app.v2-x"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in ["", "a", "-a", ".hidden", "a/b", "a b", "../x", "é2", &"x".repeat(256)] {
            assert!(!is_valid_name(bad), "{bad}");
        }
    }
}
