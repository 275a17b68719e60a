//! Images in the store: `images`, `history`, `tag`, `rmi`, `inspect`.

use serde_json::json;

use crate::support::image::{Kind, busybox_layer};
use crate::support::{Compression, Entry, Image, Layer, Sandbox, Server};

#[test]
fn an_empty_store_has_a_header() {
    let sandbox = Sandbox::new();
    sandbox.run("images").success().stdout("REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n");
    sandbox.run("images -q").success().stdout("");
    sandbox.run("images --format json").success().stdout("");
}

#[test]
fn names_and_rows() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox example.org/boats/busybox:7").success().stdout("");
    let id = Image::busybox().id()["sha256:".len()..][..12].to_owned();
    let rows = sandbox.run("images --format '{{.Repository}} {{.Tag}} {{.ID}}'").success().lines();
    assert!(rows.contains(&format!("busybox latest {id}")), "{rows:?}");
    assert!(rows.contains(&format!("example.org/boats/busybox 7 {id}")), "{rows:?}");
    sandbox.run("images -q").success().stdout_has(&id);
    sandbox.run("images example.org/boats/busybox -q").success().stdout(&format!("{id}\n"));
    sandbox.run("images --filter reference='example.org/*/busybox' -q").success().stdout(&format!("{id}\n"));
    sandbox.run("images nothing -q").success().stdout("");
    let line = sandbox.run("images busybox --format json").success().json();
    for key in ["Containers", "CreatedAt", "CreatedSince", "Digest", "ID", "Repository", "Size", "Tag"] {
        assert!(line.get(key).is_some(), "{line}");
    }
}

#[test]
fn tags_point_and_move() {
    let sandbox = Sandbox::with_busybox();
    sandbox.add(&Image::busybox_and(&[Entry::file("other", "")]), "other");
    sandbox.run("tag busybox moving:1").success();
    sandbox.run("tag other moving:1").success();
    assert_eq!(sandbox.inspect("moving:1", "Id"), sandbox.inspect("other", "Id"));
    sandbox.run("tag nothing x").code(1).stderr_has("No such image: nothing:latest").one_clear_line();
    sandbox.run("tag busybox Bad").code(1).stderr_has("invalid reference format").one_clear_line();
    sandbox.run("tag busybox x@sha256:1").code(1).one_clear_line();
}

#[test]
fn all_images_and_those_that_are_not_there() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox second/name").success();
    sandbox.add(&Image::busybox_and(&[Entry::file("used", "")]), "used");
    sandbox.run("create --name boat used true").success();
    sandbox.run("rmi --ignore nothing").success().stderr("");
    sandbox.run("rmi").code(1).stderr_has("requires at least 1 argument");
    sandbox.run("rmi -a busybox").code(1).stderr_has("--all").one_clear_line();
    let removed = sandbox.run("rmi --all --no-prune");
    removed
        .code(1)
        .stdout_has("Untagged: second/name:latest")
        .stderr_has("stopped container")
        .one_clear_line();
    sandbox.run("images --format {{.Repository}}").success().stdout("used\n");
    sandbox.run("rmi -a -f").success();
    sandbox.run("images -q").success().stdout("");
}

#[test]
fn rows_in_another_order() {
    let sandbox = Sandbox::new();
    for (name, size, created) in [
        ("b:1", 3000, "2024-01-01T00:00:00Z"),
        ("a:2", 1000, "2024-01-03T00:00:00Z"),
        ("c:0", 2000, "2024-01-02T00:00:00Z"),
    ] {
        let layer = Layer::new(&[Entry::file("file", vec![b'x'; size])], Compression::None);
        sandbox.add(&Image::new(vec![layer]).set_top("created", json!(created)), name);
    }
    for (order, want) in [("created", "a c b"), ("repository", "a b c"), ("size", "a c b"), ("tag", "c b a")]
    {
        let names =
            sandbox.run(&format!("images --sort {order} --format {{{{.Repository}}}}")).success().lines();
        assert_eq!(names.join(" "), want, "{order}");
    }
    sandbox.run("images --sort colour").code(125);
    assert_eq!(sandbox.run("images --noheading").success().lines().len(), 3);
    sandbox.run("images -n a --format 'table {{.Tag}}'").success().stdout("2\n");
    sandbox.run("images --filter until=2024-01-02 --format {{.Repository}}").success().stdout("b\n");
    sandbox.run("images --filter until=sometime").code(1).one_clear_line();
}

#[test]
fn names_go_and_the_image_stays() {
    let sandbox = Sandbox::with_busybox();
    let id = Image::busybox().id();
    sandbox.run("tag busybox second:1").success();
    sandbox.run("tag busybox third").success();
    sandbox.run("untag busybox other:1").code(1).stderr("Error: other:1: tag not known\n");
    sandbox.run("untag busybox second:1 busybox").success().stdout("");
    sandbox.run("images --format {{.Repository}}:{{.Tag}}").success().stdout("third:latest\n");
    sandbox.run("image untag third").success().stdout("");
    sandbox
        .run("images --no-trunc --format '{{.Repository}} {{.ID}}'")
        .success()
        .stdout(&format!("<none> {id}\n"));
    sandbox.run(&format!("run --rm --network none {id} true")).success();
    sandbox.run("untag nothing").code(1).stderr_has("No such image: nothing:latest").one_clear_line();
}

#[test]
fn removing_names_then_the_image() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox second").success();
    sandbox.run("rmi second").success().stdout("Untagged: second:latest\n");
    let names: Vec<String> = sandbox.run("images --format {{.Repository}}").success().lines();
    for name in names.iter().filter(|name| *name != "busybox") {
        sandbox.run(&format!("rmi {name}")).success();
    }
    let output = sandbox.run("rmi busybox");
    let lines = output.success().lines();
    assert_eq!(lines[0], "Untagged: busybox:latest");
    assert!(lines.contains(&format!("Deleted: {}", Image::busybox().id())), "{lines:?}");
    sandbox.run("images -a -q").success().stdout("");
    let left = |name: &str| std::fs::read_dir(sandbox.store().join(name)).map(Iterator::count).unwrap_or(0);
    assert_eq!(left("layers"), 0, "layers are collected");
    assert_eq!(left("images/blobs/sha256"), 0, "blobs are collected");
}

#[test]
fn images_in_use_stay() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name boat busybox true").success().line();
    let short = &id[..12];
    let output = sandbox.run("rmi busybox");
    output
        .code(1)
        .stderr_has("conflict: unable to remove repository reference")
        .stderr_has(short)
        .one_clear_line();
    sandbox.run("start -a boat").success();
    sandbox.run("rm boat").success();
    sandbox.run("run -d --name runs busybox sleep 1000").success();
    let image = Image::busybox().id();
    sandbox
        .run(&format!("rmi -f {image}"))
        .code(1)
        .stderr_has("image is being used by running container")
        .one_clear_line();
    sandbox.run("rm -f runs").success();
    sandbox.run(&format!("rmi -f {image}")).success();
    sandbox.run("images -a -q").success().stdout("");
}

#[test]
fn a_forced_removal_leaves_the_container_its_files() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name boat busybox echo still afloat").success();
    sandbox.run("rmi -f busybox").success().stdout_has("Untagged: busybox:latest");
    sandbox.run("start -a boat").success().stdout("still afloat\n");
}

#[test]
fn shared_layers_survive() {
    let sandbox = Sandbox::with_busybox();
    sandbox.add(&Image::busybox_and(&[Entry::file("more", "x")]), "bigger");
    let image = sandbox.inspect("bigger", "Id").as_str().expect("an id").to_owned();
    sandbox.run(&format!("rmi -f {image}")).success();
    sandbox.run("run --rm busybox true").success();
}

#[test]
fn what_cannot_be_removed() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("rmi nothing").code(1).stderr_has("No such image: nothing:latest").one_clear_line();
    let output = sandbox.run("rmi nothing busybox");
    output.code(1).stdout_has("Untagged: busybox:latest").stderr_has("No such image: nothing:latest");
}

#[test]
fn several_names_need_force_by_id() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox second/name:1").success();
    let id = Image::busybox().id();
    let output = sandbox.run(&format!("rmi {id}"));
    output.code(1).stderr_has("image is referenced in multiple repositories").one_clear_line();
    sandbox.run(&format!("rmi -f {id}")).success();
    sandbox.run("images -a -q").success().stdout("");
}

#[test]
fn ambiguous_prefixes_are_refused() {
    let sandbox = Sandbox::new();
    // Among seventeen ids two begin with the same digit.
    for number in 0..17 {
        let layer = Layer::new(&[Entry::file("number", number.to_string())], Compression::None);
        sandbox.add(&Image::new(vec![layer]), &format!("number:{number}"));
    }
    let ids = sandbox.run("images -q --no-trunc").success().lines();
    let digits: Vec<char> = ids.iter().filter_map(|id| id.chars().nth("sha256:".len())).collect();
    let twice = digits.iter().find(|digit| digits.iter().filter(|other| other == digit).count() > 1);
    let prefix = twice.expect("seventeen ids begin with sixteen digits").to_string();
    sandbox.run(&format!("inspect --type image {prefix}")).code(1).one_clear_line();
    sandbox.run(&format!("rmi {prefix}")).code(1).one_clear_line();
    let one = &ids[0]["sha256:".len()..];
    assert_eq!(sandbox.inspect(&one[..12], "Id"), ids[0].as_str());
}

#[test]
fn history_of_layers_and_settings() {
    let sandbox = Sandbox::new();
    let history = json!([
        { "created": "2024-05-06T07:08:09Z", "created_by": "ADD busybox / # a base that has a long description", "comment": "first" },
        { "created": "2024-05-06T07:08:10Z", "created_by": "CMD [\"sh\"]", "empty_layer": true },
        { "created": "2024-05-06T07:08:11Z", "created_by": "COPY x /x" },
    ]);
    let image = Image::busybox_and(&[Entry::file("x", "12345")]).set_top("history", history);
    sandbox.add(&image, "storied");
    let rows =
        sandbox.run("history --format '{{.CreatedBy}}|{{.Size}}|{{.Comment}}' storied").success().lines();
    assert_eq!(rows[0], "COPY x /x|5B|");
    assert_eq!(rows[1], "CMD [\"sh\"]|0B|");
    assert_eq!(rows[2].split('|').next(), Some("ADD busybox / # a base that has a long descr…"));
    assert!(rows[2].ends_with("|first"), "{rows:?}");
    let ids = sandbox.run("history -q storied").success().lines();
    assert_eq!(ids[0], image.id()["sha256:".len()..][..12]);
    assert!(ids[1..].iter().all(|id| id == "<missing>"), "{ids:?}");
    let full = sandbox.run("history --no-trunc storied").success().lines();
    assert!(full[3].contains("a base that has a long description"), "{full:?}");
    sandbox.run("history nothing").code(1).stderr_has("No such image: nothing:latest").one_clear_line();
}

#[test]
fn inspect_has_docker_keys() {
    let sandbox = Sandbox::new();
    let image = Image::busybox()
        .set("Env", json!(["A=b"]))
        .set("ExposedPorts", json!({ "80/tcp": {} }))
        .set("Labels", json!({ "x": "y" }))
        .set_top("author", json!("somebody"));
    sandbox.add(&image, "detailed");
    let document = sandbox.run("inspect detailed").success().json();
    let shown = &document[0];
    assert_eq!(shown["Id"], image.id());
    assert!(shown["RepoTags"].as_array().expect("names").contains(&json!("detailed:latest")));
    assert_eq!(shown["Os"], "linux");
    assert_eq!(shown["Author"], "somebody");
    assert_eq!(shown["Created"], "2024-05-06T07:08:09Z");
    assert_eq!(shown["Config"]["Env"], json!(["A=b"]));
    assert_eq!(shown["Config"]["Cmd"], json!(["sh"]));
    assert_eq!(shown["RootFS"]["Type"], "layers");
    let layer = crate::support::image::digest(&image.layers[0].tar);
    assert_eq!(shown["RootFS"]["Layers"], json!([layer]));
    for key in ["RepoDigests", "Architecture", "Size", "GraphDriver"] {
        assert!(shown.get(key).is_some(), "inspect lacks {key}");
    }
    sandbox
        .run("inspect --type container detailed")
        .code(1)
        .stderr_has("No such container: detailed")
        .one_clear_line();
}

#[test]
fn sizes_are_those_of_the_files() {
    let sandbox = Sandbox::new();
    let content = vec![7; 1_500_000];
    let image = Image::new(vec![Layer::new(&[Entry::file("big", &content)], Compression::Gzip)]);
    sandbox.add(&image, "sized");
    sandbox.run("images sized --format {{.Size}}").success().stdout("1.5MB\n");
}

#[test]
fn text_of_strangers_cannot_drive_the_terminal() {
    let sandbox = Sandbox::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\rnothing";
    let image = Image::busybox()
        .set("Cmd", json!(["echo", hostile]))
        .set("Labels", json!({ hostile: hostile }))
        .set_top("author", json!(hostile))
        .set_top("history", json!([{ "created_by": hostile, "comment": hostile }]));
    sandbox.add(&image, "hostile");
    sandbox.run("create --name boat hostile").success();
    for command in
        ["ps -a --no-trunc", "history --no-trunc hostile", "images", "inspect hostile", "inspect boat"]
    {
        let output = sandbox.run(command);
        let raw = output.success().out();
        assert!(!raw.contains(['\x1b', '\x07', '\r']), "{command}: {raw:?}");
    }
}

#[test]
fn settings_of_an_image_are_not_orders() {
    let sandbox = Sandbox::new();
    let keys = [
        "io.github.coracle.repo-digest",
        "io.podman.annotations.privileged",
        "io.podman.annotations.autoremove",
        "run.oci.hooks",
        "org.opencontainers.image.stopSignal",
    ];
    let labels: serde_json::Map<_, _> = keys.iter().map(|key| ((*key).to_owned(), json!("TRUE"))).collect();
    let image = Image::busybox().set("Labels", json!(labels)).of_kind(Kind::Oci);
    sandbox.add(&image, "labelled");
    sandbox
        .run("run --name boat labelled grep CapEff /proc/self/status")
        .success()
        .stdout("CapEff:\t00000000a80425fb\n");
    sandbox.run("ps -a --format {{.Names}}").success().stdout("boat\n");
}

#[test]
fn layers_are_shared_on_disk() {
    let sandbox = Sandbox::with_busybox();
    let base = busybox_layer(Compression::None);
    sandbox.add(&Image::new(vec![base]).set("Cmd", json!(["other"])), "other");
    let entries = std::fs::read_dir(sandbox.store().join("layers")).expect("layers").flatten();
    assert_eq!(entries.filter(|entry| entry.path().is_dir()).count(), 1);
}

#[test]
fn a_tree_of_platforms() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("tag busybox other:2").success();
    sandbox.run("run --name boat --network none busybox true").success();
    let short = &Image::busybox().id()["sha256:".len()..][..12];
    let lines = sandbox.run("images --tree").success().lines();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&lines[0]), ["IMAGE", "ID", "DISK", "USAGE", "CONTENT", "SIZE", "EXTRA"]);
    assert_eq!(lines[1], "busybox:latest");
    let whole = words(&lines[2]);
    assert_eq!((&whole[0][..], &whole[1][..], whole.last().unwrap().as_str()), ("other:2", short, "U"));
    let platform = words(&lines[3]);
    assert_eq!(platform[..2], ["└─", "linux/amd64"], "{lines:?}");
    assert_eq!(platform[2..], whole[1..], "the only platform is the whole");
    sandbox
        .run("images --tree nothing")
        .success()
        .stdout(&format!("{}\n", "IMAGE        ID             DISK USAGE   CONTENT SIZE   EXTRA"));
    for flag in ["-q", "--digests", "--no-trunc", "--format json"] {
        sandbox.run(&format!("images --tree {flag}")).code(1).one_clear_line();
    }
    sandbox.run("images --tree --quiet").code(1).stderr("Error: --quiet is not yet supported with --tree\n");
}

#[test]
fn what_a_layer_or_an_image_changes() {
    let sandbox = Sandbox::with_busybox();
    let layer = [
        Entry::directory("etc"),
        Entry::file("etc/new", "x"),
        Entry::file("bin/sh", "not a shell"),
        Entry::file("bin/.wh.wget", ""),
    ];
    sandbox.add(&Image::busybox_and(&layer), "changed:1");
    sandbox.add(&Image::busybox_and(&[Entry::file("other", "")]), "changed:2");
    let lines = sandbox.run("image diff changed:1").success().lines();
    for line in ["A /etc/new", "C /bin/sh", "D /bin/wget"] {
        assert!(lines.contains(&line.to_owned()), "{lines:?}");
    }
    // The same, told by comparing all files.
    let compared = sandbox.run("image diff changed:1 busybox").success().lines();
    for line in ["A /etc/new", "C /bin/sh", "D /bin/wget", "C /bin"] {
        assert!(compared.contains(&line.to_owned()), "{compared:?}");
    }
    sandbox
        .run("image diff busybox changed:1")
        .success()
        .stdout_has("A /bin/wget\n")
        .stdout_has("D /etc/new\n");
    let between = sandbox.run("image diff changed:2 changed:1").success().lines();
    assert!(
        between.contains(&"A /other".to_owned()) && between.contains(&"A /bin/wget".to_owned()),
        "{between:?}"
    );
    sandbox.run("image diff busybox busybox").success().stdout("");
    let document = sandbox.run("image diff --format json changed:2").success().json();
    assert_eq!(document["added"], json!(["/other"]));
    sandbox.run("image diff nothing").code(1).stderr_has("No such image: nothing:latest").one_clear_line();
    sandbox.run("image diff busybox nothing").code(1).stderr_has("No such image").one_clear_line();
}

#[test]
fn names_that_a_container_needs() {
    let sandbox = Sandbox::with_busybox();
    let (id, image) =
        (sandbox.run("create --name boat busybox true").success().line(), Image::busybox().id());
    let (container, short) = (&id[..12], &image["sha256:".len()..][..12]);
    let referenced = format!(
        "Error: conflict: unable to remove repository reference \"busybox\" (must force) - container {container} \
         is using its referenced image {short}\n"
    );
    sandbox.run("rmi busybox").code(1).stdout("").stderr(&referenced);
    let stopped = format!(
        "Error: conflict: unable to delete {short} (must be forced) - image is being used by stopped container \
         {container}\n"
    );
    sandbox.run(&format!("rmi {short}")).code(1).stderr(&stopped);
    sandbox.run("tag busybox second/place").success();
    let several = format!(
        "Error: conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories\n"
    );
    sandbox.run(&format!("rmi {short}")).code(1).stderr(&several);
    sandbox.run("rmi second/place").success().stdout("Untagged: second/place:latest\n");
    sandbox.run("rm boat").success();
    let id = sandbox.run("run -d --name boat --network none busybox sleep 1000").success().line();
    let running = format!(
        "Error: conflict: unable to delete {short} (cannot be forced) - image is being used by running container {}\n",
        &id[..12]
    );
    sandbox.run(&format!("rmi -f {short}")).code(1).stderr(&running);
    // By force the name goes, and the image stays without one.
    sandbox.run("rmi -f busybox").success().stdout("Untagged: busybox:latest\n");
    sandbox.run("images --format '{{.Repository}} {{.ID}}'").success().stdout(&format!("<none> {short}\n"));
    sandbox.run("rm -f boat").success();
    sandbox.run(&format!("rmi {short}")).success().stdout(&format!("Deleted: {image}\n"));
    sandbox.run("images -a -q").success().stdout("");
}

#[test]
fn an_image_that_is_mounted_in_a_container_is_in_use() {
    let sandbox = Sandbox::with_busybox();
    sandbox.add(&Image::busybox_and(&[Entry::file("data", "x")]), "data");
    sandbox.run("create --name boat --mount type=image,src=data,dst=/mnt busybox true").success();
    sandbox.run("rmi data").code(1).stderr_has("is using its referenced image").one_clear_line();
    sandbox.run("rm boat").success();
    sandbox.run("rmi data").success().stdout_has("Deleted: ");
}

#[test]
fn a_last_tag_takes_the_digests_of_its_repository() {
    let sandbox = Sandbox::with_busybox();
    let server = Server::of_image(&Image::busybox(), |_| None);
    let (name, host) = (format!("{}/x:y", server.host()), server.host());
    sandbox.run(&format!("pull -q {name}")).success();
    let digest =
        sandbox.run("images --digests --format {{.Digest}} --filter dangling=false").success().lines();
    let digest = digest.iter().find(|digest| digest.starts_with("sha256:")).expect("a digest").clone();
    sandbox
        .run(&format!("rmi {name}"))
        .success()
        .stdout(&format!("Untagged: {name}\nUntagged: {host}/x@{digest}\n"));
    sandbox.run(&format!("pull -q {name}")).success();
    // A digest alone leaves the tag; the tag then goes alone.
    sandbox
        .run(&format!("rmi {host}/x@{digest}"))
        .success()
        .stdout(&format!("Untagged: {host}/x@{digest}\n"));
    sandbox.run(&format!("rmi {name}")).success().stdout(&format!("Untagged: {name}\n"));
    sandbox.run("images --format {{.Repository}}").success().stdout("busybox\n");
}

#[test]
fn an_image_that_is_here_in_two_forms() {
    let sandbox = Sandbox::with_busybox();
    let directory = sandbox.path().join("plain");
    let id = sandbox.run("images -q --no-trunc busybox").line();
    // Docker's manifest instead of OCI's, of the same configuration, and without a name.
    sandbox.run(&format!("save --format docker-dir -o {} busybox", directory.display())).success();
    let load = || {
        sandbox.run(&format!("load -i {}", directory.display())).success().stdout_has(&id);
    };
    let forms = || sandbox.run("images -a --no-trunc --format '{{.ID}}'").success().lines();
    load();
    assert_eq!(forms().len(), 2, "{:?}", forms());
    // What goes is the form without a name; the image is not gone.
    sandbox.run("image prune -f").success().stdout_lacks("deleted: ");
    assert_eq!(forms(), [id.as_str()]);
    load();
    sandbox.run("run --rm busybox true").success();
    // By its id it goes in every form.
    let output = sandbox.run(&format!("rmi -f {id}"));
    output.success().stdout(&format!("Untagged: busybox:latest\nDeleted: {id}\n"));
    assert!(forms().is_empty(), "{:?}", forms());
    sandbox.run("system check").success();
}
