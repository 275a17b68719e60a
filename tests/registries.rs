//! `registries.conf`: mirrors, other locations, registries that are blocked or need no certificate.

use crate::support::server::not_found;
use crate::support::{Access, Body, Entry, Image, Registry, Response, Sandbox, Server, program};

const CONF: &str = "home/.config/containers/registries.conf";

/// A registry that must not be asked.
fn untouched() -> Server {
    Server::start(|_| not_found("NAME_UNKNOWN", "nobody here"))
}

#[test]
fn mirrors_come_first_and_the_registry_last() {
    let image = Image::busybox();
    let mirror = Server::of_image(&image, |_| None);
    let own = Server::of_image(&image, |_| None);
    let absent = untouched();
    let lying = Server::of_image(&image, |request| {
        request.path.contains("/blobs/").then(|| Response::new(200).body("something else entirely"))
    });
    let broken = Server::of_image(&image, |request| {
        let cut = Body::Cut { bytes: b"{".to_vec(), claimed: 100 };
        request.path.contains("/manifests/").then(|| Response::new(200).with(cut))
    });
    let conf = |mirrors: &[String]| {
        let mirrors = mirrors.iter().map(|place| format!("[[registry.mirror]]\nlocation = '{place}'\n"));
        format!("[[registry]]\nprefix = 'harbour.example/fleet'\nlocation = '{}/fleet'\n", own.host())
            + &mirrors.collect::<String>()
    };
    let name = "harbour.example/fleet/boat:1";
    for (mirrors, asks_own) in [
        (vec![format!("{}/hub", mirror.host())], false),
        (vec![format!("{}/x", absent.host()), format!("{}/hub", mirror.host())], false),
        (vec![format!("{}/x", absent.host())], true),
        (vec![format!("{}/x", lying.host())], true),
        (vec!["127.0.0.1:1/x".to_owned()], true),
        (vec![], true),
    ] {
        let sandbox = Sandbox::new();
        sandbox.file(CONF, conf(&mirrors));
        let before = own.requests().len();
        sandbox.run(&format!("pull -q {name}")).success().stdout(&format!("{name}\n"));
        sandbox.run(&format!("run --rm {name} echo up")).success().stdout("up\n");
        assert_eq!(own.requests().len() > before, asks_own, "{mirrors:?}");
    }
    assert!(mirror.requests().iter().any(|request| request.path.starts_with("/v2/hub/boat/manifests/1")));
    assert!(own.requests().iter().all(|request| request.path.starts_with("/v2/fleet/boat/")));

    // Where nobody has it, every place is named.
    let sandbox = Sandbox::new();
    let text = conf(&[format!("{}/x", absent.host())]).replace(&own.host(), "127.0.0.1:1");
    sandbox.file(CONF, text);
    let output = sandbox.run(&format!("pull {name}"));
    output.code(1).one_clear_line().stderr_has("connection refused").stderr_has(&absent.host());
    let sandbox = Sandbox::new();
    sandbox.file(CONF, conf(&[format!("{}/x", broken.host())]));
    sandbox.run(&format!("pull -q {name}")).success();
}

#[test]
fn mirrors_for_digests_only() {
    let image = Image::busybox();
    let (mirror, own) = (Server::of_image(&image, |_| None), Server::of_image(&image, |_| None));
    let (places, per_table) = (
        format!("location = '{}'\n[[registry.mirror]]\nlocation = '{}'\n", own.host(), mirror.host()),
        format!("location = '{}'\nmirror-by-digest-only = true\n", own.host()),
    );
    let by_mirror = format!("[[registry]]\nprefix = 'h.example'\n{places}pull-from-mirror = 'digest-only'\n");
    let by_table = format!(
        "[[registry]]\nprefix = 'h.example'\n{per_table}[[registry.mirror]]\nlocation = '{}'\n",
        mirror.host()
    );
    for conf in [by_mirror, by_table] {
        let sandbox = Sandbox::new();
        sandbox.file(CONF, conf);
        let before = mirror.requests().len();
        sandbox.run("pull -q h.example/a:1").success();
        assert_eq!(mirror.requests().len(), before);
        let fresh = Sandbox::new();
        fresh.file(CONF, std::fs::read(sandbox.path().join(CONF)).expect("a file"));
        fresh.run(&format!("pull -q h.example/a@{}", image.digest())).success();
        assert!(mirror.requests().len() > before);
    }
}

#[test]
fn blocked_and_broken() {
    let sandbox = Sandbox::with_busybox();
    let server = untouched();
    let host = server.host();
    sandbox.file(CONF, format!("[[registry]]\nlocation = '{host}/bad'\nblocked = true\n"));
    sandbox.run(&format!("tag busybox {host}/bad/boat")).success();
    for line in [format!("pull {host}/bad/other"), format!("push {host}/bad/boat")] {
        sandbox
            .run(&line)
            .code(1)
            .stderr_has(&format!("registry {host}/bad is blocked in "))
            .one_clear_line();
    }
    let output = sandbox.run(&format!("run --rm {host}/bad/other true"));
    output.code(125).stderr_has("is blocked in ");
    assert!(server.requests().is_empty());
    // What is here already may run.
    sandbox.run(&format!("run --rm {host}/bad/boat true")).success();
    sandbox.file(CONF, "[[registry]]\nblocked = 'perhaps'\n");
    let output = sandbox.run(&format!("pull {host}/x"));
    output.code(1).stderr_has("registries.conf");
    assert!(server.requests().is_empty(), "a file that is not understood lets nothing pass");
}

#[test]
fn what_is_blocked_is_blocked_at_every_port() {
    let sandbox = Sandbox::new();
    for (prefix, name) in [
        ("harbour.test", "harbour.test:5000/x"),
        ("*.test", "harbour.test:5000/x"),
        ("*.test", "inner.harbour.test/x/y:1"),
    ] {
        sandbox.file(CONF, format!("[[registry]]\nprefix = '{prefix}'\nblocked = true\n"));
        let output = sandbox.run(&format!("pull {name}"));
        output.code(1).stderr_has(&format!("registry {prefix} is blocked in ")).one_clear_line();
        if program("skopeo").is_some() {
            let conf = sandbox.path().join(CONF);
            // Its own form of that file wants a location where there is no wildcard.
            let table = format!(
                "[[registry]]\nprefix = '{prefix}'\nlocation = '{}'\nblocked = true\n",
                prefix.strip_prefix('*').map_or(prefix, |_| "")
            );
            sandbox.file(CONF, table);
            let line = format!("skopeo --registries-conf {} inspect docker://{name}", conf.display());
            sandbox.witness(&line).code(1).stderr_has("is blocked");
        }
    }
    // A file that is named must be there.
    let absent = sandbox.path().join("absent.conf");
    let pull = sandbox.command("pull harbour.test/x").env("CONTAINERS_REGISTRIES_CONF", &absent);
    pull.finish().code(1).stderr_has("which CONTAINERS_REGISTRIES_CONF names").one_clear_line();
}

#[test]
fn a_registry_that_needs_no_certificate() {
    let sandbox = Sandbox::with_busybox();
    let registry = Registry::start(Access::Tls);
    let name = format!("{}/boat:1", registry.host());
    sandbox.run(&format!("tag busybox {name}")).success();
    sandbox.run(&format!("push {name}")).code(1).stderr_has("certificate");
    // In a drop-in file, which goes before the file of the same prefix.
    sandbox.file(CONF, format!("[[registry]]\nlocation = '{}'\n", registry.host()));
    let table = format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.host());
    sandbox.file("home/.config/containers/registries.conf.d/50-own.conf", table);
    sandbox.run(&format!("push -q {name}")).success();
    sandbox.run(&format!("pull {name}")).success();
}

#[test]
fn given_credentials_are_not_for_mirrors() {
    let asking = |image: &Image| {
        Server::of_image(image, |request| {
            let refused = request.header("authorization").is_none();
            refused.then(|| Response::new(401).header("WWW-Authenticate", "Basic realm=\"x\""))
        })
    };
    let image = Image::busybox_and(&[Entry::file("a", "b")]);
    let (mirror, own) = (asking(&image), asking(&image));
    let sandbox = Sandbox::new();
    sandbox.file(
        CONF,
        format!(
            "[[registry]]\nlocation = '{}'\n[[registry.mirror]]\nlocation = '{}'\n",
            own.host(),
            mirror.host()
        ),
    );
    sandbox.run(&format!("pull -q --creds ann:secret {}/a:1", own.host())).success();
    assert!(!mirror.requests().is_empty());
    assert!(mirror.requests().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn verification_that_was_asked_for_is_not_waived() {
    let sandbox = Sandbox::with_busybox();
    let registry = Registry::start(Access::Tls);
    let name = format!("{}/boat:1", registry.host());
    registry.push(&sandbox, &Image::busybox(), "boat:1");
    sandbox.file(CONF, format!("[[registry]]\nlocation = '{}'\ninsecure = true\n", registry.host()));
    let output = sandbox.run(&format!("pull --tls-verify=true {name}"));
    output.code(1).one_clear_line().stderr_has("certificate");
    sandbox.run(&format!("pull --tls-verify {name}")).code(1);
    sandbox.run(&format!("pull -q {name}")).success();
}

#[test]
fn names_without_a_registry() {
    let image = Image::busybox();
    let (first, second) = (untouched(), Server::of_image(&image, |_| None));
    let has = |text: &str| Server::requests(&second).iter().any(|request| request.path.contains(text));
    let sandbox = Sandbox::new();
    let alias = format!("[aliases]\n'boat' = '{}/fleet/boat'\n", second.host());
    sandbox.file(CONF, "");
    sandbox.file("home/.config/containers/registries.conf.d/shortnames.conf", alias);
    let name = format!("{}/fleet/boat", second.host());
    sandbox.run("pull -q boat:1").success().stdout(&format!("{name}:1\n"));
    assert!(has("/v2/fleet/boat/manifests/1"));
    // The short name finds it from now on, whatever is done with it.
    let asked = second.requests().len();
    sandbox.run("run --rm --pull never boat:1 echo afloat").success().stdout("afloat\n");
    sandbox
        .run("inspect --type image --format '{{index .RepoTags 0}}' boat:1")
        .success()
        .stdout(&format!("{name}:1\n"));
    sandbox.run("rmi boat:1").success().stdout_has(&format!("Untagged: {name}:1\n"));
    assert_eq!(second.requests().len(), asked);
    sandbox.run("run --rm boat echo again").success().stdout("again\n");

    // Without an alias the registries are tried in their order.
    let search = |mode: &str| {
        format!(
            "unqualified-search-registries = ['{}', '{}']\nshort-name-mode = '{mode}'\n",
            first.host(),
            second.host()
        )
    };
    sandbox.file(CONF, search("permissive"));
    sandbox.run("pull -q dinghy:2").success().stdout(&format!("{}/dinghy:2\n", second.host()));
    assert!(first.requests().iter().any(|request| request.path == "/v2/dinghy/manifests/2"));
    sandbox.run("run --rm dinghy:2 echo small").success().stdout("small\n");
    sandbox.file(CONF, search("enforcing"));
    let output = sandbox.run("pull canoe");
    output.code(1).stderr_has("short name \"canoe\" could mean 2 images").stderr_has("hint: say which: ");
    let absent = untouched();
    sandbox
        .file(CONF, format!("unqualified-search-registries = ['{}', '{}']\n", first.host(), absent.host()));
    let output = sandbox.run("pull canoe");
    output.code(1).one_clear_line().stderr_has(&first.host()).stderr_has(&absent.host());
}
