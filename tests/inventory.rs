//! Small verbs about containers there are: `rename`, `port`, `container prune`, `top`, sizes.

use crate::skip;
use crate::support::{Sandbox, eventually, program};

#[test]
fn another_name() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("run -d --name old --network none busybox sleep 1000").success().line();
    sandbox.run("create --name other busybox true").success();
    sandbox.run("rename old new").success().stdout("");
    sandbox.run("ps --format {{.Names}}").success().stdout("new\n");
    assert_eq!(sandbox.inspect("new", "Id"), id.as_str());
    sandbox.run("inspect old").code(1);
    let other = sandbox.inspect("other", "Id");
    let other = other.as_str().unwrap();
    for (line, error) in [
        (
            "new other",
            format!(
                "Error when allocating new name: Conflict. The container name \"/other\" is already in use by container \"{other}\". You have to remove (or rename) that container to be able to reuse that name."
            ),
        ),
        ("new new", "Renaming a container with the same name as its current name".to_owned()),
        ("nothing x1", "No such container: nothing".to_owned()),
        ("new ''", "Neither old nor new names may be empty".to_owned()),
        ("new a/b", "Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed".to_owned()),
    ] {
        sandbox.run(&format!("rename {line}")).code(1).stderr(&format!("Error: {error}\n"));
    }
    let told = sandbox.run("events --until 0s --filter event=rename --format {{.Actor.Attributes.oldName}}");
    told.success().stdout("/old\n");
    // The supervisor, which has known it by the old name, writes the end down under the new one.
    sandbox.run("stop -t 0 new").success();
    sandbox.run("ps -a --format {{.Names}} --filter status=exited").success().stdout("new\n");
    sandbox.run("container rename new old").success();
    sandbox.run("rm old other").success();
    // And one that goes by itself takes its last name along.
    sandbox.run("run -d --rm --name first --network none busybox sleep 1000").success();
    sandbox.run("rename first last").success();
    sandbox.run("stop -t 0 last").success();
    sandbox.assert_no_traces();
}

#[test]
fn where_ports_are() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name still -p 127.0.0.1:0:80 busybox true").success();
    sandbox.run("port still").success().stdout("");
    sandbox.run("port nothing").code(1).stderr("Error: No such container: nothing\n");
    sandbox.run("port still 80").code(1).stderr("Error: no public port '80/tcp' published for still\n");
    sandbox.run("port still x").code(1).stderr_has("invalid port 'x'");
    let ports = "-p 127.0.0.1:0:80 -p 127.0.0.1:0:53/udp";
    let started = sandbox.run(&format!("run -d --name live {ports} busybox sleep 1000"));
    if started.exit_code() != 0 {
        skip!("no network here: {}", started.stderr);
    }
    let lines = sandbox.run("port live").success().lines();
    assert!(
        lines[0].starts_with("53/udp -> 127.0.0.1:") && lines[1].starts_with("80/tcp -> 127.0.0.1:"),
        "{lines:?}"
    );
    let place = lines[1].rsplit_once(" -> ").unwrap().1;
    for word in ["80", "80/tcp", "80/TCP"] {
        sandbox.run(&format!("port live {word}")).success().stdout(&format!("{place}\n"));
    }
    sandbox.run("port live 80/udp").code(1).stderr("Error: no public port '80/udp' published for live\n");
}

#[test]
fn prune_takes_what_does_not_run() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    let script = "dd if=/dev/zero of=/f bs=1000 count=5 2>/dev/null";
    sandbox
        .run_words(&["run", "--name", "ended", "--network", "none", "busybox", "sh", "-c", script])
        .success();
    sandbox.run("create --name labelled --label keep=yes busybox true").success();
    let names = || sandbox.run("ps -a --format {{.Names}}").success().lines();
    let asked = sandbox.command("container prune").input("n\n").finish();
    asked.stdout_has("WARNING! This will remove all stopped containers.");
    asked.stdout_has("Are you sure you want to continue? [y/N] ");
    assert_eq!(names().len(), 3);
    sandbox.run("container prune -f --filter until=10m").success().stdout("Total reclaimed space: 0B\n");
    sandbox.run("container prune -f --filter label=no").success().stdout("Total reclaimed space: 0B\n");
    sandbox.run("container prune -f --filter color=red").code(1).stderr("Error: invalid filter 'color'\n");
    let id = sandbox.inspect("ended", "Id");
    let want = format!("Deleted Containers:\n{}\n\nTotal reclaimed space: 5kB\n", id.as_str().unwrap());
    sandbox.run("container prune -f --filter label!=keep").success().stdout(&want);
    assert_eq!(names(), ["labelled", "live"]);
    sandbox.command("container prune --filter label=keep=yes").input("y\n").finish().success();
    assert_eq!(names(), ["live"]);
}

#[test]
fn how_much_room_they_take() {
    let sandbox = Sandbox::with_busybox();
    // A file that the user may not read, of a subordinate id where there are such.
    let script = "dd if=/dev/zero of=/f bs=1000 count=5 2>/dev/null; ln /f /second; mkdir -m 0 /closed; \
                  chown 1:1 /closed || true";
    let made = ["run", "--name", "full", "--network", "none", "busybox", "sh", "-c", script];
    sandbox.run_words(&made).success();
    sandbox.run("create --name empty busybox true").success();
    let numbers = sandbox.run("inspect -s -f '{{.SizeRw}} {{.SizeRootFs}}' full empty").success().lines();
    let numbers: Vec<u64> =
        numbers.iter().flat_map(|line| line.split(' ')).map(|number| number.parse().unwrap()).collect();
    let [own, whole, 0, image] = numbers[..] else { panic!("{numbers:?}") };
    assert_eq!((own, whole), (5000, image + 5000));
    assert!(image > 0);
    sandbox.run("container inspect --size -f '{{.SizeRw}}' full").success().stdout("5000\n");
    assert!(!sandbox.run("inspect full").success().out().contains("SizeRw"));
    sandbox.run("inspect -s busybox").success().stderr("WARNING: --size ignored for image\n");
    let table = sandbox.run("ps -as").success().lines();
    assert!(table[0].ends_with("SIZE"), "{table:?}");
    assert!(table[1].contains("  0B (virtual ") && table[2].contains("  5kB (virtual "), "{table:?}");
    let asked = sandbox.run("ps -a --format {{.Size}} --filter name=full").success().line();
    assert!(asked.starts_with("5kB (virtual "), "{asked}");
    sandbox.run("ps -a --format json --filter name=full").success().stdout_has("\"Size\":\"0B\"");
    sandbox.run("ps -as --format raw --filter name=full").success().stdout_has("\nsize: 5kB (virtual ");
}

#[test]
fn processes_of_a_container() {
    let sandbox = Sandbox::with_busybox();
    let script = "sleep 1001 & exec sleep 1000";
    sandbox
        .run_words(&["run", "-d", "--name", "live", "--network", "none", "busybox", "sh", "-c", script])
        .success();
    sandbox.run("run -d --name host --pid host --network none busybox sleep 1002").success();
    sandbox.run("create --name still busybox true").success();
    if program("ps").is_none() {
        sandbox.run("top live").code(1).stderr_has("hint: install the package procps");
        skip!("no ps");
    }
    sandbox.run("exec -d live sleep 1003").success();
    let sleeps = |name: &str| -> Vec<String> {
        let lines = sandbox.run(&format!("top {name} -eo pid,args")).success().lines();
        assert_eq!(lines[0], "PID                 COMMAND");
        let mut seconds: Vec<_> =
            lines[1..].iter().map(|line| line.rsplit_once(' ').unwrap().1.to_owned()).collect();
        seconds.sort();
        seconds
    };
    eventually("all processes", || (sleeps("live") == ["1000", "1001", "1003"]).then_some(()));
    assert_eq!(sleeps("host"), ["1002"]);
    let lines = sandbox.run("container top live").success().lines();
    let titles: Vec<_> = lines[0].split_whitespace().collect();
    assert_eq!(titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    let pid = sandbox.inspect("live", "State")["Pid"].to_string();
    let first = lines.iter().find(|line| line.ends_with("sleep 1000")).unwrap();
    assert_eq!(first.split_whitespace().nth(1), Some(pid.as_str()));
    sandbox.run("top live -eo args").code(1).stderr("Error: Couldn't find PID field in ps output\n");
    sandbox.run("top live --nonsense").code(1).stderr_has("Error: ps: ");
    let renamed = sandbox.run("top live -eo ppid -o ppid=PID");
    renamed.code(1).stderr("Error: specifying \"ppid=PID\" is not allowed\n");
    let still = sandbox.inspect("still", "Id");
    let error = format!("Error: container {} is not running\n", still.as_str().unwrap());
    sandbox.run("top still").code(1).stderr(&error);
    sandbox.run("top nothing").code(1).stderr("Error: No such container: nothing\n");
    let told = sandbox.run("events --until 0s --filter event=top --format {{.Actor.Attributes.name}}");
    assert!(told.success().lines().contains(&"live".to_owned()));
}
