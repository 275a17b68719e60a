//! `images --tree`: images with the platforms that each of them is there for.

use std::collections::HashSet;

use anyhow::Result;

use super::Engine;
use super::images_view::{self, NONE, Selection};
use crate::base::digest::Digest;
use crate::oci::platform::Platform;
use crate::store::containers::Source;
use crate::store::images::Image;
use crate::store::layers::Layers;
use crate::store::platforms::{platform_of, platform_of_config};

/// An image under all its names.
#[derive(Debug, PartialEq)]
pub struct Tree {
    /// `name:tag`; none where it has no name.
    pub names: Vec<String>,
    pub whole: Node,
    /// Each platform that its index lists, or its only one.
    pub platforms: Vec<(Platform, Node)>,
}

/// What is told of an image, or of one of its platforms.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Of the image; of one that is not here the digest of its manifest.
    pub id: Digest,
    /// Bytes in the files of its layers and of its content.
    pub disk: u64,
    /// Bytes as a registry has them: compressed.
    pub content: u64,
    /// Whether a container is made from it.
    pub is_used: bool,
}

/// What a registry calls the platform of something that is no image, such as a signature.
const NO_PLATFORM: &str = "unknown";

/// The images that fit, newest first; what is wrong with the others comes beside.
pub fn trees(engine: &Engine, selection: &Selection) -> Result<(Vec<Tree>, Vec<anyhow::Error>)> {
    let (records, _) = engine.containers().list()?;
    let used: HashSet<Digest> = (records.into_iter())
        .filter_map(|record| match record.source {
            Source::Image { id, .. } => Some(id),
            Source::Rootfs { .. } => None,
        })
        .collect();
    let (images, mut broken) = engine.images().list()?;
    let mut trees = Vec::new();
    for image in images {
        let rows = images_view::rows(&image, 0, selection);
        if rows.is_empty() {
            continue;
        }
        let tagged = rows.iter().filter(|row| row.tag != NONE);
        let names = tagged.map(|row| format!("{}:{}", row.repository, row.tag)).collect();
        match platforms(engine, &image, &used) {
            Ok(platforms) => trees.push(Tree { names, whole: sum(&image, &platforms), platforms }),
            Err(error) => broken.push(error),
        }
    }
    Ok((trees, broken))
}

fn sum(image: &Image, platforms: &[(Platform, Node)]) -> Node {
    let nodes = || platforms.iter().map(|(_, node)| node);
    Node {
        id: image.id.clone(),
        disk: nodes().map(|node| node.disk).sum(),
        content: nodes().map(|node| node.content).sum(),
        is_used: nodes().any(|node| node.is_used),
    }
}

fn platforms(engine: &Engine, image: &Image, used: &HashSet<Digest>) -> Result<Vec<(Platform, Node)>> {
    if image.target == image.manifest {
        return Ok(vec![(platform_of_config(&image.config), node(engine, image, used)?)]);
    }
    let here = engine.images().all_of(image)?;
    let mut platforms = Vec::new();
    for listed in engine.images().manifests_of(&image.target)? {
        let Some(platform) = platform_of(&listed).filter(|platform| platform.os != NO_PLATFORM) else {
            continue;
        };
        let digest: Digest = listed.digest().as_ref().parse()?;
        let node = match here.iter().find(|image| image.manifest == digest) {
            Some(image) => node(engine, image, used)?,
            None => Node { id: digest, disk: 0, content: 0, is_used: false },
        };
        platforms.push((platform, node));
    }
    Ok(platforms)
}

fn node(engine: &Engine, image: &Image, used: &HashSet<Digest>) -> Result<Node> {
    let (_, manifest) = engine.images().manifest(&image.manifest)?;
    let layers: u64 = image.layers.iter().map(|layer| layer.size()).sum();
    let content = image.manifest_size + manifest.config().size() + layers;
    let files = images_view::unpacked_size(image, &Layers::new(engine.layout()));
    Ok(Node { id: image.id.clone(), disk: content + files, content, is_used: used.contains(&image.id) })
}
