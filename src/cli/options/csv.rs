//! Values that are divided by commas, as docker reads them.

/// The fields of one record of CSV (RFC 4180): a field in double quotes may hold commas, and `""` is a quote.
pub fn fields(text: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, tail) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted).ok_or("extraneous or missing \" in quoted-field")?,
            None => match rest.split_once(',') {
                Some((field, tail)) => (field.to_owned(), Some(tail)),
                None => (rest.to_owned(), None),
            },
        };
        fields.push(field);
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}

/// What follows an opening quote: the field, and what follows the comma behind the closing one.
fn quoted_field(text: &str) -> Option<(String, Option<&str>)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.chars().next() {
            None => return Some((field, None)),
            Some(',') => return Some((field, Some(&after[1..]))),
            Some('"') => field.push('"'),
            Some(_) => return None,
        }
        rest = &after[1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        for (text, want) in [
            ("", &[""][..]),
            ("a,b", &["a", "b"]),
            ("a,\"b=1,2\",c", &["a", "b=1,2", "c"]),
            ("\"say \"\"a\"\"\"", &["say \"a\""]),
        ] {
            assert_eq!(fields(text).unwrap(), want, "{text}");
        }
        for text in ["\"a", "\"a\"b", "a,\"b"] {
            assert_eq!(fields(text).unwrap_err(), "extraneous or missing \" in quoted-field", "{text}");
        }
    }
}
