//! Packages: what is in them, and that the same is in each.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::skip;
use crate::support::binary;

fn source_tree() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes a package of the program that is tested; nothing where the tool for it is missing.
pub fn made(kind: &str, tool: &str, directory: &Path) -> Option<PathBuf> {
    Command::new(tool).arg("--version").output().ok()?;
    let output = Command::new("sh")
        .arg(source_tree().join("packaging/package.sh"))
        .arg(kind)
        .arg(binary())
        .arg(directory)
        // The program with all its debugging information is large.
        .envs([
            ("CORACLE_COMPRESSION", "1"),
            ("DPKG_DEB_COMPRESSOR_TYPE", "gzip"),
            ("DPKG_DEB_COMPRESSOR_LEVEL", "1"),
        ])
        .output()
        .expect("sh");
    assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stderr));
    let ending = if kind == "tarball" { "tar.gz" } else { kind };
    let mut entries = std::fs::read_dir(directory).expect("a directory").flatten();
    entries.find(|entry| entry.path().to_string_lossy().ends_with(ending)).map(|entry| entry.path())
}

fn said(line: &str) -> String {
    let output = Command::new("sh").arg("-c").arg(line).output().expect("sh");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What every package has beside documentation, without the ending that its manuals are compressed by.
fn wanted() -> BTreeSet<String> {
    let manuals = std::fs::read_dir(source_tree().join("man")).expect("manuals").flatten().map(|entry| {
        let name = entry.file_name().into_string().expect("a name");
        format!("share/man/man{}/{name}", name.rsplit('.').next().expect("a section"))
    });
    let others = [
        "bin/coracle",
        "share/bash-completion/completions/coracle",
        "share/coracle/apparmor/coracle",
        "share/fish/vendor_completions.d/coracle.fish",
        "share/systemd/user/coracle-prune.service",
        "share/systemd/user/coracle-prune.timer",
        "share/systemd/user/coracle-restart.service",
        "share/zsh/site-functions/_coracle",
    ];
    manuals.chain(others.map(str::to_owned)).collect()
}

fn files(listed: &str, prefix: &str) -> BTreeSet<String> {
    let beneath =
        listed.lines().filter_map(|line| line.split(prefix).nth(1)).filter(|path| !path.ends_with('/'));
    let names = beneath.map(|path| path.trim_end_matches(".gz").to_owned());
    names.filter(|path| !path.starts_with("share/doc/") && path.contains('/')).collect()
}

#[test]
fn debian() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(package) = made("deb", "dpkg-deb", directory.path()) else { skip!("there is no dpkg-deb") };
    let package = package.display();
    let listed = said(&format!("dpkg-deb -c {package} | grep -v ^d"));
    assert_eq!(files(&listed, "./usr/"), wanted());
    let fields = said(&format!("dpkg-deb -f {package}"));
    for field in ["Package: coracle", "Depends: uidmap, slirp4netns", "Version: 0.1.0"] {
        assert!(fields.contains(field), "{fields}");
    }
    assert!(listed.lines().all(|line| line.contains("root/root")), "{listed}");
    let unit = said(&format!(
        "dpkg-deb --fsys-tarfile {package} | tar -xO ./usr/share/systemd/user/coracle-prune.service"
    ));
    assert!(unit.contains("ExecStart=/usr/bin/coracle system prune --force"), "{unit}");
}

#[test]
fn red_hat() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(package) = made("rpm", "rpmbuild", directory.path()) else { skip!("there is no rpmbuild") };
    let package = package.display();
    assert_eq!(files(&said(&format!("rpm -qlp {package}")), "/usr/"), wanted());
    let requires = said(&format!("rpm -qp --requires {package}"));
    assert!(requires.contains("shadow-utils") && requires.contains("slirp4netns"), "{requires}");
}

/// For any Linux: unpacked anywhere, its checksum beside it, and the same bytes for the same files.
#[test]
fn tarball() {
    let directory = tempfile::tempdir().expect("a directory");
    let package = made("tarball", "tar", directory.path()).expect("an archive");
    let name = package.file_name().expect("a name").to_string_lossy().into_owned();
    let place = directory.path().display();
    said(&format!("cd {place} && sha256sum -c --quiet {name}.sha256"));
    let inside = name.strip_suffix(".tar.gz").expect("an ending");
    assert_eq!(files(&said(&format!("tar -tf {}", package.display())), &format!("{inside}/")), wanted());
    said(&format!("cd {place} && tar -xf {name}"));
    let version = said(&format!("{place}/{inside}/bin/coracle --version"));
    assert!(version.starts_with("coracle version "), "{version}");
    let first = std::fs::read(format!("{place}/{name}.sha256")).expect("a checksum");
    made("tarball", "tar", directory.path());
    assert_eq!(first, std::fs::read(format!("{place}/{name}.sha256")).expect("a checksum"));
}

/// What is beneath a directory, as the lists of packages have it.
fn tree(directory: &Path) -> BTreeSet<String> {
    files(&said(&format!("find {0} -type f -printf './%P\\n'", directory.display())), "./")
}

/// The recipe's own steps, with a program that has been built.
#[test]
fn arch() {
    let directory = tempfile::tempdir().expect("a directory");
    let (place, recipe) = (directory.path(), source_tree().join("packaging/arch"));
    let release = place.join("target/x86_64-unknown-linux-gnu/release");
    std::fs::create_dir_all(&release).expect("a directory");
    std::os::unix::fs::symlink(binary(), release.join("coracle")).expect("a link");
    let fields = said(&format!(
        "startdir={0} pkgdir={1}/pkg CARCH=x86_64 CARGO_TARGET_DIR={1}/target \
         bash -ec '. {0}/PKGBUILD; echo $pkgname $pkgver ${{depends[*]}}; type -t build; package'",
        recipe.display(),
        place.display()
    ));
    assert_eq!(fields, "coracle 0.1.0 shadow slirp4netns\nfunction\n");
    assert_eq!(tree(&place.join("pkg/usr")), wanted());
}

/// A stand-in for what the flake takes of nixpkgs.
const NIXPKGS: &str = r#"rec {
    lib.genAttrs = names: f: builtins.listToAttrs (map (name: { inherit name; value = f name; }) names);
    lib.importTOML = path: builtins.fromTOML (builtins.readFile path);
    lib.makeBinPath = builtins.concatStringsSep ":";
    lib.licenses.asl20 = "Apache-2.0";
    one.pkgsStatic.rustPlatform.buildRustPackage = package: package;
    one.makeWrapper = "makeWrapper";
    one.slirp4netns = "slirp4netns";
    one.fuse-overlayfs = "fuse-overlayfs";
    legacyPackages.x86_64-linux = one;
    legacyPackages.aarch64-linux = one;
}"#;

/// The flake evaluates for each system, and its step after the build installs all that others do.
#[test]
fn nix() {
    if Command::new("nix-instantiate").arg("--version").output().is_err() {
        skip!("there is no nix-instantiate");
    }
    let place = tempfile::tempdir().expect("a directory");
    let of = |system: &str, what: &str| {
        let expression = format!(
            "((import {}).outputs {{ self = \"\"; nixpkgs = {NIXPKGS}; }}).packages.{system}.default.{what}",
            source_tree().join("flake.nix").display()
        );
        let expression = shlex::try_quote(&expression).expect("no null bytes").into_owned();
        let text =
            said(&format!("nix-instantiate --store dummy:// --eval --strict --json --expr {expression}"));
        serde_json::from_str::<serde_json::Value>(&text).expect("JSON")
    };
    assert_eq!(of("aarch64-linux", "version"), "0.1.0");
    assert_eq!(of("x86_64-linux", "meta.mainProgram"), "coracle");
    let lock = of("x86_64-linux", "cargoLock.lockFile");
    assert!(lock.as_str().is_some_and(|path| path.ends_with("Cargo.lock")), "{lock}");
    let install = of("x86_64-linux", "postInstall");
    let source = source_tree().display();
    said(&format!(
        "cd {place}; for f in packaging man completions LICENSE; do ln -s {source}/$f; done; mkdir -p out/bin; \
         ln -s {binary} out/bin/coracle; out=$PWD/out; set -e; {install}",
        place = place.path().display(),
        binary = binary().display(),
        install = install.as_str().expect("a script")
    ));
    assert_eq!(tree(&place.path().join("out")), wanted());
}

/// The profile is one: Debian 12's parser knows no `userns`, which is the reason for it.
#[test]
fn profile_of_apparmor() {
    let parser = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(parser) = parser else { skip!("there is no apparmor_parser") };
    let profile = source_tree().join("packaging/apparmor/coracle");
    if !Path::new("/etc/apparmor.d/abi/4.0").exists() {
        skip!("this apparmor_parser is older than the restriction that the profile is for");
    }
    said(&format!("{parser} -QK {}", profile.display()));
}
