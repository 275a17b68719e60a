//! `secret`, and what a container is given of them at each start.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::{Engine, events};
use crate::base::pattern::Regex;
use crate::runtime::secrets::{DIRECTORY, SecretFile, Secrets};
use crate::store::options::{ContainerOptions, SecretOption, SecretUse};
use crate::store::secrets::{self, NoSuchSecret, Secret};

/// Makes a secret and returns its id.
pub fn create(
    engine: &Engine,
    name: &str,
    data: &[u8],
    labels: BTreeMap<String, String>,
    replace: bool,
) -> Result<String> {
    let secret = engine.secrets().create(name, data, labels, replace)?;
    tell(engine, &secret, "create");
    Ok(secret.id)
}

/// Removes a secret, by its name or the beginning of its id, and returns its id. Containers that use it do not keep
/// it: they see what they were started with.
pub fn remove(engine: &Engine, name: &str) -> Result<String> {
    let secret = engine.secrets().remove(name)?;
    tell(engine, &secret, "remove");
    Ok(secret.id)
}

/// The id of the secret of this name, if there is one.
pub fn id_of(engine: &Engine, name: &str) -> Result<Option<String>> {
    match engine.secrets().find(name) {
        Ok(secret) => Ok(Some(secret.id)),
        Err(error) if error.is::<NoSuchSecret>() => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(engine: &Engine, secret: &Secret, action: &str) {
    events::object(engine, "secret", &secret.id, action, &[("name", &secret.name)]);
}

/// One `--filter` of `secret ls`.
#[derive(Debug)]
pub enum Condition {
    /// The beginning of an id.
    Id(String),
    Name(Regex),
    /// `key` or `key=value`; every one must hold.
    Label(String),
}

impl Condition {
    fn holds(&self, secret: &Secret) -> bool {
        match self {
            Self::Id(id) => secret.id.starts_with(id),
            Self::Name(name) => name.is_match(&secret.name),
            Self::Label(label) => match label.split_once('=') {
                Some((key, value)) => secret.labels.get(key).is_some_and(|own| own == value),
                None => secret.labels.contains_key(label),
            },
        }
    }
}

/// The secrets that meet the conditions, by name: all labels, and of every other kind one.
pub fn list(secrets: secrets::Secrets<'_>, conditions: &[Condition]) -> Result<Vec<Secret>> {
    let mut found = secrets.list()?;
    found.retain(|secret| {
        conditions.iter().all(|condition| {
            let same = |other: &&Condition| {
                std::mem::discriminant(*other) == std::mem::discriminant(condition)
                    && !matches!(condition, Condition::Label(_))
            };
            condition.holds(secret) || conditions.iter().filter(same).any(|other| other.holds(secret))
        })
    });
    Ok(found)
}

/// Replaces what a new container calls its secrets by their names; refuses one that is not there.
pub fn settle(engine: &Engine, options: &mut ContainerOptions) -> Result<()> {
    for option in &mut options.secrets {
        let secret = engine.secrets().find(&option.name)?;
        if let SecretUse::File { target, .. } = &mut option.used
            && target.is_empty()
        {
            target.clone_from(&secret.name);
        }
        option.name = secret.name;
        place(option)?;
    }
    Ok(())
}

/// What a container is to be shown, read anew at each start. Of two that have the same place the last counts.
pub fn load(engine: &Engine, options: &ContainerOptions) -> Result<Secrets> {
    let mut loaded = Secrets { variables: variables(engine, options)?, ..Secrets::default() };
    for option in &options.secrets {
        let (SecretUse::File { uid, gid, mode, .. }, Some(target)) = (&option.used, place(option)?) else {
            continue;
        };
        let data = engine.secrets().find(&option.name)?.data()?;
        let target = Path::new(&target).to_owned();
        loaded.files.retain(|other| other.target != target);
        loaded.files.push(SecretFile { target, uid: *uid, gid: *gid, mode: *mode, data });
    }
    Ok(loaded)
}

/// The variables that a container's processes have of its secrets, as `NAME=value`.
pub fn variables(engine: &Engine, options: &ContainerOptions) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for option in &options.secrets {
        let SecretUse::Variable { target } = &option.used else { continue };
        let data = engine.secrets().find(&option.name)?.data()?;
        match String::from_utf8(data) {
            Ok(value) if !value.contains('\0') => variables.push(format!("{target}={value}")),
            _ => bail!("secret {} cannot be a variable: its data is no text", option.name),
        }
    }
    Ok(variables)
}

/// Where a file goes, absolute and clean; none for a variable.
fn place(option: &SecretOption) -> Result<Option<String>> {
    let SecretUse::File { target, .. } = &option.used else { return Ok(None) };
    let mut parts = Vec::new();
    let whole = if target.starts_with('/') { target.clone() } else { format!("{DIRECTORY}/{target}") };
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let clean = format!("/{}", parts.join("/"));
    if clean == "/" || Path::new(DIRECTORY).starts_with(&clean) {
        bail!("target {target} of secret {}: it is a directory", option.name);
    }
    Ok(Some(clean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (target, want) in [
            ("key", Some("/run/secrets/key")),
            ("a/./b", Some("/run/secrets/a/b")),
            ("../a/b", Some("/run/a/b")),
            ("/etc//key", Some("/etc/key")),
            ("/run/secrets/x", Some("/run/secrets/x")),
            ("../../../../etc/key", Some("/etc/key")),
            ("..", None),
            ("/", None),
            ("/run/secrets/", None),
        ] {
            let used = SecretUse::File { target: target.to_owned(), uid: 0, gid: 0, mode: 0o444 };
            let got = place(&SecretOption { name: "s".to_owned(), used });
            assert_eq!(got.ok().flatten().as_deref(), want, "{target}");
        }
    }
}
