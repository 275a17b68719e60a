//! Operating system and processor of an image, and which of several images suits a machine best.
//!
//! Source: OCI image-spec v1.1 `image-index.md`; the names are normalised as containerd's `platforms`
//! package does, since that is what people type after `--platform`.

use std::fmt;
use std::str::FromStr;

/// `os/architecture[/variant]` in Go's words: `linux/amd64`, `linux/arm64/v8`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Platform {
    pub os: String,
    pub architecture: String,
    pub variant: Option<String>,
}

/// A text that names no platform, in containerd's words.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlatformError {
    /// A part with characters that no name has, or more than three parts.
    #[error("{0:?}: platform specifier must be os[/arch[/variant]]: invalid argument")]
    Malformed(String),
    /// One word that is neither a system nor a processor.
    #[error("{0:?}: unknown operating system or architecture: invalid argument")]
    Unknown(String),
}

const SYSTEMS: &[&str] = &["linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "solaris", "plan9"];
const ARCHITECTURES: &[&str] = &[
    "amd64", "386", "arm", "arm64", "ppc64", "ppc64le", "s390x", "riscv64", "loong64", "mips", "mipsle",
    "mips64", "mips64le", "wasm",
];
/// The 32-bit ARM variants, best first: a processor runs its own and all that follow.
const ARM: &[&str] = &["v8", "v7", "v6", "v5"];

impl Platform {
    /// The platform of this machine.
    pub fn host() -> Self {
        Self::of_machine(rustix::system::uname().machine().to_str().unwrap_or_default())
    }

    /// The platform of a machine that `uname -m` calls so.
    fn of_machine(machine: &str) -> Self {
        Self::new("linux", machine, None)
    }

    /// A platform by any spelling of its parts: `x86_64` is `amd64`, `armhf` is `arm/v7`.
    pub fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let os = match os.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_owned(),
            other => other.to_owned(),
        };
        let variant = variant.map(str::to_ascii_lowercase).filter(|variant| !variant.is_empty());
        let architecture = architecture.to_ascii_lowercase();
        let (architecture, variant) = match architecture.as_str() {
            "x86_64" | "x86-64" => ("amd64", variant),
            "i386" | "i486" | "i586" | "i686" => ("386", None),
            "aarch64" | "arm64" => ("arm64", variant.map(with_v)),
            "armhf" => ("arm", Some("v7".to_owned())),
            "armel" => ("arm", Some("v6".to_owned())),
            "armv8l" => ("arm", Some("v8".to_owned())),
            "armv7l" | "armv7" => ("arm", Some("v7".to_owned())),
            "armv6l" | "armv6" => ("arm", Some("v6".to_owned())),
            "armv5tel" | "armv5tejl" | "armv5" => ("arm", Some("v5".to_owned())),
            "arm" => ("arm", Some(variant.map_or_else(|| "v7".to_owned(), with_v))),
            "loongarch64" => ("loong64", variant),
            other => (other, variant),
        };
        Self { os, architecture: architecture.to_owned(), variant }
    }

    /// What `uname -m` calls the machine, and qemu its emulator.
    pub fn machine(&self) -> &str {
        match self.architecture.as_str() {
            "amd64" => "x86_64",
            "386" => "i386",
            "arm64" => "aarch64",
            "loong64" => "loongarch64",
            "mipsle" => "mipsel",
            "mips64le" => "mips64el",
            other => other,
        }
    }

    /// Whether programs for `self` need an emulator on this machine. A processor of 64 bits runs those of 32 bits too.
    pub fn is_foreign(&self) -> bool {
        let host = Self::host();
        let is_smaller = matches!((host.machine(), self.machine()), ("x86_64", "i386") | ("aarch64", "arm"));
        self.architecture != host.architecture && !is_smaller
    }

    /// What `--platform` asks for; nothing where it is not given or empty.
    pub fn asked(text: Option<&str>) -> Result<Option<Self>, PlatformError> {
        text.filter(|text| !text.is_empty()).map(str::parse).transpose()
    }

    /// How well an image for `offered` runs where `self` is wanted: lower is better, `None` is not at all.
    ///
    /// Only the same architecture counts, since another one needs an emulator that may not be there.
    pub fn rank(&self, offered: &Platform) -> Option<usize> {
        if self.os != offered.os || self.architecture != offered.architecture {
            return None;
        }
        match self.architecture.as_str() {
            "arm" => arm_rank(self.variant.as_deref(), offered.variant.as_deref()),
            "arm64" => level_rank(self.level("v8"), offered.level("v8"), 'v'),
            "amd64" => level_rank(self.level("v1"), offered.level("v1"), 'v'),
            _ => (self.variant == offered.variant || offered.variant.is_none()).then_some(0),
        }
    }

    fn level<'a>(&'a self, default: &'a str) -> &'a str {
        self.variant.as_deref().unwrap_or(default)
    }

    /// The index of the best of several offers; of equals, the first.
    pub fn best<'a>(&self, offers: impl Iterator<Item = &'a Platform>) -> Option<usize> {
        let ranked = offers.enumerate().filter_map(|(index, offer)| Some((self.rank(offer)?, index)));
        ranked.min().map(|(_, index)| index)
    }
}

fn with_v(variant: String) -> String {
    if variant.bytes().next().is_some_and(|first| first.is_ascii_digit()) {
        return format!("v{variant}");
    }
    variant
}

fn arm_rank(wanted: Option<&str>, offered: Option<&str>) -> Option<usize> {
    let place = |variant: Option<&str>| ARM.iter().position(|known| Some(*known) == variant);
    place(offered)?.checked_sub(place(wanted)?)
}

/// Levels such as `v3` include every lower one. Anything else must be equal.
fn level_rank(wanted: &str, offered: &str, prefix: char) -> Option<usize> {
    if wanted == offered {
        return Some(0);
    }
    let level = |text: &str| text.strip_prefix(prefix)?.parse::<usize>().ok();
    level(wanted)?.checked_sub(level(offered)?)
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.len() > 3 || !parts.iter().all(|part| is_word(part)) {
            return Err(PlatformError::Malformed(text.to_owned()));
        }
        let host = Self::host();
        match parts[..] {
            [os, architecture] => Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => Ok(Self::new(os, architecture, Some(variant))),
            _ => {
                let word = Self::new(text, text, None);
                if SYSTEMS.contains(&word.os.as_str()) {
                    return Ok(Self { os: word.os, ..host });
                }
                if ARCHITECTURES.contains(&word.architecture.as_str()) {
                    return Ok(Self { os: host.os, ..word });
                }
                Err(PlatformError::Unknown(text.to_owned()))
            }
        }
    }
}

fn is_word(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn spellings() {
        for (typed, shown) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("Linux/AMD64/V3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64/v8"),
            ("linux/arm64/8", "linux/arm64/v8"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i686", "linux/386"),
            ("windows/amd64", "windows/amd64"),
            ("s390x", "linux/s390x"),
            ("arm64", "linux/arm64"),
        ] {
            assert_eq!(platform(typed).to_string(), shown, "{typed}");
        }
        assert_eq!(platform("linux"), Platform::host());
    }

    #[test]
    fn machines() {
        for (machine, shown) in [
            ("x86_64", "linux/amd64"),
            ("aarch64", "linux/arm64"),
            ("armv7l", "linux/arm/v7"),
            ("armv6l", "linux/arm/v6"),
            ("riscv64", "linux/riscv64"),
        ] {
            assert_eq!(Platform::of_machine(machine).to_string(), shown);
        }
    }

    #[test]
    fn not_platforms() {
        for text in ["", "/", "linux/", "linux//v8", "a/b/c/d", "linux/amd 64", "linux/\x1b[0m"] {
            assert!(matches!(text.parse::<Platform>(), Err(PlatformError::Malformed(_))), "{text:?}");
        }
        let error = "foo".parse::<Platform>().unwrap_err();
        assert_eq!(error.to_string(), "\"foo\": unknown operating system or architecture: invalid argument");
    }

    #[test]
    fn the_best_offer() {
        let cases: &[(&str, &[&str], Option<usize>)] = &[
            ("linux/amd64", &["linux/386", "linux/arm64", "linux/amd64"], Some(2)),
            ("linux/amd64", &["windows/amd64", "linux/386"], None),
            ("linux/amd64", &["linux/amd64/v2"], None),
            ("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], Some(1)),
            ("linux/arm64", &["linux/arm64/v8"], Some(0)),
            ("linux/arm64/v8", &["linux/arm/v7", "linux/arm64"], Some(1)),
            ("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6", "linux/arm64"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7"], None),
            ("linux/s390x", &["linux/s390x", "linux/s390x"], Some(0)),
        ];
        for (wanted, offers, best) in cases {
            let offers: Vec<Platform> = offers.iter().map(|text| platform(text)).collect();
            assert_eq!(platform(wanted).best(offers.iter()), *best, "{wanted} {offers:?}");
        }
    }
}
