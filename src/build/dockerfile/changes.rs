//! `commit --change` and `import --change`: instructions that change a configuration and nothing else.
//!
//! Docker's list: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR.

use anyhow::{Result, anyhow};

use super::configure::Configuration;
use super::instruction::Instruction;
use super::statement::Statement;
use crate::build::diagnostic::Problem;
use crate::oci::image::ContainerConfig;

const ALLOWED: &[&str] = &[
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "HEALTHCHECK",
    "LABEL",
    "ONBUILD",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Applies instructions in order.
///
/// # Errors
/// Names the instruction that is none, or not one that may be used here.
pub fn apply_changes(changes: &[String], config: &mut ContainerConfig) -> Result<()> {
    let mut now = Configuration::new(std::mem::take(config), '\\');
    let applied = changes.iter().try_for_each(|change| {
        one(change.trim(), &mut now)
            .map_err(|problem| anyhow!("{}", problem.message()).context(format!("change {change:?}")))
    });
    *config = now.config;
    applied
}

fn one(text: &str, now: &mut Configuration) -> Result<(), Problem> {
    let is_name = |word: &str| ALLOWED.contains(&word.to_ascii_uppercase().as_str());
    let statement = match text.split_once('=') {
        // As podman's manual has it.
        Some((word, rest)) if is_name(word) => Statement::of_line(&format!("{word} {rest}")),
        _ => Statement::of_line(text),
    };
    let word = statement.word.to_ascii_uppercase();
    if word.is_empty() {
        return Err(Problem::new("it is empty"));
    }
    if !is_name(&word) {
        return Err(Problem::new(format!("{word} is not a valid change command")));
    }
    now.apply(&Instruction::new(&statement, '\\')?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(changes: &[&str]) -> Result<ContainerConfig> {
        let mut config = ContainerConfig { env: vec!["PATH=/bin".into()], ..Default::default() };
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        apply_changes(&changes, &mut config).map(|()| config)
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
            "LABEL home=${PATH}/x",
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
        assert_eq!((&*config.labels["b"], &*config.labels["home"]), ("2 3", "/usr/bin/x"));
        assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["53/udp", "80/tcp"]);
        let health = config.healthcheck.unwrap();
        assert_eq!((health.interval, health.retries), (5_000_000_000, 3));
        assert_eq!(health.test, ["CMD-SHELL", "curl -f x"]);
        assert_eq!((config.on_build, config.stop_signal), (vec!["RUN true".into()], "SIGINT".into()));
        assert_eq!((config.user, config.working_dir), ("7:8".into(), "/srv/app".into()));
        assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/data", "/logs", "/more"]);
    }

    #[test]
    fn podmans_way_of_writing_it() {
        let config =
            changed(&["CMD=/bin/sh", "entrypoint=[\"/a\", \"b=c\"]", "ENV=X=y=z", "LABEL=k=v"]).unwrap();
        assert_eq!(config.cmd, ["/bin/sh", "-c", "/bin/sh"]);
        assert_eq!(
            (config.entrypoint, config.env),
            (vec!["/a".into(), "b=c".into()], vec!["PATH=/bin".into(), "X=y=z".into()])
        );
        assert_eq!(config.labels["k"], "v");
        assert!(changed(&["RUN=x"]).unwrap_err().to_string().contains("RUN=x"));
    }

    #[test]
    fn what_is_no_change_is_refused() {
        for (change, error) in [
            ("RUN true", "RUN is not a valid change command"),
            ("FROM x", "FROM is not a valid change command"),
            ("CMD", "CMD requires at least one argument"),
            ("", "it is empty"),
            ("ENV A=b C", "can't find = in \"C\""),
            ("LABEL a='open", "matching single-quote"),
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
