//! The build arguments that BuildKit itself reads, whatever the file asks for
//! (<https://docs.docker.com/reference/dockerfile/#buildkit-built-in-build-args>).

use anyhow::{Context, Result, bail};

use crate::base::boolean;
use crate::config::env;
use crate::engine::build::{CacheTo, Carrier, Wishes};

const EPOCH: &str = "SOURCE_DATE_EPOCH";

/// Says in `wishes` what the arguments ask for. The date is an argument too where it comes from elsewhere, so that a
/// step that asks for it has it.
pub fn apply(wishes: &mut Wishes) -> Result<()> {
    let date = wishes.build_args.get(EPOCH).cloned().or_else(|| env::value(EPOCH));
    if wishes.epoch.is_none()
        && let Some(date) = date.filter(|date| !date.is_empty())
    {
        wishes.epoch = Some(date.parse().with_context(|| format!("invalid {EPOCH}: {date:?}"))?);
    }
    if let Some(seconds) = wishes.epoch {
        wishes.build_args.insert(EPOCH.to_owned(), seconds.to_string());
    }
    let is_set = |name: &str| match wishes.build_args.get(name).map(String::as_str) {
        None | Some("") => Ok(false),
        Some(value) => {
            boolean::parse(value).with_context(|| format!("--build-arg {name}={value}: invalid value"))
        }
    };
    if is_set("BUILDKIT_MULTI_PLATFORM")? && wishes.platforms.len() < 2 {
        bail!("--build-arg BUILDKIT_MULTI_PLATFORM=1: a list of one image is not supported yet");
    }
    wishes.files.keep_git_dir = is_set("BUILDKIT_CONTEXT_KEEP_GIT_DIR")?;
    let inline = CacheTo { carrier: Carrier::Inline, all: false, may_fail: false };
    if is_set("BUILDKIT_INLINE_CACHE")? && !wishes.cache_to.contains(&inline) {
        wishes.cache_to.push(inline);
    }
    let text = |name: &str| wishes.build_args.get(name).filter(|value| !value.is_empty()).cloned();
    (wishes.hostname, wishes.cache_namespace) =
        (text("BUILDKIT_SANDBOX_HOSTNAME"), text("BUILDKIT_CACHE_MOUNT_NS"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(arguments: &[(&str, &str)]) -> Result<Wishes, String> {
        let build_args = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut wishes = Wishes { build_args: build_args.collect(), ..Wishes::default() };
        apply(&mut wishes).map_err(|error| format!("{error:#}"))?;
        Ok(wishes)
    }

    #[test]
    fn what_the_builder_reads_itself() {
        let all = applied(&[
            ("SOURCE_DATE_EPOCH", "7"),
            ("BUILDKIT_INLINE_CACHE", "1"),
            ("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "true"),
            ("BUILDKIT_SANDBOX_HOSTNAME", "here"),
            ("BUILDKIT_CACHE_MOUNT_NS", "mine"),
            ("BUILDKIT_SYNTAX", "docker/dockerfile:1"),
        ])
        .unwrap();
        assert_eq!((all.epoch, all.files.keep_git_dir), (Some(7), true));
        assert_eq!(all.cache_to, [CacheTo { carrier: Carrier::Inline, all: false, may_fail: false }]);
        assert_eq!((all.hostname.as_deref(), all.cache_namespace.as_deref()), (Some("here"), Some("mine")));
        let none = applied(&[("BUILDKIT_INLINE_CACHE", "0"), ("SOURCE_DATE_EPOCH", "")]).unwrap();
        assert_eq!((none.epoch, none.cache_to.len(), none.hostname), (None, 0, None));
    }

    #[test]
    fn what_it_does_not_understand_is_refused() {
        for (name, value, error) in [
            ("SOURCE_DATE_EPOCH", "now", "invalid SOURCE_DATE_EPOCH: \"now\": invalid digit found in string"),
            ("BUILDKIT_INLINE_CACHE", "yes", "--build-arg BUILDKIT_INLINE_CACHE=yes: invalid value"),
            (
                "BUILDKIT_MULTI_PLATFORM",
                "1",
                "--build-arg BUILDKIT_MULTI_PLATFORM=1: a list of one image is not supported yet",
            ),
        ] {
            assert_eq!(applied(&[(name, value)]).map(drop), Err(error.to_owned()));
        }
    }
}
