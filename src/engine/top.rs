//! `top`: the processes of a container, as the host's ps(1) shows them.
//!
//! Docker's way (moby `daemon/top_unix.go`): whatever options `ps` is given, its rows are kept whose `PID` is the
//! container's. What belongs to a container is found by its namespaces, and what descends from that by its parents: a
//! process may have made namespaces of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use super::{Engine, events};
use crate::base::hint::HintExt;
use crate::config::env;
use crate::store::containers::{Record, Status};
use crate::store::options::NamespaceMode;
use crate::sys::process;

/// Docker's options of `ps`.
const OPTIONS: &str = "-ef";

/// What `ps` has printed, cut into fields; a row has as many as there are titles.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    pub titles: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Lists the processes of a container through `ps` with these options, or docker's.
pub fn top(engine: &Engine, name: &str, options: &[String]) -> Result<Table> {
    let options = if options.is_empty() { OPTIONS.to_owned() } else { options.join(" ") };
    refuse_renamed(&options)?;
    let record = engine.containers().load(&engine.containers().resolve(name)?)?;
    match record.state.status {
        Status::Restarting => {
            bail!("Container {} is restarting, wait until the container is running", record.id)
        }
        Status::Initialized => bail!("container {} is not running", record.id),
        _ if !record.state.is_running() => bail!("container {} is not running", record.id),
        _ => {}
    }
    let table = parse(&run_ps(&options)?, &processes(&record)?)?;
    events::container(engine, &record, "top", &[]);
    Ok(table)
}

/// Another column that is called `PID` would be taken for it.
fn refuse_renamed(options: &str) -> Result<()> {
    let mut rest = options;
    while let Some((before, after)) = rest.split_once('=') {
        let key = before.rsplit(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let value = after.trim_ascii_start().split_ascii_whitespace().next().unwrap_or_default();
        let is_word = key.len() < before.len();
        if is_word && key != "pid" && value.starts_with("PID") {
            bail!("specifying \"{key}={value}\" is not allowed");
        }
        rest = after;
    }
    Ok(())
}

/// The container's processes, by their numbers on the host.
pub fn processes(record: &Record) -> Result<BTreeSet<i32>> {
    let namespace = |pid: i32, kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    let first = record.state.pid;
    let mounts = namespace(first, "mnt");
    let is_own = matches!(record.options.namespaces.pid, NamespaceMode::Private);
    let pids = if is_own { namespace(first, "pid") } else { None };
    if mounts.is_none() || !process::is_alive(first, record.state.pid_start) {
        bail!("container {} is not running", record.id);
    }
    let is_member =
        |pid: i32| namespace(pid, "mnt") == mounts || (pids.is_some() && namespace(pid, "pid") == pids);
    let parents = parents().context("list the processes")?;
    let mut found: BTreeSet<i32> = parents.keys().copied().filter(|pid| is_member(*pid)).collect();
    loop {
        let descends = |(pid, parent): &(&i32, &i32)| !found.contains(*pid) && found.contains(*parent);
        let more: Vec<i32> = parents.iter().filter(descends).map(|(pid, _)| *pid).collect();
        if more.is_empty() {
            return Ok(found);
        }
        found.extend(more);
    }
}

/// Every process and its parent.
fn parents() -> std::io::Result<BTreeMap<i32, i32>> {
    let pids = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter_map(|pid| Some((pid, process::parent(pid).ok()?))).collect())
}

fn run_ps(options: &str) -> Result<String> {
    let program = env::find_program("ps");
    let program = program.as_deref().unwrap_or(Path::new("ps"));
    let output = match Command::new(program).args(options.split_ascii_whitespace()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(anyhow!("ps: not found on this host")).hint(|| "install the package procps");
        }
        output => output.context("run ps")?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        match said.lines().find(|line| !line.trim().is_empty()) {
            Some(line) => bail!("ps: {line}"),
            None => bail!("ps: {}", output.status),
        }
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Keeps the rows of these processes, and of their threads, which have `-` for a number and follow.
fn parse(text: &str, processes: &BTreeSet<i32>) -> Result<Table> {
    let mut lines = text.lines();
    let titles: Vec<String> =
        lines.next().unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    let column =
        titles.iter().position(|title| title == "PID").context("Couldn't find PID field in ps output")?;
    let (mut rows, mut was_ours) = (Vec::new(), false);
    for line in lines {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(&pid) = fields.get(column) else { continue };
        if pid != "-" {
            let pid: i32 = pid.parse().with_context(|| format!("Unexpected pid '{pid}'"))?;
            was_ours = processes.contains(&pid);
        }
        if was_ours {
            let (own, rest) = fields.split_at((titles.len() - 1).min(fields.len()));
            rows.push(own.iter().map(|field| (*field).to_owned()).chain([rest.join(" ")]).collect());
        }
    }
    Ok(Table { titles, rows })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_the_container() {
        let text = "UID   PID CMD\nroot   1 init\nx  20 sleep 10\nx  - -\nx 200 other\nx - -\n";
        let table = parse(text, &[20].into()).unwrap();
        let rows: Vec<String> = table.rows.iter().map(|row| row.join("|")).collect();
        assert_eq!(table.titles, ["UID", "PID", "CMD"]);
        assert_eq!(rows, ["x|20|sleep 10", "x|-|-"]);
        let error = |text: &str| parse(text, &[1].into()).unwrap_err().to_string();
        assert_eq!(error("CMD\ninit\n"), "Couldn't find PID field in ps output");
        assert_eq!(error("PID CMD\nx init\n"), "Unexpected pid 'x'");
        assert_eq!(error(""), "Couldn't find PID field in ps output");
    }

    #[test]
    fn another_column_is_not_called_pid() {
        for options in ["-ef", "-o pid=PID", "-o user=USER -o pid=PIDS", "o=PID"] {
            assert!(refuse_renamed(options).is_ok(), "{options}");
        }
        let error = refuse_renamed("-o ppid=PID").unwrap_err().to_string();
        assert_eq!(error, "specifying \"ppid=PID\" is not allowed");
    }
}
