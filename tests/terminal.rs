//! A terminal that feels local.

use rustix::process::Signal;

use crate::support::{Pty, Sandbox, eventually};

#[test]
fn a_shell_talks() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm --interactive --tty -h boat busybox sh");
    terminal.expect("/ # ");
    terminal.type_in("hostname\n");
    terminal.expect("boat\r\n");
    terminal.expect("/ # ");
    terminal.type_in("date +%Y; tty\n");
    terminal.expect("/dev/pts/0\r\n");
    terminal.type_in("exit 7\n");
    assert_eq!(terminal.exit_code(), 7);
    sandbox.assert_no_traces();
}

#[test]
fn raw_while_it_runs_and_as_before_at_the_end() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it busybox sh");
    assert!(terminal.is_cooked());
    terminal.expect("/ # ");
    assert!(terminal.is_raw());
    terminal.type_in("exit\n");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.is_cooked());
}

#[test]
fn modes_come_back_after_an_error() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it busybox no-such-program");
    assert_eq!(terminal.exit_code(), 127);
    assert!(terminal.is_cooked());
}

#[test]
fn modes_come_back_after_a_signal() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it --init busybox sh -c 'echo ready; sleep 1000'");
    terminal.expect("ready");
    terminal.signal(Signal::TERM);
    terminal.exit_code();
    assert!(terminal.is_cooked());
}

#[test]
fn the_window_size_is_passed_on() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it busybox sh");
    terminal.expect("/ # ");
    terminal.type_in("stty size\n");
    terminal.expect("24 80\r\n");
    terminal.resize(132, 50);
    assert_eq!(terminal.window(), (132, 50));
    eventually("the new size arrives", || {
        terminal.type_in("stty size\n");
        std::thread::sleep(std::time::Duration::from_millis(100));
        terminal.screen().contains("50 132\r\n").then_some(())
    });
    terminal.type_in("exit\n");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn the_window_has_its_size_before_the_program_starts() {
    let sandbox = Sandbox::with_busybox();
    for command in ["run --rm -it busybox stty size", "run --rm -t busybox sh -c 'stty size <&1'"] {
        let mut terminal = Pty::coracle(&sandbox, command);
        terminal.expect("24 80");
        assert_eq!(terminal.exit_code(), 0);
    }
}

#[test]
fn a_program_is_told_of_a_new_size() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"stty size\" WINCH; trap \"exit 0\" INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Pty::coracle(&sandbox, &format!("run --rm -it busybox sh -c '{script}'"));
    terminal.expect("ready");
    terminal.resize(100, 40);
    terminal.expect("40 100");
    terminal.type_in("\x03");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn ctrl_c_is_the_programs_business() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo caught; exit 4\" INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Pty::coracle(&sandbox, &format!("run --rm -it busybox sh -c '{script}'"));
    terminal.expect("ready");
    terminal.type_in("\x03");
    terminal.expect("caught");
    assert_eq!(terminal.exit_code(), 4);
}

#[test]
fn ctrl_c_without_a_terminal_inside_is_forwarded() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo caught; exit 4\" INT; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Pty::coracle(&sandbox, &format!("run --rm busybox sh -c '{script}'"));
    terminal.expect("ready");
    assert!(terminal.is_cooked(), "the terminal belongs to the caller");
    terminal.type_in("\x03");
    terminal.expect("caught");
    assert_eq!(terminal.exit_code(), 4);
}

#[test]
fn ctrl_d_ends_the_input() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it busybox cat");
    terminal.type_in("line\n");
    terminal.expect("line\r\nline\r\n");
    terminal.type_in("\x04");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn detach_keys_leave_it_running() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run -it --name boat busybox sh");
    terminal.expect("/ # ");
    terminal.type_in("\x10\x11");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.is_cooked());
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);

    let mut again = Pty::coracle(&sandbox, "attach boat");
    std::thread::sleep(std::time::Duration::from_millis(300));
    again.type_in("echo hello again\n");
    again.expect("hello again\r\n");
    again.type_in("\x10\x11");
    again.expect("read escape sequence");
    assert_eq!(again.exit_code(), 1);
    assert!(again.is_cooked());
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
}

#[test]
fn half_of_the_detach_keys_is_passed_on() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(
        &sandbox,
        "run --rm -it busybox sh -c 'stty raw -echo; echo ready; head -c 2 | od -An -tx1'",
    );
    terminal.expect("ready");
    terminal.type_in("\x10x");
    terminal.expect("10 78");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn other_detach_keys() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run -it --name boat --detach-keys ctrl-x,q busybox sh");
    terminal.expect("/ # ");
    terminal.type_in("\x18q");
    assert_eq!(terminal.exit_code(), 0);
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
    sandbox.run("run -it --detach-keys nonsense-key busybox true").code(125).one_clear_line();
}

#[test]
fn exec_has_a_terminal_of_its_own() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let mut terminal = Pty::coracle(&sandbox, "exec -it boat sh");
    terminal.expect("/ # ");
    assert!(terminal.is_raw());
    terminal.type_in("stty size; test -t 0 && echo yes; exit 3\n");
    terminal.expect("24 80\r\n");
    terminal.expect("yes\r\n");
    assert_eq!(terminal.exit_code(), 3);
    assert!(terminal.is_cooked());
    let mut terminal = Pty::coracle(&sandbox, "exec -it boat sh");
    terminal.expect("/ # ");
    terminal.type_in("\x10\x11");
    terminal.expect("read escape sequence");
    assert_eq!(terminal.exit_code(), 1);
}

#[test]
fn jobs_of_the_calling_shell() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::shell(&sandbox);
    let program = sandbox.program().display().to_string();
    terminal.expect("host> ");
    terminal.type_in(&format!("{program} run --rm busybox sh -c 'echo ready; sleep 3; echo done'\n"));
    terminal.expect("ready\r\n");
    terminal.type_in("\x1a");
    terminal.expect("Stopped");
    terminal.expect("host> ");
    terminal.type_in("fg\n");
    terminal.expect("done\r\n");
    terminal.expect("host> ");
    terminal.type_in("echo code $?; exit\n");
    terminal.expect("code 0");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn in_the_background_of_the_calling_shell() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::shell(&sandbox);
    let program = sandbox.program().display().to_string();
    terminal.expect("host> ");
    terminal.type_in(&format!("{program} run --rm busybox echo from behind & wait\n"));
    terminal.expect("from behind");
    terminal.type_in("exit\n");
    assert_eq!(terminal.exit_code(), 0);
}

/// The exit code of a command whose terminal has gone.
const HUNG_UP: i32 = 129;

#[test]
fn a_lost_terminal_does_not_end_the_container() {
    let sandbox = Sandbox::with_busybox();
    let script = "trap \"echo hang up; touch /told\" HUP; echo ready; while :; do sleep 0.1; done";
    let mut terminal = Pty::coracle(&sandbox, &format!("run -it --name boat busybox sh -c '{script}'"));
    terminal.expect("ready");
    terminal.hang_up();
    assert_eq!(terminal.exit_code(), HUNG_UP);
    assert_eq!(sandbox.inspect("boat", "State.Running"), true);
    sandbox.run("exec boat test -e /told").success();
    // Who came later takes nothing along.
    for command in ["attach boat", "start -ai boat"] {
        sandbox.run("exec boat rm -f /told").success();
        let mut terminal = Pty::coracle(&sandbox, command);
        eventually("it is attached", || terminal.is_raw().then_some(()));
        terminal.hang_up();
        assert_eq!(terminal.exit_code(), HUNG_UP, "{command}");
        assert_eq!(sandbox.inspect("boat", "State.Running"), true, "{command}");
        sandbox.run("exec boat test -e /told").code(1);
    }
}

#[test]
fn with_rm_a_container_ends_with_its_terminal() {
    let sandbox = Sandbox::with_busybox();
    for (program, code) in [
        ("sh", HUNG_UP),
        ("sh -c 'echo \"/ #\"; while :; do date; sleep 0.01; done'", HUNG_UP),
        (
            "sh -c 'trap \"sleep 0.5; touch /data/told; exit 7\" HUP; echo \"/ #\"; while :; do sleep 0.1; done'",
            7,
        ),
    ] {
        let data = sandbox.directory("data");
        let mut terminal =
            Pty::coracle(&sandbox, &format!("run --rm -it -v {}:/data busybox {program}", data.display()));
        terminal.expect("/ #");
        terminal.hang_up();
        assert_eq!(terminal.exit_code(), code, "{program}");
        assert_eq!(data.join("told").exists(), code == 7, "{program}");
        sandbox.assert_no_traces();
    }
    // One that was made before is removed as well.
    sandbox.run("create --rm -it --name boat busybox sh").success();
    let mut terminal = Pty::coracle(&sandbox, "start -ai boat");
    terminal.expect("/ #");
    terminal.hang_up();
    assert_eq!(terminal.exit_code(), HUNG_UP);
    sandbox.assert_no_traces();
}

#[test]
fn a_second_program_hears_that_its_terminal_is_gone() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    let programs = |count: usize| {
        eventually("only what ignores it goes on", || {
            (sandbox.run("top boat").lines().len() == count + 1).then_some(())
        });
    };
    for program in ["sh", "sh -c 'echo \"/ #\"; exec sleep 1000'"] {
        let mut terminal = Pty::coracle(&sandbox, &format!("exec -it boat {program}"));
        terminal.expect("/ #");
        terminal.hang_up();
        terminal.exit_code();
        programs(1);
    }
    let mut terminal =
        Pty::coracle(&sandbox, "exec -it boat sh -c 'trap \"\" HUP; echo \"/ #\"; exec sleep 1000'");
    terminal.expect("/ #");
    terminal.hang_up();
    assert_eq!(terminal.exit_code(), HUNG_UP);
    programs(2);
}

#[test]
fn modes_come_back_where_signals_are_not_passed_on() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name boat busybox sleep 1000").success();
    for (command, signal, code) in [
        ("exec -it boat sh -c 'echo ready; sleep 1000'", Signal::TERM, 143),
        ("run -it --sig-proxy=false --name other busybox sh -c 'echo ready; sleep 1000'", Signal::HUP, 129),
    ] {
        let mut terminal = Pty::coracle(&sandbox, command);
        terminal.expect("ready");
        eventually("it is raw", || terminal.is_raw().then_some(()));
        terminal.signal(signal);
        assert_eq!(terminal.exit_code(), code, "{command}");
        assert!(terminal.is_cooked());
    }
    assert_eq!(sandbox.inspect("other", "State.Running"), true);
}

#[test]
fn asking_for_a_terminal_without_one() {
    let sandbox = Sandbox::with_busybox();
    let output = sandbox.command("run --rm -it busybox true").input("").finish();
    output.code(1).stderr_has("the input device is not a TTY").one_clear_line();
    sandbox.run("run --rm -t busybox sh -c 'test -t 1 && echo yes'").success().stdout("yes\r\n");
    sandbox.assert_no_traces();
}

#[test]
fn much_text_passes_whole() {
    let sandbox = Sandbox::with_busybox();
    let mut terminal = Pty::coracle(&sandbox, "run --rm -it busybox seq 1 20000");
    assert_eq!(terminal.exit_code(), 0);
    eventually("all of it has arrived", || terminal.screen().contains("\n20000\r\n").then_some(()));
    let screen = terminal.screen();
    let lines: Vec<&str> = screen.lines().collect();
    assert_eq!(lines.len(), 20_000);
    // Before the first there may have been how far the image was copied.
    let first = lines[0].rsplit('\u{1b}').next().map(|last| last.trim_start_matches("[2K"));
    assert_eq!((first, lines[12_344]), (Some("1"), "12345"));
}
