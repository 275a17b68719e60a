//! `commit --change`: instructions of a Dockerfile that change an image's configuration and nothing else.
//!
//! Docker's list: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::base::signal;
use crate::base::time;
use crate::oci::image::{ContainerConfig, HealthConfig};

/// Applies instructions in order.
pub fn apply(changes: &[String], config: &mut ContainerConfig) -> Result<()> {
    for change in changes {
        one(change.trim(), config).with_context(|| format!("change {change:?}"))?;
    }
    Ok(())
}

fn one(change: &str, config: &mut ContainerConfig) -> Result<()> {
    let (word, rest) = change.split_once(char::is_whitespace).unwrap_or((change, ""));
    let rest = rest.trim();
    let word = word.to_ascii_uppercase();
    if rest.is_empty() && !word.is_empty() {
        bail!("{word} requires at least one argument");
    }
    match word.as_str() {
        "CMD" => config.cmd = command(rest),
        "ENTRYPOINT" => config.entrypoint = command(rest),
        "ENV" => pairs(rest)?.iter().for_each(|(name, value)| {
            set_variable(&mut config.env, &format!("{name}={value}"));
        }),
        "LABEL" => config.labels.extend(pairs(rest)?),
        "EXPOSE" => {
            for port in rest.split_whitespace() {
                config.exposed_ports.insert(exposed(port)?, json!({}));
            }
        }
        "HEALTHCHECK" => config.healthcheck = Some(health(rest)?),
        "ONBUILD" => config.on_build.push(rest.to_owned()),
        "STOPSIGNAL" => {
            signal::parse(rest).with_context(|| format!("invalid signal: {rest}"))?;
            config.stop_signal = rest.to_owned();
        }
        "USER" => config.user = rest.to_owned(),
        "VOLUME" => {
            let paths =
                json_list(rest).unwrap_or_else(|| rest.split_whitespace().map(str::to_owned).collect());
            config.volumes.extend(paths.into_iter().map(|path| (path, json!({}))));
        }
        "WORKDIR" => config.working_dir = directory(&config.working_dir, rest),
        "" => bail!("it is empty"),
        other => bail!("{other} is not a valid change command"),
    }
    Ok(())
}

/// Sets `NAME=value` in a list of such.
pub fn set_variable(env: &mut Vec<String>, variable: &str) {
    let name = variable.split('=').next().unwrap_or_default();
    match env.iter_mut().find(|entry| entry.split('=').next() == Some(name)) {
        Some(entry) => variable.clone_into(entry),
        None => env.push(variable.to_owned()),
    }
}

/// A JSON list is the command; anything else is for a shell.
fn command(text: &str) -> Vec<String> {
    json_list(text).unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()])
}

fn json_list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok())?
}

/// `a=1 b="2 3"`, or the old `NAME the rest`.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let words = shlex::split(text).context("it has an open quote")?;
    let first = words.first().context("it names nothing")?;
    if !first.contains('=') {
        let (name, value) = text.split_once(char::is_whitespace).context("it has no value")?;
        return Ok(vec![(name.to_owned(), value.trim().to_owned())]);
    }
    let pair = |word: &String| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => bail!("{word:?} is not name=value"),
    };
    words.iter().map(pair).collect()
}

fn exposed(text: &str) -> Result<String> {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let number: u16 = port.parse().with_context(|| format!("invalid containerPort: {text}"))?;
    match protocol.to_ascii_lowercase().as_str() {
        protocol @ ("tcp" | "udp" | "sctp") => Ok(format!("{number}/{protocol}")),
        _ => bail!("invalid proto: {protocol}"),
    }
}

fn directory(old: &str, new: &str) -> String {
    match new.starts_with('/') {
        true => new.to_owned(),
        false => format!("{}/{new}", old.trim_end_matches('/')),
    }
}

/// `NONE`, or options and `CMD command`.
fn health(text: &str) -> Result<HealthConfig> {
    let mut check = HealthConfig::default();
    let mut rest = text;
    loop {
        let (word, tail) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = tail.trim_start();
        match (word.to_ascii_uppercase().as_str(), word.split_once('=')) {
            ("NONE", _) => {
                check.test = vec!["NONE".to_owned()];
                return Ok(check);
            }
            ("CMD", _) if !rest.is_empty() => {
                check.test = match json_list(rest) {
                    Some(words) => [vec!["CMD".to_owned()], words].concat(),
                    None => vec!["CMD-SHELL".to_owned(), rest.to_owned()],
                };
                return Ok(check);
            }
            (_, Some(("--interval", value))) => check.interval = nanoseconds(value)?,
            (_, Some(("--timeout", value))) => check.timeout = nanoseconds(value)?,
            (_, Some(("--start-period", value))) => check.start_period = nanoseconds(value)?,
            (_, Some(("--start-interval", value))) => check.start_interval = nanoseconds(value)?,
            (_, Some(("--retries", value))) => check.retries = value.parse().context("--retries")?,
            _ => bail!("unknown type {word:?} in HEALTHCHECK (try CMD)"),
        }
    }
}

fn nanoseconds(text: &str) -> Result<u64> {
    let duration = time::parse_duration(text).with_context(|| format!("invalid duration {text:?}"))?;
    Ok(u64::try_from(duration.as_nanos())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig> {
        let mut config = ContainerConfig { env: vec!["PATH=/bin".into()], ..Default::default() };
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        apply(&changes, &mut config).map(|()| config)
    }

    #[test]
    fn every_instruction() {
        let config = changed(&[
            "CMD [\"/app\", \"-v\"]",
            "entrypoint exec /init",
            "ENV PATH=/usr/bin A=\"b c\"",
            "ENV OLD the rest",
            "LABEL a=1 b='2 3'",
            "EXPOSE 80 53/udp",
            "HEALTHCHECK --interval=5s --retries=3 CMD curl -f x",
            "ONBUILD RUN true",
            "STOPSIGNAL SIGINT",
            "USER 7:8",
            "VOLUME /data /logs",
            "VOLUME [\"/more\"]",
            "WORKDIR /srv",
            "WORKDIR app",
        ])
        .unwrap();
        assert_eq!(config.cmd, ["/app", "-v"]);
        assert_eq!(config.entrypoint, ["/bin/sh", "-c", "exec /init"]);
        assert_eq!(config.env, ["PATH=/usr/bin", "A=b c", "OLD=the rest"]);
        assert_eq!(config.labels["b"], "2 3");
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        let health = config.healthcheck.unwrap();
        assert_eq!((health.interval, health.retries), (5_000_000_000, 3));
        assert_eq!(health.test, ["CMD-SHELL", "curl -f x"]);
        assert_eq!((config.on_build, config.stop_signal), (vec!["RUN true".into()], "SIGINT".into()));
        assert_eq!((config.user, config.working_dir), ("7:8".into(), "/srv/app".into()));
        assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/data", "/logs", "/more"]);
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for (change, error) in [
            ("RUN true", "RUN is not a valid change command"),
            ("FROM x", "FROM is not a valid change command"),
            ("CMD", "CMD requires at least one argument"),
            ("", "it is empty"),
            ("ENV A=b C", "\"C\" is not name=value"),
            ("LABEL 'open", "it has an open quote"),
            ("EXPOSE x", "invalid containerPort: x"),
            ("EXPOSE 1/icmp", "invalid proto: icmp"),
            ("STOPSIGNAL SIGNOTHING", "invalid signal"),
            ("HEALTHCHECK curl", "(try CMD)"),
        ] {
            let shown = format!("{:#}", changed(&[change]).unwrap_err());
            assert!(shown.contains(error), "{change}: {shown}");
        }
    }
}
