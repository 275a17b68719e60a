//! A home of its own for one test: nothing of the user's is read, nothing outside is written, and at the
//! end no process, mount or file of it may be left.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::{Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use super::{Image, Output, PATIENCE, binary, eventually, remove_tree, within};

/// The search path of commands in a sandbox, and nothing else of the caller's environment.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";

/// Chooses the storage driver; the suite can be run with each.
const DRIVER: &str = "CORACLE_STORAGE_DRIVER";

/// One test's own home, runtime directory and store.
pub struct Sandbox {
    directory: PathBuf,
    program: PathBuf,
    environment: BTreeMap<String, OsString>,
}

impl Sandbox {
    /// An empty store. `/var/tmp`, since overlay's upper directories do not work on every tmpfs.
    pub fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        // Lower case and short: it becomes part of image names and of socket paths.
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let directory = PathBuf::from(format!("/var/tmp/coracle-{}-{number:03}", std::process::id()));
        remove_tree(&directory);
        DirBuilder::new().mode(0o700).create(&directory).expect("a directory in /var/tmp");
        for name in ["home", "run", "tmp", "images"] {
            DirBuilder::new().mode(0o700).create(directory.join(name)).expect("a sandbox directory");
        }
        let variables: [(&str, OsString); 9] = [
            ("PATH", PATH.into()),
            ("HOME", directory.join("home").into()),
            ("XDG_RUNTIME_DIR", directory.join("run").into()),
            ("TMPDIR", directory.join("tmp").into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
            ("TERM", "xterm".into()),
            ("RUST_BACKTRACE", "0".into()),
            // Nobody waits for a network that the next test does not use.
            ("CORACLE_NETWORK_LINGER", "0.1".into()),
        ];
        let environment = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut sandbox = Self { directory, program: binary().to_path_buf(), environment };
        if let Some(driver) = std::env::var(DRIVER).ok().filter(|driver| !driver.is_empty()) {
            sandbox.set(DRIVER, &driver);
        }
        sandbox
    }

    /// A sandbox whose store has `busybox:latest`.
    pub fn with_busybox() -> Self {
        let sandbox = Self::new();
        sandbox.add(&Image::busybox(), "busybox");
        sandbox
    }

    /// Puts an image into the store, under a name.
    pub fn add(&self, image: &Image, name: &str) {
        let server = super::Server::of_image(image, |_| None);
        let long = format!("{}/x:y", server.host());
        self.run(&format!("pull -q {long}")).success();
        self.run(&format!("tag {long} {name}")).success();
        self.run(&format!("rmi {long}")).success();
    }

    /// Writes an image as an OCI layout that `pull oci:` can read; its tag is `latest`.
    pub fn layout_of(&self, image: &Image, name: &str) -> PathBuf {
        let path = self.directory.join("images").join(name.replace(['/', ':'], "_"));
        if !path.exists() {
            image.write_layout(&path, "latest");
        }
        path
    }

    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// The coracle that this sandbox runs.
    pub fn program(&self) -> &Path {
        &self.program
    }

    pub fn home(&self) -> PathBuf {
        self.directory.join("home")
    }

    /// The data root, where the engine puts it by default.
    pub fn store(&self) -> PathBuf {
        self.home().join(".local/share/coracle")
    }

    /// Everything of one container on disk.
    pub fn container_directory(&self, id: &str) -> PathBuf {
        self.store().join("containers").join(id)
    }

    /// A directory in the sandbox that is not part of any store.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// A file in the sandbox with this content.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.join(name);
        fs::create_dir_all(path.parent().expect("files have a parent")).expect("a directory");
        fs::write(&path, content).expect("a file");
        path
    }

    /// Gives a variable to every later command.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.into());
    }

    /// An empty store whose containers are made with this storage driver.
    pub fn of_driver(driver: &str) -> Self {
        let mut sandbox = Self::new();
        sandbox.set(DRIVER, driver);
        sandbox
    }

    /// Takes a variable away from every later command.
    pub fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    /// Runs a copy of the binary that belongs to this user, as one installed in `~/.local/bin` does.
    pub fn own_binary(&mut self) -> PathBuf {
        let copy = self.directory("home/.local/bin").join("coracle");
        fs::copy(&self.program, &copy).expect("a copy of the binary");
        self.program = copy.clone();
        copy
    }

    /// A command line, split as a shell would.
    pub fn command(&self, line: &str) -> Invocation<'_> {
        let words = shlex::split(line).unwrap_or_else(|| panic!("unbalanced quotes: {line}"));
        self.command_of(&words)
    }

    /// A command of separate words.
    pub fn command_of<S: AsRef<str>>(&self, words: &[S]) -> Invocation<'_> {
        let mut command = Command::new(&self.program);
        command.args(words.iter().map(AsRef::as_ref));
        self.prepare(&mut command);
        let shown: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        Invocation {
            command,
            shown: format!("coracle {}", shown.join(" ")),
            input: Vec::new(),
            sandbox: self,
        }
    }

    /// Gives a command this sandbox's environment and home.
    pub fn prepare(&self, command: &mut Command) {
        command.env_clear().envs(&self.environment).current_dir(self.home());
    }

    /// Another program in the same surroundings: a witness such as `skopeo`.
    pub fn witness(&self, line: &str) -> Output {
        let words = shlex::split(line).unwrap_or_else(|| panic!("unbalanced quotes: {line}"));
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        self.prepare(&mut command);
        Invocation { command, shown: line.to_owned(), input: Vec::new(), sandbox: self }.finish()
    }

    /// Runs a command line to its end.
    pub fn run(&self, line: &str) -> Output {
        self.command(line).finish()
    }

    /// Runs a command of separate words to its end.
    pub fn run_words(&self, words: &[&str]) -> Output {
        self.command_of(words).finish()
    }

    /// One field of `inspect`, by its path: `State.Running`.
    pub fn inspect(&self, object: &str, path: &str) -> serde_json::Value {
        let document = self.run(&format!("inspect {object}")).success().json();
        let pointer = format!("/0/{}", path.replace('.', "/"));
        document
            .pointer(&pointer)
            .unwrap_or_else(|| panic!("inspect {object} has no {path}: {document:#}"))
            .clone()
    }

    /// The processes of this sandbox: everything that was started with its environment or has its files
    /// mounted. Those of containers change their environment, but not where their root comes from.
    pub fn processes(&self) -> Vec<i32> {
        let marker = self.directory.to_str().expect("sandboxes have plain names");
        let own = std::process::id() as i32;
        let entries = fs::read_dir("/proc").expect("a /proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(|pid| *pid != own && !is_zombie(*pid) && mentions(*pid, marker)).collect()
    }

    /// Asserts that no container and nothing a container needs is left: no process, no mount, no file.
    #[track_caller]
    pub fn assert_no_traces(&self) {
        let gone = within(PATIENCE / 4, || self.traces().is_empty().then_some(()));
        assert!(gone.is_some(), "left behind: {:#?}", self.traces());
    }

    /// What is left of containers.
    fn traces(&self) -> Vec<String> {
        let mut found: Vec<String> = self.processes().into_iter().map(describe).collect();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let marker = self.directory.to_str().expect("sandboxes have plain names");
        found.extend(mounts.lines().filter(|line| line.contains(marker)).map(str::to_owned));
        for name in ["containers", "names", "tmp"] {
            found.extend(entries_of(&self.store().join(name)));
        }
        // The network helper leaves its lock, whose name must stay: a lock on an unlinked file excludes nobody.
        let run = self.directory.join("run/coracle");
        found.extend(entries_of(&run).into_iter().filter(|name| !name.ends_with("/network")));
        found.extend(entries_of(&run.join("network")).into_iter().filter(|name| !name.ends_with("/lock")));
        found
    }

    /// Sends a signal to all processes of this sandbox.
    pub fn signal_processes(&self, signal: rustix::process::Signal) {
        for pid in self.processes() {
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, signal);
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let containers = self.run("ps -a -q --no-trunc");
        for id in containers.lines() {
            let _ = self.run(&format!("rm -f {id}"));
        }
        let calm = within(PATIENCE / 4, || self.processes().is_empty().then_some(())).is_some();
        let left: Vec<String> = self.processes().into_iter().map(describe).collect();
        self.signal_processes(rustix::process::Signal::KILL);
        if std::env::var_os("CORACLE_TEST_KEEP").is_some() {
            let _ = writeln!(std::io::stderr(), "kept {}", self.directory.display());
            return;
        }
        if std::thread::panicking() {
            let _ = std::panic::catch_unwind(|| remove_tree(&self.directory));
            return;
        }
        remove_tree(&self.directory);
        assert!(calm, "processes left behind by the sandbox: {left:#?}");
    }
}

/// A command that is about to run in a sandbox.
pub struct Invocation<'a> {
    command: Command,
    shown: String,
    input: Vec<u8>,
    sandbox: &'a Sandbox,
}

impl Invocation<'_> {
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.command.env(name, value.into());
        self
    }

    pub fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What arrives on standard input, before its end.
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = bytes.into();
        self
    }

    /// Runs to the end.
    pub fn finish(self) -> Output {
        let running = self.start();
        running.finish()
    }

    /// Starts, writes the input and closes it.
    pub fn start(mut self) -> Running {
        let input = std::mem::take(&mut self.input);
        let mut running = self.start_open();
        let mut stdin = running.stdin.take().expect("a pipe");
        std::thread::spawn(move || stdin.write_all(&input));
        running
    }

    /// Starts with standard input left open.
    pub fn start_open(mut self) -> Running {
        let _ = self.sandbox;
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.shown));
        let stdout = Collector::start(child.stdout.take().expect("a pipe"));
        let stderr = Collector::start(child.stderr.take().expect("a pipe"));
        Running { stdin: child.stdin.take(), child, stdout, stderr, shown: self.shown }
    }
}

/// A command that runs.
pub struct Running {
    pub child: Child,
    pub stdin: Option<std::process::ChildStdin>,
    stdout: Collector,
    stderr: Collector,
    shown: String,
}

impl Running {
    /// What it has said so far.
    pub fn said(&self) -> String {
        self.stdout.text()
    }

    /// Waits until it has said this.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let said = within(PATIENCE / 3, || self.said().contains(text).then_some(()));
        assert!(
            said.is_some(),
            "{} did not say {text:?}: {:?} {:?}",
            self.shown,
            self.said(),
            self.stderr.text()
        );
    }

    pub fn write(&mut self, text: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        stdin.write_all(text.as_bytes()).expect("the command reads");
        stdin.flush().expect("the command reads");
    }

    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the command still runs");
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits for the end of the command and of both streams: a command that is over while something else
    /// holds its streams open would hang the script that called it.
    #[track_caller]
    pub fn finish(mut self) -> Output {
        self.stdin = None;
        let status = within(PATIENCE, || self.child.try_wait().expect("a child"));
        let Some(status) = status else {
            let _ = self.child.kill();
            panic!("{} did not end: {:?} {:?}", self.shown, self.stdout.text(), self.stderr.text());
        };
        let closed =
            within(PATIENCE / 6, || (self.stdout.is_closed() && self.stderr.is_closed()).then_some(()));
        assert!(closed.is_some(), "{} has ended, but something holds its streams open", self.shown);
        Output { command: self.shown.clone(), status, bytes: self.stdout.bytes(), stderr: self.stderr.text() }
    }
}

/// Reads a stream in the background.
struct Collector {
    bytes: std::sync::Arc<std::sync::Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Collector {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = bytes.clone();
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 16384];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                sink.lock().expect("no reader panics").extend_from_slice(&buffer[..count]);
            }
        });
        Self { bytes, thread }
    }

    fn is_closed(&self) -> bool {
        self.thread.is_finished()
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().expect("no reader panics").clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

fn entries_of(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

fn is_zombie(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

fn mentions(pid: i32, marker: &str) -> bool {
    ["environ", "cmdline", "mountinfo"].iter().any(|file| {
        let content = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        content.windows(marker.len()).any(|window| window == marker.as_bytes())
    })
}

fn describe(pid: i32) -> String {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let command = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    let name = String::from_utf8_lossy(&read("comm")).trim_end().to_owned();
    format!("{pid} ({name}) {command}")
}

/// Waits until a container is in a state, as `inspect` tells it.
pub fn wait_for_status(sandbox: &Sandbox, container: &str, want: &str) {
    eventually(&format!("{container} is {want}"), || {
        (sandbox.inspect(container, "State.Status") == want).then_some(())
    });
}
