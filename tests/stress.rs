//! Many at once: commands side by side disturb neither each other nor who looks on.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::{Image, Sandbox, Server, say_skipped};

#[test]
fn thirty_two_runs_at_once() {
    let sandbox = Sandbox::with_busybox();
    let runs: Vec<_> = (0..32)
        .map(|number| sandbox.command(&format!("run --rm --network none busybox echo {number}")).start())
        .collect();
    for (number, run) in runs.into_iter().enumerate() {
        run.finish().success().stdout(&format!("{number}\n"));
    }
    sandbox.assert_no_traces();
}

/// Containers that run at the same time: 48, or as many as `CORACLE_TEST_CONTAINERS` says.
#[test]
fn a_crowd_of_running_containers() {
    const USUAL: usize = 48;
    /// Commands at a time: what waits for a processor is not tested any better for waiting.
    const WIDTH: usize = 16;
    let wanted = std::env::var("CORACLE_TEST_CONTAINERS").ok().and_then(|number| number.parse().ok());
    let count = wanted.unwrap_or_else(|| {
        say_skipped(&format!("(in part) {USUAL} containers; CORACLE_TEST_CONTAINERS=800 is a crowd"));
        USUAL
    });
    let sandbox = Sandbox::with_busybox();
    let names: Vec<String> = (0..count).map(|number| format!("c{number}")).collect();
    for some in names.chunks(WIDTH) {
        let run = |name| format!("run -d --name {name} --network none busybox sleep 100000");
        let started: Vec<_> = some.iter().map(|name| sandbox.command(&run(name)).start()).collect();
        for command in started {
            command.finish().success();
        }
    }
    assert_eq!(sandbox.run("ps -q").success().lines().len(), count);
    for some in names.chunks(count.div_ceil(WIDTH)).take(WIDTH / 2) {
        sandbox.run(&format!("stop -t 0 {}", some.join(" "))).success();
    }
    assert!(sandbox.run("ps -q").success().lines().len() < count);
    sandbox.run(&format!("rm -f {}", names.join(" "))).success();
    sandbox.assert_no_traces();
}

#[test]
fn commands_of_all_kinds_side_by_side() {
    const ROUNDS: usize = 4;
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name stays --network none busybox true").success();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let sandbox = &sandbox;
                scope.spawn(move || {
                    for _ in 0..ROUNDS {
                        let name = format!("w{worker}");
                        sandbox
                            .run(&format!("create --name {name} -v /data --network none busybox true"))
                            .success();
                        sandbox.run(&format!("start -a {name}")).success();
                        sandbox.run(&format!("inspect {name}")).success();
                        sandbox.run(&format!("rm -v {name}")).success();
                        sandbox.run("run --rm --network none busybox true").success();
                    }
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let listed = sandbox.run("ps -a --format {{.Names}}");
                listed.success().stderr("");
                assert!(listed.lines().iter().any(|name| name == "stays"), "{:?}", listed.lines());
            }
        });
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        over.store(true, Ordering::Relaxed);
        watcher.join().expect("ps works all the while");
        ended.into_iter().for_each(|result| result.expect("no command fails"));
    });
    sandbox.run("rm stays").success();
    sandbox.assert_no_traces();
}

/// What may be wrong with a container, a volume or a network that others are busy with.
const SAID_OF_CONTESTED: [&str; 13] = [
    "No such container",
    "No such object",
    "no such volume",
    "volume is in use",
    "is not running",
    "is running: stop the container",
    "is restarting",
    "is paused",
    "already in use",
    "same name as its current name",
    "already exists",
    "network lan not found",
    "private (none) mode",
];

#[test]
fn commands_that_work_against_each_other() {
    const ROUNDS: usize = 60;
    const LINES: &[&str] = &[
        "create --name NAME --network none busybox sleep 1000",
        "create --name NAME --network none -v data:/data -v /own busybox sleep 1000",
        "run -d --name NAME --network none busybox sleep 1000",
        "run -d --rm --name NAME --network none busybox sleep 1000",
        "run -d --restart always --name NAME --network none busybox true",
        "run --rm --network none busybox true",
        "start NAME",
        "start NAME",
        "stop -t 0 NAME",
        "kill NAME",
        "restart -t 0 NAME",
        "rm NAME",
        "rm -f NAME",
        "rm -f NAME",
        "rename NAME OTHER",
        "update --restart no NAME",
        "exec NAME true",
        "cp NAME:/etc -",
        "export NAME",
        "diff NAME",
        "commit NAME snapshot",
        "rmi -f snapshot",
        "logs NAME",
        "top NAME",
        "inspect NAME",
        "ps -a -s",
        "container prune -f",
        "system prune -f",
        "volume rm data",
        "volume prune -f",
        "network create lan",
        "network rm lan",
        "network prune -f",
        "system check",
    ];
    let sandbox = Sandbox::with_busybox();
    let names = ["anna", "berta"];
    std::thread::scope(|scope| {
        for worker in 0..4_usize {
            let sandbox = &sandbox;
            scope.spawn(move || {
                // Any fixed order that looks like none: Knuth's multiplier.
                let mut number = worker as u64 + 1;
                let mut next = |limit: usize| {
                    number = number
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    (number >> 33) as usize % limit
                };
                for _ in 0..ROUNDS {
                    let (line, name) = (LINES[next(LINES.len())], next(2));
                    let line = line.replace("NAME", names[name]).replace("OTHER", names[1 - name]);
                    let output = sandbox.run(&line);
                    let said = &output.stderr;
                    // One that is removed over its work has been killed.
                    let is_fair = matches!(output.exit_code(), 0 | 137)
                        || SAID_OF_CONTESTED.iter().any(|words| said.contains(words));
                    assert!(is_fair, "{line}: {output:?}");
                }
            });
        }
    });
    let rest = sandbox.run("ps -aq").success().lines();
    if !rest.is_empty() {
        sandbox.run(&format!("rm -f {}", rest.join(" "))).success();
    }
    sandbox.run("system check").success();
    sandbox.run("volume prune -af").success();
    sandbox.run("network prune -f").success();
    sandbox.assert_no_traces();
}

#[test]
fn sixteen_commands_about_one_image() {
    const ROUNDS: usize = 8;
    let server = Server::of_image(&Image::busybox(), |_| None);
    let name = format!("{}/x:y", server.host());
    let sandbox = Sandbox::new();
    let lines = [
        format!("pull -q {name}"),
        format!("run --rm --network none {name} true"),
        format!("rmi {name}"),
        "image prune -a -f".to_owned(),
        format!("run --rm --network none {name} true"),
        format!("tag {name} other"),
        "rmi -f other".to_owned(),
        "system df".to_owned(),
    ];
    // Others may have taken the image away, or have a container of it; nothing else may go wrong.
    let told = ["No such image: ", "conflict: unable to "];
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let (sandbox, lines) = (&sandbox, &lines);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let line = &lines[(worker + round) % lines.len()];
                    let output = sandbox.run(line);
                    let is_expected =
                        !line.starts_with("pull") && !line.starts_with("run") && !line.starts_with("system");
                    if output.exit_code() != 0
                        && !(is_expected && told.iter().any(|words| output.stderr.contains(words)))
                    {
                        output.fail("that was not to be expected");
                    }
                }
            });
        }
    });
    sandbox.run("system check").success().stderr("").stdout_has("No damage in ");
    sandbox.run(&format!("run --rm --network none {name} true")).success();
    sandbox.run("image prune -a -f").success();
    sandbox.run("images -a -q").success().stdout("");
    for place in ["images/blobs/sha256", "layers", "cache/partial", "tmp"] {
        let left = std::fs::read_dir(sandbox.store().join(place)).map(Iterator::count).unwrap_or(0);
        assert_eq!(left, 0, "{place}");
    }
    sandbox.assert_no_traces();
}

#[test]
fn an_image_removed_as_soon_as_it_is_pulled() {
    let server = Server::of_image(&Image::busybox(), |_| None);
    let name = format!("{}/x:y", server.host());
    let sandbox = Sandbox::new();
    let is_done = AtomicBool::new(false);
    let removed = std::thread::scope(|scope| {
        let removing = scope.spawn(|| {
            let mut removed = 0;
            while !is_done.load(Ordering::Relaxed) {
                removed += usize::from(sandbox.run(&format!("rmi -f {name}")).exit_code() == 0);
            }
            removed
        });
        let mut runs = (0..40).map(|_| sandbox.run(&format!("run --rm --network none {name} true")));
        let failed = runs.find(|run| run.exit_code() != 0);
        is_done.store(true, Ordering::Relaxed);
        if let Some(failed) = failed {
            failed.fail("it should have been pulled again");
        }
        removing.join().unwrap()
    });
    assert!(removed > 10, "{removed}");
}
