//! `--log-driver` and `--log-opt`.

use anyhow::{Result, bail};

use crate::store::options::{LogDriver, LogOptions};

/// Docker's other drivers.
const OTHERS: &[&str] = &["awslogs", "fluentd", "gcplogs", "gelf", "splunk", "syslog"];

/// Reads `--log-driver`; docker's `none` has three more names with podman.
pub fn driver(text: &str) -> Result<LogDriver, String> {
    if let "null" | "off" = text {
        return Ok(LogDriver::None);
    }
    if OTHERS.contains(&text) {
        return Err(format!("the log driver {text} is not supported yet"));
    }
    let found = LogDriver::ALL.into_iter().find(|driver| driver.as_str() == text);
    found.ok_or_else(|| format!("logger: no log driver named '{text}' is registered"))
}

/// The driver with its options; the last of a name counts.
pub fn options(driver: Option<LogDriver>, options: &[String]) -> Result<LogOptions> {
    let mut log = LogOptions { driver: driver.unwrap_or_default(), ..LogOptions::default() };
    for option in options {
        let Some((name, value)) = option.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            bail!("invalid logging option \"{option}\": must be in format key=value");
        };
        log.options.insert(name.to_owned(), value.to_owned());
    }
    Ok(log)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_by_name() {
        for (text, want) in [
            ("json-file", Ok(LogDriver::JsonFile)),
            ("off", Ok(LogDriver::None)),
            ("syslog", Err("the log driver syslog is not supported yet".to_owned())),
            ("foo", Err("logger: no log driver named 'foo' is registered".to_owned())),
        ] {
            assert_eq!(driver(text), want);
        }
    }

    #[test]
    fn options_are_pairs() {
        let given = ["max-size=1m", "max-size=2m", "tag="].map(str::to_owned);
        let log = options(None, &given).unwrap();
        let pairs: Vec<_> = log.options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("max-size", "2m"), ("tag", "")]);
        assert!(options(None, &["max-size".to_owned()]).is_err());
    }
}
