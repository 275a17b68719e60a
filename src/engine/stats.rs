//! `stats`: what running containers use.
//!
//! A container with a control group is measured by it, with docker's arithmetic (docker/cli
//! `stats_helpers.go`); one without by its processes in `/proc`, where what those used that have ended is not seen.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Engine, info, top};
use crate::runtime::cgroup::group::{Group, keyed};
use crate::store::containers::Record;
use crate::sys::process;

/// What a container has used at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    /// Time of processors since it was started.
    processor: Duration,
    used: Used,
}

/// What a container uses, as far as one look shows it. Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Used {
    pub memory: u64,
    /// The host's memory, where the container has no limit.
    pub limit: u64,
    pub received: u64,
    pub sent: u64,
    pub read: u64,
    pub written: u64,
    pub pids: u64,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Usage {
    /// As the user named it; the beginning of the id where nobody did.
    pub container: String,
    pub id: String,
    pub name: String,
    /// A hundred for each processor that was busy all the time.
    pub percent: f64,
    pub used: Used,
}

/// Containers that are measured again and again.
pub struct Watch<'a> {
    engine: &'a Engine,
    before: Vec<(String, Sample)>,
}

impl<'a> Watch<'a> {
    pub fn new(engine: &'a Engine) -> Self {
        Self { engine, before: Vec::new() }
    }

    /// Measures containers. How busy each is, is since it was measured the last time: 0 the first time.
    pub fn measure(&mut self, names: &[String]) -> Result<Vec<Usage>> {
        let mut all = Vec::new();
        let mut samples = Vec::new();
        for name in names {
            let record = self.engine.containers().load(&self.engine.containers().resolve(name)?)?;
            let now = if record.state.is_running() { sample(&record) } else { None };
            let before = self.before.iter().find(|(id, _)| *id == record.id).map(|(_, sample)| *sample);
            let percent = before.zip(now).map_or(0.0, |(before, now)| busy(&before, &now));
            samples.extend(now.map(|now| (record.id.clone(), now)));
            all.push(Usage {
                container: if *name == record.id { name[..12].to_owned() } else { name.clone() },
                id: record.id,
                name: record.name,
                percent,
                used: now.map(|now| now.used).unwrap_or_default(),
            });
        }
        self.before = samples;
        Ok(all)
    }
}

fn busy(before: &Sample, now: &Sample) -> f64 {
    let time = now.at.saturating_duration_since(before.at).as_secs_f64();
    let busy = now.processor.saturating_sub(before.processor).as_secs_f64();
    if time > 0.0 { busy / time * 100.0 } else { 0.0 }
}

/// `None` if it has just ended.
fn sample(record: &Record) -> Option<Sample> {
    let group = record.state.cgroup.as_deref().and_then(|path| Group::open(path).ok());
    let (processor, mut used) = match group {
        Some(group) => of_group(|file| group.read(file).unwrap_or_default()),
        None => of_processes(record)?,
    };
    (used.received, used.sent) = traffic(&read(&format!("/proc/{}/net/dev", record.state.pid)));
    let total = info::memory_total(&read("/proc/meminfo"));
    used.limit = if used.limit == 0 { total } else { used.limit.min(total) };
    Some(Sample { at: Instant::now(), processor, used })
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// From the files of a control group; one whose controller is missing says nothing.
fn of_group(file: impl Fn(&str) -> String) -> (Duration, Used) {
    let number = |name: &str| file(name).trim().parse::<u64>().unwrap_or(0);
    let processor = Duration::from_micros(keyed(&file("cpu.stat"), "usage_usec"));
    let (read, written) = blocks(&file("io.stat"));
    // What was read of files and not since is given back as soon as somebody wants it.
    let memory = number("memory.current").saturating_sub(keyed(&file("memory.stat"), "inactive_file"));
    let used = Used {
        memory,
        limit: number("memory.max"),
        read,
        written,
        pids: number("pids.current"),
        ..Used::default()
    };
    (processor, used)
}

/// The sums of `rbytes=` and `wbytes=` in `io.stat` (cgroup-v2.rst).
fn blocks(text: &str) -> (u64, u64) {
    let sum = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
        values.sum()
    };
    (sum("rbytes="), sum("wbytes="))
}

/// From the processes of a container.
fn of_processes(record: &Record) -> Option<(Duration, Used)> {
    let mut used = Used::default();
    let mut processor = Duration::ZERO;
    for pid in top::processes(record).ok()? {
        // One that has just ended.
        let Ok(usage) = process::usage(pid) else { continue };
        processor += usage.processor;
        used.memory += usage.memory;
        used.pids += usage.threads;
        let io = read(&format!("/proc/{pid}/io"));
        let number = |key: &str| -> u64 {
            let value = io.lines().find_map(|line| line.strip_prefix(key));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        used.read += number("read_bytes:");
        used.written += number("write_bytes:");
    }
    Some((processor, used))
}

/// What came and went over all interfaces but the loopback one, in `/proc/PID/net/dev` (man proc_pid_net(5)).
fn traffic(text: &str) -> (u64, u64) {
    let counters = |line: &str| -> Option<(u64, u64)> {
        let (name, rest) = line.split_once(':')?;
        if name.trim() == "lo" {
            return None;
        }
        let mut fields = rest.split_whitespace();
        Some((fields.next()?.parse().ok()?, fields.nth(7)?.parse().ok()?))
    };
    let all = text.lines().filter_map(counters);
    all.fold((0, 0), |(received, sent), (r, s)| (received + r, sent + s))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_group() {
        let file = |name: &str| {
            let text = match name {
                "cpu.stat" => "usage_usec 2500000\nuser_usec 1\n",
                "memory.current" => "5000\n",
                "memory.stat" => "anon 1\ninactive_file 1000\n",
                "memory.max" => "9000\n",
                "pids.current" => "3\n",
                "io.stat" => "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=6\n",
                _ => "",
            };
            text.to_owned()
        };
        let (processor, used) = of_group(file);
        assert_eq!(processor, Duration::from_millis(2500));
        let want = Used { memory: 4000, limit: 9000, read: 15, written: 26, pids: 3, ..Used::default() };
        assert_eq!(used, want);
        let unlimited = of_group(|name| if name == "memory.max" { "max\n".into() } else { String::new() });
        assert_eq!(unlimited, (Duration::ZERO, Used::default()));
    }

    #[test]
    fn traffic_of_a_process() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    lo: 7 1 0 0 0 0 0 0 7 1\n  eth0: 100 2 0 0 \
                    0 0 0 0 200 3 0 0\n";
        assert_eq!(traffic(text), (100, 200));
        assert_eq!(traffic("nonsense"), (0, 0));
    }

    #[test]
    fn how_busy() {
        let at = Instant::now();
        let sample = |seconds, processor| Sample {
            at: at + Duration::from_secs(seconds),
            processor: Duration::from_secs(processor),
            used: Used::default(),
        };
        assert!((busy(&sample(0, 1), &sample(2, 4)) - 150.0).abs() < 1e-9);
        assert!(busy(&sample(0, 5), &sample(2, 4)).abs() < 1e-9);
        assert!(busy(&sample(0, 5), &sample(0, 9)).abs() < 1e-9);
    }
}
