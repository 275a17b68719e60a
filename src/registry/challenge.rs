//! The `WWW-Authenticate` header (RFC 9110, section 11.6.1).

/// One way to authenticate that a server offers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenge {
    /// The scheme in lower case: `bearer`, `basic`.
    pub scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of a parameter, by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads the challenges of one header value. What makes no sense is passed over: a header is a stranger's
/// text, and another challenge in it may still be good.
pub fn parse(value: &str) -> Vec<Challenge> {
    let mut scanner = Scanner { rest: value };
    let mut challenges: Vec<Challenge> = Vec::new();
    while !scanner.skip_separators().is_empty() {
        let word = scanner.token();
        if word.is_empty() {
            scanner.skip_to_comma();
            continue;
        }
        match (scanner.value(), challenges.last_mut()) {
            (Some(value), Some(current)) => current.parameters.push((word.to_ascii_lowercase(), value)),
            (Some(_), None) => {}
            (None, _) => {
                challenges.push(Challenge { scheme: word.to_ascii_lowercase(), parameters: Vec::new() })
            }
        }
    }
    challenges
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn skip_separators(&mut self) -> &'a str {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        self.rest
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn skip_to_comma(&mut self) {
        self.take(self.rest.find(',').unwrap_or(self.rest.len()));
    }

    fn token(&mut self) -> &'a str {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        self.take(self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len()))
    }

    /// The value after `=`, quoted or not; `None` where no `=` follows.
    fn value(&mut self) -> Option<String> {
        let after = self.rest.trim_start_matches([' ', '\t']).strip_prefix('=')?;
        self.rest = after.trim_start_matches([' ', '\t']);
        Some(match self.rest.strip_prefix('"') {
            Some(quoted) => {
                self.rest = quoted;
                self.quoted()
            }
            // Some servers leave the quotes out around a URL.
            None => self.take(self.rest.find([',', ' ', '\t']).unwrap_or(self.rest.len())).to_owned(),
        })
    }

    fn quoted(&mut self) -> String {
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((index, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[index + 1..];
                    return text;
                }
                '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.rest = "";
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<String> {
        let show = |challenge: &Challenge| {
            let parameters: Vec<_> = challenge.parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("{} [{}]", challenge.scheme, parameters.join("|"))
        };
        parse(value).iter().map(show).collect()
    }

    #[test]
    fn headers_seen_in_the_wild() {
        let cases: &[(&str, &[&str])] = &[
            (
                r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/alpine:pull,push""#,
                &[
                    "bearer [realm=https://auth.docker.io/token|service=registry.docker.io|scope=repository:library/alpine:pull,push]",
                ],
            ),
            (r#"Basic realm="Registry Realm""#, &["basic [realm=Registry Realm]"]),
            ("Basic", &["basic []"]),
            ("BEARER Realm = \"x\" , Service=y", &["bearer [realm=x|service=y]"]),
            (r#"Bearer realm=https://h/t?a=b,service=s"#, &["bearer [realm=https://h/t?a=b|service=s]"]),
            (
                r#"Basic realm="a", Bearer realm="b",service="c""#,
                &["basic [realm=a]", "bearer [realm=b|service=c]"],
            ),
            (r#"Negotiate, Basic realm="a""#, &["negotiate []", "basic [realm=a]"]),
            (r#"Bearer realm="a \"b\" \\ c""#, &[r#"bearer [realm=a "b" \ c]"#]),
            (r#"Bearer realm="never closed, Basic"#, &["bearer [realm=never closed, Basic]"]),
            (r#"realm="nobody's""#, &[]),
            ("", &[]),
            (",,, ,", &[]),
            ("\"", &[]),
            ("é, Basic", &["basic []"]),
        ];
        for (value, expected) in cases {
            assert_eq!(shown(value), *expected, "{value}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics_nor_loops(value in "\\PC{0,60}|[\", =\\\\a-z]{0,40}") {
            let length: usize = parse(&value).iter().map(|challenge| challenge.scheme.len()).sum();
            proptest::prop_assert!(length <= value.len() * 2);
        }
    }
}
