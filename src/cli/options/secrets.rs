//! `--secret`, in podman's syntax: a name, then `key=value` fields.

use crate::store::options::{SecretOption, SecretUse};

/// Podman's mode of a secret's file.
const DEFAULT_MODE: u32 = 0o444;

/// Reads `--secret NAME[,type=mount|env][,target=][,uid=][,gid=][,mode=]`; what is not said of the target stays
/// empty for a file.
pub fn secret(text: &str) -> Result<SecretOption, String> {
    read(text).map_err(|error| format!("{error}: parsing secret"))
}

fn read(text: &str) -> Result<SecretOption, String> {
    let (mut source, mut kind, mut target) = (String::new(), None, String::new());
    let (mut uid, mut gid, mut mode) = (None, None, None);
    let mut fields: Vec<_> = text.split(',').collect();
    // Alone, or first and without a key, it is the name.
    if fields.len() == 1 || !fields[0].contains('=') && !fields[0].is_empty() {
        source = fields.remove(0).to_owned();
    }
    for field in fields {
        let (key, value) =
            field.split_once('=').ok_or_else(|| format!("option {field} must be in form option=value"))?;
        match key {
            "source" | "src" => source = value.to_owned(),
            "type" if kind.is_some() => return Err("cannot set more than one secret type".to_owned()),
            "type" if matches!(value, "mount" | "env") => kind = Some(value),
            "type" => return Err(format!("type {value} is invalid")),
            "target" => target = value.to_owned(),
            "uid" | "UID" => uid = Some(id(value).ok_or_else(|| format!("UID {value} invalid"))?),
            "gid" | "GID" => gid = Some(id(value).ok_or_else(|| format!("GID {value} invalid"))?),
            "mode" => mode = Some(octal(value).ok_or_else(|| format!("mode {value} invalid"))?),
            _ => return Err(format!("option {field} invalid")),
        }
    }
    if source.is_empty() {
        return Err(format!("no source found {text}"));
    }
    if kind != Some("env") {
        let (uid, gid) = (uid.unwrap_or(0), gid.unwrap_or(0));
        let used = SecretUse::File { target, uid, gid, mode: mode.unwrap_or(DEFAULT_MODE) };
        return Ok(SecretOption { name: source, used });
    }
    if uid.or(gid).or(mode).is_some() {
        return Err("UID, GID, Mode options cannot be set with secret type env".to_owned());
    }
    if target.is_empty() {
        target.clone_from(&source);
    }
    if target.contains(['=', '\0']) {
        return Err(format!("target {target} is no name of a variable"));
    }
    Ok(SecretOption { name: source, used: SecretUse::Variable { target } })
}

/// An id that the kernel and docker both take: at most 2³¹ - 1.
fn id(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i32>().ok().filter(|_| digits).and_then(|id| u32::try_from(id).ok())
}

fn octal(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o7777)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields() {
        let file = |name: &str, target: &str, uid, gid, mode| SecretOption {
            name: name.to_owned(),
            used: SecretUse::File { target: target.to_owned(), uid, gid, mode },
        };
        let variable = |name: &str, target: &str| SecretOption {
            name: name.to_owned(),
            used: SecretUse::Variable { target: target.to_owned() },
        };
        for (text, want) in [
            ("key", Ok(file("key", "", 0, 0, 0o444))),
            ("key,target=/etc/k,uid=5,gid=6,mode=0400", Ok(file("key", "/etc/k", 5, 6, 0o400))),
            ("source=key,type=mount,target=", Ok(file("key", "", 0, 0, 0o444))),
            ("key,type=env", Ok(variable("key", "key"))),
            ("type=env,source=key,target=KEY", Ok(variable("key", "KEY"))),
            ("key,foo=1", Err("option foo=1 invalid")),
            ("key,type", Err("option type must be in form option=value")),
            ("key,type=bad", Err("type bad is invalid")),
            ("key,type=env,type=env", Err("cannot set more than one secret type")),
            ("key,type=env,mode=1", Err("UID, GID, Mode options cannot be set with secret type env")),
            ("key,type=env,target=A=B", Err("target A=B is no name of a variable")),
            ("key,mode=9", Err("mode 9 invalid")),
            ("key,mode=10000", Err("mode 10000 invalid")),
            ("key,uid=x", Err("UID x invalid")),
            ("key,gid=-1", Err("GID -1 invalid")),
            (",", Err("option  must be in form option=value")),
            ("type=env,target=A", Err("no source found type=env,target=A")),
            ("", Err("no source found ")),
        ] {
            let want = want.map_err(|error: &str| format!("{error}: parsing secret"));
            assert_eq!(secret(text), want, "{text}");
        }
    }
}
