//! `--attest`, `--provenance` and `--sbom`: statements about an image that go beside it. There are none yet, so all that
//! is taken is to do without.

use anyhow::{Context, Result, bail};

use crate::base::boolean;

#[derive(clap::Args)]
pub struct Attestations {
    /// Add a statement about the image: type=provenance or sbom, with disabled=true, there is none
    #[arg(long, hide = true, value_name = "statement")]
    attest: Vec<String>,
    /// Add a statement of how the image was made: false, there is none
    #[arg(long, hide = true, value_name = "value")]
    provenance: Option<String>,
    /// Add a list of what is in the image: false, there is none
    #[arg(long, hide = true, value_name = "value")]
    sbom: Option<String>,
}

impl Attestations {
    /// Refuses every statement that is wanted.
    pub fn check(&self) -> Result<()> {
        for (kind, value) in [("provenance", &self.provenance), ("sbom", &self.sbom)] {
            let Some(value) = value else { continue };
            let is_wanted = match boolean::parse(value) {
                Some(is_wanted) => is_wanted,
                None => !is_disabled(value).with_context(|| format!("--{kind} {value}"))?,
            };
            if is_wanted {
                bail!("--{kind}={value} is not supported yet");
            }
        }
        for text in &self.attest {
            let kind = text.split(',').find_map(|field| field.strip_prefix("type="));
            if kind.is_none_or(str::is_empty) {
                bail!("--attest {text}: attestation type not specified");
            }
            if !is_disabled(text).with_context(|| format!("--attest {text}"))? {
                bail!("--attest={text} is not supported yet");
            }
        }
        Ok(())
    }
}

/// Whether the fields of a statement say that it is not wanted.
fn is_disabled(text: &str) -> Result<bool> {
    let mut disabled = false;
    for field in text.split(',') {
        let (key, value) = field.split_once('=').with_context(|| format!("invalid value {field}"))?;
        if key == "disabled" {
            disabled = boolean::parse(value).with_context(|| format!("invalid value {field}"))?;
        }
    }
    Ok(disabled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_refused() {
        let check = |attest: &[&str], provenance: Option<&str>, sbom: Option<&str>| {
            let attest = attest.iter().map(|text| (*text).to_owned()).collect();
            let (provenance, sbom) = (provenance.map(str::to_owned), sbom.map(str::to_owned));
            Attestations { attest, provenance, sbom }.check().map_err(|error| format!("{error:#}"))
        };
        assert_eq!(check(&[], None, None), Ok(()));
        assert_eq!(check(&["type=sbom,disabled=true"], Some("false"), Some("0")), Ok(()));
        assert_eq!(check(&[], Some("mode=max,disabled=true"), None), Ok(()));
        for (attest, provenance, sbom, error) in [
            (&[][..], Some("true"), None, "--provenance=true is not supported yet"),
            (&[], Some("mode=max"), None, "--provenance=mode=max is not supported yet"),
            (&[], Some("max"), None, "--provenance max: invalid value max"),
            (&[], None, Some("generator=x"), "--sbom=generator=x is not supported yet"),
            (&["type=provenance"], None, None, "--attest=type=provenance is not supported yet"),
            (&["mode=max"], None, None, "--attest mode=max: attestation type not specified"),
            (
                &["type=sbom,disabled=x"],
                None,
                None,
                "--attest type=sbom,disabled=x: invalid value disabled=x",
            ),
        ] {
            assert_eq!(check(attest, provenance, sbom), Err(error.to_owned()));
        }
    }
}
