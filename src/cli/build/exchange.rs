//! `--cache-from` and `--cache-to`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::base::boolean;
use crate::engine::build::{CacheTo, Carrier};

/// An image alone, or fields.
pub fn from(text: &str) -> Result<Carrier> {
    if !text.contains('=') {
        return Ok(Carrier::Registry(text.to_owned()));
    }
    let fields = Fields::read(text, "--cache-from")?;
    carrier(&fields, "--cache-from", text)
}

/// Fields.
pub fn to(text: &str) -> Result<CacheTo> {
    if !text.contains('=') {
        return match text {
            "inline" => Ok(CacheTo { carrier: Carrier::Inline, all: false, may_fail: false }),
            image => {
                Ok(CacheTo { carrier: Carrier::Registry(image.to_owned()), all: false, may_fail: false })
            }
        };
    }
    let fields = Fields::read(text, "--cache-to")?;
    let all = match fields.mode {
        None | Some("min") => false,
        Some("max") => true,
        Some(other) => bail!("--cache-to {text}: unknown mode {other:?}"),
    };
    Ok(CacheTo { carrier: carrier(&fields, "--cache-to", text)?, all, may_fail: fields.may_fail })
}

#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a str>,
    reference: Option<&'a str>,
    path: Option<&'a str>,
    mode: Option<&'a str>,
    may_fail: bool,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str, flag: &str) -> Result<Self> {
        let mut fields = Self::default();
        for field in text.split(',') {
            match field.split_once('=') {
                Some(("type", value)) => fields.kind = Some(value),
                Some(("ref", value)) => fields.reference = Some(value),
                Some(("src" | "dest", value)) => fields.path = Some(value),
                Some(("mode", value)) => fields.mode = Some(value),
                // So it is with every cache.
                Some(("image-manifest" | "oci-mediatypes", "true")) if flag == "--cache-to" => {}
                Some(("ignore-error", value)) if flag == "--cache-to" => {
                    fields.may_fail = boolean::parse(value)
                        .with_context(|| format!("{flag} {text}: invalid value {field}"))?;
                }
                Some((key, _)) => bail!("{flag} {text}: {key} is not supported yet"),
                None => bail!("{flag} {text}: invalid value {field}"),
            }
        }
        Ok(fields)
    }
}

fn carrier(fields: &Fields<'_>, flag: &str, text: &str) -> Result<Carrier> {
    Ok(match fields.kind {
        Some("registry") => {
            let reference = fields.reference.with_context(|| format!("{flag} {text}: ref is required"))?;
            Carrier::Registry(reference.to_owned())
        }
        Some("local") => {
            let path = fields.path.with_context(|| format!("{flag} {text}: it names no directory"))?;
            Carrier::Local(PathBuf::from(path))
        }
        Some("inline") if flag == "--cache-to" => Carrier::Inline,
        Some(other) => bail!("{flag} {text}: type {other} is not supported yet"),
        None => bail!("{flag} {text}: type is required"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carriers_are_told_apart() {
        let registry = |name: &str| Carrier::Registry(name.to_owned());
        assert_eq!(from("localhost:5000/cache").unwrap(), registry("localhost:5000/cache"));
        assert_eq!(from("type=registry,ref=a/b:c").unwrap(), registry("a/b:c"));
        assert_eq!(from("type=local,src=here").unwrap(), Carrier::Local("here".into()));
        assert_eq!(
            to("type=inline").unwrap(),
            CacheTo { carrier: Carrier::Inline, all: false, may_fail: false }
        );
        let local = CacheTo { carrier: Carrier::Local("here".into()), all: true, may_fail: false };
        assert_eq!(to("type=local,dest=here,mode=max").unwrap(), local);
        assert!(to("type=registry,ref=a,image-manifest=true,ignore-error=true").unwrap().may_fail);
        for bad in ["type=registry", "type=local", "type=gha", "ref=a", "type=local,src=a,what=b"] {
            assert!(from(bad).is_err(), "{bad}");
        }
        for bad in ["type=local,dest=a,mode=most", "type=s3", "type=registry,ref=a,image-manifest=false"] {
            assert!(to(bad).is_err(), "{bad}");
        }
    }
}
