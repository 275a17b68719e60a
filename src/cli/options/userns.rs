//! `--userns`: podman's syntax, of which docker knows `host`.

use crate::store::userns::{UsernsMode, UsernsOptions};

/// Reads `--userns`, or the default of a configuration.
pub fn mode(text: &str) -> Result<UsernsOptions, String> {
    let (name, options) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let mode = match (name, options) {
        ("" | "host" | "private", None) => UsernsMode::Host,
        ("keep-id", options) => keep_id(options)?,
        _ => return Err(format!("invalid user namespace mode {text:?}: host or keep-id[:uid=,gid=,size=]")),
    };
    Ok(UsernsOptions { mode, raw: text.to_owned() })
}

fn keep_id(options: Option<&str>) -> Result<UsernsMode, String> {
    let (mut uid, mut gid, mut size) = (None, None, None);
    for option in options.into_iter().flat_map(|options| options.split(',')) {
        let (key, value) = option.split_once('=').unwrap_or((option, ""));
        let field = match key {
            "uid" => &mut uid,
            "gid" => &mut gid,
            "size" => &mut size,
            _ => return Err(format!("unknown option {key:?} of --userns keep-id: uid, gid or size")),
        };
        *field = Some(id(value).ok_or_else(|| format!("invalid {key} of --userns keep-id: {value:?}"))?);
    }
    if size == Some(0) {
        return Err("invalid size of --userns keep-id: \"0\"".to_owned());
    }
    Ok(UsernsMode::KeepId { uid, gid, size })
}

/// An id that the kernel and docker both take: at most 2³¹ - 1.
fn id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>().ok().filter(|_| digits).and_then(|id| u32::try_from(id).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        let keep = |uid, gid, size| Ok(UsernsMode::KeepId { uid, gid, size });
        for (text, want) in [
            ("", Ok(UsernsMode::Host)),
            ("host", Ok(UsernsMode::Host)),
            ("keep-id", keep(None, None, None)),
            ("keep-id:uid=5,gid=6", keep(Some(5), Some(6), None)),
            ("keep-id:size=1000", keep(None, None, Some(1000))),
        ] {
            assert_eq!(mode(text).map(|options| options.mode), want, "{text}");
        }
        for bad in [
            "keep",
            "keep-id:",
            "keep-id:uid=-1",
            "keep-id:uid=+1",
            "keep-id:uid",
            "keep-id:size=0",
            "host:x",
        ] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }
}
