//! Which steps there are and what each needs: pure.
//!
//! A node is a step that changes files. It needs the layers below it, unless it is a `COPY --link`, whose layer is
//! the same whatever is below; and the files that it copies or mounts from elsewhere. What nobody needs is no node of
//! the graph.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::base::digest::Digest;
use crate::build::dockerfile::Inherited;
use crate::build::step::{Action, Origin, RunMountKind, Source, Step};
use crate::oci::image::ContainerConfig;

/// A layer as those above it see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Below {
    /// Of an image.
    Image(Digest),
    Node(usize),
}

impl Below {
    pub fn node(&self) -> Option<usize> {
        match self {
            Self::Node(node) => Some(*node),
            Self::Image(_) => None,
        }
    }
}

/// Where files come from, once every name is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// A context: the main one, or by its name.
    Context(Option<String>),
    /// What these layers show.
    Layers(Vec<Below>),
}

#[derive(Clone, Debug)]
pub struct Node {
    pub stage: usize,
    pub step: Step,
    /// Which of the stage's instructions it is, from 1, the first being FROM.
    pub position: usize,
    /// Lowest first.
    pub below: Vec<Below>,
    /// What each origin that the step names stands for.
    pub roots: Vec<(Origin, Root)>,
    /// The step is done again whatever the cache says.
    pub ignores_cache: bool,
}

/// A stage that is needed.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    pub name: Option<String>,
    /// All layers once it is complete.
    pub layers: Vec<Below>,
    pub config: ContainerConfig,
    /// What a stage takes over that begins with this one.
    pub inherited: Inherited,
    /// Its instructions, FROM included.
    pub length: usize,
    /// What its image's history tells beyond its base's: the step, and the node where files change.
    pub history: Vec<(String, Option<usize>)>,
    pub author: Option<String>,
    /// The image that it begins with, through whatever stages.
    pub base: Option<Digest>,
}

#[derive(Clone, Debug, Default)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub stages: BTreeMap<usize, Stage>,
}

impl Graph {
    /// Adds a stage whose steps are evaluated, upon layers that are known. `resolve` says what an origin stands for;
    /// the stages among them were added before.
    pub fn add(
        &mut self,
        number: usize,
        mut stage: Stage,
        steps: Vec<Step>,
        ignores_cache: bool,
        mut resolve: impl FnMut(&Graph, &Origin) -> anyhow::Result<Root>,
    ) -> anyhow::Result<()> {
        stage.length = steps.len() + 1;
        for (index, step) in steps.into_iter().enumerate() {
            let created_by = step.created_by.clone();
            if step.action == Action::Configure {
                stage.history.push((created_by, None));
                continue;
            }
            let mut roots = Vec::new();
            for origin in origins(&step.action) {
                if !roots.iter().any(|(known, _)| *known == origin) {
                    roots.push((origin.clone(), resolve(self, &origin)?));
                }
            }
            let below = stage.layers.clone();
            stage.layers.push(Below::Node(self.nodes.len()));
            stage.history.push((created_by, Some(self.nodes.len())));
            self.nodes.push(Node { stage: number, step, position: index + 2, below, roots, ignores_cache });
        }
        self.stages.insert(number, stage);
        Ok(())
    }

    /// How progress calls a node: `[build 2/5] RUN make`.
    pub fn name(&self, node: usize) -> String {
        let node = &self.nodes[node];
        let stage = &self.stages[&node.stage];
        let place = format!("{}/{}", node.position, stage.length);
        let name = match &stage.name {
            Some(name) => format!("{name} "),
            None if self.stages.len() > 1 => format!("stage-{} ", node.stage),
            None => String::new(),
        };
        format!("[{name}{place}] {}", node.step.shown)
    }
}

impl Node {
    /// The nodes whose files the step reads or stands upon.
    pub fn needs(&self) -> Vec<usize> {
        let below = if self.is_link() { &[][..] } else { &self.below[..] };
        let of_roots = self.roots.iter().flat_map(|(_, root)| match root {
            Root::Layers(layers) => &layers[..],
            Root::Context(_) => &[],
        });
        let nodes = below.iter().chain(of_roots).filter_map(Below::node);
        let mut nodes: Vec<usize> = nodes.collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    /// Whether the step's layer is the same whatever is below it. An owner's name would be looked up there.
    pub fn is_link(&self) -> bool {
        match &self.step.action {
            Action::Copy(copy) => {
                let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
                copy.link && copy.owner.as_deref().is_none_or(is_number)
            }
            _ => false,
        }
    }

    /// Whether the step takes files that must be looked at before its key is known: a context's, or an address's.
    pub fn needs_survey(&self) -> bool {
        let from_context = self.roots.iter().any(|(_, root)| matches!(root, Root::Context(_)));
        let is_remote = |source: &Source| matches!(source, Source::Url(_) | Source::Git(_));
        let from_afar = matches!(&self.step.action, Action::Copy(copy) if copy.sources.iter().any(is_remote));
        from_context || from_afar
    }

    /// Whether the step takes files of other stages or images.
    pub fn copies_layers(&self) -> bool {
        let takes = |root: &Root| matches!(root, Root::Layers(_));
        matches!(self.step.action, Action::Copy(_)) && self.roots.iter().any(|(_, root)| takes(root))
    }

    /// The key of the step: what its result depends on. `below` are the keys of what it stands upon, `roots` what is
    /// known of each of its roots.
    pub fn key(&self, below: &[String], roots: &[String], purpose: &str, options: &str) -> Digest {
        let config = &self.step.config;
        let environment = match &self.step.action {
            Action::Run(_) => json!([config.env, config.user, config.working_dir]),
            // A relative owner is looked up below, which is part of the key.
            _ => json!([config.user]),
        };
        let action = match &self.step.action {
            Action::Configure => json!(null),
            Action::Workdir(path) => json!({ "workdir": path }),
            Action::Run(run) => {
                let mut run = run.clone();
                run.silent_args.clear();
                json!({ "run": run, "options": options })
            }
            Action::Copy(copy) => json!({ "copy": copy }),
        };
        let below = if self.is_link() { &[][..] } else { below };
        let parts = json!({
            "version": 1,
            "action": action,
            "environment": environment,
            "below": below,
            "roots": roots,
            "purpose": purpose,
        });
        Digest::from_hasher(Sha256::new_with_prefix(parts.to_string()))
    }
}

/// The origins that a step names, in order.
fn origins(action: &Action) -> Vec<Origin> {
    match action {
        Action::Configure | Action::Workdir(_) => Vec::new(),
        Action::Copy(copy) => {
            let takes = |source: &Source| matches!(source, Source::Path(_));
            if copy.sources.iter().any(takes) { vec![copy.from.clone()] } else { Vec::new() }
        }
        Action::Run(run) => {
            let origin = |kind: &RunMountKind| match kind {
                RunMountKind::Bind { from, .. } => Some(from.clone()),
                RunMountKind::Cache { from, .. } => from.clone(),
                _ => None,
            };
            run.mounts.iter().filter_map(|mount| origin(&mount.kind)).collect()
        }
    }
}
