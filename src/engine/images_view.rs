//! What `images` and `history` show of images: pure, but for the sizes of unpacked layers.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::base::digest::Digest;
use crate::base::pattern;
use crate::oci::reference::Reference;
use crate::store::images::Image;
use crate::store::layers::Layers;

/// Docker's word for what an image does not have.
pub const NONE: &str = "<none>";

/// One line of `images`: an image under one of its names.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageRow {
    pub repository: String,
    pub tag: String,
    pub digest: Option<String>,
    pub id: Digest,
    pub created: Option<Timestamp>,
    /// Bytes in the files of its layers.
    pub size: u64,
}

/// Which rows `images` shows.
#[derive(Debug, Default)]
pub struct Selection {
    /// A row for each digest of a repository.
    pub digests: bool,
    pub filters: Vec<Condition>,
}

/// One condition of `images --filter`; all of one kind are alternatives, except that every label must be there.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Dangling(bool),
    Label(String),
    Reference(String),
    /// Created before or after this, for `before=` and `since=`.
    Before(Timestamp),
    Since(Timestamp),
}

/// The rows of an image. `size` is [`unpacked_size`].
pub fn rows(image: &Image, size: u64, selection: &Selection) -> Vec<ImageRow> {
    let wanted: Vec<&String> = selection
        .filters
        .iter()
        .filter_map(|filter| match filter {
            Condition::Reference(pattern) => Some(pattern),
            _ => None,
        })
        .collect();
    let fits = |name: &Reference| wanted.is_empty() || wanted.iter().any(|pattern| matches(name, pattern));
    if !selection.filters.iter().all(|filter| meets(image, filter)) {
        return Vec::new();
    }
    let row = |repository: String, tag: &str, digest: Option<&Digest>| ImageRow {
        repository,
        tag: tag.to_owned(),
        digest: digest.map(Digest::to_string),
        id: image.id.clone(),
        created: created(image),
        size,
    };
    let mut rows = Vec::new();
    for name in image.names.iter().filter(|name| fits(name)) {
        let tag = name.tag().unwrap_or(NONE);
        let digests = image.repo_digests.iter().filter(|(repository, _)| repository.name() == name.name());
        let digests: Vec<_> = digests.map(|(_, digest)| Some(digest)).collect();
        let shown = if selection.digests && !digests.is_empty() { digests } else { vec![None] };
        rows.extend(shown.into_iter().map(|digest| row(name.familiar_name(), tag, digest)));
    }
    rows.extend(untagged(image, selection, fits).map(|(name, digest)| row(name, NONE, digest)));
    if rows.is_empty() && wanted.is_empty() {
        rows.push(row(NONE.to_owned(), NONE, None));
    }
    rows
}

/// Repositories that an image was pulled from and has no tag in.
fn untagged<'a>(
    image: &'a Image,
    selection: &'a Selection,
    fits: impl Fn(&Reference) -> bool + 'a,
) -> impl Iterator<Item = (String, Option<&'a Digest>)> + 'a {
    let mut last = None;
    image.repo_digests.iter().filter_map(move |(repository, digest)| {
        let tagged = image.names.iter().any(|name| name.name() == repository.name());
        // Without digests one row for a repository says all.
        let repeated = !selection.digests && last.replace(repository.name()) == Some(repository.name());
        let shown = !tagged && !repeated && fits(repository);
        shown.then(|| (repository.familiar_name(), selection.digests.then_some(digest)))
    })
}

fn meets(image: &Image, filter: &Condition) -> bool {
    match filter {
        Condition::Dangling(dangling) => image.names.is_empty() == *dangling,
        Condition::Label(label) => {
            let labels = &image.config.config.labels;
            match label.split_once('=') {
                Some((key, value)) => labels.get(key).is_some_and(|own| own == value),
                None => labels.contains_key(label),
            }
        }
        Condition::Before(time) => created(image).is_some_and(|created| created < *time),
        Condition::Since(time) => created(image).is_some_and(|created| created > *time),
        Condition::Reference(_) => true,
    }
}

/// Docker's `FamiliarMatch`: a glob over the short name with and without its tag. A whole name matches too.
fn matches(name: &Reference, wanted: &str) -> bool {
    let (full, bare) = (name.familiar(), name.familiar_name());
    let canonical = Reference::parse(wanted).is_ok_and(|wanted| {
        wanted.name() == name.name() && wanted.tag().is_none_or(|tag| name.tag() == Some(tag))
    });
    canonical || pattern::glob(wanted, &full) || pattern::glob(wanted, &bare)
}

/// When an image was made, if it says so.
pub fn created(image: &Image) -> Option<Timestamp> {
    image.config.created.as_deref()?.parse().ok()
}

/// Bytes in the files of an image's layers; a layer that is not unpacked counts compressed.
pub fn unpacked_size(image: &Image, layers: &Layers) -> u64 {
    Sizes::new(*layers).of(image)
}

/// The sizes of images, of which many share layers: each is looked up once.
pub struct Sizes<'a> {
    layers: Layers<'a>,
    known: HashMap<Digest, Option<u64>>,
}

impl<'a> Sizes<'a> {
    pub fn new(layers: Layers<'a>) -> Self {
        Self { layers, known: HashMap::new() }
    }

    /// What [`unpacked_size`] says.
    pub fn of(&mut self, image: &Image) -> u64 {
        self.of_layers(image).iter().sum()
    }

    fn of_layers(&mut self, image: &Image) -> Vec<u64> {
        let mut unpacked = |diff_id: &Digest| match self.known.get(diff_id) {
            Some(known) => *known,
            None => {
                let size = self.layers.info(diff_id).ok().map(|info| info.size);
                self.known.insert(diff_id.clone(), size);
                size
            }
        };
        let layers = image.config.rootfs.diff_ids.iter().zip(&image.layers);
        layers.map(|(diff_id, blob)| unpacked(diff_id).unwrap_or(blob.size())).collect()
    }
}

/// One line of `history`: a step of an image's making.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The image, on its newest step.
    pub id: Option<Digest>,
    pub created: Option<Timestamp>,
    pub created_by: String,
    pub size: u64,
    pub comment: String,
}

/// The steps of an image's making, newest first.
pub fn history(image: &Image, layers: &Layers) -> Vec<HistoryRow> {
    let mut sizes = Sizes::new(*layers).of_layers(image).into_iter();
    let steps = image.config.history.iter().map(|step| HistoryRow {
        id: None,
        created: step.created.as_deref().and_then(|created| created.parse().ok()),
        created_by: step.created_by.clone(),
        size: if step.empty_layer { 0 } else { sizes.next().unwrap_or(0) },
        comment: step.comment.clone(),
    });
    let mut rows: Vec<_> = steps.collect();
    // An image may tell less of its making than it has layers.
    rows.extend(sizes.map(|size| HistoryRow {
        id: None,
        created: created(image),
        created_by: String::new(),
        size,
        comment: String::new(),
    }));
    rows.reverse();
    if let Some(newest) = rows.first_mut() {
        newest.id = Some(image.id.clone());
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::image::ImageConfig;

    fn image(names: &[&str], digests: &[&str]) -> Image {
        let content = Digest::of(b"x");
        let reference = |text: &&str| Reference::parse(text).unwrap();
        let config = ImageConfig {
            created: Some("2024-05-01T10:00:00Z".to_owned()),
            config: crate::oci::image::ContainerConfig {
                labels: [("a".to_owned(), "1".to_owned())].into(),
                ..Default::default()
            },
            ..ImageConfig::default()
        };
        Image {
            id: content.clone(),
            manifest: content.clone(),
            manifest_size: 1,
            target: content.clone(),
            siblings: vec![content.clone()],
            media_type: String::new(),
            layers: Vec::new(),
            config,
            names: names.iter().map(reference).collect(),
            repo_digests: digests.iter().map(|name| (reference(name), content.clone())).collect(),
        }
    }

    fn shown(image: &Image, digests: bool, filters: &[Condition]) -> Vec<String> {
        let rows = rows(image, 7, &Selection { digests, filters: filters.to_vec() });
        let digest = |row: &ImageRow| if row.digest.is_some() { "@" } else { "" };
        rows.iter().map(|row| format!("{} {}{}", row.repository, row.tag, digest(row))).collect()
    }

    #[test]
    fn a_row_for_each_name() {
        let named = image(&["busybox:1", "busybox:2", "localhost:5000/x:1"], &["busybox", "quay.io/a/b"]);
        assert_eq!(
            shown(&named, false, &[]),
            ["busybox 1", "busybox 2", "localhost:5000/x 1", "quay.io/a/b <none>"]
        );
        assert_eq!(
            shown(&named, true, &[]),
            ["busybox 1@", "busybox 2@", "localhost:5000/x 1", "quay.io/a/b <none>@"]
        );
        assert_eq!(shown(&image(&[], &[]), false, &[]), ["<none> <none>"]);
    }

    #[test]
    fn conditions() {
        let time = |text: &str| text.parse().unwrap();
        let named = image(&["busybox:1", "alpine:3"], &[]);
        for (filter, want) in [
            (Condition::Reference("busy*".to_owned()), &["busybox 1"][..]),
            (Condition::Reference("*:3".to_owned()), &["alpine 3"]),
            (Condition::Reference("docker.io/library/alpine".to_owned()), &["alpine 3"]),
            (Condition::Reference("debian".to_owned()), &[]),
            (Condition::Dangling(true), &[]),
            (Condition::Dangling(false), &["busybox 1", "alpine 3"]),
            (Condition::Label("a=1".to_owned()), &["busybox 1", "alpine 3"]),
            (Condition::Label("b".to_owned()), &[]),
            (Condition::Before(time("2024-05-02T00:00:00Z")), &["busybox 1", "alpine 3"]),
            (Condition::Since(time("2024-05-02T00:00:00Z")), &[]),
        ] {
            assert_eq!(shown(&named, false, std::slice::from_ref(&filter)), want, "{filter:?}");
        }
    }
}
