//! The environment of a container's program: pure.

use super::Surroundings;
use crate::oci::image::ContainerConfig;
use crate::runtime::identity::DEFAULT_PATH;
use crate::store::options::ContainerOptions;

/// Docker's order: what the engine sets, the image, the user; a later value of a name replaces an earlier.
pub fn of(options: &ContainerOptions, image: &ContainerConfig, around: &Surroundings) -> Vec<String> {
    let rules = &options.environment_rules;
    let mut all = vec![format!("PATH={DEFAULT_PATH}"), format!("HOSTNAME={}", around.hostname)];
    all.extend(around.identity.name.iter().map(|name| format!("USER={name}")));
    if options.tty {
        all.push("TERM=xterm".to_owned());
    }
    for entry in &image.env {
        set_variable(&mut all, entry.clone());
    }
    let before = all.clone();
    all.retain(|entry| !rules.unset_all && !rules.unset.iter().any(|name| name == name_of(entry)));
    for entry in &rules.merge {
        set_variable(&mut all, merged(entry, &before));
    }
    for entry in &options.env {
        set_variable(&mut all, entry.clone());
    }
    // A name without a value takes the variable away.
    all.retain(|entry| entry.contains('='));
    all
}

fn name_of(entry: &str) -> &str {
    entry.split('=').next().unwrap_or_default()
}

fn set_variable(all: &mut Vec<String>, entry: String) {
    match all.iter().position(|other| name_of(other) == name_of(&entry)) {
        Some(index) => all[index] = entry,
        None => all.push(entry),
    }
}

/// Fills `${NAME}` of an entry in with what was there before.
fn merged(entry: &str, before: &[String]) -> String {
    let value_of = |name: &str| {
        let found = before.iter().find(|other| name_of(other) == name);
        found.and_then(|found| found.split_once('=')).map_or("", |(_, value)| value)
    };
    let mut text = String::new();
    let mut rest = entry;
    while let Some((head, tail)) = rest.split_once("${") {
        let Some((name, tail)) = tail.split_once('}') else { break };
        text.push_str(head);
        text.push_str(value_of(name));
        rest = tail;
    }
    text + rest
}
