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
use crate::oci::platform::Platform;

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
    /// Which of the stage's steps it is, from 1: that of FROM, unless there is nothing to begin with.
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
    /// Its instructions, FROM included unless that is `scratch`.
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
    /// The platforms of the images that its stages begin with.
    pub platforms: Vec<Platform>,
}

impl Graph {
    /// Adds a stage whose steps are evaluated, upon layers that are known. `resolve` says what an origin of a step stands for;
    /// the stages among them were added before.
    pub fn add(
        &mut self,
        number: usize,
        mut stage: Stage,
        steps: Vec<Step>,
        ignores_cache: bool,
        mut resolve: impl FnMut(&Graph, &Step, &Origin) -> anyhow::Result<Root>,
    ) -> anyhow::Result<()> {
        let first = if stage.layers.is_empty() { 1 } else { 2 };
        stage.length = steps.len() + first - 1;
        for (index, step) in steps.into_iter().enumerate() {
            let created_by = step.created_by.clone();
            if step.action == Action::Configure {
                stage.history.push((created_by, None));
                continue;
            }
            let mut roots = Vec::new();
            for origin in origins(&step.action) {
                if !roots.iter().any(|(known, _)| *known == origin) {
                    roots.push((origin.clone(), resolve(self, &step, &origin)?));
                }
            }
            let below = stage.layers.clone();
            stage.layers.push(Below::Node(self.nodes.len()));
            stage.history.push((created_by, Some(self.nodes.len())));
            self.nodes.push(Node {
                stage: number,
                step,
                position: index + first,
                below,
                roots,
                ignores_cache,
            });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::step::{Copy, Lines, Run};

    fn step(action: Action) -> Step {
        let (shown, created_by) = (String::new(), String::new());
        Step { shown, lines: Lines::default(), action, config: ContainerConfig::default(), created_by }
    }

    fn run(command: &str) -> Step {
        step(Action::Run(Run { command: vec![command.to_owned()], ..Run::default() }))
    }

    fn copy(from: Origin, link: bool, owner: Option<&str>) -> Step {
        let copy = Copy {
            is_add: false,
            from,
            sources: vec![Source::Path("a".into())],
            destination: "/a".into(),
            owner: owner.map(str::to_owned),
            mode: None,
            link,
            parents: false,
            exclude: Vec::new(),
            checksum: None,
            keep_git_dir: false,
            unpack: None,
        };
        step(Action::Copy(copy))
    }

    fn graph(stages: Vec<Vec<Step>>) -> Graph {
        let mut graph = Graph::default();
        for (number, steps) in stages.into_iter().enumerate() {
            let stage = Stage { layers: vec![Below::Image(Digest::of(b"base"))], ..Stage::default() };
            let resolve = |graph: &Graph, _: &Step, origin: &Origin| {
                Ok(match origin {
                    Origin::Stage(stage) => Root::Layers(graph.stages[stage].layers.clone()),
                    _ => Root::Context(None),
                })
            };
            graph.add(number, stage, steps, false, resolve).unwrap();
        }
        graph
    }

    #[test]
    fn a_step_needs_what_is_below_and_what_it_copies() {
        let stage = Origin::Stage(0);
        let graph = graph(vec![
            vec![run("a"), step(Action::Configure), run("b")],
            vec![
                run("c"),
                copy(stage.clone(), false, None),
                copy(stage.clone(), true, Some("1:2")),
                copy(stage, true, Some("user")),
                copy(Origin::Context, false, None),
            ],
        ]);
        let needs: Vec<_> = graph.nodes.iter().map(Node::needs).collect();
        let want: [&[usize]; 7] = [&[], &[0], &[], &[0, 1, 2], &[0, 1], &[0, 1, 2, 3, 4], &[2, 3, 4, 5]];
        assert_eq!(needs, want);
        // A name is looked up in what is below.
        assert_eq!(graph.nodes.iter().map(Node::is_link).filter(|link| *link).count(), 1);
        assert_eq!(
            graph.stages[&0].history.iter().map(|(_, node)| *node).collect::<Vec<_>>(),
            [Some(0), None, Some(1)]
        );
        assert!(graph.nodes[6].needs_survey() && !graph.nodes[3].needs_survey());
        assert_eq!(graph.name(6), "[stage-1 6/6] ");
    }

    #[test]
    fn a_key_tells_all_that_a_step_depends_on() {
        let mut seen = std::collections::HashSet::new();
        let key = |step: Step, below: &[&str], root: &str, purpose: &str, options: &str| {
            let below: Vec<String> = below.iter().map(|&key| key.to_owned()).collect();
            let graph = graph(vec![vec![step]]);
            graph.nodes[0].key(&below, &[root.to_owned()], purpose, options)
        };
        let mut user = run("a");
        user.config.user = "1".into();
        let Action::Run(with_argument) = run("a").action else { unreachable!() };
        let argument = [("A".to_owned(), "b".to_owned())].into();
        let with_argument = Run { args: argument, ..with_argument };
        for (step, below, root, purpose, options) in [
            (run("a"), &["1"][..], "", "amd64", ""),
            (run("b"), &["1"], "", "amd64", ""),
            (run("a"), &["2"], "", "amd64", ""),
            (run("a"), &["1", "2"], "", "amd64", ""),
            (run("a"), &["1"], "3", "amd64", ""),
            (run("a"), &["1"], "", "arm64", ""),
            (run("a"), &["1"], "", "amd64", "host"),
            (user, &["1"], "", "amd64", ""),
            (step(Action::Run(with_argument)), &["1"], "", "amd64", ""),
            (copy(Origin::Context, false, None), &["1"], "", "amd64", ""),
        ] {
            assert!(seen.insert(key(step, below, root, purpose, options)));
        }
        // What belongs to programs alone, what is beneath a layer of its own, and proxies.
        let link = || copy(Origin::Context, true, None);
        assert_eq!(key(link(), &["1"], "", "", "a"), key(link(), &["2"], "", "", "b"));
        let Action::Run(mut proxied) = run("a").action else { unreachable!() };
        proxied.silent_args.insert("http_proxy".into(), "x".into());
        assert!(!seen.insert(key(step(Action::Run(proxied)), &["1"], "", "amd64", "")));
    }
}
