//! The order of the steps: each is begun as soon as what it needs is there, as many at once as the machine has room
//! for, and only if somebody needs it and the cache does not have it.
//!
//! The loop runs in one process without threads; steps are done by workers.

use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::copy::Survey;
use super::graph::{Below, Graph, Root};
use super::network::{Net, Nets};
use super::perform::{Job, RootFiles, perform};
use super::progress::Watch;
use super::tree::Tree;
use super::worker::{Answer, Worker, spawn};
use super::{StepFailed, Surroundings, copy, run};
use crate::base::digest::Digest;
use crate::base::exit::Interrupted;
use crate::build::step::{Action, RunNetwork};
use crate::config::paths::private_directory;
use crate::engine::namespace;
use crate::runtime::userns::UserNamespace;
use crate::store::build_cache::{BuildCache, Made};
use crate::store::layers::{Layers, Staging};
use crate::sys::signal::Signals;

/// How often progress is drawn anew.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A build on a machine with few processors still has steps that only wait.
const LEAST_WORKERS: usize = 4;

/// What is known of a node.
#[derive(Default)]
struct State {
    /// What is known of the files of contexts and addresses that it takes.
    survey: Option<Survey>,
    /// Under what its result is looked for.
    key: Option<Digest>,
    is_needed: bool,
    is_begun: bool,
    vertex: Option<usize>,
    /// Its files, while they are no layer yet or another's directory is.
    staging: Option<Staging>,
    is_ready: bool,
    made: Option<Made>,
}

/// What came of a node.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Under what it is looked for.
    pub key: Digest,
    pub made: Made,
}

/// A worker, and what it works at.
struct Running {
    worker: Worker,
    node: usize,
    has_answered: bool,
    net: Option<Net>,
}

/// A build's steps on their way.
pub struct Schedule<'a> {
    around: &'a Surroundings<'a>,
    graph: &'a Graph,
    /// The nodes that the image is made of.
    image: Vec<usize>,
    /// A directory for what the steps need, of this build alone.
    scratch: PathBuf,
    states: Vec<State>,
    running: Vec<Running>,
    user: Option<UserNamespace>,
    nets: Nets,
    slots: usize,
    watch: &'a mut dyn Watch,
}

impl<'a> Schedule<'a> {
    pub fn new(
        around: &'a Surroundings<'a>,
        graph: &'a Graph,
        target: &[Below],
        scratch: PathBuf,
        watch: &'a mut dyn Watch,
    ) -> Self {
        let image: Vec<usize> = target.iter().filter_map(Below::node).collect();
        let mut states: Vec<State> = graph.nodes.iter().map(|_| State::default()).collect();
        image.iter().for_each(|&node| states[node].is_needed = true);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            around,
            graph,
            image,
            nets: Nets::new(scratch.clone()),
            scratch,
            states,
            running: Vec::new(),
            user: None,
            slots: match around.wishes.jobs {
                0 => processors.max(LEAST_WORKERS),
                jobs => jobs,
            },
            watch,
        }
    }

    /// Does what is needed. Returns what came of each node, where that is known.
    pub fn run(&mut self) -> Result<Vec<Option<Outcome>>> {
        let signals = Signals::catch(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
        let signals = signals.context("catch signals")?;
        let done = self.until_done(&signals);
        if done.is_err() {
            self.give_up();
        }
        let outcome = |state: &State| Some(Outcome { key: state.key.clone()?, made: state.made.clone()? });
        done.map(|()| self.states.iter().map(outcome).collect())
    }

    /// The user's namespace, if anything was done in it; with what is left there to be cleared away.
    pub fn leave(self) -> (Option<UserNamespace>, Vec<Staging>) {
        drop(self.nets);
        let staged = self.states.into_iter().filter_map(|state| state.staging);
        (self.user, staged.collect())
    }

    fn until_done(&mut self, signals: &Signals) -> Result<()> {
        loop {
            self.advance()?;
            if self.running.is_empty() {
                return Ok(());
            }
            self.wait(signals)?;
        }
    }

    /// Begins all that can be begun.
    fn advance(&mut self) -> Result<()> {
        for node in 0..self.graph.nodes.len() {
            if self.states[node].made.is_none() && self.states[node].key.is_none() {
                self.find_key(node)?;
            }
        }
        // From the top down: what is needed is known before those that are needed for it are looked at.
        for node in (0..self.graph.nodes.len()).rev() {
            let state = &self.states[node];
            if !state.is_needed || state.made.is_some() || state.is_begun {
                continue;
            }
            let has_key = state.key.is_some();
            for need in self.graph.nodes[node].needs() {
                // Without the files that these have copied it is not known what to look for in the cache. What depends
                // on a step that is not there is hardly there itself: stages are not to wait for each other's copies.
                let is_missing = self.states[need].key.is_some() && self.states[need].made.is_none();
                if has_key || is_missing || self.graph.nodes[need].copies_layers() {
                    self.states[need].is_needed = true;
                }
            }
        }
        for node in 0..self.graph.nodes.len() {
            if self.busy() < self.slots && self.can_begin(node) {
                self.begin(node)?;
            }
        }
        Ok(())
    }

    /// Workers that have not yet made what others wait for.
    fn busy(&self) -> usize {
        self.running.iter().filter(|running| !self.states[running.node].is_ready).count()
    }

    /// Finds out under what a node's result is kept, and whether it is there; what is missing for that is begun.
    fn find_key(&mut self, node: usize) -> Result<()> {
        let described = &self.graph.nodes[node];
        if described.needs_survey() && self.states[node].survey.is_none() {
            let is_begun = self.running.iter().any(|running| running.node == node);
            if !is_begun && self.busy() < self.slots {
                self.survey(node)?;
            }
            return Ok(());
        }
        let below = if described.is_link() { Some(Vec::new()) } else { self.keys_below(&described.below) };
        let roots = described.roots.iter().map(|(_, root)| match root {
            Root::Context(_) => self.states[node].survey.as_ref().map(|survey| survey.digest.to_string()),
            Root::Layers(layers) => self.keys_below(layers).map(|keys| keys.join(" ")),
        });
        let roots = roots.collect::<Option<Vec<_>>>();
        let (Some(below), Some(roots)) = (below, roots) else { return Ok(()) };
        let survey = self.states[node].survey.iter().map(|survey| survey.digest.to_string());
        let roots: Vec<String> = roots.into_iter().chain(survey).collect();
        let key = described.key(&below, &roots, &self.around.purpose(), &self.around.run_options());
        if !described.ignores_cache
            && let Some(made) = BuildCache::new(self.around.engine.layout()).find(&key)
        {
            self.states[node].made = Some(made);
        }
        self.states[node].key = Some(key);
        self.show_if_cached(node);
        Ok(())
    }

    /// The keys of layers. Those of a step that is under way are known before it is done, but for copies from other
    /// stages, whose key is what they have copied.
    fn keys_below(&self, layers: &[Below]) -> Option<Vec<String>> {
        let key = |below: &Below| match below {
            Below::Image(layer) => Some(layer.to_string()),
            Below::Node(node) => {
                let state = &self.states[*node];
                match &state.made {
                    Some(made) => Some(made.key.to_string()),
                    None if self.graph.nodes[*node].copies_layers() => None,
                    None => state.key.as_ref().map(Digest::to_string),
                }
            }
        };
        layers.iter().map(key).collect()
    }

    fn show_if_cached(&mut self, node: usize) {
        if self.states[node].made.is_some() && self.states[node].vertex.is_none() {
            let vertex = self.watch.begin(&self.graph.name(node));
            self.states[node].vertex = Some(vertex);
            self.watch.cached(vertex);
        }
    }

    fn can_begin(&self, node: usize) -> bool {
        let state = &self.states[node];
        let is_there = |need: &usize| self.states[*need].is_ready || self.states[*need].made.is_some();
        state.is_needed
            && state.key.is_some()
            && state.made.is_none()
            && !state.is_begun
            && self.graph.nodes[node].needs().iter().all(is_there)
    }

    fn survey(&mut self, node: usize) -> Result<()> {
        let described = &self.graph.nodes[node];
        let around = self.around;
        let worker = spawn(None, |outlet| {
            let survey = copy::survey_context(around, described)?;
            outlet.say(&Answer::Surveyed(survey))
        })?;
        self.running.push(Running { worker, node, has_answered: false, net: None });
        Ok(())
    }

    fn begin(&mut self, node: usize) -> Result<()> {
        let described = &self.graph.nodes[node];
        let vertex = self.watch.begin(&self.graph.name(node));
        self.states[node].vertex = Some(vertex);
        self.states[node].is_begun = true;
        if self.user.is_none() {
            self.user = Some(namespace::open(self.around.engine)?.finish()?);
        }
        let user = self.user.as_ref().context("the namespace was made a moment ago")?;
        let net = match &described.step.action {
            Action::Run(step) if run::network(self.around, step) == RunNetwork::Default => {
                Some(self.nets.take(user)?)
            }
            _ => None,
        };
        let staging = Layers::new(self.around.engine.layout()).stage()?;
        let below = self.tree(&described.below);
        self.take_after_top(&staging, &below)?;
        let scratch = self.scratch.join(format!("step-{node}"));
        private_directory(&scratch)?;
        let roots = described.roots.iter().map(|(origin, root)| match root {
            Root::Context(name) => (origin.clone(), RootFiles::Context(name.clone())),
            Root::Layers(layers) => (origin.clone(), RootFiles::Layers(self.tree(layers))),
        });
        let below_keys = self.keys_below(&described.below).unwrap_or_default();
        let network = net.as_ref().map(|net| net.as_fd().try_clone_to_owned()).transpose()?;
        let job = Job {
            around: self.around,
            node: described,
            key: self.states[node].key.clone().context("its key is known")?,
            below,
            fetched: self.states[node].survey.iter().flat_map(|survey| survey.fetched.clone()).collect(),
            below_key: Digest::from_hasher(Sha256::new_with_prefix(below_keys.join(" "))),
            roots: roots.collect(),
            staging: &staging,
            scratch,
            network,
            keeps_blob: self.image.contains(&node) && self.around.wishes.makes_image(),
        };
        let worker = spawn(Some(user), |outlet| perform(&job, outlet))?;
        self.states[node].staging = Some(staging);
        self.running.push(Running { worker, node, has_answered: false, net });
        Ok(())
    }

    /// The root directory of an overlay is that of its upper layer: it takes after what is below.
    fn take_after_top(&self, staging: &Staging, below: &Tree) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let Some(top) = below.layers.last() else { return Ok(()) };
        let mode = std::fs::metadata(top).with_context(|| format!("inspect {top}"))?.permissions().mode();
        if mode & 0o7777 != 0o755 {
            let mode = std::fs::Permissions::from_mode(mode & 0o7777);
            std::fs::set_permissions(staging.path(), mode).context("prepare the layer")?;
        }
        Ok(())
    }

    /// Where layers are.
    fn tree(&self, layers: &[Below]) -> Tree {
        let layout = self.around.engine.layout();
        let path = |digest: &Digest| layout.layer(digest).to_string_lossy().into_owned();
        let layer = |below: &Below| match below {
            Below::Image(digest) => Some(path(digest)),
            Below::Node(node) => {
                let state = &self.states[*node];
                match (&state.made, &state.staging) {
                    (Some(made), _) => made.layer.as_ref().map(|layer| path(&layer.diff_id)),
                    (None, Some(staging)) => {
                        Some(format!("/proc/self/fd/{}", staging.dir().as_fd().as_raw_fd()))
                    }
                    (None, None) => None,
                }
            }
        };
        let layers = layers.iter().filter_map(layer).collect();
        Tree { layers, is_copied: self.around.is_copied }
    }

    /// Waits until a worker has something to say, and hears it.
    fn wait(&mut self, signals: &Signals) -> Result<()> {
        let ready = {
            let workers = self.running.iter().flat_map(|running| running.worker.descriptors());
            let mut fds: Vec<PollFd<'_>> = vec![PollFd::new(signals, PollFlags::IN)];
            fds.extend(workers.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            match poll(&mut fds, Some(&TICK)) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("wait for the steps"),
            }
            fds[1..].chunks(2).map(|pair| pair.iter().any(|fd| !fd.revents().is_empty())).collect::<Vec<_>>()
        };
        if let Some(number) = signals.next().context("read signals")? {
            return Err(Interrupted(u8::try_from(number)?).into());
        }
        self.watch.tick();
        for index in (0..self.running.len()).rev().filter(|&index| ready[index]) {
            self.hear(index)?;
        }
        Ok(())
    }

    fn hear(&mut self, index: usize) -> Result<()> {
        let answers = self.running[index].worker.answers()?;
        self.print(index)?;
        let node = self.running[index].node;
        let Some(answers) = answers else {
            let ended = self.running.swap_remove(index);
            let code = ended.worker.wait()?;
            if !ended.has_answered {
                let name = self.graph.name(node);
                return Err(anyhow!("{name}: the process that worked on it died (exit code {code})"));
            }
            return Ok(());
        };
        for answer in answers {
            self.answered(index, node, answer)?;
        }
        Ok(())
    }

    /// Shows what the step's program has printed.
    fn print(&mut self, index: usize) -> Result<()> {
        let running = &mut self.running[index];
        let vertex = self.states[running.node].vertex;
        running.worker.output(|bytes| {
            if let Some(vertex) = vertex {
                self.watch.print(vertex, bytes);
            }
        })?;
        Ok(())
    }

    fn answered(&mut self, index: usize, node: usize, answer: Answer) -> Result<()> {
        let is_last = !matches!(answer, Answer::Ready);
        self.running[index].has_answered |= is_last;
        let state = &mut self.states[node];
        let vertex = state.vertex.unwrap_or_default();
        match answer {
            Answer::Surveyed(survey) => state.survey = Some(survey),
            Answer::Ready => {
                state.is_ready = true;
                self.watch.done(vertex);
                if let Some(net) = self.running[index].net.take() {
                    self.nets.give_back(net);
                }
            }
            Answer::Stored { made, placed } => {
                state.made = Some(made);
                if placed && let Some(staging) = state.staging.take() {
                    staging.placed();
                }
            }
            Answer::Found { made } => {
                state.made = Some(made);
                self.watch.cached(vertex);
            }
            Answer::Exited(code) => {
                let command = match &self.graph.nodes[node].step.action {
                    Action::Run(run) => run.command.join(" "),
                    _ => self.graph.nodes[node].step.shown.clone(),
                };
                let why = format!("process \"{command}\" did not complete successfully: exit code: {code}");
                return Err(self.failed(node, why, ""));
            }
            Answer::Failed(failure) => {
                if self.states[node].vertex.is_none() {
                    self.states[node].vertex = Some(self.watch.begin(&self.graph.name(node)));
                }
                return Err(self.failed(node, failure.text, &failure.hint));
            }
        }
        Ok(())
    }

    fn failed(&mut self, node: usize, why: String, hint: &str) -> anyhow::Error {
        let vertex = self.states[node].vertex.unwrap_or_default();
        self.watch.failed(vertex, &why);
        let lines = self.graph.nodes[node].step.lines;
        let (name, hint) = (self.graph.name(node), hint.to_owned());
        StepFailed { vertex, name, lines, excerpt: Vec::new(), why, hint }.into()
    }

    /// Ends the steps that are not done; those that are become layers, so that the next build has them.
    fn give_up(&mut self) {
        let states = &self.states;
        self.running.retain(|running| states[running.node].is_ready);
        for running in std::mem::take(&mut self.running) {
            let mut running = running;
            let node = running.node;
            while let Ok(Some(answers)) = running.worker.answers() {
                for answer in answers {
                    if let Answer::Stored { placed: true, .. } = answer
                        && let Some(staging) = self.states[node].staging.take()
                    {
                        staging.placed();
                    }
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}
