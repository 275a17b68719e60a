//! Reads a log back from the systemd journal, through `journalctl`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::LogOptions;
use super::printer::Printer;
use super::watch::Watch;
use crate::base::hint::HintExt;
use crate::config::env;
use crate::runtime::log::Stream;

/// Fields that every entry carries; the rest are the container's own.
const FIXED: &[&str] = &[
    "CONTAINER_ID",
    "CONTAINER_ID_FULL",
    "CONTAINER_NAME",
    "CONTAINER_TAG",
    "CONTAINER_PARTIAL_MESSAGE",
    "IMAGE_NAME",
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
];

/// Prints what the journal has of a container, and with `watch` what is added until that ends.
pub fn show(
    id: &str,
    options: &LogOptions,
    watch: Option<Watch<'_>>,
    printer: &mut Printer<'_>,
) -> Result<()> {
    let mut cursor = None;
    if let Some(mut watch) = watch.filter(Watch::goes_on) {
        let mut query = Query::start(id, options, None, true)?;
        set_nonblocking(query.lines.get_ref())?;
        while watch.goes_on() {
            watch.wait(options.until, Some(query.lines.get_ref().as_fd()))?;
            if !query.print(printer, &mut cursor)? {
                return Ok(());
            }
        }
        query.stop();
        if cursor.is_none() {
            return Query::start(id, options, None, false)?.finish(printer);
        }
    }
    Query::start(id, options, cursor.as_deref(), false)?.finish(printer)
}

fn set_nonblocking(pipe: &ChildStdout) -> Result<()> {
    let flags = rustix::fs::fcntl_getfl(pipe)?;
    Ok(rustix::fs::fcntl_setfl(pipe, flags | rustix::fs::OFlags::NONBLOCK)?)
}

/// A journalctl that runs.
struct Query {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// A line whose end is not there yet.
    line: Vec<u8>,
}

impl Query {
    fn start(id: &str, options: &LogOptions, cursor: Option<&str>, follow: bool) -> Result<Self> {
        let Some(program) = env::find_program("journalctl") else {
            return Err(anyhow::anyhow!("read the journal: there is no journalctl"))
                .hint(|| "install it with systemd: sudo apt install systemd");
        };
        let mut command = Command::new(program);
        command.args(arguments(id, options, cursor, follow));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("run journalctl")?;
        let lines = BufReader::new(child.stdout.take().context("run journalctl")?);
        Ok(Self { child, lines, line: Vec::new() })
    }

    /// Prints what is there; false once the wanted time is over.
    fn print(&mut self, printer: &mut Printer<'_>, cursor: &mut Option<String>) -> Result<bool> {
        loop {
            match self.lines.read_until(b'\n', &mut self.line) {
                Ok(0) => break,
                Ok(_) if !self.line.ends_with(b"\n") => break,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("read the journal"),
            }
            let line = std::mem::take(&mut self.line);
            let Ok(entry) = serde_json::from_slice::<Map<String, Value>>(&line) else { continue };
            if let Some(Value::String(at)) = entry.get("__CURSOR") {
                *cursor = Some(at.clone());
            }
            if !print(&entry, printer)? {
                printer.flush()?;
                return Ok(false);
            }
        }
        printer.flush()?;
        Ok(true)
    }

    fn finish(mut self, printer: &mut Printer<'_>) -> Result<()> {
        self.print(printer, &mut None)?;
        let mut complaint = String::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = stderr.take(4096).read_to_string(&mut complaint);
        }
        let status = self.child.wait().context("wait for journalctl")?;
        if !status.success() && !complaint.trim().is_empty() {
            bail!("read the journal: journalctl: {}", complaint.lines().next().unwrap_or_default());
        }
        Ok(())
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Query {
    fn drop(&mut self) {
        self.stop();
    }
}

fn arguments(id: &str, options: &LogOptions, cursor: Option<&str>, follow: bool) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["--output=json", "--all", "--no-pager", "--quiet"].map(str::to_owned).to_vec();
    if follow {
        arguments.push("--follow".to_owned());
    }
    match (cursor, options.tail) {
        (Some(cursor), _) => arguments.push(format!("--after-cursor={cursor}")),
        (None, Some(lines)) => arguments.push(format!("--lines={lines}")),
        (None, None) => arguments.push("--lines=all".to_owned()),
    }
    if let Some(since) = options.since {
        // Whole seconds: the printer looks at the rest.
        arguments.push(format!("--since=@{}", since.as_second()));
    }
    arguments.push(format!("CONTAINER_ID_FULL={id}"));
    arguments
}

fn print(entry: &Map<String, Value>, printer: &mut Printer<'_>) -> Result<bool> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let stream = if text("PRIORITY") == Some("3") { Stream::Stderr } else { Stream::Stdout };
    let microseconds = text("__REALTIME_TIMESTAMP").and_then(|text| text.parse().ok());
    let time = microseconds.and_then(|time| Timestamp::from_microsecond(time).ok());
    let attributes = || {
        let own = |name: &str| !name.starts_with('_') && !FIXED.contains(&name);
        let pairs = entry.iter().filter(|(name, _)| own(name));
        pairs
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect::<BTreeMap<_, _>>()
    };
    let is_whole = text("CONTAINER_PARTIAL_MESSAGE") != Some("true");
    printer.marked(stream, time, attributes, |to| {
        to.extend(message(entry.get("MESSAGE")));
        to.extend(is_whole.then_some(b'\n'));
    })
}

/// A field's bytes: text, or numbers where they are no text.
fn message(value: Option<&Value>) -> Vec<u8> {
    match value {
        Some(Value::String(text)) => text.as_bytes().to_vec(),
        Some(Value::Array(bytes)) => {
            bytes.iter().filter_map(|byte| u8::try_from(byte.as_u64()?).ok()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_journalctl_says() {
        for (value, want) in [(r#""text""#, &b"text"[..]), ("[104,105,255]", b"hi\xff"), ("null", b"")] {
            assert_eq!(message(serde_json::from_str(value).ok().as_ref()), want);
        }
    }

    #[test]
    fn what_it_is_asked() {
        let options =
            LogOptions { tail: Some(3), since: Timestamp::from_second(17).ok(), ..LogOptions::default() };
        let asked = arguments("abc", &options, None, true).join(" ");
        let want =
            "--output=json --all --no-pager --quiet --follow --lines=3 --since=@17 CONTAINER_ID_FULL=abc";
        assert_eq!(asked, want);
        let rest = arguments("abc", &LogOptions::default(), Some("s=1"), false).join(" ");
        assert!(rest.contains("--after-cursor=s=1") && !rest.contains("--lines"));
    }
}
