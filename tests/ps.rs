//! `ps`: every filter, and what of each container is shown.

use serde_json::json;

use crate::support::image::{Compression, Entry, Layer};
use crate::support::{Image, Sandbox, eventually, program};

/// The names that `ps` shows, newest first.
fn names(sandbox: &Sandbox, flags: &str) -> String {
    sandbox.run(&format!("ps {flags} --format {{{{.Names}}}}")).success().lines().join(" ")
}

/// Containers of every kind: `web` runs and is healthy, `done` has ended, `based` and `alien` were only made, of
/// images with and without busybox beneath.
fn harbour() -> Sandbox {
    let sandbox = Sandbox::with_busybox();
    let layer = || Layer::new(&[Entry::file("more", "")], Compression::Gzip);
    sandbox.add(&Image::busybox().with_layer(layer()), "based");
    sandbox.add(&Image::new(vec![layer()]).set("Cmd", json!(["/more"])), "alien");
    let directory = sandbox.directory("srv");
    let flags = "--health-cmd true --health-interval 100ms -l tier=web -l both -v data:/data --network none";
    sandbox
        .run(&format!(
            "run -d --name web {flags} --expose 80 --expose 70/udp -v {}:/srv busybox sleep 1000",
            directory.display()
        ))
        .success();
    sandbox.run("run --name done -l tier=db -l both --network none busybox sh -c 'exit 3'").code(3);
    sandbox.run("create --name based --network host based true").success();
    sandbox.run("create --name alien alien").success();
    let status = || sandbox.run("inspect -f {{.State.Health.Status}} web").success().line();
    eventually("web is healthy", || (status() == "healthy").then_some(()));
    sandbox
}

#[test]
fn every_filter() {
    let sandbox = harbour();
    let web = sandbox.inspect("web", "Id");
    let id = sandbox.inspect("busybox", "Id");
    let (web, id) = (web.as_str().expect("an id"), id.as_str().expect("an id"));
    let srv = sandbox.path().join("srv").display().to_string();
    for (filters, want) in [
        (format!("id={}", &web[..9]), "web"),
        ("id=zzz".to_owned(), ""),
        ("name=e".to_owned(), "alien based done web"),
        ("name=^web$".to_owned(), "web"),
        ("name=^/web".to_owned(), "web"),
        ("label=both".to_owned(), "done web"),
        ("label=tier=web".to_owned(), "web"),
        // All labels must be there.
        ("label=both label=tier=db".to_owned(), "done"),
        ("label=tier=web label=tier=db".to_owned(), ""),
        ("exited=3".to_owned(), "done"),
        ("exited=0".to_owned(), ""),
        ("status=created".to_owned(), "alien based"),
        ("status=exited status=running".to_owned(), "done web"),
        ("status=paused".to_owned(), ""),
        // An image, and those that stand upon its layers.
        ("ancestor=busybox".to_owned(), "based done web"),
        ("ancestor=busybox:latest".to_owned(), "based done web"),
        (format!("ancestor={id}"), "based done web"),
        (format!("ancestor={}", &id[7..19]), "based done web"),
        ("ancestor=based".to_owned(), "based"),
        ("ancestor=based ancestor=alien".to_owned(), "alien based"),
        ("ancestor=nosuch".to_owned(), ""),
        ("before=based".to_owned(), "done web"),
        ("since=based".to_owned(), "alien"),
        (format!("since={}", &web[..6]), "alien based done"),
        ("volume=data".to_owned(), "web"),
        ("volume=/data".to_owned(), "web"),
        (format!("volume={srv}"), "web"),
        ("volume=nosuch".to_owned(), ""),
        ("network=none".to_owned(), "done web"),
        ("network=host".to_owned(), "based"),
        ("network=host network=none".to_owned(), "based done web"),
        ("expose=80".to_owned(), "web"),
        ("expose=60-70/udp".to_owned(), "web"),
        ("expose=70".to_owned(), ""),
        ("publish=80".to_owned(), ""),
        ("health=healthy".to_owned(), "web"),
        ("health=none".to_owned(), "alien based done"),
        ("health=starting health=unhealthy".to_owned(), ""),
        ("isolation=default".to_owned(), "alien based done web"),
        ("is-task=false".to_owned(), "alien based done web"),
        ("is-task=true".to_owned(), ""),
        // Different keys mean both.
        ("label=both status=running".to_owned(), "web"),
        ("ancestor=busybox network=host name=s".to_owned(), "based"),
    ] {
        let flags: Vec<_> = filters.split(' ').map(|filter| format!("--filter {filter}")).collect();
        assert_eq!(names(&sandbox, &format!("-a {}", flags.join(" "))), want, "{filters}");
    }
    // Of an image that is gone the containers still know the name.
    sandbox.run("rmi -f alien").success();
    assert_eq!(names(&sandbox, "-a --filter ancestor=alien"), "alien");
    for filter in
        ["no-such=1", "status=lost", "exited=x", "health=fine", "is-task=x", "publish=x", "since=nosuch"]
    {
        sandbox.run(&format!("ps --filter {filter}")).code(1).one_clear_line();
    }
}

#[test]
fn how_many_and_how_much_of_each() {
    let sandbox = harbour();
    let web = sandbox.inspect("web", "Id");
    let web = web.as_str().expect("an id");
    for (flags, want) in [
        ("", "web"),
        ("-a", "alien based done web"),
        ("-l", "alien"),
        ("-n 2", "alien based"),
        ("--last 3", "alien based done"),
        ("-n -1", "web"),
        ("-l -n 2", "alien based"),
        // A number is of what meets the filters.
        ("-n 1 --filter label=both", "done"),
        ("--filter label=both", "web"),
        // To ask for a state is to ask for more than what runs.
        ("--filter status=exited", "done"),
    ] {
        assert_eq!(names(&sandbox, flags), want, "{flags}");
    }
    sandbox.run("ps -q").success().stdout(&format!("{}\n", &web[..12]));
    sandbox.run("ps -q --no-trunc").success().stdout(&format!("{web}\n"));
    let table = sandbox.run("ps --no-trunc").success().lines();
    assert!(table[1].starts_with(web), "{table:?}");
    let row = sandbox.run("ps --format json").success().json();
    assert_eq!(
        (&row["Names"], &row["State"], &row["Networks"]),
        (&json!("web"), &json!("running"), &json!("none"))
    );
    let keys: Vec<_> = row.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(
        keys.join(" "),
        "Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Platform Ports RunningFor Size State \
         Status"
    );
    sandbox
        .run("ps --format 'table {{.Names}}\\t{{.Label \"my.tier\"}}'")
        .success()
        .stdout("NAMES     tier\nweb       \n");
    let raw = sandbox.run("ps --format raw").success().lines();
    let begins: Vec<_> = raw.iter().map(|line| line.split(": ").next().unwrap_or_default()).collect();
    assert_eq!(begins.join(" "), "container_id image command created_at state status names labels ports ");
}

#[test]
fn published_ports_are_found() {
    if program("slirp4netns").is_none() {
        crate::skip!("slirp4netns is not installed");
    }
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run -d --name web -p 127.0.0.1::80 -p 127.0.0.1::53/udp busybox sleep 1000").success();
    let port = sandbox.inspect("web", "NetworkSettings.Ports.80~1tcp.0.HostPort");
    let port: u16 = port.as_str().and_then(|port| port.parse().ok()).expect("a port");
    for (filter, want) in [
        (format!("publish={port}"), "web"),
        (format!("publish={}-{}/tcp", port - 1, port + 1), "web"),
        (format!("publish={port}/udp"), ""),
        ("expose=80/tcp".to_owned(), "web"),
        ("expose=53".to_owned(), ""),
        ("expose=53/udp".to_owned(), "web"),
    ] {
        assert_eq!(names(&sandbox, &format!("--filter {filter}")), want, "{filter}");
    }
}

#[test]
fn what_exists_is_said_by_the_exit_code() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name web -v data:/data --network none busybox").success().line();
    for (line, code) in [
        ("container exists web".to_owned(), 0),
        (format!("container exists {}", &id[..7]), 0),
        ("container exists nothing".to_owned(), 1),
        ("image exists busybox".to_owned(), 0),
        ("image exists nothing".to_owned(), 1),
        ("network exists bridge".to_owned(), 0),
        ("network exists host".to_owned(), 0),
        ("network exists nothing".to_owned(), 1),
        ("volume exists data".to_owned(), 0),
        ("volume exists nothing".to_owned(), 1),
    ] {
        sandbox.run(&line).code(code).stdout("").stderr("");
    }
    sandbox.run("image exists BAD/Name").code(125).one_clear_line();
}

#[test]
fn sorted_and_without_headings() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name zebra --network none busybox a").success();
    sandbox.run("run -d --name mule --network none busybox sleep 1000").success();
    sandbox.run("create --name ape --network none busybox z").success();
    let names = |flags: &str| {
        sandbox.run(&format!("ps -a {flags} --format {{{{.Names}}}}")).success().lines().join(" ")
    };
    assert_eq!(names(""), "ape mule zebra");
    for (key, want) in [
        ("names", "ape mule zebra"),
        ("command", "zebra mule ape"),
        ("created", "zebra mule ape"),
        ("status", "ape zebra mule"),
    ] {
        assert_eq!(names(&format!("--sort {key}")), want, "{key}");
    }
    sandbox.run("ps --sort colour").code(125).stderr_has("invalid argument \"colour\" for \"--sort\" flag");
    let bare = sandbox.run("ps -a --noheading --format 'table {{.Names}}\\t{{.State}}'").success().out();
    assert_eq!(bare, "ape       created\nmule      running\nzebra     created\n");
    for list in ["ps --noheading", "volume ls -n", "network ls --noheading", "secret ls -n"] {
        sandbox.run(list).success().stdout_lacks("NAME");
    }
    assert_eq!(sandbox.run("ps --noheading").lines().len(), 1);
}
