//! A terminal, as a person's: a command runs on its slave side, the test types and reads on the other.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{LocalModes, OutputModes, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetwinsize};

use super::{PATIENCE, Sandbox, within};

/// A terminal of 80 columns and 24 rows with one command on it.
pub struct Pty {
    /// Its other side, until it hangs up.
    master: Option<File>,
    /// Keeps the terminal alive after the command, so that its modes can be asked for.
    slave: OwnedFd,
    child: Child,
    said: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
    hung_up: Arc<AtomicBool>,
}

impl Pty {
    /// Runs a coracle command line on a new terminal.
    pub fn coracle(sandbox: &Sandbox, line: &str) -> Self {
        let words = shlex::split(line).expect("balanced quotes");
        Self::spawn(sandbox, &sandbox.program().display().to_string(), &words)
    }

    /// Runs a shell of the host on a new terminal, to start coracle from it as a person does.
    pub fn shell(sandbox: &Sandbox) -> Self {
        Self::spawn(sandbox, "/bin/bash", &["--norc".into(), "--noprofile".into(), "-i".into()])
    }

    /// Runs another program of the host, or one of its shells.
    pub fn program(sandbox: &Sandbox, program: &str, arguments: &[String]) -> Self {
        Self::spawn(sandbox, program, arguments)
    }

    fn spawn(sandbox: &Sandbox, program: &str, arguments: &[String]) -> Self {
        let master =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let slave =
            ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
                .expect("the other side");
        tcsetwinsize(&slave, size(80, 24)).expect("a size");
        let end = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program).args(arguments);
        sandbox.prepare(&mut command);
        command.env("PS1", "host> ").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().expect("setsid of util-linux");
        let master = File::from(master);
        let said = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (master.try_clone().expect("a descriptor"), said.clone());
        let hung_up = Arc::new(AtomicBool::new(false));
        let over = hung_up.clone();
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let moment = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            while !over.load(Ordering::Relaxed) {
                let mut fds = [PollFd::new(&reader, PollFlags::IN)];
                if poll(&mut fds, Some(&moment)).is_ok_and(|count| count == 0) {
                    continue;
                }
                let Ok(count @ 1..) = reader.read(&mut buffer) else { return };
                sink.lock().expect("no reader panics").extend_from_slice(&buffer[..count]);
            }
        });
        Self { master: Some(master), slave, child, said, reader: Some(reader), hung_up }
    }

    /// The terminal goes, as one whose window is closed or whose connection breaks.
    pub fn hang_up(&mut self) {
        self.hung_up.store(true, Ordering::Relaxed);
        self.reader.take().expect("it hangs up once").join().expect("the reader ends");
        self.master = None;
    }

    fn master(&self) -> &File {
        self.master.as_ref().expect("an open terminal")
    }

    /// Everything that has appeared so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().expect("no reader panics")).into_owned()
    }

    /// Waits until a text appears, and forgets everything up to its end.
    #[track_caller]
    pub fn expect(&self, text: &str) {
        let found = within(PATIENCE / 3, || {
            let mut said = self.said.lock().expect("no reader panics");
            let at = said.windows(text.len()).position(|window| window == text.as_bytes())?;
            said.drain(..at + text.len());
            Some(())
        });
        assert!(found.is_some(), "the terminal did not show {text:?}: {:?}", self.screen());
    }

    pub fn type_in(&mut self, text: &str) {
        self.master().write_all(text.as_bytes()).expect("an open terminal");
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        // The kernel tells the foreground process group by SIGWINCH, as on a person's terminal.
        tcsetwinsize(self.master(), size(columns, rows)).expect("a size");
    }

    pub fn window(&self) -> (u16, u16) {
        let size = tcgetwinsize(&self.slave).expect("a size");
        (size.ws_col, size.ws_row)
    }

    pub fn modes(&self) -> Termios {
        tcgetattr(&self.slave).expect("modes")
    }

    /// Whether keys pass through unchanged: no echo, no lines, no signals.
    pub fn is_raw(&self) -> bool {
        let modes = self.modes();
        !modes.local_modes.intersects(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }

    /// Whether the modes are those of a new terminal.
    pub fn is_cooked(&self) -> bool {
        let modes = self.modes();
        modes.local_modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
            && modes.output_modes.contains(OutputModes::OPOST)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the command still runs");
    }

    /// Waits for the end; a death by signal counts as 128 and the signal.
    #[track_caller]
    pub fn exit_code(&mut self) -> i32 {
        use std::os::unix::process::ExitStatusExt;
        let status: Option<ExitStatus> = within(PATIENCE / 3, || self.child.try_wait().expect("a child"));
        let status = status.unwrap_or_else(|| panic!("the command did not end: {:?}", self.screen()));
        status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 }
}
