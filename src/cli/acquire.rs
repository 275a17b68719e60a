//! The image of `run` and `create`: there already, or pulled first.

use anyhow::Result;

use super::options::{CreateFlags, PullPolicy};
use super::out;
use super::progress::{Display, Target};
use super::registry::RegistryFlags;
use crate::engine::{Engine, images, remove};
use crate::image::pull::PullRequest;
use crate::oci::platform::Platform;
use crate::oci::reference::Reference;
use crate::store::containers::LookupError;
use crate::store::images::ImageLookup;
use crate::store::options::ContainerOptions;

/// How often an image is pulled that others remove before a container has it.
const ATTEMPTS: usize = 4;

/// What `run` and `create` say about pulling.
pub struct Acquire {
    pub policy: PullPolicy,
    pub quiet: bool,
    pub registry: RegistryFlags,
    /// The container that makes way: `--replace`.
    pub replace: Option<String>,
}

impl Acquire {
    pub fn new(flags: &CreateFlags) -> Result<Self> {
        Ok(Self {
            policy: flags.pull_policy()?,
            quiet: flags.quiet,
            registry: flags.registry.clone(),
            replace: flags.replaced(),
        })
    }

    /// Does `work` with the image of `options`. The image is looked for only once where it is there: by the
    /// work itself, which must look before it does anything else.
    pub fn with_image<T>(
        &self,
        engine: &Engine,
        options: &ContainerOptions,
        mut work: impl FnMut(ContainerOptions) -> Result<T>,
    ) -> Result<T> {
        let mut work = |options: ContainerOptions| {
            self.make_way(engine, &options)?;
            work(options)
        };
        if options.rootfs.is_some() {
            return work(options.clone());
        }
        if images::is_archive(&options.image) {
            let image = self.pull(engine, options)?;
            return work(ContainerOptions { image, ..options.clone() });
        }
        if self.policy == PullPolicy::Always || self.is_of_another_platform(engine, options)? {
            self.pull(engine, options)?;
        }
        // Where that fails, what is here will do, and without it there will be another try.
        if self.policy == PullPolicy::Newer && engine.images().lookup(&options.image).is_ok() {
            drop(self.pull(engine, options));
        }
        let is_news = self.policy == PullPolicy::Missing && !images::is_builtin(&options.image);
        for attempt in 0..ATTEMPTS {
            match work(options.clone()) {
                Err(error) if self.policy != PullPolicy::Never && is_missing(&error, &options.image) => {
                    if attempt == 0 && is_news && !self.quiet {
                        out::error_line(&format!(
                            "Unable to find image '{}' locally",
                            familiar(&options.image)
                        ));
                    }
                    self.pull(engine, options)?;
                }
                done => return done,
            }
        }
        work(options.clone())
    }

    /// Removes the container that is to be replaced, once its successor has an image. An id is no name.
    fn make_way(&self, engine: &Engine, options: &ContainerOptions) -> Result<()> {
        let Some(name) = &self.replace else { return Ok(()) };
        if options.rootfs.is_none() {
            engine.images().lookup(&options.image)?;
        }
        let containers = engine.containers();
        match containers.resolve(name).and_then(|id| containers.load(&id)) {
            Ok(record) if record.name == *name => remove::remove(engine, &record.id, true, false),
            Ok(_) => Ok(()),
            Err(error) if error.is::<LookupError>() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the image is there, but not the one that `--platform` asks for.
    fn is_of_another_platform(&self, engine: &Engine, options: &ContainerOptions) -> Result<bool> {
        let Some(wanted) = &options.platform else { return Ok(false) };
        let wanted: Platform = wanted.parse()?;
        if engine.images().lookup_for(&options.image, Some(&wanted)).is_ok() {
            return Ok(false);
        }
        let Ok(image) = engine.images().lookup(&options.image) else { return Ok(false) };
        let config = &image.config;
        let own = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
        if self.policy == PullPolicy::Never {
            anyhow::bail!(
                "image with reference {} was found but its platform ({own}) does not match the specified platform \
                 ({wanted})",
                options.image
            );
        }
        Ok(true)
    }

    fn pull(&self, engine: &Engine, options: &ContainerOptions) -> Result<String> {
        let platform = options.platform.as_deref().map(str::parse).transpose()?;
        let known = images::is_archive(&options.image) || images::is_builtin(&options.image);
        let reference = if known { options.image.clone() } else { tagged(&options.image) };
        let registry = self.registry.options()?;
        let request = PullRequest { reference, platform, registry, fold_ids: false };
        pull(engine, request, if self.quiet { None } else { Some(Target::Error) })
    }
}

/// Pulls an image and shows how, or does not. Returns its name in full.
pub fn pull(engine: &Engine, request: PullRequest, shown: Option<Target>) -> Result<String> {
    let display = Display::new(shown)?;
    Ok(images::pull(engine, request, || display)?.name)
}

/// Whether it is this image that is missing, and not one that is to be mounted.
fn is_missing(error: &anyhow::Error, image: &str) -> bool {
    let name = familiar(image);
    matches!(error.downcast_ref::<ImageLookup>(), Some(ImageLookup::NotFound(missing)) if *missing == name)
}

/// The name as it was typed, with its default tag: whether it names a registry makes a difference.
fn tagged(name: &str) -> String {
    match Reference::parse(name) {
        Ok(parsed) if parsed.tag().is_none() && parsed.digest().is_none() => format!("{name}:latest"),
        _ => name.to_owned(),
    }
}

/// The name with its default tag, as docker's messages have it.
fn familiar(name: &str) -> String {
    Reference::parse(name).map_or_else(|_| name.to_owned(), |name| name.with_default_tag().familiar())
}
