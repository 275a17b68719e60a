//! Compiles the two programs of `src/guest` that run inside containers, and puts them where the crate
//! embeds them from.
//!
//! They are built for the same target by the same compiler, but apart from the crate: without the standard
//! library, the C library or the flags that the crate is built with.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Not position independent and without start files, so that nothing but our own code is in the file; pages
/// are not padded, which keeps it at a few kilobytes.
const FLAGS: &[&str] = &[
    "--edition=2024",
    "--crate-type=bin",
    "-Cpanic=abort",
    "-Copt-level=s",
    "-Ccodegen-units=1",
    "-Cdebuginfo=0",
    "-Cstrip=symbols",
    "-Crelocation-model=static",
    "-Cforce-unwind-tables=no",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-static",
    "-Clink-arg=-Wl,--build-id=none,-z,noseparate-code,-z,noexecstack",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/guest");
    println!("cargo::rerun-if-env-changed=RUSTC_LINKER");
    for program in ["hello", "init"] {
        compile(program);
    }
}

fn compile(program: &str) {
    let source = Path::new("src/guest").join(program).with_extension("rs");
    let mut command = Command::new(variable("RUSTC"));
    command.args(FLAGS).arg("--target").arg(variable("TARGET")).arg("--crate-name").arg(program);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        command.arg("-C").arg(format!("linker={}", PathBuf::from(linker).display()));
    }
    let output = PathBuf::from(variable("OUT_DIR")).join(program);
    let status = command.arg("-o").arg(output).arg(&source).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("compile {}: rustc: {status}", source.display()),
        Err(error) => panic!("compile {}: start rustc: {error}", source.display()),
    }
}

fn variable(name: &str) -> std::ffi::OsString {
    env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run by something other than cargo"))
}
