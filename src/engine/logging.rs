//! `--log-driver` and `--log-opt`: what they mean, and where a container's log so goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::hint::HintExt;
use crate::base::pattern::Regex;
use crate::base::{boolean, size};
use crate::runtime::child::Stdio;
use crate::runtime::log::file::Limits;
use crate::runtime::log::{Destination, Format, journal, ring};
use crate::store::containers::{Record, Source};
use crate::store::layout::Layout;
use crate::store::options::{ContainerOptions, LogDriver, LogOptions};

/// Docker's limits of the `local` driver.
const LOCAL: Limits = Limits { max_size: Some(20_000_000), max_files: 5, compress: true };

/// Refuses what cannot be, before a container is made.
pub fn check(options: &ContainerOptions) -> Result<()> {
    let log = &options.log;
    let driver = log.driver.as_str();
    if log.driver == LogDriver::None && !log.options.is_empty() {
        bail!("invalid logging opts for driver {driver}");
    }
    for name in log.options.keys() {
        if !known(log.driver).contains(&name.as_str()) {
            bail!("unknown log opt '{name}' for {driver} log driver");
        }
    }
    waiting(log)?;
    limits(log)?;
    for name in ["labels-regex", "env-regex"] {
        pattern(log, name)?;
    }
    if let Some(path) = log.options.get("path").filter(|path| !Path::new(path).is_absolute()) {
        bail!("log opt 'path' is not absolute: {path}");
    }
    if let Some(tag) = log.options.get("tag") {
        parse_tag(tag)?;
    }
    if log.driver == LogDriver::Passthrough && options.tty {
        bail!("the '--log-driver passthrough' option cannot be used with --tty");
    }
    if log.driver == LogDriver::Journald {
        find_journal()?;
    }
    Ok(())
}

fn known(driver: LogDriver) -> &'static [&'static str] {
    match driver {
        LogDriver::JsonFile | LogDriver::Local => &[
            "max-size",
            "max-file",
            "compress",
            "labels",
            "labels-regex",
            "env",
            "env-regex",
            "tag",
            "mode",
            "max-buffer-size",
        ],
        LogDriver::K8sFile => &["max-size", "path"],
        LogDriver::Journald => {
            &["labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"]
        }
        LogDriver::None | LogDriver::Passthrough => &[],
    }
}

/// How many bytes may wait for a log that the container does not wait for; none if it does.
pub fn waiting(log: &LogOptions) -> Result<Option<usize>> {
    let option = |name: &str| log.options.get(name).map(String::as_str);
    match option("mode") {
        None | Some("" | "blocking") if option("max-buffer-size").is_some() => {
            bail!("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
        }
        None | Some("" | "blocking") => Ok(None),
        Some("non-blocking") => {
            let Some(text) = option("max-buffer-size") else { return Ok(Some(ring::DEFAULT_LIMIT)) };
            let size = size::parse_binary(text).context("error parsing option max-buffer-size")?;
            Ok(Some(usize::try_from(size).unwrap_or(usize::MAX)))
        }
        Some(mode) => bail!("logger: logging mode not supported: {mode}"),
    }
}

/// The pattern that an option gives.
fn pattern(log: &LogOptions, option: &str) -> Result<Option<Regex>> {
    let text = log.options.get(option).filter(|text| !text.is_empty());
    let compile = |text: &String| Regex::new(text).with_context(|| format!("read the log opt '{option}'"));
    text.map(compile).transpose()
}

fn find_journal() -> Result<()> {
    if Path::new(journal::SOCKET).exists() {
        return Ok(());
    }
    Err(anyhow!("journald is not enabled on this host: there is no {}", journal::SOCKET))
        .hint(|| "keep the log in a file: --log-driver json-file")
}

/// The largest size of a file, if there is one, how many files there may be, and whether older ones are compressed.
fn limits(log: &LogOptions) -> Result<Limits> {
    let is_local = log.driver == LogDriver::Local;
    let default = if is_local { LOCAL } else { Limits { max_size: None, max_files: 1, compress: false } };
    let max_size = match log.options.get("max-size") {
        None => default.max_size,
        Some(text) => match size::parse_decimal(text)? {
            0 => bail!("max-size must be a positive number"),
            size => Some(size),
        },
    };
    let max_files = match log.options.get("max-file") {
        None => default.max_files,
        Some(text) => {
            let number = text.parse::<i64>();
            let number = number
                .map_err(|_| anyhow!("strconv.Atoi: parsing {}: invalid syntax", serde_json::json!(text)))?;
            usize::try_from(number)
                .ok()
                .filter(|number| *number > 0)
                .context("max-file cannot be less than 1")?
        }
    };
    let compress = match log.options.get("compress") {
        None => default.compress,
        Some(text) => boolean::parse(text).with_context(|| {
            format!("strconv.ParseBool: parsing {}: invalid syntax", serde_json::json!(text))
        })?,
    };
    if compress && is_local && max_files < 2 {
        bail!("compression cannot be enabled when max file count is 1");
    }
    if compress && (max_files < 2 || max_size.is_none()) {
        bail!("compress cannot be true when max-file is less than 2 or max-size is not set");
    }
    Ok(Limits { max_size, max_files, compress })
}

/// The streams of this process, for a container that takes them over. Not a terminal: the container could push
/// keys into it (TIOCSTI) once it has ended.
pub fn passed_streams(options: &ContainerOptions) -> Result<Option<Stdio>> {
    if options.log.driver != LogDriver::Passthrough {
        return Ok(None);
    }
    let ours = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    if ours.into_iter().any(rustix::termios::isatty) {
        bail!("the '--log-driver passthrough' option cannot be used on a TTY");
    }
    let [stdin, stdout, stderr] = ours.map(|fd| fd.try_clone_to_owned());
    Ok(Some(Stdio { stdin: stdin?, stdout: stdout?, stderr: stderr? }))
}

/// The file of a container's log; none if it is not in one.
pub fn path(layout: &Layout, record: &Record) -> Option<PathBuf> {
    let log = &record.options.log;
    match log.driver {
        LogDriver::JsonFile | LogDriver::Local => Some(layout.container_log(&record.id)),
        LogDriver::K8sFile => Some(match log.options.get("path") {
            Some(path) => path.into(),
            None => layout.container(&record.id).join("ctr.log"),
        }),
        LogDriver::Journald | LogDriver::None | LogDriver::Passthrough => None,
    }
}

/// Where the log of a container goes; `environment` is that of its program.
pub fn destination(layout: &Layout, record: &Record, environment: &[String]) -> Result<Destination> {
    let log = &record.options.log;
    let mut attributes = attributes(record, environment)?;
    if let Some(path) = path(layout, record) {
        let limits = limits(log)?;
        let format = if log.driver == LogDriver::K8sFile { Format::K8s } else { Format::Json };
        if let Some(tag) = tag(record)? {
            attributes.insert("tag".to_owned(), tag);
        }
        return Ok(Destination::File { path, format, limits, attributes });
    }
    if log.driver != LogDriver::Journald {
        return Ok(Destination::Nowhere);
    }
    find_journal()?;
    let mut fields: BTreeMap<String, String> = attributes
        .into_iter()
        .filter_map(|(name, value)| Some((journal::field_name(&name)?, value)))
        .collect();
    let short = record.id[..12].to_owned();
    let tag = tag(record)?.unwrap_or_else(|| short.clone());
    fields.extend([
        ("CONTAINER_ID".to_owned(), short),
        ("CONTAINER_ID_FULL".to_owned(), record.id.clone()),
        ("CONTAINER_NAME".to_owned(), record.name.clone()),
        ("CONTAINER_TAG".to_owned(), tag.clone()),
        ("IMAGE_NAME".to_owned(), record.options.image.clone()),
        ("SYSLOG_IDENTIFIER".to_owned(), tag),
    ]);
    Ok(Destination::Journal { fields })
}

/// The labels and variables that `labels=` and `env=` name, and those whose names match `labels-regex=` and
/// `env-regex=`.
fn attributes(record: &Record, environment: &[String]) -> Result<BTreeMap<String, String>> {
    let log = &record.options.log;
    let mut found = BTreeMap::new();
    let mut take = |option: &str, pairs: &mut dyn Iterator<Item = (&str, &str)>| -> Result<()> {
        let names = log.options.get(option).map_or("", String::as_str);
        let pattern = pattern(log, &format!("{option}-regex"))?;
        if names.is_empty() && pattern.is_none() {
            return Ok(());
        }
        let is_named = |name: &str| {
            names.split(',').any(|wanted| wanted == name)
                || pattern.as_ref().is_some_and(|all| all.is_match(name))
        };
        let named = pairs.filter(|(name, _)| is_named(name));
        found.extend(named.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Ok(())
    };
    let labels = &record.options.labels;
    take("labels", &mut labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))?;
    // Of a variable that is there twice the first counts, as it does for the program.
    take("env", &mut environment.iter().rev().filter_map(|entry| entry.split_once('=')))?;
    Ok(found)
}

/// The value of `tag=`, filled in.
fn tag(record: &Record) -> Result<Option<String>> {
    let Some(tag) = record.options.log.options.get("tag").filter(|tag| !tag.is_empty()) else {
        return Ok(None);
    };
    let image_id = match &record.source {
        Source::Image { id, .. } => id.to_string(),
        Source::Rootfs { .. } => String::new(),
    };
    let short_image = image_id.chars().take(12).collect();
    let fields = [
        ("ID", record.id[..12].to_owned()),
        ("FullID", record.id.clone()),
        ("Name", record.name.clone()),
        ("ImageID", short_image),
        ("ImageFullID", image_id),
        ("ImageName", record.options.image.clone()),
        ("Command", record.command.join(" ")),
        ("DaemonName", "coracle".to_owned()),
    ];
    let fields: BTreeMap<Arc<str>, gotmpl::Value> =
        fields.into_iter().map(|(name, value)| (name.into(), gotmpl::Value::String(value.into()))).collect();
    let mut text = String::new();
    let filled = parse_tag(tag)?.execute_fmt(&mut text, &gotmpl::Value::Map(Arc::new(fields)));
    filled.map_err(|error| anyhow!("fill in the log tag {tag:?}: {error}"))?;
    Ok(Some(text))
}

fn parse_tag(tag: &str) -> Result<gotmpl::Template> {
    let template = gotmpl::Template::new("log-tag").missing_key(gotmpl::MissingKey::Error);
    template.parse(tag).map_err(|error| anyhow!("read the log tag {tag:?}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(driver: LogDriver, options: &[(&str, &str)]) -> ContainerOptions {
        let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        ContainerOptions { log: LogOptions { driver, options }, ..ContainerOptions::default() }
    }

    #[test]
    fn what_docker_refuses() {
        use LogDriver::{JsonFile, K8sFile, Local, None};
        for (driver, given, want) in [
            (JsonFile, [("foo", "1")], "unknown log opt 'foo' for json-file log driver"),
            (JsonFile, [("max-size", "0")], "max-size must be a positive number"),
            (JsonFile, [("max-size", "x")], "invalid size: 'x'"),
            (JsonFile, [("max-file", "0")], "max-file cannot be less than 1"),
            (JsonFile, [("max-file", "x")], "strconv.Atoi: parsing \"x\": invalid syntax"),
            (
                JsonFile,
                [("compress", "true")],
                "compress cannot be true when max-file is less than 2 or max-size is not set",
            ),
            (Local, [("max-file", "1")], "compression cannot be enabled when max file count is 1"),
            (JsonFile, [("compress", "x")], "strconv.ParseBool: parsing \"x\": invalid syntax"),
            (JsonFile, [("mode", "x")], "logger: logging mode not supported: x"),
            (
                JsonFile,
                [("max-buffer-size", "1m")],
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
            (JsonFile, [("env-regex", "(")], "read the log opt 'env-regex'"),
            (K8sFile, [("mode", "blocking")], "unknown log opt 'mode' for k8s-file log driver"),
            (None, [("tag", "x")], "invalid logging opts for driver none"),
            (K8sFile, [("max-file", "3")], "unknown log opt 'max-file' for k8s-file log driver"),
            (K8sFile, [("path", "x")], "log opt 'path' is not absolute: x"),
        ] {
            assert_eq!(check(&options(driver, &given)).unwrap_err().to_string(), want);
        }
        assert!(check(&options(JsonFile, &[("tag", "{{")])).is_err());
        assert!(check(&options(JsonFile, &[("tag", "{{.Name}}"), ("max-size", "10m")])).is_ok());
        assert!(check(&options(JsonFile, &[("compress", "false"), ("mode", "blocking")])).is_ok());
    }

    #[test]
    fn sizes_and_numbers_of_files() {
        for (driver, given, want) in [
            (LogDriver::JsonFile, &[][..], (None, 1, false)),
            (LogDriver::JsonFile, &[("max-size", "10m"), ("max-file", "3")], (Some(10_000_000), 3, false)),
            (
                LogDriver::JsonFile,
                &[("max-size", "1"), ("max-file", "2"), ("compress", "1")],
                (Some(1), 2, true),
            ),
            (LogDriver::Local, &[], (Some(20_000_000), 5, true)),
            (LogDriver::Local, &[("max-file", "2")], (Some(20_000_000), 2, true)),
            (LogDriver::Local, &[("max-file", "1"), ("compress", "false")], (Some(20_000_000), 1, false)),
        ] {
            let (max_size, max_files, compress) = want;
            let limits = limits(&options(driver, given).log).unwrap();
            assert_eq!(limits, Limits { max_size, max_files, compress }, "{given:?}");
        }
    }

    #[test]
    fn what_waits_for_a_log() {
        for (given, want) in [
            (&[][..], None),
            (&[("mode", "blocking")], None),
            (&[("mode", "non-blocking")], Some(1_000_000)),
            (&[("mode", "non-blocking"), ("max-buffer-size", "4k")], Some(4096)),
        ] {
            assert_eq!(waiting(&options(LogDriver::JsonFile, given).log).unwrap(), want, "{given:?}");
        }
        let broken = options(LogDriver::JsonFile, &[("mode", "non-blocking"), ("max-buffer-size", "x")]);
        assert!(waiting(&broken.log).is_err());
    }
}
