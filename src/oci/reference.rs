//! Image names: docker's grammar and docker's normalisation.
//!
//! Source: `distribution/reference` (`regexp.go`, `normalize.go`). A name is split by hand rather than by
//! a regular expression: compiling one costs more than starting a container.
//!
//! ```text
//! reference  name [":" tag] ["@" digest]
//! name       [domain "/"] component ("/" component)*
//! domain     (label ("." label)* | "[" IPv6 "]") [":" port]
//! component  [a-z0-9]+ (("." | "_" | "__" | "-"+) [a-z0-9]+)*
//! tag        [A-Za-z0-9_][A-Za-z0-9_.-]{0,127}
//! ```

use std::fmt;

use crate::base::digest::{Digest, DigestError};

/// The domain of a name that has none.
pub const DOCKER_IO: &str = "docker.io";
const LEGACY_DOCKER_IO: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const LATEST: &str = "latest";
const MAX_PATH: usize = 255;
const MAX_TAG: usize = 128;

/// An image name in full: `docker.io/library/alpine:3.20`. Its parts have been checked, so they are safe
/// in a URL path.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Reference {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no image name, in docker's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseError {
    /// The text does not follow the grammar.
    #[error("invalid reference format")]
    Format,
    /// A repository with upper-case letters, normalised.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// A path of more than 255 bytes.
    #[error("invalid reference format: repository name must not be more than {MAX_PATH} characters")]
    TooLong,
    /// 64 hexadecimal digits, which mean an image id.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    ImageId(String),
    /// A digest of an algorithm that is not supported.
    #[error(transparent)]
    Algorithm(DigestError),
}

impl Reference {
    /// Reads a name as docker does: `alpine` is `docker.io/library/alpine`. Adds no default tag.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        if is_image_id(text) {
            return Err(ParseError::ImageId(text.to_owned()));
        }
        let (domain, remainder) = split_domain(text);
        check_case(&remainder)?;
        let (rest, digest) = match remainder.split_once('@') {
            Some((rest, digest)) => (rest, Some(parse_digest(digest)?)),
            None => (remainder.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if !is_domain(domain) || !path.split('/').all(is_component) || !tag.is_none_or(is_tag) {
            return Err(ParseError::Format);
        }
        if path.len() > MAX_PATH {
            return Err(ParseError::TooLong);
        }
        Ok(Self { domain: domain.to_owned(), path: path.to_owned(), tag: tag.map(str::to_owned), digest })
    }

    /// Adds `:latest` where neither a tag nor a digest says which image is meant.
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(LATEST.to_owned());
        }
        self
    }

    /// The same repository at exactly this content: `name@digest`, without a tag.
    pub fn at(&self, digest: Digest) -> Self {
        Self { domain: self.domain.clone(), path: self.path.clone(), tag: None, digest: Some(digest) }
    }

    /// The registry: `docker.io`, `localhost:5000`, `[::1]:5000`.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository within its registry: `library/alpine`.
    pub fn path(&self) -> &str {
        &self.path
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The shortest form that means the same: `alpine:3.20`, `quay.io/a/b@sha256:…`.
    pub fn familiar(&self) -> String {
        let mut text = self.familiar_name();
        self.push_suffix(&mut text);
        text
    }

    /// The shortest form of the repository alone: `alpine`, `quay.io/a/b`.
    pub fn familiar_name(&self) -> String {
        if self.domain != DOCKER_IO {
            return self.name();
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.path.clone(),
        }
    }

    /// The repository alone in full: `docker.io/library/alpine`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }

    fn push_suffix(&self, text: &mut String) {
        if let Some(tag) = &self.tag {
            text.push(':');
            text.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            text.push('@');
            text.push_str(&digest.to_string());
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.name();
        self.push_suffix(&mut text);
        f.write_str(&text)
    }
}

/// Decides whether the part before the first slash is a registry (`splitDockerDomain`): it is when it is
/// `localhost`, has a dot or a colon, or has upper-case letters, which no namespace may have.
fn split_domain(text: &str) -> (&str, String) {
    let (domain, rest) = match text.split_once('/') {
        Some((LEGACY_DOCKER_IO | DOCKER_IO, rest)) => (DOCKER_IO, rest),
        Some((first, rest)) if is_registry(first) => (first, rest),
        _ => (DOCKER_IO, text),
    };
    if domain == DOCKER_IO && !rest.contains('/') {
        return (domain, format!("{OFFICIAL}{rest}"));
    }
    (domain, rest.to_owned())
}

fn is_registry(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.to_lowercase() != first
}

/// Upper case gets its own message: it is what people type most often by mistake.
fn check_case(remainder: &str) -> Result<(), ParseError> {
    let repository = remainder.split(':').next().unwrap_or_default();
    if repository.to_lowercase() == repository {
        return Ok(());
    }
    if !repository.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ParseError::Format);
    }
    Err(ParseError::Uppercase(repository.to_owned()))
}

fn parse_digest(text: &str) -> Result<Digest, ParseError> {
    text.parse().map_err(|error| match error {
        DigestError::Algorithm(_) => ParseError::Algorithm(error),
        DigestError::Malformed(_) => ParseError::Format,
    })
}

fn is_image_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if is_ipv6(address) => ("ipv6", port),
            _ => return false,
        },
        None => domain.split_at(domain.find(':').unwrap_or(domain.len())),
    };
    host.split('.').all(is_label) && (port.is_empty() || port.strip_prefix(':').is_some_and(is_number))
}

fn is_ipv6(address: &str) -> bool {
    !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':')
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters and digits joined by `.`, `_`, `__` or any number of dashes.
fn is_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let known = component.bytes().all(|byte| is_word(byte) || b"._-".contains(&byte));
    let framed =
        component.bytes().next().is_some_and(is_word) && component.bytes().last().is_some_and(is_word);
    known && framed && component.split(|c: char| c.is_ascii_alphanumeric()).all(is_separator)
}

fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= MAX_TAG
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(|byte| is_word(byte) || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// Typed, in full, familiar.
    const GOOD: &[(&str, &str, &str)] = &[
        ("alpine", "docker.io/library/alpine", "alpine"),
        ("alpine:3.20", "docker.io/library/alpine:3.20", "alpine:3.20"),
        ("library/alpine", "docker.io/library/alpine", "alpine"),
        ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
        ("docker.io/library/alpine", "docker.io/library/alpine", "alpine"),
        ("index.docker.io/alpine:1", "docker.io/library/alpine:1", "alpine:1"),
        ("index.docker.io/a/b", "docker.io/a/b", "a/b"),
        ("someone/thing", "docker.io/someone/thing", "someone/thing"),
        ("a/b/c", "docker.io/a/b/c", "a/b/c"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("quay.io/a", "quay.io/a", "quay.io/a"),
        ("quay.io/library/a", "quay.io/library/a", "quay.io/library/a"),
        ("registry.example/a/b:v1", "registry.example/a/b:v1", "registry.example/a/b:v1"),
        ("localhost/a", "localhost/a", "localhost/a"),
        ("localhost:5000/a", "localhost:5000/a", "localhost:5000/a"),
        ("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"),
        ("localhost:5000", "docker.io/library/localhost:5000", "localhost:5000"),
        ("127.0.0.1:5000/a", "127.0.0.1:5000/a", "127.0.0.1:5000/a"),
        ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
        ("[2001:db8::1]/a:x", "[2001:db8::1]/a:x", "[2001:db8::1]/a:x"),
        ("host:80/a", "host:80/a", "host:80/a"),
        ("Host/a", "Host/a", "Host/a"),
        ("a.b-c.d/e", "a.b-c.d/e", "a.b-c.d/e"),
        ("a__b", "docker.io/library/a__b", "a__b"),
        ("a_b.c---d", "docker.io/library/a_b.c---d", "a_b.c---d"),
        ("1/2:3", "docker.io/1/2:3", "1/2:3"),
        ("a:_x", "docker.io/library/a:_x", "a:_x"),
        ("a:UPPER.1-2_3", "docker.io/library/a:UPPER.1-2_3", "a:UPPER.1-2_3"),
    ];

    #[test]
    fn names_in_full_and_familiar() {
        for (typed, full, familiar) in GOOD {
            let reference = Reference::parse(typed).unwrap_or_else(|error| panic!("{typed}: {error}"));
            assert_eq!(reference.to_string(), *full, "{typed}");
            assert_eq!(reference.familiar(), *familiar, "{typed}");
        }
    }

    #[test]
    fn both_forms_read_back_as_the_same_name() {
        for (typed, full, familiar) in GOOD {
            let reference = Reference::parse(typed).unwrap();
            assert_eq!(Reference::parse(full).as_ref(), Ok(&reference), "{full}");
            assert_eq!(Reference::parse(familiar).as_ref(), Ok(&reference), "{familiar}");
        }
    }

    #[test]
    fn parts() {
        let text = format!("localhost:5000/team/app:v1@sha256:{HEX}");
        let reference = Reference::parse(&text).unwrap();
        assert_eq!(reference.domain(), "localhost:5000");
        assert_eq!(reference.path(), "team/app");
        assert_eq!(reference.tag(), Some("v1"));
        assert_eq!(reference.digest(), Some(&Digest::of(b"")));
        assert_eq!(reference.to_string(), text);
        assert_eq!(reference.familiar_name(), "localhost:5000/team/app");
        assert_eq!(
            reference.at(Digest::of(b"")).to_string(),
            format!("localhost:5000/team/app@sha256:{HEX}")
        );
    }

    #[test]
    fn a_default_tag_only_where_nothing_else_says_which() {
        let full = |text: &str| Reference::parse(text).unwrap().with_default_tag().to_string();
        assert_eq!(full("alpine"), "docker.io/library/alpine:latest");
        assert_eq!(full("alpine:3"), "docker.io/library/alpine:3");
        let digested = format!("docker.io/library/alpine@sha256:{HEX}");
        assert_eq!(full(&digested), digested);
    }

    #[test]
    fn bad_format() {
        let long_tag = format!("a:{}", "t".repeat(129));
        let bad = [
            "",
            " ",
            "a ",
            ":",
            ":tag",
            "@",
            "/",
            "/a",
            "a/",
            "a//b",
            "a:",
            "a@",
            "a:b:c",
            "a:-x",
            "a:.x",
            "a:é",
            "a:x/y",
            "é",
            "É",
            "a\n",
            "\x1b[31mA",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a._b",
            "a.-b",
            ".a",
            "_a",
            "a_",
            "a@b",
            "a@sha256:",
            "a@sha256:abc",
            "a@b@c",
            "http://x/a",
            "https://registry.example/a",
            "-x.example/a",
            "x-.example/a",
            "x..example/a",
            "x.example./a",
            ".example/a",
            "x.example:/a",
            "x.example:http/a",
            "x.example:1:2/a",
            "x_y.example/a",
            "x.example/",
            "[]/a",
            "[::1/a",
            "[::1]5000/a",
            "[::1]:/a",
            "[::g]:1/a",
            "[fe80::1%25eth0]:1/a",
            "..",
            "../a",
            "a/../b",
            "x.example/../a",
            &long_tag,
        ];
        for text in bad {
            assert_eq!(Reference::parse(text), Err(ParseError::Format), "{text:?}");
        }
    }

    #[test]
    fn upper_case_is_named() {
        for (text, name) in [
            ("Foo", "library/Foo"),
            ("foo/Bar:x", "foo/Bar"),
            ("localhost:5000/A", "A"),
            ("Foo/Bar", "Bar"),
            ("FOO:latest", "library/FOO"),
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert_eq!(error, ParseError::Uppercase(name.into()), "{text}");
            let words = format!("invalid reference format: repository name ({name}) must be lowercase");
            assert_eq!(error.to_string(), words);
        }
    }

    #[test]
    fn limits() {
        let path = "a".repeat(255);
        assert!(Reference::parse(&format!("x.example/{path}")).is_ok());
        assert_eq!(Reference::parse(&format!("x.example/{path}a")), Err(ParseError::TooLong));
        assert_eq!(Reference::parse(&path), Err(ParseError::TooLong), "library/ counts");
        assert!(Reference::parse(&format!("a:{}", "t".repeat(128))).is_ok());
    }

    #[test]
    fn ids_and_digests_that_are_no_names() {
        assert_eq!(Reference::parse(HEX), Err(ParseError::ImageId(HEX.into())));
        assert!(Reference::parse(&HEX[1..]).is_ok());
        let sha512 = format!("a@sha512:{HEX}{HEX}");
        let error = Reference::parse(&sha512).unwrap_err();
        assert_eq!(error.to_string(), "unsupported digest algorithm \"sha512\"");
        assert_eq!(Reference::parse(&format!("a@sha256:{}", HEX.to_uppercase())), Err(ParseError::Format));
    }

    proptest::proptest! {
        #[test]
        fn never_panics_and_round_trips(text in "[a-zA-Z0-9:/@._\\[\\]-]{0,40}|\\PC{0,20}") {
            if let Ok(reference) = Reference::parse(&text) {
                proptest::prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference.clone()));
                proptest::prop_assert_eq!(Reference::parse(&reference.familiar()), Ok(reference));
            }
        }
    }
}
