//! Podman's other way to ask for a platform: `--os`, `--arch` and `--variant`.

use anyhow::{Result, bail};

use crate::oci::platform::Platform;

#[derive(clap::Args, Clone, Default)]
pub struct PlatformParts {
    /// The architecture of the image
    #[arg(long, value_name = "architecture")]
    arch: Option<String>,
    /// The operating system of the image
    #[arg(long, value_name = "os")]
    os: Option<String>,
    /// The variant of the image's architecture
    #[arg(long, value_name = "variant")]
    variant: Option<String>,
}

impl PlatformParts {
    /// All of them as `--platform` has it; what is not said is this machine's.
    pub fn joined(&self) -> Option<String> {
        let (os, arch) = (self.os.as_deref(), self.arch.as_deref());
        if os.is_none() && arch.is_none() && self.variant.is_none() {
            return None;
        }
        let host = Platform::host().to_string();
        let own_arch = host.split('/').nth(1).unwrap_or_default();
        let variant = self.variant.as_ref().map(|variant| format!("/{variant}")).unwrap_or_default();
        Some(format!("{}/{}{variant}", os.unwrap_or("linux"), arch.unwrap_or(own_arch)))
    }

    /// What is asked for in one of the two ways.
    pub fn or(&self, platform: Option<&str>) -> Result<Option<Platform>> {
        let joined = self.joined();
        if joined.is_some() && platform.is_some_and(|platform| !platform.is_empty()) {
            bail!("--platform cannot be given together with --os, --arch or --variant");
        }
        Ok(Platform::asked(joined.as_deref().or(platform))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_or_the_other() {
        let own = Platform::host().to_string();
        let own = own.split('/').nth(1).unwrap();
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        for (os, arch, variant, platform, want) in [
            ("", "", "", "", None),
            ("", "", "", "linux/arm64", Some("linux/arm64".to_owned())),
            ("", "arm64", "", "", Some("linux/arm64".to_owned())),
            ("", "arm", "v6", "", Some("linux/arm/v6".to_owned())),
            ("windows", "", "", "", Some(format!("windows/{own}"))),
        ] {
            let parts = PlatformParts { os: given(os), arch: given(arch), variant: given(variant) };
            let got = parts.or(given(platform).as_deref()).unwrap();
            assert_eq!(got.map(|platform| platform.to_string()), want, "{os} {arch} {variant} {platform}");
        }
        let parts = PlatformParts { arch: given("arm"), ..PlatformParts::default() };
        assert!(parts.or(Some("linux/amd64")).is_err());
        assert!(parts.or(Some("")).is_ok());
    }
}
