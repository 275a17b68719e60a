//! Nothing is lost: the command, the supervisor, or both are killed before each call that changes anything. After
//! each death `ps -a` works, the record is the old one or the new one, one `rm -f` clears away what is on record
//! and the next writer the rest, and other containers are as they were.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::support::trace::{self, Fault, Seen, Step, Victims};
use crate::support::{Sandbox, within};

/// A command whose processes are killed, and what may be seen of its container `boat` afterwards.
struct Scenario {
    prepare: &'static [&'static str],
    command: &'static str,
    /// States of `ps -a` that are as before or as after; "" is not on record.
    allowed: &'static [&'static str],
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        prepare: &[],
        command: "create --name boat -v /data --network none busybox true",
        allowed: &["", "created"],
    },
    Scenario {
        prepare: &[],
        command: "run --name boat -v /data --network none busybox true",
        allowed: &["", "created", "running", "exited"],
    },
    Scenario {
        prepare: &[],
        command: "run --rm --name boat -v /data --network none busybox true",
        allowed: &["", "created", "running", "exited"],
    },
    // What is written over a volume and over an image is the container's.
    Scenario {
        prepare: &[],
        command: "run --name boat -v kept:/data:O --mount type=image,src=busybox,dst=/i,rw --network none busybox \
                  touch /data/new /i/new",
        allowed: &["", "created", "running", "exited"],
    },
    Scenario {
        prepare: &[
            "create --name boat -v kept:/data:O --mount type=image,src=busybox,dst=/i,rw --network none busybox \
             sh -c 'cat /data/new /i/new 2>/dev/null; echo x >/data/new; echo y >/i/new; ls /i/bin/busybox /i/new'",
            "start -a boat",
        ],
        command: "start -a boat",
        allowed: &["created", "running", "exited"],
    },
    Scenario {
        prepare: &[],
        command: "run -d --name boat --network none busybox sleep 1000",
        allowed: &["", "created", "running", "exited"],
    },
    Scenario {
        prepare: &["create --name boat --network none busybox sleep 1000"],
        command: "start boat",
        allowed: &["created", "running", "exited"],
    },
    Scenario {
        prepare: &["create --name boat --network none busybox sleep 1000"],
        command: "init boat",
        allowed: &["created", "initialized"],
    },
    Scenario {
        prepare: &["create --name boat --network none busybox sleep 1000", "init boat"],
        command: "start boat",
        allowed: &["initialized", "running"],
    },
    Scenario {
        prepare: &["create --name boat --network none busybox true"],
        command: "rename boat ship",
        allowed: &["created", ""],
    },
    Scenario {
        prepare: &["run -d --name boat --network none busybox sleep 1000"],
        command: "exec boat true",
        allowed: &["running"],
    },
    Scenario {
        prepare: &[
            "run -d --name boat --network none busybox sh -c 'trap exit TERM; while :; do sleep 0.01; done'",
        ],
        command: "stop boat",
        allowed: &["running", "exited"],
    },
    Scenario {
        prepare: &["run -d --name boat --network none busybox sleep 1000"],
        command: "restart -t 0 boat",
        allowed: &["running", "exited"],
    },
    Scenario {
        prepare: &["run -d --name boat --network none busybox sleep 1000"],
        command: "kill boat",
        allowed: &["running", "exited"],
    },
    Scenario {
        prepare: &["create --name boat -v /data --network none busybox true"],
        command: "rm -v boat",
        allowed: &["created", ""],
    },
    // Files of subordinate ids are removed in the user namespace.
    Scenario {
        prepare: &["run --name boat --network none busybox sh -c 'mkdir -p /d/e && chown -R 5:5 /d'"],
        command: "rm boat",
        allowed: &["exited", ""],
    },
    Scenario {
        prepare: &["run -d --name boat -v /data --network none busybox sleep 1000"],
        command: "rm -f -v boat",
        allowed: &["running", "exited", ""],
    },
];

/// A sandbox with a container that runs and one that has ended, which nothing may touch.
pub struct Place {
    pub sandbox: Sandbox,
    files: BTreeSet<PathBuf>,
    processes: BTreeSet<i32>,
    records: Vec<Vec<u8>>,
}

impl Place {
    pub fn new() -> Self {
        let sandbox = Sandbox::with_busybox();
        sandbox.run("run -d --name running -v kept:/data --network none busybox sleep 1000").success();
        sandbox.run("run --name other --network none busybox true").success();
        // The lock that renames take stays for good.
        sandbox.run("rename other ended").success();
        let mut place =
            Self { sandbox, files: BTreeSet::new(), processes: BTreeSet::new(), records: Vec::new() };
        place.remember();
        place
    }

    /// Takes what there is now for what there is to be.
    pub fn remember(&mut self) {
        self.files = self.list_files();
        self.processes = self.list_processes();
        self.records = self.read_records();
    }

    /// What there is in the directories that hold containers, volumes and work in progress.
    fn list_files(&self) -> BTreeSet<PathBuf> {
        let store = self.sandbox.store();
        let mut places: Vec<PathBuf> =
            ["containers", "names", "volumes", "tmp", "locks", "layers"].map(|name| store.join(name)).into();
        places.push(self.sandbox.path().join("run/coracle"));
        let mut inner: Vec<PathBuf> = places.iter().flat_map(|path| entries(path)).collect();
        let deeper: Vec<PathBuf> =
            entries(&store.join("containers")).iter().flat_map(|path| entries(path)).collect();
        inner.extend(deeper);
        inner.into_iter().collect()
    }

    fn list_processes(&self) -> BTreeSet<i32> {
        self.sandbox.processes().into_iter().collect()
    }

    fn read_records(&self) -> Vec<Vec<u8>> {
        let records = entries(&self.sandbox.store().join("containers"));
        records.iter().filter_map(|path| fs::read(path.join("container.json")).ok()).collect()
    }

    /// The state of `boat`; "" if it is not on record.
    fn state(&self) -> String {
        let output = self.sandbox.run("ps -a --format '{{.Names}} {{.State}}'");
        output.success().stderr("");
        let lines = output.lines();
        assert!(
            ["running running", "ended exited"].iter().all(|line| lines.iter().any(|has| has == line)),
            "{lines:?}"
        );
        lines.iter().find_map(|line| line.strip_prefix("boat ")).unwrap_or_default().to_owned()
    }

    pub fn follow(&self, line: &str, fault: Option<&Fault>) -> Seen {
        let words = shlex::split(line).expect("balanced quotes");
        let mut command = Command::new(self.sandbox.program());
        command.args(&words);
        self.sandbox.prepare(&mut command);
        let said = File::create(self.sandbox.path().join("said")).expect("a file");
        command.stdin(Stdio::null()).stdout(said.try_clone().expect("a copy")).stderr(said);
        let seen = trace::follow(command, fault);
        // One that was forked just before a death, which ends the tracing, is stopped, and nobody lets it go on.
        self.sandbox.signal_processes(rustix::process::Signal::CONT);
        seen
    }

    /// The steps of a command that nobody disturbs.
    fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        self.prepare(scenario);
        let steps = self.follow(scenario.command, None).steps;
        let _ = self.sandbox.run("rm -f -v boat");
        steps
    }

    fn prepare(&self, scenario: &Scenario) {
        for line in scenario.prepare {
            self.sandbox.run(line).success();
        }
    }

    /// Brings a death about and looks at what is left; what is wrong, if anything is.
    fn suffer(&self, scenario: &Scenario, fault: &Fault) -> Result<(), String> {
        self.prepare(scenario);
        let seen = self.follow(scenario.command, Some(fault));
        if seen.hung {
            return Err("the command hangs".into());
        }
        let state = self.state();
        if !scenario.allowed.contains(&state.as_str()) {
            return Err(format!("boat is {state:?}"));
        }
        if scenario.command == "start -a boat" {
            self.check_layers()?;
        }
        if scenario.command.contains("--rm") {
            // Nobody is to remove it by hand: the next writer does.
            self.sandbox.run("create --name writer --network none busybox true").success();
            self.sandbox.run("rm writer").success();
            if within(Duration::from_secs(2), || (self.state().is_empty()).then_some(())).is_none() {
                return Err(format!("boat was to be removed and is {:?}", self.state()));
            }
        }
        if !self.state().is_empty() {
            self.sandbox.run("rm -f -v boat").success().stderr("");
        }
        if scenario.command.starts_with("rename") {
            self.check_renamed(state.is_empty())?;
        }
        // Its name is free, and whatever writes next collects what is left.
        self.sandbox.run("create --name boat --network none busybox true").success();
        self.sandbox.run("rm boat").success();
        self.compare()
    }

    /// What is laid over the container's mounts is mounted again, and has nothing of a run before: podman's `O`.
    fn check_layers(&self) -> Result<(), String> {
        self.sandbox.run("wait boat").success();
        let again = self.sandbox.run("start -a boat");
        match again.success().out().as_str() {
            "/i/bin/busybox\n/i/new\n" => Ok(()),
            said => Err(format!("the next start says {said:?}")),
        }
    }

    /// The container is there under one of its two names, and the other one is free.
    fn check_renamed(&self, has_new_name: bool) -> Result<(), String> {
        let ship = self.sandbox.run("inspect --format {{.Name}} ship");
        if has_new_name != (ship.exit_code() == 0) {
            return Err("boat and ship are both there, or neither is".into());
        }
        if has_new_name {
            self.sandbox.run("rm -f -v ship").success().stderr("");
        }
        self.sandbox.run("create --name ship --network none busybox true").success();
        self.sandbox.run("rm ship").success();
        Ok(())
    }

    /// What is left, and what is missing, after everything was cleared away.
    pub fn compare(&self) -> Result<(), String> {
        let differences = || -> Vec<String> {
            let (files, processes) = (self.list_files(), self.list_processes());
            let path = |path: &PathBuf| path.display().to_string();
            let mut all: Vec<String> = files.symmetric_difference(&self.files).map(path).collect();
            all.extend(processes.symmetric_difference(&self.processes).map(|pid| format!("process {pid}")));
            all
        };
        if within(Duration::from_secs(2), || differences().is_empty().then_some(())).is_none() {
            return Err(format!("left or missing: {:#?}", differences()));
        }
        if self.read_records() != self.records {
            return Err("another container's record has changed".into());
        }
        Ok(())
    }
}

pub fn entries(directory: &std::path::Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// Every death: of each process at each of its steps, alone and together with the command.
pub fn deaths(steps: &[Step]) -> Vec<Fault> {
    let alone = steps.iter().map(|step| Fault { step: step.clone(), victims: Victims::One });
    let children = steps.iter().filter(|step| step.process != "0");
    let together = children.map(|step| Fault { step: step.clone(), victims: Victims::WithCommand });
    alone.chain(together).collect()
}

/// Whether a step is made in a container's own mount namespace, which ends with its process: whatever is killed at
/// one of those finds the disk as at the next, so a sample of them will do.
fn is_inside(step: &Step) -> bool {
    step.process.matches('.').count() > 1
}

/// One in how many deaths of a kind is enough for every day. Two processes that are killed at once leave what one of
/// them leaves, but for who could have cleared it away.
fn share(fault: &Fault) -> usize {
    match fault.victims {
        _ if is_inside(&fault.step) => 16,
        Victims::One => 1,
        Victims::WithCommand => 4,
    }
}

/// The deaths of all scenarios.
fn all_deaths(place: &Place) -> Vec<(&'static Scenario, Fault)> {
    let of_each = SCENARIOS
        .iter()
        .flat_map(|scenario| deaths(&place.steps(scenario)).into_iter().map(move |fault| (scenario, fault)));
    all_of(of_each.collect(), |(scenario, fault)| {
        (describe(scenario.command, fault), fault.step.number, share(fault))
    })
}

/// Those that are to be brought about, of all that `tell` describes, numbers, and says the share of.
/// `CORACLE_TEST_FAULTS=all` leaves none out; another value picks those whose description holds it.
pub fn all_of<T>(mut all: Vec<T>, tell: impl Fn(&T) -> (String, usize, usize)) -> Vec<T> {
    let wanted = std::env::var("CORACLE_TEST_FAULTS").unwrap_or_default();
    let every = all.len();
    match wanted.as_str() {
        "all" => {}
        "" => all.retain(|one| {
            let (_, number, share) = tell(one);
            number % share == 1 % share
        }),
        text => all.retain(|one| tell(one).0.contains(text)),
    }
    say(&format!("{} of {every} deaths; CORACLE_TEST_FAULTS=all is all of them", all.len()));
    all
}

pub fn describe(command: &str, fault: &Fault) -> String {
    let Fault { step, victims } = fault;
    format!("{command}: {victims:?} at {}:{} {}", step.process, step.number, step.call)
}

/// Past the test runner's capture, since it says what was left out.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "faults: {text}");
}

#[test]
fn a_death_at_any_step_loses_nothing() {
    let queue = Mutex::new(all_deaths(&Place::new()));
    let wrong = Mutex::new(Vec::new());
    // A place waits more than it works.
    let places = 4 * std::thread::available_parallelism().map_or(2, usize::from);
    let work = || {
        let mut place = Place::new();
        while let Some((scenario, fault)) = { queue.lock().expect("no panic").pop() } {
            let result = catch_unwind(AssertUnwindSafe(|| place.suffer(scenario, &fault)));
            let result = result.unwrap_or_else(|_| Err("a command failed, see above".into()));
            if let Err(what) = result {
                say(&format!("{}: {what}", describe(scenario.command, &fault)));
                wrong.lock().expect("no panic").push(describe(scenario.command, &fault));
                // What is wrong here is not to be blamed on the next one.
                place = Place::new();
            }
        }
    };
    std::thread::scope(|scope| (0..places).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} deaths with consequences:\n{}", wrong.len(), wrong.join("\n"));
}
