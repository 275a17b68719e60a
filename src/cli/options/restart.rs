//! `--restart`, with docker's messages.

use anyhow::{Result, bail};

use crate::store::options::RestartPolicy;

/// Reads `no`, `always`, `unless-stopped` and `on-failure[:retries]`; nothing is `no`.
pub fn policy(text: &str) -> Result<RestartPolicy> {
    let (name, count) = text.split_once(':').unwrap_or((text, ""));
    if name.is_empty() && name.len() < text.len() {
        bail!("invalid restart policy format: no policy provided before colon");
    }
    let count: i64 = match count {
        "" => 0,
        count => match count.parse() {
            Ok(count) => count,
            Err(_) => bail!("invalid restart policy format: maximum retry count must be an integer"),
        },
    };
    let policy = match name {
        "" | "no" => RestartPolicy::No,
        "always" => RestartPolicy::Always,
        "unless-stopped" => RestartPolicy::UnlessStopped,
        "on-failure" => match u32::try_from(count) {
            Ok(retries) => return Ok(RestartPolicy::OnFailure { retries }),
            Err(_) => bail!("invalid restart policy: maximum retry count cannot be negative"),
        },
        name => bail!(
            "invalid restart policy: unknown policy '{name}'; use one of 'no', 'always', 'on-failure', or \
             'unless-stopped'"
        ),
    };
    if count != 0 {
        let negative = if count < 0 { " and cannot be negative" } else { "" };
        bail!("invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}");
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies() {
        use RestartPolicy::{Always, No, OnFailure, UnlessStopped};
        for (text, want) in [
            ("", No),
            ("no", No),
            ("always", Always),
            ("always:0", Always),
            ("unless-stopped", UnlessStopped),
            ("on-failure", OnFailure { retries: 0 }),
            ("on-failure:", OnFailure { retries: 0 }),
            ("on-failure:5", OnFailure { retries: 5 }),
        ] {
            assert_eq!(policy(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn refusals() {
        const MISUSED: &str =
            "invalid restart policy: maximum retry count can only be used with 'on-failure'";
        let misused_twice = format!("{MISUSED} and cannot be negative");
        for (text, want) in [
            (":1", "invalid restart policy format: no policy provided before colon"),
            ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
            ("on-failure:-1", "invalid restart policy: maximum retry count cannot be negative"),
            ("always:3", MISUSED),
            ("no:-1", &misused_twice),
            (
                "sometimes",
                "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or \
                 'unless-stopped'",
            ),
        ] {
            assert_eq!(policy(text).unwrap_err().to_string(), want, "{text}");
        }
    }
}
