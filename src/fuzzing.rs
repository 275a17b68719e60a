//! What the fuzzers of `fuzz/` call: each takes the bytes of a stranger and must come back, without a panic and
//! soon. Here too are the tests that give every one of them the kept corpus and mutations of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::dockerfile::{self, Base, Inherited, Settings};
use crate::image::resolve;
use crate::layer::entries::Entries;
use crate::layer::name::Name;
use crate::network::names::answer::{Transport, judge};
use crate::network::names::roster::Found;
use crate::oci::image::ContainerConfig;
use crate::oci::media::Kind;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::registry::challenge;

/// A Dockerfile, from its bytes to the steps of every stage.
pub fn dockerfile(data: &[u8]) {
    let Ok(file) = dockerfile::parse(data, "Dockerfile") else { return };
    let build_args = BTreeMap::from([("A".to_owned(), "$B ${A}".to_owned())]);
    let contexts = BTreeSet::from(["context".to_owned(), "other".to_owned()]);
    let platform = Platform::new("linux", "arm64", None);
    let settings = Settings {
        build_args: &build_args,
        contexts: &contexts,
        target: &platform,
        host: &platform,
        target_stage: "",
    };
    let mut warnings = Vec::new();
    let mut done: Vec<Option<(ContainerConfig, Inherited)>> = Vec::new();
    for stage in 0..file.stages.len() {
        let needs = file.needs(stage, &settings);
        assert!(needs.iter().flatten().all(|needed| *needed < stage), "a stage that needs a later one");
        let base = match file.base(stage, &settings) {
            Ok(Base::Stage(index)) => done[index].clone().unwrap_or_default(),
            _ => Default::default(),
        };
        let evaluated = file.evaluate(stage, &settings, &base.0, &base.1);
        done.push(evaluated.ok().map(|evaluated| {
            warnings.extend(evaluated.warnings);
            (evaluated.config, evaluated.inherited)
        }));
    }
    let _ = file.check(&settings, warnings);
    let _ = file.unused_args(&settings);
}

/// The name of an image, which reads back as it is shown.
pub fn reference(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(reference) = Reference::parse(text) {
        assert_eq!(Reference::parse(&reference.to_string()).as_ref(), Ok(&reference), "{text:?}");
        let _ = reference.familiar();
    }
    let _ = text.parse::<Platform>();
}

/// A manifest and an image's configuration.
pub fn manifest(data: &[u8]) {
    let _ = Kind::of_document(None, data);
    let config = resolve::config(data, None);
    if let (Ok(manifest), Ok(config)) = (resolve::manifest(data), &config) {
        let _ = resolve::layers(&manifest, config);
    }
}

/// The entries of an archive. Whatever has a header's magic gets the checksum that makes it one.
pub fn archive(data: &[u8]) {
    let mut data = data.to_vec();
    data.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar").for_each(seal);
    let mut source = &data[..];
    let mut entries = Entries::new(&mut source);
    while let Ok(Some(entry)) = entries.next() {
        let name = Name::parse(&entry.path);
        if let Ok(name) = &name {
            let mut parts = name.as_bytes().split(|byte| *byte == b'/');
            assert!(name.is_root() || parts.all(|part| !part.is_empty() && part != b".." && part != b"."));
            let _ = name.meaning();
        }
        if entries.copy(entry.stored.min(4096), |_| Ok(())).is_err() {
            break;
        }
    }
}

/// Writes the checksum of a tar header: the sum of its bytes, those of the checksum counted as blanks.
fn seal(header: &mut [u8]) {
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A `WWW-Authenticate` header.
pub fn challenge(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for challenge in challenge::parse(text) {
        let _ = (challenge.parameter("realm"), challenge.parameter("scope"));
    }
}

/// A question to the name server of a network.
pub fn dns(data: &[u8]) {
    for transport in [Transport::Datagram, Transport::Stream] {
        for known in [true, false] {
            let _ = judge(data, transport, |_| match known {
                true => Found::Addresses(vec!["10.0.0.1".parse().expect("an address"); 40]),
                false => Found::Elsewhere,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    type Target = fn(&[u8]);
    const TARGETS: &[(&str, Target)] = &[
        ("dockerfile", dockerfile),
        ("reference", reference),
        ("manifest", manifest),
        ("archive", archive),
        ("challenge", challenge),
        ("dns", dns),
    ];
    /// Mutations of each target's corpus in an ordinary test run; the variable asks for more, which are others too.
    const ROUNDS: usize = 3000;
    const ROUNDS_VARIABLE: &str = "CORACLE_TEST_MUTATIONS";

    /// Numbers that look random and are the same in every run (xorshift).
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit.max(1) as u64) as usize
        }

        fn range(&mut self, length: usize) -> std::ops::Range<usize> {
            let start = self.below(length + 1);
            start..start + self.below((length - start).min(64) + 1)
        }
    }

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
        let mut files: Vec<_> =
            std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| std::fs::read(file).unwrap()).collect()
    }

    /// One change of a fuzzer's kind: a bit, a byte, a piece lost, doubled or taken from another input.
    fn mutate(data: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
        const TELLING: &[u8] = b"\0\xff\x80\n\r\t \"'`\\$#{}[]<>/:=,@%*?-0";
        let at = dice.below(data.len().max(1));
        match dice.below(6) {
            0 if !data.is_empty() => data[at] ^= 1 << dice.below(8),
            1 if !data.is_empty() => data[at] = TELLING[dice.below(TELLING.len())],
            2 => data.insert(at.min(data.len()), TELLING[dice.below(TELLING.len())]),
            3 => drop(data.drain(dice.range(data.len()))),
            4 => {
                let piece = data[dice.range(data.len())].to_vec();
                data.splice(at.min(data.len())..at.min(data.len()), piece);
            }
            _ => {
                let piece = other[dice.range(other.len())].to_vec();
                data.splice(at.min(data.len())..at.min(data.len()), piece);
            }
        }
    }

    #[test]
    fn the_corpus_and_mutations_of_it() {
        let asked = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok());
        let rounds = asked.unwrap_or(ROUNDS).max(ROUNDS);
        for (name, target) in TARGETS {
            let corpus = corpus(name);
            assert!(corpus.len() > 2, "{name} has a corpus");
            corpus.iter().for_each(|data| target(data));
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (rounds - ROUNDS) as u64);
            for round in 0..rounds {
                let mut data = corpus[dice.below(corpus.len())].clone();
                for _ in 0..=dice.below(4) {
                    let other = &corpus[dice.below(corpus.len())];
                    mutate(&mut data, other, &mut dice);
                }
                let run = std::panic::catch_unwind(|| target(&data));
                assert!(run.is_ok(), "{name}, round {round}: {:?}", String::from_utf8_lossy(&data));
            }
        }
    }
}
