//! Volumes: their verbs, what becomes of them when containers come and go, and everything that can be mounted.

use serde_json::json;

use crate::support::{Entry, Image, Sandbox, has_subordinate_ids};

#[test]
fn volumes_are_made_listed_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.run("volume ls").success().stdout("DRIVER    VOLUME NAME\n");
    sandbox.run("volume create --label a=1 --label b data").success().stdout("data\n");
    sandbox.run("volume create data").success().stdout("data\n");
    let anonymous = sandbox.run("volume create").success().line();
    assert!(anonymous.len() == 64 && anonymous.bytes().all(|byte| byte.is_ascii_hexdigit()), "{anonymous}");
    sandbox.run("volume create other").success();
    let table = sandbox.run("volume ls").success().lines();
    assert_eq!(table.len(), 4);
    assert!(table.contains(&"local     data".to_owned()), "{table:?}");
    for (filter, want) in [
        ("name=dat", "data\n"),
        ("label=a=1", "data\n"),
        ("label=a=2", ""),
        ("label=com.docker.volume.anonymous", &format!("{anonymous}\n")),
        ("driver=nfs", ""),
    ] {
        sandbox.run(&format!("volume ls -q --filter {filter}")).success().stdout(want);
    }
    sandbox.run("volume ls --filter nope=1").code(1).stderr_has("invalid filter 'nope'").one_clear_line();
    let row = sandbox.run("volume ls --format json --filter name=data").success().json();
    assert_eq!(row["Labels"], "a=1,b=");
    let document = &sandbox.run("volume inspect data").success().json()[0];
    let keys: Vec<_> = document.as_object().expect("an object").keys().cloned().collect();
    assert_eq!(keys, ["CreatedAt", "Driver", "Labels", "Mountpoint", "Name", "Options", "Scope"]);
    assert_eq!(
        (&document["Name"], &document["Driver"], &document["Scope"], &document["Options"]),
        (&json!("data"), &json!("local"), &json!("local"), &json!(null))
    );
    assert_eq!(document["Labels"], json!({"a": "1", "b": ""}));
    assert!(std::path::Path::new(document["Mountpoint"].as_str().expect("a path")).is_dir());
    sandbox.run("inspect --type volume -f {{.Name}} data").success().stdout("data\n");
    sandbox.run("inspect -f {{.Name}} data").success().stdout("data\n");
    sandbox
        .run("volume inspect nope")
        .code(1)
        .stdout("[]\n")
        .stderr_has("get nope: no such volume")
        .one_clear_line();
    sandbox
        .run("volume rm nope data")
        .code(1)
        .stdout("data\n")
        .stderr_has("get nope: no such volume")
        .one_clear_line();
    sandbox.run("volume rm -f nope").success();
    sandbox.run(&format!("volume rm other {anonymous}")).success();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn names_and_drivers_that_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.run("volume create x").code(1).stderr_has("volume name is too short").one_clear_line();
    sandbox.run("volume create ../x").code(1).stderr_has("includes invalid characters").one_clear_line();
    sandbox.run("volume create -d nfs data").code(1).stderr_has("plugin \"nfs\" not found").one_clear_line();
    sandbox.run("volume rm ../names").code(1).stderr_has("no such volume").one_clear_line();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn a_volume_in_use_stays() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create -v data:/data busybox true").success().line();
    let output = sandbox.run("volume rm data");
    output.code(1).stderr_has(&format!("remove data: volume is in use - [{id}]")).one_clear_line();
    sandbox.run("volume ls -q --filter dangling=false").success().stdout("data\n");
    sandbox.run("volume ls -q --filter dangling=true").success().stdout("");
    sandbox.run("ps -a -q --no-trunc --filter volume=data").success().stdout(&format!("{id}\n"));
    sandbox.run("ps -a --format {{.Mounts}}").success().stdout("data\n");
    sandbox.run("volume prune -a -f").success().stdout("Total reclaimed space: 0B\n");
    // A record that cannot be read keeps what it names.
    let record = sandbox.container_directory(&id).join("container.json");
    let text = std::fs::read_to_string(&record).expect("a record");
    std::fs::write(&record, text.replacen("\"version\":1", "\"version\":99", 1)).expect("a record");
    sandbox.run("volume rm data").code(1).stderr_has("volume is in use").one_clear_line();
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.run("volume rm data").success().stdout("data\n");
}

#[test]
fn anonymous_volumes_go_with_their_container() {
    let sandbox = Sandbox::new();
    let image = Image::busybox_and(&[Entry::directory("data"), Entry::file("data/seed", "grown\n")])
        .set("Volumes", json!({"/data": {}}));
    sandbox.add(&image, "seeded");
    sandbox.run("run --rm -v /more seeded cat /data/seed").success().stdout("grown\n");
    sandbox.run("volume ls -q").success().stdout("");
    let id = sandbox.run("run -d seeded sleep 1000").success().line();
    let name = sandbox.run("volume ls -q").success().line();
    assert_eq!(name.len(), 64);
    assert_eq!(sandbox.inspect(&id, "Mounts.0.Name"), name);
    sandbox.run(&format!("rm -f {id}")).success();
    sandbox.run("volume ls -q").success().stdout(&format!("{name}\n"));
    let output = sandbox.command("volume prune").input("n\n").finish();
    output.code(1).stderr_has("volume prune has been cancelled");
    output.stdout(
        "WARNING! This will remove anonymous local volumes not used by at least one container.\n\
         Are you sure you want to continue? [y/N] ",
    );
    sandbox.run("volume create kept").success();
    let pruned = sandbox.command("volume prune").input("y\n").finish();
    let text = pruned.success().out();
    assert!(text.ends_with(&format!("Deleted Volumes:\n{name}\n\nTotal reclaimed space: 6B\n")), "{text}");
    sandbox.run("volume ls -q").success().stdout("kept\n");
    sandbox.run("volume prune -f --filter label=x").success();
    sandbox.run("volume prune -f --filter all=1 --filter label!=x").success();
    sandbox.run("volume ls -q").success().stdout("");
    let id = sandbox.run("create seeded true").success().line();
    sandbox.run(&format!("rm -v {id}")).success();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn what_containers_wrote_can_be_removed() {
    if !has_subordinate_ids() {
        crate::skip!("this user has no subordinate ids");
    }
    let sandbox = Sandbox::with_busybox();
    let script = "mkdir -p /data/deep/down && touch /data/deep/down/file && chown -R 1000:1000 /data/deep && \
                  chmod 000 /data/deep/down /data/deep";
    sandbox.run(&format!("run --rm -v data:/data busybox sh -c '{script}'")).success();
    sandbox.run("volume rm data").success().stdout("data\n");
    sandbox
        .run(&format!("run --rm -v data:/data busybox sh -c '{script}; echo 12345 >/data/five'"))
        .success();
    sandbox
        .run("volume prune -a -f")
        .success()
        .stdout("Deleted Volumes:\ndata\n\nTotal reclaimed space: 6B\n");
    sandbox.run(&format!("run --name boat -v /data busybox sh -c '{script}'")).success();
    sandbox.run("rm -v boat").success();
    sandbox.assert_no_traces();
    sandbox.run("volume ls -q").success().stdout("");
}

#[test]
fn many_containers_make_one_volume_and_fill_it_once() {
    let sandbox = Sandbox::new();
    let mut entries = vec![Entry::directory("data")];
    entries.extend((0..200).map(|number| Entry::file(&format!("data/{number}"), "x")));
    sandbox.add(&Image::busybox_and(&entries), "seeded");
    let runs: Vec<_> = (0..16)
        .map(|_| {
            sandbox.command("run --rm -v data:/data --network none seeded sh -c 'ls /data | wc -l'").start()
        })
        .collect();
    for run in runs {
        run.finish().success().stdout("200\n");
    }
    sandbox.run("volume ls -q").success().stdout("data\n");
    // Once: what was taken out stays out.
    sandbox.run("run --rm -v data:/data seeded sh -c 'rm -r /data/*'").success();
    sandbox.run("run --rm -v data:/data seeded touch /data/own").success();
    sandbox.run("run --rm -v data:/data seeded ls /data").success().stdout("own\n");
}
