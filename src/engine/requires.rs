//! Containers that need others: those of `--requires`, which are started before, and those that share namespaces.

use std::collections::HashSet;

use anyhow::{Context, Result};

use super::{Engine, start};
use crate::store::options::ContainerOptions;

/// Replaces the names of required containers by their ids.
pub fn settle(engine: &Engine, options: &mut ContainerOptions) -> Result<()> {
    for name in &mut options.requires {
        *name = engine.containers().resolve(name)?;
    }
    Ok(())
}

/// Starts the containers that one requires, and what those require, unless they run.
pub fn start(engine: &Engine, options: &ContainerOptions) -> Result<()> {
    for id in &options.requires {
        start::start(engine, id, None)
            .with_context(|| format!("start the required container {}", &id[..12]))?;
    }
    Ok(())
}

/// The containers that need this one, directly or through others: whoever needs another stands before it.
pub fn dependents(engine: &Engine, id: &str) -> Result<Vec<String>> {
    let (records, _) = engine.containers().list()?;
    let needs =
        records.iter().map(|record| (record.id.as_str(), record.options.needed())).collect::<Vec<_>>();
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    collect(id, &needs, &mut seen, &mut found);
    Ok(found)
}

fn collect<'a>(
    id: &str,
    needs: &[(&'a str, Vec<&str>)],
    seen: &mut HashSet<&'a str>,
    found: &mut Vec<String>,
) {
    for (other, needed) in needs {
        if needed.contains(&id) && seen.insert(other) {
            collect(other, needs, seen, found);
            found.push((*other).to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_another_stands_before_it() {
        let needs = [
            ("web", vec!["db", "net"]),
            ("db", vec!["net"]),
            ("net", vec![]),
            ("log", vec!["web"]),
            ("x", vec![]),
        ];
        for (id, want) in
            [("net", &["log", "web", "db"][..]), ("db", &["log", "web"]), ("log", &[]), ("none", &[])]
        {
            let (mut seen, mut found) = (HashSet::new(), Vec::new());
            collect(id, &needs, &mut seen, &mut found);
            assert_eq!(found, want, "{id}");
        }
    }
}
