//! Nothing is lost of images either: a command, a child of it, or both are killed before each call that changes anything,
//! threads included. After each death `system check` finds no damage, the same command succeeds, and when what it made
//! is gone again the store is as it was.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

use crate::faults::{Place, all_of, deaths, describe, entries, say};
use crate::support::trace::Fault;
use crate::support::{Access, Compression, Entry, Image, Layer, Registry, Server};

/// A command whose processes are killed. `{from}` is an image of a registry, `{to}` a name in another one, `{archive}`
/// an archive of a third image, `{context}` the directory of a Dockerfile.
struct Scenario {
    prepare: &'static [&'static str],
    command: &'static str,
    /// What takes away what it made.
    undo: &'static [&'static str],
}

const SCENARIOS: &[Scenario] = &[
    Scenario { prepare: &[], command: "pull -q {from}", undo: &["rmi {from}"] },
    Scenario { prepare: &["tag busybox {to}"], command: "push {to}", undo: &["rmi {to}"] },
    Scenario { prepare: &[], command: "load -q -i {archive}", undo: &["rmi loaded"] },
    Scenario { prepare: &[], command: "commit ended made", undo: &["rmi made"] },
    Scenario { prepare: &["pull -q {from}"], command: "rmi -f {from}", undo: &[] },
    Scenario { prepare: &["pull -q {from}"], command: "image prune -a -f --filter label=free", undo: &[] },
    Scenario {
        prepare: &["pull -q {from}", "tag {from} other"],
        command: "tag {from} busybox:second",
        undo: &["rmi other busybox:second {from}"],
    },
    Scenario {
        prepare: &[],
        command: "build -q --network none -t built {context}",
        undo: &["rmi built", "builder prune -a -f"],
    },
    Scenario { prepare: &["rmi -f nothing"], command: "system check --repair", undo: &[] },
];

/// Two stages, of which one is only copied from.
const DOCKERFILE: &str = "FROM busybox AS one\nRUN echo one > /one && rm /etc/passwd\n\
                          FROM busybox\nCOPY --from=one /one /two\nWORKDIR /three\n";

/// What all places share: both registries.
struct Surroundings {
    from: Server,
    to: Registry,
}

impl Surroundings {
    fn new() -> Self {
        let second =
            Layer::new(&[Entry::directory("d"), Entry::file("d/file", vec![b'x'; 5000])], Compression::Gzip);
        let image = Image::busybox().with_layer(second).set("Labels", serde_json::json!({"free": "yes"}));
        Self { from: Server::of_image(&image, |_| None), to: Registry::start(Access::Plain) }
    }

    fn fill(&self, line: &str, place: &Place) -> String {
        let archive = place.sandbox.path().join("archive.tar").display().to_string();
        let context = place.sandbox.path().join("context").display().to_string();
        line.replace("{context}", &context)
            .replace("{from}", &format!("{}/x:y", self.from.host()))
            .replace("{to}", &format!("{}/busybox:1", self.to.host()))
            .replace("{archive}", &archive)
    }
}

/// A place whose store has seen each command once, so that its directories and locks are there.
struct Store<'a> {
    place: Place,
    files: BTreeSet<PathBuf>,
    images: Vec<String>,
    around: &'a Surroundings,
}

impl<'a> Store<'a> {
    fn new(around: &'a Surroundings) -> Self {
        let place = Place::new();
        let (sandbox, archive) = (&place.sandbox, place.sandbox.path().join("archive.tar"));
        sandbox.add(&Image::busybox_and(&[Entry::file("loaded", "content")]), "loaded");
        sandbox.run(&format!("save -o {} loaded", archive.display())).success();
        sandbox.run("rmi loaded").success();
        std::fs::write(sandbox.directory("context").join("Dockerfile"), DOCKERFILE).expect("a file");
        let mut store = Self { place, files: BTreeSet::new(), images: Vec::new(), around };
        for scenario in SCENARIOS {
            store.run(scenario.prepare);
            store.run(&[scenario.command]);
            store.run(scenario.undo);
        }
        store.place.remember();
        store.files = store.list_files();
        store.images = store.list_images();
        store
    }

    fn run(&self, lines: &[&str]) {
        for line in lines {
            self.place.sandbox.run(&self.around.fill(line, &self.place)).success();
        }
    }

    fn list_files(&self) -> BTreeSet<PathBuf> {
        let places = ["images", "images/blobs/sha256", "cache/partial", "cache/build", "layers"];
        places.iter().flat_map(|name| entries(&self.place.sandbox.store().join(name))).collect()
    }

    fn list_images(&self) -> Vec<String> {
        let mut lines = self
            .place
            .sandbox
            .run("images -a --digests --format '{{.Repository}} {{.Tag}} {{.ID}}'")
            .success()
            .lines();
        lines.sort();
        lines
    }

    fn steps(&self, scenario: &Scenario) -> Vec<crate::support::trace::Step> {
        self.run(scenario.prepare);
        let steps = self.place.follow(&self.around.fill(scenario.command, &self.place), None).steps;
        self.run(scenario.undo);
        steps
    }

    fn suffer(&self, scenario: &Scenario, fault: &Fault) -> Result<(), String> {
        self.run(scenario.prepare);
        let seen = self.place.follow(&self.around.fill(scenario.command, &self.place), Some(fault));
        if seen.hung {
            return Err("the command hangs".into());
        }
        self.run(&["system check"]);
        // What it was to make was made, or is made now; what it was to remove is gone, or goes now.
        self.run(&[scenario.command]);
        self.run(&["system check --quick"]);
        self.run(scenario.undo);
        self.run(&["image prune -f"]);
        let (files, images) = (self.list_files(), self.list_images());
        if files != self.files || images != self.images {
            let files: Vec<_> = files.symmetric_difference(&self.files).collect();
            return Err(format!("left or missing: {files:#?}, images are {images:#?}"));
        }
        self.place.compare()
    }
}

#[test]
fn a_death_at_any_step_loses_no_image() {
    let around = Surroundings::new();
    let first = Store::new(&around);
    let all: Vec<_> = SCENARIOS
        .iter()
        .flat_map(|scenario| deaths(&first.steps(scenario)).into_iter().map(move |fault| (scenario, fault)))
        .collect();
    drop(first);
    // Most steps are of an archive that is unpacked or a layer that is removed, one file after the other.
    let share = |fault: &Fault| if fault.step.process.matches('.').count() > 1 { 64 } else { 12 };
    let queue = Mutex::new(all_of(all, |(scenario, fault)| {
        (describe(scenario.command, fault), fault.step.number, share(fault))
    }));
    let wrong = Mutex::new(Vec::new());
    let places = 4 * std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut store = Store::new(&around);
        while let Some((scenario, fault)) = { queue.lock().expect("no panic").pop() } {
            let result = catch_unwind(AssertUnwindSafe(|| store.suffer(scenario, &fault)));
            let result = result.unwrap_or_else(|_| Err("a command failed, see above".into()));
            if let Err(what) = result {
                say(&format!("{}: {what}", describe(scenario.command, &fault)));
                wrong.lock().expect("no panic").push(describe(scenario.command, &fault));
                store = Store::new(&around);
            }
        }
    };
    std::thread::scope(|scope| (0..places).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} deaths with consequences:\n{}", wrong.len(), wrong.join("\n"));
}
