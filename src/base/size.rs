//! Sizes as docker shows and reads them: the rules of `docker/go-units`, `size.go`.

/// Units of decimal sizes.
const DECIMAL: [&str; 9] = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
/// Units of binary sizes.
const BINARY: [&str; 9] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/// Why a text is not a size.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SizeError {
    #[error("invalid size: '{0}'")]
    Size(String),
    #[error("invalid suffix: '{0}'")]
    Suffix(String),
}

/// Shows bytes in decimal units with `digits` significant digits: `1.84kB`. Tables use 3, the rest 4.
pub fn human(bytes: u64, digits: usize) -> String {
    scaled(bytes, 1000.0, &DECIMAL, digits)
}

/// Shows bytes in binary units with four significant digits: `5.629MiB`. Memory is shown so.
pub fn binary(bytes: u64) -> String {
    scaled(bytes, 1024.0, &BINARY, 4)
}

fn scaled(bytes: u64, base: f64, units: &[&str; 9], digits: usize) -> String {
    let (mut size, mut unit) = (bytes as f64, 0);
    while size >= base && unit + 1 < units.len() {
        size /= base;
        unit += 1;
    }
    format!("{}{}", general(size, digits), units[unit])
}

/// C's and Go's `%.*g` for numbers that are 0 or at least 1. It turns to an exponent where rounding
/// leaves more digits than asked for: docker shows 999,999 bytes as `1e+03kB`, and so do we.
fn general(number: f64, digits: usize) -> String {
    let scientific = format!("{number:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: usize = exponent.parse().unwrap_or(0);
    if exponent >= digits {
        return format!("{}e+{exponent:02}", trim_zeros(mantissa));
    }
    trim_zeros(&format!("{number:.*}", digits - 1 - exponent)).to_owned()
}

fn trim_zeros(number: &str) -> &str {
    match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => number,
    }
}

/// Reads a size in bytes with binary units, as `--memory` and `--shm-size` take it: `64m`, `1.5GiB`, `512`.
pub fn parse_binary(text: &str) -> Result<u64, SizeError> {
    parse(text, 1024.0)
}

/// Reads a size in bytes with decimal units, as `--log-opt max-size=` takes it: `10m` is 10,000,000.
pub fn parse_decimal(text: &str) -> Result<u64, SizeError> {
    parse(text, 1000.0)
}

fn parse(text: &str, base: f64) -> Result<u64, SizeError> {
    let invalid = || SizeError::Size(text.to_owned());
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ').ok_or_else(invalid)?;
    let (number, suffix) = text.split_at(last + 1);
    let number = number.strip_suffix(' ').unwrap_or(number);
    let size: f64 = number.parse().map_err(|_| invalid())?;
    // Rust also reads `inf` and `nan`, which have no digit at their end, and signs.
    if !size.is_finite() || size.is_sign_negative() {
        return Err(invalid());
    }
    Ok((size * multiplier(suffix, base)?) as u64)
}

/// What a suffix multiplies by: one letter, then nothing, `b` or `ib`, in either case.
fn multiplier(suffix: &str, base: f64) -> Result<f64, SizeError> {
    let lower = suffix.to_ascii_lowercase();
    let unknown = || SizeError::Suffix(lower.clone());
    if lower.is_empty() || lower == "b" {
        return Ok(1.0);
    }
    let letter = lower.chars().next().unwrap_or_default();
    let power = "kmgtp".find(letter).ok_or_else(unknown)?;
    match &lower[1..] {
        "" | "b" | "ib" => Ok(base.powi(power as i32 + 1)),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_sizes() {
        for (bytes, want) in [
            (0, "0B"),
            (1, "1B"),
            (999, "999B"),
            (1000, "1kB"),
            (1024, "1.02kB"),
            (1840, "1.84kB"),
            (13_256, "13.3kB"),
            (120_000, "120kB"),
            (999_400, "999kB"),
            (999_999, "1e+03kB"),
            (7_830_000, "7.83MB"),
            (1_000_000_000, "1GB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(human(bytes, 3), want, "{bytes}");
        }
        assert_eq!(human(2_746_000, 4), "2.746MB");
        assert_eq!(human(3_412_312, 4), "3.412MB");
    }

    #[test]
    fn binary_sizes() {
        for (bytes, want) in
            [(0, "0B"), (1023, "1023B"), (1024, "1KiB"), (5_902_000, "5.629MiB"), (2_096_000_000, "1.952GiB")]
        {
            assert_eq!(binary(bytes), want);
        }
    }

    #[test]
    fn reads_sizes() {
        for (text, want) in [
            ("0", 0),
            ("512", 512),
            ("32b", 32),
            ("32 b", 32),
            ("1k", 1024),
            ("64m", 64 << 20),
            ("64MB", 64 << 20),
            ("1.5GiB", 3 << 29),
            ("2 tb", 2 << 40),
            ("1P", 1 << 50),
            (".5k", 512),
        ] {
            assert_eq!(parse_binary(text), Ok(want), "{text}");
        }
        assert_eq!(parse_decimal("1.5m"), Ok(1_500_000));
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "hello", "-32", "1.2.3", "64..", "NaN", "inf", "--1", "é"] {
            assert_eq!(parse_binary(text), Err(SizeError::Size(text.into())), "{text}");
        }
        for (text, suffix) in [("1x", "x"), ("1mm", "mm"), ("1KiBx", "kibx"), ("1bb", "bb"), ("1é", "é")] {
            assert_eq!(parse_binary(text), Err(SizeError::Suffix(suffix.into())), "{text}");
        }
    }
}
