//! `--secret` and `--ssh`: what steps may see and no layer keeps.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::hint::HintExt;
use crate::config::env;
use crate::engine::build::SecretSource;

/// `id=ID[,src=FILE][,env=NAME][,type=…]`; without a source it is the variable of that name, else the file.
pub fn source(text: &str) -> Result<(String, SecretSource)> {
    let (mut id, mut source, mut variable, mut kind) = (None, None, None, None);
    for field in text.split(',') {
        match field.split_once('=') {
            Some(("id", value)) => id = Some(value.to_owned()),
            Some(("src" | "source", value)) => source = Some(value.to_owned()),
            Some(("env", value)) => variable = Some(value.to_owned()),
            Some(("type", value @ ("file" | "env"))) => kind = Some(value),
            Some(("type", other)) => bail!("--secret {text}: unsupported secret type {other:?}"),
            Some((key, _)) => bail!("--secret {text}: unexpected key '{key}'"),
            None => bail!("--secret {text}: invalid field '{field}' must be a key=value pair"),
        }
    }
    let id = id.filter(|id| !id.is_empty()).with_context(|| format!("--secret {text}: it has no id"))?;
    let source = match (kind, source, variable) {
        (Some("env"), Some(name), None) | (Some("env") | None, None, Some(name)) => {
            SecretSource::Variable(name)
        }
        (Some("file") | None, Some(path), _) => SecretSource::File(PathBuf::from(path)),
        (Some("env"), None, None) => SecretSource::Variable(id.clone()),
        (None, None, None) if env::passed_on(&id).is_some() => SecretSource::Variable(id.clone()),
        (Some("file") | None, None, None) => SecretSource::File(PathBuf::from(&id)),
        _ => bail!("--secret {text}: it has two sources"),
    };
    if let SecretSource::File(path) = &source {
        std::fs::metadata(path).with_context(|| format!("--secret {text}: open {}", path.display()))?;
    }
    Ok((id, source))
}

/// `default`, or `ID=SOCKET`.
pub fn agent(text: &str) -> Result<(String, PathBuf)> {
    let (id, socket) = match text.split_once('=') {
        Some((id, socket)) => (id, PathBuf::from(socket)),
        None => {
            let socket = env::value("SSH_AUTH_SOCK").map(PathBuf::from);
            let socket = socket
                .ok_or_else(|| anyhow!("--ssh {text}: there is no agent: SSH_AUTH_SOCK is not set"))
                .hint(|| "eval $(ssh-agent)")?;
            (text, socket)
        }
    };
    use std::os::unix::fs::FileTypeExt;
    let metadata = std::fs::metadata(&socket);
    let metadata = metadata.with_context(|| format!("--ssh {text}: open {}", socket.display()))?;
    if !metadata.file_type().is_socket() {
        return Err(anyhow!("--ssh {text}: {} is no socket of an agent", socket.display()))
            .hint(|| format!("load the key into an agent: ssh-add {}", socket.display()));
    }
    Ok((id.to_owned(), socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_say_where_they_are() {
        let shown = |text: &str| match source(text) {
            Ok((id, SecretSource::File(path))) => format!("{id} file {}", path.display()),
            Ok((id, SecretSource::Variable(name))) => format!("{id} variable {name}"),
            Err(error) => format!("{error:#}"),
        };
        assert_eq!(shown("id=a,src=/dev/null"), "a file /dev/null");
        assert_eq!(shown("type=file,source=/dev/null,id=a"), "a file /dev/null");
        assert_eq!(shown("id=a,env=B"), "a variable B");
        assert_eq!(shown("id=a,type=env,src=B"), "a variable B");
        assert_eq!(shown("id=a,type=env"), "a variable a");
        assert_eq!(shown("id=PATH"), "PATH variable PATH");
        assert!(shown("src=/dev/null").contains("no id"));
        assert!(shown("id=a,src=/no/such/file").contains("open /no/such/file"));
        assert!(shown("id=a,what=b").contains("unexpected key 'what'"));
        assert!(shown("id=a,type=vault").contains("unsupported secret type"));
    }
}
