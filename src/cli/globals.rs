//! The options before the verb: `coracle [OPTIONS] COMMAND`.

use std::path::PathBuf;

use anyhow::Result;

use super::flags;
use super::unsupported;

/// What stands before the verb.
#[derive(Debug, Default, PartialEq)]
pub struct Globals {
    pub root: Option<PathBuf>,
    pub runroot: Option<PathBuf>,
    pub storage_driver: Option<String>,
    pub cgroup_manager: Option<String>,
    pub wish: Wish,
}

/// What the options ask for instead of a command.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Wish {
    #[default]
    Nothing,
    Help,
    Version,
}

/// The options themselves, as help and manuals show them.
#[derive(clap::Args)]
pub struct Flags {
    /// Make control groups through systemd or by cgroupfs (default: systemd where it can be asked)
    #[arg(long, value_name = "manager")]
    cgroup_manager: Option<String>,
    /// Keep images, layers, containers and volumes beneath this directory
    #[arg(long, value_name = "dir")]
    root: Option<PathBuf>,
    /// Keep sockets and locks of running containers beneath this directory
    #[arg(long, value_name = "dir")]
    runroot: Option<PathBuf>,
    /// Make containers with the storage driver overlay, fuse-overlayfs or vfs (default: what this host takes)
    #[arg(long, value_name = "driver")]
    storage_driver: Option<String>,
    /// Print version information and quit
    #[arg(long, short)]
    version: bool,
}

/// Takes the options off the front of the arguments; the rest begins with the verb.
pub fn parse(arguments: &[String]) -> Result<(Globals, &[String])> {
    let mut globals = Globals::default();
    let mut rest = arguments;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let (name, value) = match first.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (first.as_str(), None),
        };
        match (name, value) {
            ("--help" | "-h", None) => globals.wish = Wish::Help,
            ("--version" | "-v", None) => globals.wish = Wish::Version,
            ("--root", _) => globals.root = Some(self::value(name, value, &mut rest)?.into()),
            ("--runroot", _) => globals.runroot = Some(self::value(name, value, &mut rest)?.into()),
            ("--storage-driver", _) => globals.storage_driver = Some(self::value(name, value, &mut rest)?),
            ("--cgroup-manager", _) => globals.cgroup_manager = Some(self::value(name, value, &mut rest)?),
            _ if first.len() > 1 && first.starts_with('-') => return Err(refuse(name, first)),
            _ => return Ok((globals, &arguments[arguments.len() - tail.len() - 1..])),
        }
    }
    Ok((globals, rest))
}

fn value(name: &str, value: Option<&str>, rest: &mut &[String]) -> Result<String> {
    if let Some(value) = value {
        return Ok(value.to_owned());
    }
    let (value, tail) =
        rest.split_first().ok_or_else(|| flags::root_error(format!("flag needs an argument: {name}")))?;
    *rest = tail;
    Ok(value.clone())
}

fn refuse(name: &str, whole: &str) -> anyhow::Error {
    if let Some(known) = unsupported::global(name) {
        return unsupported::refuse(&known, "");
    }
    flags::root_error(match name.starts_with("--") {
        true => format!("unknown flag: {name}"),
        false => {
            format!("unknown shorthand flag: '{}' in {whole}", name.chars().nth(1).unwrap_or_default())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_end_at_the_verb() {
        let arguments = words("--root /a --runroot=/b --storage-driver vfs run --root /c");
        let (globals, rest) = parse(&arguments).unwrap();
        assert_eq!(globals.root, Some(PathBuf::from("/a")));
        assert_eq!(globals.runroot, Some(PathBuf::from("/b")));
        assert_eq!(globals.storage_driver.as_deref(), Some("vfs"));
        assert_eq!(rest, words("run --root /c"));
    }

    #[test]
    fn version_and_help() {
        for (text, wish) in
            [("-v", Wish::Version), ("--version", Wish::Version), ("--help", Wish::Help), ("", Wish::Nothing)]
        {
            assert_eq!(parse(&words(text)).unwrap().0.wish, wish, "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("--foo ps", "unknown flag: --foo"),
            ("-z ps", "unknown shorthand flag: 'z' in -z"),
            ("--root", "flag needs an argument: --root"),
            ("-H tcp://x ps", "Error: --host is not supported yet"),
            ("--debug ps", "Error: --debug is not supported yet"),
        ] {
            let error = parse(&words(text)).unwrap_err().to_string();
            assert_eq!(error.lines().next(), Some(want), "{text}");
        }
    }
}
