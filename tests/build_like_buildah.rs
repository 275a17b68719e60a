//! `build` makes of a Dockerfile what `buildah` makes of it: the same files, path by path, and the same configuration.
//!
//! The Dockerfiles are those of `tests/dockerfiles/*.txt`, all built with the context of [`make_context`]. A case is
//!
//! ```text
//! === name
//! the Dockerfile
//! --- flags      further flags for both
//! --- ignore     the .dockerignore
//! --- buildah    for buildah, where it does not know the language: the same said otherwise
//! --- differs    one a line: a path or a field of the configuration, and why BuildKit's is another
//! ```
//!
//! Times are not compared: a program that runs later writes later.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::image::digest;
use crate::support::{Output, Sandbox, program, source_tree, unshare};

/// How many builds of each program run at a time.
const AT_ONCE: usize = 2;

/// What buildah leaves in every image, and BuildKit does not.
const OF_BUILDAH: &[(&str, &str)] = &[
    ("/etc/hostname", "where its chroot isolation mounts a file"),
    ("/etc/hosts", "where its chroot isolation mounts a file"),
    ("/etc/resolv.conf", "where its chroot isolation mounts a file"),
    ("/", "an archive of the files has no entry for it"),
    ("/run/.containerenv", "podman's mark of a container"),
    ("/run", "buildah gives it the mode that its chroot isolation wants"),
];

/// The fields that are compared; the others are those of one program alone.
const FIELDS: &[&str] = &[
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "ExposedPorts",
    "Volumes",
    "Labels",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
];

#[derive(Debug, Default)]
struct Case {
    name: String,
    dockerfile: String,
    flags: String,
    ignore: String,
    buildah: Option<String>,
    differs: Vec<String>,
}

impl Case {
    fn differs_in(&self, what: &str) -> bool {
        self.differs.iter().any(|line| line.strip_prefix(what).is_some_and(|rest| rest.starts_with(' ')))
    }
}

/// The cases of one file.
fn cases(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut section = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
            section = "";
            continue;
        }
        if let Some(name) = line.strip_prefix("--- ") {
            section = name;
            continue;
        }
        let Some(case) = cases.last_mut() else { continue };
        let text = match section {
            "" => &mut case.dockerfile,
            "flags" => &mut case.flags,
            "ignore" => &mut case.ignore,
            "buildah" => case.buildah.get_or_insert_default(),
            "differs" if line.is_empty() => continue,
            "differs" => {
                case.differs.push(line.to_owned());
                continue;
            }
            other => panic!("{}: no such part: {other}", case.name),
        };
        text.push_str(line);
        text.push('\n');
    }
    cases
}

/// The files that all cases are built with.
fn make_context(to: &Path) {
    let write = |path: &str, mode: u32, content: &[u8]| {
        let path = to.join(path);
        fs::create_dir_all(path.parent().expect("it has a parent")).expect("a directory");
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    };
    for (path, mode) in [
        ("a.txt", 0o644),
        ("b.txt", 0o600),
        ("run.sh", 0o755),
        ("with space.txt", 0o644),
        ("[x].txt", 0o644),
        (".hidden", 0o644),
        ("dir/x", 0o644),
        ("dir/y", 0o640),
        ("dir/z.md", 0o644),
        ("dir/.hidden", 0o644),
        ("dir/sub/deep.md", 0o644),
        ("deep/one/two/three.txt", 0o644),
        ("deep/one/other", 0o644),
        ("modes/executable", 0o755),
        ("modes/read-only", 0o444),
        ("modes/set", 0o6755),
        ("modes/group", 0o664),
        ("modes/closed/file", 0o400),
        ("links/real/file", 0o644),
    ] {
        write(path, mode, path.as_bytes());
    }
    for (path, mode) in [("modes/sticky", 0o1777), ("modes/closed", 0o700), ("modes/inherits", 0o2775)] {
        let path = to.join(path);
        fs::create_dir_all(&path).expect("a directory");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    }
    for (target, link) in [
        ("real/file", "to-file"),
        ("real", "to-directory"),
        ("../a.txt", "upwards"),
        ("/etc/passwd", "absolute"),
        ("nowhere", "dangling"),
    ] {
        symlink(target, to.join("links").join(link)).expect("a link");
    }
    fs::hard_link(to.join("links/real/file"), to.join("links/hard")).expect("a hard link");
    write("large", 0o644, "0123456789abcdef".repeat(5_000).as_bytes());
    fs::File::create(to.join("sparse")).expect("a file").set_len(1 << 20).expect("a length");
    write("false.tar", 0o644, b"no archive");
    make_archives(to);
}

/// An archive with modes, owners and links, in several compressions.
fn make_archives(to: &Path) {
    use crate::support::Entry;
    let entries = [
        Entry::directory("in").with_mode(0o750),
        Entry::file("in/file", "archived").with_mode(0o640).owned_by(3, 4),
        Entry::program("in/program", "x").with_mode(0o4755),
        Entry::symlink("in/link", "file"),
    ];
    let archive = |compression| crate::support::Layer::new(&entries, compression).blob;
    fs::write(to.join("archive.tar"), archive(crate::support::Compression::None)).expect("an archive");
    fs::write(to.join("archive.tar.gz"), archive(crate::support::Compression::Gzip)).expect("an archive");
}

/// What is known of one file.
#[derive(Clone, PartialEq)]
struct Facts {
    kind: String,
    mode: u32,
    owner: (u64, u64),
    /// Also the target of a link. All names of one file share it.
    content: Arc<[u8]>,
    attributes: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = String::from_utf8_lossy(&self.content[..self.content.len().min(60)]).into_owned();
        let Self { kind, mode, owner, content, attributes } = self;
        write!(f, "{kind} {mode:04o} {owner:?} {} {start:?} {attributes:?}", content.len())
    }
}

/// The files of an archive by their absolute paths. Hard links are as what they are linked to.
fn facts_of(archive: &Path) -> Files {
    let file = fs::File::open(archive).expect("an archive");
    let mut archive = tar::Archive::new(std::io::BufReader::new(file));
    let mut found = Files::new();
    for entry in archive.entries().expect("entries") {
        let mut entry = entry.expect("an entry");
        let path = absolute(&entry.path().expect("a path"));
        let kind = entry.header().entry_type();
        let target = entry.link_name_bytes().map(|target| target.into_owned());
        let facts = match target {
            Some(target) if kind.is_hard_link() => {
                found[&absolute(Path::new(std::ffi::OsStr::from_bytes(&target)))].clone()
            }
            target => facts(&mut entry, target),
        };
        found.insert(path, facts);
    }
    found
}

fn facts(entry: &mut tar::Entry<'_, impl Read>, target: Option<Vec<u8>>) -> Facts {
    let extensions = entry.pax_extensions().expect("extensions").into_iter().flatten().flatten();
    let attributes = extensions.filter_map(|extension| {
        let name = extension.key().ok()?.strip_prefix("SCHILY.xattr.")?;
        Some((name.to_owned(), extension.value_bytes().to_owned()))
    });
    let attributes = attributes.collect();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).expect("its content");
    let header = entry.header();
    let kind = header.entry_type();
    let is_file = kind.is_file() || kind.is_gnu_sparse();
    Facts {
        kind: if is_file { "Regular".to_owned() } else { format!("{kind:?}") },
        // Those of links say nothing.
        mode: if target.is_some() { 0o777 } else { header.mode().expect("a mode") & 0o7777 },
        owner: (header.uid().expect("a number"), header.gid().expect("a number")),
        content: target.unwrap_or(content).into(),
        attributes,
    }
}

fn absolute(path: &Path) -> String {
    let path = path.strip_prefix(".").unwrap_or(path).to_string_lossy().into_owned();
    format!("/{}", path.trim_matches('/'))
}

/// The image that all begin with. It tells how it was made: without that buildah cannot build a stage upon a stage.
fn base() -> crate::support::Image {
    crate::support::Image::busybox().set_top("history", json!([{ "created_by": "a test" }]))
}

/// A buildah with a store of its own.
struct Buildah<'a> {
    sandbox: &'a Sandbox,
    root: PathBuf,
}

impl<'a> Buildah<'a> {
    /// With busybox in it.
    fn with_busybox(sandbox: &'a Sandbox) -> Self {
        let buildah = Self { sandbox, root: sandbox.directory("buildah") };
        let conf = sandbox.home().join(".config/containers");
        fs::create_dir_all(&conf).expect("a directory");
        let registries = "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"disabled\"\n";
        fs::write(conf.join("registries.conf"), registries).expect("a file");
        fs::write(conf.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .expect("a file");
        let layout = sandbox.layout_of(&base(), "busybox");
        let pulled = buildah.run(&format!("pull -q oci:{}:latest", layout.display()));
        buildah.run(&format!("tag {} docker.io/library/busybox:latest", pulled.success().line())).success();
        buildah
    }

    fn run(&self, words: &str) -> Output {
        let (root, run) = (self.root.display(), self.sandbox.path().join("run/buildah"));
        let store = format!("--root {root} --runroot {} --storage-driver vfs", run.display());
        self.sandbox.witness(&format!("buildah {store} {words}"))
    }

    /// Builds; returns the files and the configuration.
    fn build(&self, case: &Case, dockerfile: &Path, context: &Path) -> (Files, Value) {
        let id_file = context.with_extension("id");
        let (file, context) = (dockerfile.display(), context.display());
        // Only docker's format has all fields.
        let flags = "--layers=false --isolation chroot --pull-never --format docker --identity-label=false";
        let flags = format!("{flags} -q -f {file}");
        self.run(&format!("bud {flags} --iidfile {} {} {context}", id_file.display(), case.flags)).success();
        let id = fs::read_to_string(&id_file).expect("an id");
        let id = id.trim().trim_start_matches("sha256:").to_owned();
        let images = fs::read(self.root.join("vfs-images/images.json")).expect("images");
        let images: Vec<Value> = serde_json::from_slice(&images).expect("JSON");
        let image = images.iter().find(|image| image["id"] == id.as_str()).expect("the image is there");
        let files = self.root.join("vfs/dir").join(image["layer"].as_str().expect("a layer"));
        let archive = id_file.with_extension("buildah.tar");
        let (to, from) = (archive.to_str().expect("a name"), files.to_str().expect("a name"));
        let pack = ["tar", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-cf", to, "-C", from, "."];
        let packed = unshare(&pack).expect("unshare runs");
        assert!(packed.status.success(), "{}", String::from_utf8_lossy(&packed.stderr));
        (facts_of(&archive), self.config(&id))
    }

    fn config(&self, id: &str) -> Value {
        let directory = self.root.join("vfs-images").join(id);
        let documents = fs::read_dir(directory).expect("a directory").flatten();
        let bytes = documents.map(|entry| fs::read(entry.path()).expect("a document"));
        let config = bytes.into_iter().find(|bytes| digest(bytes) == format!("sha256:{id}"));
        let document: Value = serde_json::from_slice(&config.expect("the configuration")).expect("JSON");
        document["config"].clone()
    }
}

fn build(sandbox: &Sandbox, case: &Case, dockerfile: &Path, context: &Path) -> (Files, Value) {
    let archive = context.with_extension("coracle.tar");
    let outputs = format!("-o type=image -o type=tar,dest={}", archive.display());
    let words = format!("build --network none -q -t {} {outputs} -f {}", case.name, dockerfile.display());
    sandbox.run(&format!("{words} {} {}", case.flags, context.display())).success();
    (facts_of(&archive), sandbox.inspect(&case.name, "Config"))
}

/// Builds with both; says what differs, and what files ours has.
fn compare(sandbox: &Sandbox, buildah: &Buildah<'_>, case: &Case) -> (Vec<String>, Files) {
    let directory = sandbox.directory(&format!("cases/{}", case.name));
    let context = directory.join("context");
    make_context(&context);
    if !case.ignore.is_empty() {
        fs::write(context.join(".dockerignore"), &case.ignore).expect("a file");
    }
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).expect("a Dockerfile");
        path
    };
    let ours = file("ours", &case.dockerfile);
    let theirs = file("theirs", case.buildah.as_ref().unwrap_or(&case.dockerfile));
    let (their_files, their_config) = buildah.build(case, &theirs, &context);
    let (our_files, our_config) = build(sandbox, case, &ours, &context);
    assert!(!our_files.is_empty() && our_config.is_object(), "there is nothing to compare");
    let mut found = differing_files(case, &our_files, &their_files);
    for field in FIELDS {
        let (ours, theirs) = (settled(&our_config[field]), settled(&their_config[field]));
        if ours != theirs && !case.differs_in(field) {
            found.push(format!("{}: {field}: {ours} is {theirs} with buildah", case.name));
        }
    }
    for line in &case.differs {
        if !is_different(line, (&our_files, &our_config), (&their_files, &their_config)) {
            found.push(format!("{}: no difference, as told: {line}", case.name));
        }
    }
    crate::support::remove_tree(&directory);
    (found, our_files)
}

/// What was compared is what the build shows of its layers as they lie in the store. Their blobs, brought elsewhere, are to
/// show the same.
fn compare_blobs(sandbox: &Sandbox, made: &[(String, Files)]) -> Vec<String> {
    let names: Vec<&str> = made.iter().map(|(name, _)| name.as_str()).collect();
    let archive = sandbox.path().join("all.tar").display().to_string();
    sandbox.run(&format!("save -o {archive} {}", names.join(" "))).success();
    let other = Sandbox::new();
    other.run(&format!("load -q -i {archive}")).success();
    let mut found = Vec::new();
    for (name, files) in made {
        other.run(&format!("create --name box {name} true")).success();
        let exported = other.path().join("exported.tar");
        other.run(&format!("export -o {} box", exported.display())).success();
        other.run("rm -v box").success();
        let theirs = facts_of(&exported);
        let paths: BTreeSet<&String> = files.keys().chain(theirs.keys()).collect();
        let differing = paths.into_iter().filter(|path| files.get(*path) != theirs.get(*path));
        found.extend(
            differing.map(|path| format!("{name}: {path}: not the same once it was brought elsewhere")),
        );
    }
    found
}

/// The files of an image, by their absolute paths.
type Files = BTreeMap<String, Facts>;

/// Files and configuration.
type Image<'a> = (&'a Files, &'a Value);

/// Whether a line of the differences tells of one: one that is no more is to go.
fn is_different(line: &str, ours: Image<'_>, theirs: Image<'_>) -> bool {
    let facts = |image: Image<'_>| {
        image
            .0
            .iter()
            .find(|(path, _)| line.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with(' ')))
            .map(|(_, facts)| facts.clone())
    };
    let field = line.split(' ').next().unwrap_or_default();
    match line.starts_with('/') {
        true => facts(ours) != facts(theirs),
        false => settled(&ours.1[field]) != settled(&theirs.1[field]),
    }
}

fn differing_files(case: &Case, ours: &Files, theirs: &Files) -> Vec<String> {
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let differs = |path: &&String| ours.get(*path) != theirs.get(*path);
    // What only theirs has: a file that ours has too is compared.
    let is_known = |path: &&String| {
        let is_left = OF_BUILDAH.iter().any(|(known, _)| known == path);
        is_left && (["/", "/run"].contains(&path.as_str()) || !ours.contains_key(*path))
    };
    let paths = paths.into_iter().filter(differs).filter(|path| !is_known(path) && !case.differs_in(path));
    let shown = |facts: Option<&Facts>| facts.map_or("nothing".into(), |facts| format!("{facts:?}"));
    paths
        .map(|path| {
            format!(
                "{}: {path}:\n   {}\n   {} with buildah",
                case.name,
                shown(ours.get(path)),
                shown(theirs.get(path))
            )
        })
        .collect()
}

/// A value as it is compared: what is not there is as what is empty.
fn settled(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::Object(fields) if fields.is_empty() => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        other => other.clone(),
    }
}

#[test]
fn images_are_as_those_of_buildah() {
    if program("buildah").is_none() {
        crate::skip!("buildah is not installed");
    }
    if !crate::support::has_subordinate_ids() {
        crate::skip!("no subordinate ids for this user");
    }
    let wanted = std::env::var("CORACLE_TEST_DOCKERFILES").unwrap_or_default();
    let mut table = Vec::new();
    for entry in fs::read_dir(source_tree().join("tests/dockerfiles")).expect("the Dockerfiles") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        table.extend(cases(&text));
    }
    assert!(table.len() >= 60, "{} Dockerfiles", table.len());
    table.retain(|case| wanted.split(',').any(|wanted| case.name.contains(wanted)));
    let sandbox = Sandbox::new();
    sandbox.add(&base(), "busybox");
    let other = sandbox.file("other/file", "of another context");
    let other = other.parent().and_then(Path::to_str).expect("a plain name");
    for case in &mut table {
        case.flags = case.flags.replace("OTHER", other).replace('\n', " ");
    }
    let buildah = Buildah::with_busybox(&sandbox);
    let (queue, found) = (Mutex::new(table.into_iter()), Mutex::new(Vec::new()));
    let made = Mutex::new(Vec::new());
    let next = || queue.lock().expect("no panic").next();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    let compared = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                        compare(&sandbox, &buildah, &case)
                    }));
                    let differing = match compared {
                        Ok((differing, files)) => {
                            made.lock().expect("no panic").push((case.name.clone(), files));
                            differing
                        }
                        Err(panic) => {
                            let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                            vec![format!("{}: {text}", case.name)]
                        }
                    };
                    found.lock().expect("no panic").extend(differing);
                }
            });
        }
    });
    crate::support::remove_tree(&buildah.root);
    let mut found = found.into_inner().expect("no panic");
    found.extend(compare_blobs(&sandbox, &made.into_inner().expect("no panic")));
    assert!(found.is_empty(), "{}", found.join("\n"));
    sandbox.run("system check").success();
    sandbox.assert_no_traces();
}
