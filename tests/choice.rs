//! Containers chosen without their names: podman's `--all`, `--latest`, `--cidfile`, `--filter`, `--ignore`; and those that
//! need each other.

use crate::support::Sandbox;

fn create(sandbox: &Sandbox, name: &str, flags: &str) -> String {
    sandbox.run(&format!("create --name {name} --network none {flags} busybox sleep 1000")).success().line()
}

#[test]
fn verbs_choose_containers_by_flags() {
    let sandbox = Sandbox::with_busybox();
    let one = create(&sandbox, "one", "-l of=test --stop-signal KILL");
    let two = create(&sandbox, "two", "--stop-signal KILL");
    sandbox.run("start --filter label=of=test").success().stdout(&format!("{one}\n"));
    assert_eq!(sandbox.run("ps -q --no-trunc").success().lines(), std::slice::from_ref(&one));
    sandbox.run("start -l").success().stdout(&format!("{two}\n"));
    sandbox.run("start --all").success().stdout(&format!("{two}\n{one}\n"));

    // One container, without its name.
    sandbox.run("exec -l hostname").success().stdout(&format!("{}\n", &two[..12]));
    sandbox.run("inspect --latest -f {{.Name}}").success().stdout("/two\n");
    sandbox.run("container inspect -l -f {{.Name}}").success().stdout("/two\n");
    sandbox.run("top -l -- -o pid,args").success().stdout_has("sleep 1000");
    sandbox.run("logs -l").success().stdout("");
    sandbox.run("diff -l").success();
    sandbox.run("port -l").success().stdout("");
    sandbox.run("logs").code(1).stderr_has("'coracle logs' requires at least 1 argument");

    let file = sandbox.file("cid", format!("{one}\n"));
    let restarted = sandbox.run(&format!("restart --cidfile {}", file.display()));
    restarted.success().stdout(&format!("{one}\n"));
    sandbox.run("kill -s CONT -a").success().stdout(&format!("{two}\n{one}\n"));
    sandbox.run("stop -l").success().stdout(&format!("{two}\n"));
    sandbox.run("wait -l").success().stdout("137\n");
    sandbox.run("restart --running").success().stdout(&format!("{one}\n"));
    // What does not run is not stopped, nor told.
    sandbox.run("stop -a").success().stdout(&format!("{one}\n"));
    sandbox.run("stop -a").success().stdout("");
    sandbox.run("restart -a -t 0").success().stdout(&format!("{two}\n{one}\n"));
    sandbox.run(&format!("rm -f -t 1 --cidfile {}", file.display())).success();
    sandbox.run("rm --all").code(1).stderr_has("container is running");
    sandbox.run("rm -fa").success().stdout(&format!("{two}\n"));
    sandbox.run("rm -fa").success().stdout("");
    sandbox.run("rm --latest").code(1).stderr("Error: find the latest container: there is no container\n");
}

#[test]
fn what_is_not_there_may_be_ignored() {
    let sandbox = Sandbox::with_busybox();
    for verb in ["stop", "rm", "rm -f"] {
        sandbox.run(&format!("{verb} --ignore gone")).success().stdout("").stderr("");
        let file = sandbox.path().join("gone");
        sandbox.run(&format!("{verb} --ignore --cidfile {}", file.display())).success().stdout("").stderr("");
        sandbox.run(&format!("{verb} --cidfile {}", file.display())).code(1).stderr_has("No such file");
    }
    sandbox.run("stop gone").code(1).stderr("Error: No such container: gone\n");
    sandbox.run("rm -f gone").success().stderr("Error: No such container: gone\n");
    sandbox.run("wait --ignore -i 1s gone").success().stdout("-1\n");
}

#[test]
fn choices_that_do_not_go_together() {
    let sandbox = Sandbox::new();
    for (line, want) in [
        ("stop -a -l", "--all and --latest cannot be used together"),
        ("stop -a web", "no arguments are needed with --all"),
        ("rm --latest web", "--latest and containers cannot be used together"),
        ("rm --filter name=x web", "--filter takes no arguments"),
        ("kill -a --cidfile x", "--all, --latest, and --cidfile cannot be used together"),
        ("start --filter nonsense=x", "invalid filter 'nonsense'"),
        ("rm -t 1 web", "--force option must be specified to use the --time option"),
    ] {
        sandbox.run(line).code(1).stderr(&format!("Error: {want}\n"));
    }
}

#[test]
fn containers_that_need_others() {
    let sandbox = Sandbox::with_busybox();
    let net = create(&sandbox, "net", "");
    let db = create(&sandbox, "db", "--requires net");
    sandbox
        .run("create --name xx --requires nosuch busybox")
        .code(125)
        .stderr_has("No such container: nosuch");
    let line = "run -d --name web --requires db --network container:net busybox sleep 1000";
    let web = sandbox.run(line).success().line();
    assert_eq!(sandbox.run("ps -q --no-trunc").success().lines(), [web, db, net.clone()]);
    sandbox.run("stop -t 0 -a").success();
    sandbox.run("start db").success();
    assert_eq!(sandbox.run("ps --format {{.Names}}").success().lines(), ["db", "net"]);

    sandbox.run("rm -f net").success();
    let gone = format!("joining network namespace of container: No such container: {net}");
    sandbox.run("start web").code(1).stderr(&format!("Error: {gone}\n"));
    sandbox.run("stop -t 0 db").success();
    let required = format!("start the required container {}: No such container: {net}", &net[..12]);
    sandbox.run("start db").code(1).stderr(&format!("Error: {required}\n"));
    sandbox.run("rm -f db web").success();

    create(&sandbox, "base", "");
    let upper = create(&sandbox, "upper", "--requires base");
    let top = create(&sandbox, "top", "--requires base,upper");
    sandbox.run("start top").success();
    sandbox.run("rm -f --depend base").success().stdout(&format!("{top}\n{upper}\nbase\n"));
    sandbox.run("ps -aq").success().stdout("");
}

#[test]
fn all_volumes_all_ports_and_the_container_of_a_file() {
    let sandbox = Sandbox::with_busybox();
    let file = sandbox.path().join("cid");
    let run =
        format!("run -d --cidfile {} -v used:/data -p 127.0.0.1::80 busybox sleep 1000", file.display());
    let id = sandbox.run(&run).success().line();
    sandbox
        .run(&format!("exec --cidfile {} hostname", file.display()))
        .success()
        .stdout(&format!("{}\n", &id[..12]));
    sandbox.run("exec --cidfile /nowhere true").code(1).stderr_has("error reading CIDFile").one_clear_line();

    let port = sandbox.run(&format!("port {id}")).success().line();
    sandbox.run("port --all").success().stdout(&format!("{}\t{port}\n", &id[..12]));
    sandbox.run(&format!("port --all {id}")).code(1).stderr_has("can be used with --all").one_clear_line();

    sandbox.run("volume create idle").success();
    sandbox
        .run("volume rm --all idle")
        .code(1)
        .stderr_has("cannot use --all with named volumes")
        .one_clear_line();
    // One that is in use stays, and is told.
    sandbox.run("volume rm --all").code(1).stdout("idle\n").stderr_has("volume is in use");
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.run("volume rm -a").success().stdout("used\n");
    sandbox.run("volume ls -q").success().stdout("");
}
