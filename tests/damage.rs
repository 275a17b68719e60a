//! `system check`: damage of every kind, made by hand. While it lasts, commands that it concerns say so and how to mend
//! it, and the others work; afterwards everything is as it was, or gone.

use std::fs::{self, File, FileTimes, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;

use rustix::fs::FileType;

use crate::support::{Compression, Entry, Image, Layer, Sandbox, Server, is_driver, say_skipped};

/// What becomes of the image and the container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both are as they were.
    Whole,
    /// The image is, and the container is gone: only with `--force`.
    NoContainer,
}

struct Case {
    what: &'static str,
    damage: fn(&Place),
    /// Said by `system check`.
    said: &'static str,
    end: End,
    /// Whether `--quick` sees it too.
    quick: bool,
}

/// A store with an image from a registry that is still there, a container of it, and another image.
struct Place {
    sandbox: Sandbox,
    image: Image,
    _server: Server,
}

const COMMANDS: &[&str] = &[
    "images",
    "ps -a",
    "inspect kept",
    "history victim",
    "run --rm --network none victim cat /file",
    "start -a kept",
    "create --name more --network none victim true",
    "rm more",
    "volume ls",
    "image prune -f",
    "system df",
    "events --since 0 --until 0s",
    "info",
];

impl Place {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let image =
            Image::busybox().with_layer(Layer::new(&[Entry::file("file", "content\n")], Compression::Gzip));
        let server = Server::of_image(&image, |_| None);
        let name = format!("{}/x:y", server.host());
        sandbox.run(&format!("pull -q {name}")).success();
        sandbox.run(&format!("tag {name} victim")).success();
        sandbox.run("pull -q builtin:hello").success();
        let script = "cat /file; echo changed >/changed; echo precious >/data/precious";
        sandbox
            .run_words(&[
                "run",
                "--name",
                "kept",
                "-v",
                "data:/data",
                "--network",
                "none",
                "victim",
                "sh",
                "-c",
                script,
            ])
            .success();
        Self { sandbox, image, _server: server }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.sandbox.store().join(path)
    }

    fn blob(&self, digest: &str) -> PathBuf {
        self.path("images/blobs/sha256").join(&digest["sha256:".len()..])
    }

    /// The blob of the upper layer.
    fn layer_blob(&self) -> PathBuf {
        self.blob(&crate::support::image::digest(&self.image.layers[1].blob))
    }

    /// The directory of the upper layer.
    fn layer(&self) -> PathBuf {
        self.path("layers").join(&crate::support::image::digest(&self.image.layers[1].tar)["sha256:".len()..])
    }

    fn container(&self) -> PathBuf {
        fs::read_dir(self.path("containers")).expect("containers").flatten().next().expect("one").path()
    }

    /// Looks at a damage from outside, and has it mended.
    fn suffer(&self, case: &Case) {
        let Self { sandbox, .. } = self;
        sandbox.run("system check").success().stderr("").stdout_has("No damage in 2 images, ");
        (case.damage)(self);
        let output = sandbox.run("system check");
        output
            .code(1)
            .stdout_has(case.said)
            .stderr_has("hint: to mend what can be: coracle system check --repair");
        output.one_clear_line();
        sandbox.run("system check --quick").code(i32::from(case.quick));
        for command in COMMANDS {
            let output = sandbox.run(command);
            if ["ps -a", "volume ls", "events --since 0 --until 0s", "info"].contains(command) {
                output.success();
            }
            // What the program says in a layer that is not whole is not ours.
            let is_ours = ["Error: ", "coracle: "].iter().any(|start| output.stderr.starts_with(start));
            if output.exit_code() != 0 && *command != "rm more" && is_ours {
                let said = output.one_clear_line();
                let names_a_way = [
                    "coracle system check --repair",
                    "coracle rm -f ",
                    "No such object: kept",
                    "No such container: kept",
                ];
                if !names_a_way.iter().any(|way| output.stderr.contains(way)) {
                    said.fail("it does not say how to mend the store");
                }
            }
        }
        let _ = sandbox.run("rm -f more");
        if case.end == End::NoContainer {
            sandbox.run("system check --repair").code(1).stdout_has("coracle system check --repair --force");
        }
        let force = if case.end == End::NoContainer { "--force" } else { "" };
        let output = sandbox.run(&format!("system check --repair {force}"));
        output.success().stderr("").stdout_has("mended: ").stdout_has("The store is whole again.\n");
        sandbox.run("system check").success().stderr("").stdout_has("No damage in 2 images, ");
        sandbox.run("run --rm --network none victim cat /file").success().stdout("content\n");
        if case.end == End::Whole {
            sandbox.run("start -a kept").success().stdout("content\n");
            sandbox.run("diff kept").success().stdout_has("A /changed");
            sandbox.run("rm kept").success();
        }
        let precious = fs::read_to_string(self.path("volumes/data/_data/precious"));
        assert_eq!(precious.expect("volumes are not touched"), "precious\n");
        sandbox.run("image prune -a -f").success();
        sandbox.assert_no_traces();
    }
}

/// Something else than a file, and not empty.
fn replace_by_directory(path: PathBuf) {
    fs::remove_file(&path).expect("a file");
    fs::create_dir_all(path.join("within")).expect("a directory");
}

fn close(path: PathBuf) {
    fs::set_permissions(path, Permissions::from_mode(0o000)).expect("a mode");
}

fn flip(path: PathBuf) {
    let file = File::options().read(true).write(true).open(&path).expect("a file");
    let times = file.metadata().expect("a file").modified().expect("a time");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 3).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], 3).expect("a byte");
    file.set_times(FileTimes::new().set_modified(times)).expect("a time");
}

fn append(path: PathBuf, text: &str) {
    let old = fs::read_to_string(&path).expect("a file");
    fs::write(path, old + text).expect("a file");
}

const CASES: &[Case] = &[
    Case {
        what: "a layer's blob is cut short",
        damage: |place| fs::write(place.layer_blob(), "short").unwrap(),
        said: "size is 5, expected ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a byte of a layer's blob is another",
        damage: |place| flip(place.layer_blob()),
        said: "digest is sha256:",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "a layer's blob is missing",
        damage: |place| fs::remove_file(place.layer_blob()).unwrap(),
        said: "layer blob ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "blob and files of a layer are missing",
        damage: |place| {
            fs::remove_file(place.layer_blob()).unwrap();
            fs::remove_dir_all(place.layer()).unwrap();
        },
        said: "layer blob ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a manifest is garbage",
        damage: |place| fs::write(place.blob(&place.image.digest()), "{").unwrap(),
        said: ": manifest ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a byte of a manifest is another",
        damage: |place| flip(place.blob(&place.image.digest())),
        said: ": manifest ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a configuration is missing",
        damage: |place| fs::remove_file(place.blob(&place.image.id())).unwrap(),
        said: ": configuration ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a layer's directory is missing",
        damage: |place| fs::remove_dir_all(place.layer()).unwrap(),
        said: ": it is missing",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a layer is half removed",
        damage: |place| fs::remove_file(place.layer().join("file")).unwrap(),
        said: "file: missing",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "a byte of a file of a layer is another",
        damage: |place| flip(place.layer().join("file")),
        said: "file: its content",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "a mode in a layer is another",
        damage: |place| {
            fs::set_permissions(place.layer().join("file"), Permissions::from_mode(0o4755)).unwrap();
        },
        said: "file: its mode",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "a layer has more than its archive",
        damage: |place| symlink("/etc/shadow", place.layer().join("zzz")).unwrap(),
        said: "zzz: not in its archive",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "a layer is no directory",
        damage: |place| {
            fs::remove_dir_all(place.layer()).unwrap();
            fs::write(place.layer(), "").unwrap();
        },
        said: "it is no directory",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a layer's size is garbage",
        damage: |place| fs::write(place.layer().with_extension("json"), "garbage").unwrap(),
        said: "read the size of layer",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a layer's size is another",
        damage: |place| {
            fs::write(place.layer().with_extension("json"), r#"{"size":9999,"entries":1}"#).unwrap();
        },
        said: "its size is recorded wrongly",
        end: End::Whole,
        quick: false,
    },
    Case {
        what: "the list of images is cut short",
        damage: |place| {
            let path = place.path("images/index.json");
            let text = fs::read_to_string(&path).unwrap();
            fs::write(path, &text[..text.len() / 2]).unwrap();
        },
        said: "the list of images: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the list of images is missing",
        damage: |place| fs::remove_file(place.path("images/index.json")).unwrap(),
        said: "index.json: No such file or directory",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the list is lost and a layer damaged",
        damage: |place| {
            fs::write(place.path("images/index.json"), "").unwrap();
            flip(place.layer().join("file"));
        },
        said: "the list of images: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the list names an image that is not there",
        damage: |place| {
            let path = place.path("images/index.json");
            let mut index: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            let mut entry = index["manifests"][0].clone();
            entry["digest"] = format!("sha256:{}", "ab".repeat(32)).into();
            entry["annotations"] =
                serde_json::json!({"org.opencontainers.image.ref.name": "docker.io/library/ghost:latest"});
            index["manifests"].as_array_mut().unwrap().push(entry);
            fs::write(path, index.to_string()).unwrap();
        },
        said: "image ghost:latest: manifest abababababab: it is missing",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the mark of an OCI layout is missing",
        damage: |place| fs::remove_file(place.path("images/oci-layout")).unwrap(),
        said: "images/oci-layout: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a directory is in the place of the list of images",
        damage: |place| replace_by_directory(place.path("images/index.json")),
        said: "the list of images: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the list of images cannot be read",
        damage: |place| close(place.path("images/index.json")),
        said: "the list of images: its owner may not read it: its mode is 000",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a manifest cannot be read",
        damage: |place| close(place.blob(&place.image.digest())),
        said: "its owner may not read it: its mode is 000",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a pipe is in the place of a configuration",
        damage: |place| {
            let path = place.blob(&place.image.id());
            fs::remove_file(&path).unwrap();
            rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
        },
        said: ": it is no file",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a directory is in the place of the mark of an OCI layout",
        damage: |place| replace_by_directory(place.path("images/oci-layout")),
        said: "images/oci-layout: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a directory is in the place of a layer's size",
        damage: |place| replace_by_directory(place.layer().with_extension("json")),
        said: ": layer ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a network's record is garbage",
        damage: |place| {
            place.sandbox.run("network create sea").success();
            fs::write(place.path("networks/sea.json"), "garbage").unwrap();
        },
        said: "network sea: not a network's record: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a file among the blobs is none",
        damage: |place| fs::write(place.path("images/blobs/sha256/README"), "").unwrap(),
        said: "images/blobs/sha256/README: it is no blob",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a file among the layers is none",
        damage: |place| fs::write(place.path("layers/README"), "").unwrap(),
        said: "layers/README: it is no layer",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a container's record is garbage",
        damage: |place| fs::write(place.container().join("container.json"), "\0\0\0\0").unwrap(),
        said: "not a container record",
        end: End::NoContainer,
        quick: true,
    },
    Case {
        what: "a container's record is missing",
        damage: |place| fs::remove_file(place.container().join("container.json")).unwrap(),
        said: "container.json: No such file or directory",
        end: End::NoContainer,
        quick: true,
    },
    Case {
        what: "a container's specification is garbage",
        damage: |place| fs::write(place.container().join("config.json"), "garbage").unwrap(),
        said: "container kept: read ",
        end: End::NoContainer,
        quick: true,
    },
    Case {
        what: "a container's work directory is missing",
        damage: |place| {
            // The kernel's directory in it is closed.
            fs::rename(place.container().join("work"), place.sandbox.path().join("images/work")).unwrap();
        },
        said: "/work is missing",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a container has lost its name",
        damage: |place| fs::remove_file(place.path("names/kept")).unwrap(),
        said: "container kept: its name leads nowhere",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a name is of nothing",
        damage: |place| {
            symlink(format!("../containers/{}", "ab".repeat(32)), place.path("names/ghost")).unwrap()
        },
        said: "name ghost: there is no such container",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a name is no link",
        damage: |place| fs::write(place.path("names/ghost"), "").unwrap(),
        said: "name ghost: ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "events are cut short",
        damage: |place| append(place.path("events.log"), "{\"timeNano\":17"),
        said: "events.log: 1 lines are cut short",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "the ranges are garbage",
        damage: |place| fs::write(place.path("ranges.json"), "garbage").unwrap(),
        said: "ranges.json: read ",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a directory is open to others",
        damage: |place| fs::set_permissions(place.path("containers"), Permissions::from_mode(0o755)).unwrap(),
        said: "its mode is 755, not 700",
        end: End::Whole,
        quick: true,
    },
    Case {
        what: "a directory is missing",
        damage: |place| fs::remove_dir_all(place.path("names")).unwrap(),
        said: "names: it is missing",
        end: End::Whole,
        quick: true,
    },
];

#[test]
fn damage_is_named_and_mended() {
    let mut cases: Vec<_> = CASES.iter().collect();
    if is_driver("vfs") {
        say_skipped("with vfs there is no work directory: the other damage is tested");
        cases.retain(|case| !case.what.contains("work directory"));
    }
    let queue = Mutex::new(cases);
    let wrong = Mutex::new(Vec::new());
    let work = || {
        while let Some(case) = { queue.lock().expect("no panic").pop() } {
            if catch_unwind(AssertUnwindSafe(|| Place::new().suffer(case))).is_err() {
                wrong.lock().expect("no panic").push(case.what);
            }
        }
    };
    let threads = 2 * std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_cannot_be_had_again_goes() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("run --name maker --network none busybox sh -c 'echo mine >/mine'").success();
    sandbox.run("commit maker mine").success();
    sandbox.run("create --name user --network none mine true").success();
    sandbox.run("rm maker").success();
    let id = sandbox.inspect("mine", "Id");
    let blob =
        sandbox.store().join("images/blobs/sha256").join(&id.as_str().expect("an id")["sha256:".len()..]);
    fs::remove_file(blob).expect("a blob");
    sandbox.run("system check").code(1).stdout_has("image mine:latest: configuration ");
    // Not what a container is made from, which goes on as it is.
    let output = sandbox.run("system check --repair");
    output.code(1).stdout_has(
        "it came from no registry; image mine:latest is kept, for container user is made from it",
    );
    sandbox.run("start -a user").success();
    let output = sandbox.run("system check --repair --force");
    output.success().stdout_has("mended: image mine:latest is removed: it came from no registry\n");
    sandbox.run("ps -a -q").success().stdout("");
    sandbox.run("images --format {{.Repository}}").success().stdout("busybox\n");
    sandbox.run("system check --force").code(1).one_clear_line();
}

#[test]
fn what_runs_is_not_pulled_from_under_it() {
    let place = Place::new();
    place.sandbox.run("run -d --name live --network none victim sleep 1000").success();
    flip(place.layer().join("file"));
    let output = place.sandbox.run("system check --repair");
    output.code(1).stdout_has("not mended: kept while container live runs; stop it, then try again");
    place.sandbox.run("exec live true").success();
    place.sandbox.run("rm -f live").success();
    place.sandbox.run("system check --repair").success().stdout_has("mended: unpacked again\n");
    place.sandbox.run("start -a kept").success().stdout("content\n");
}

#[test]
fn what_is_the_user_s_is_left_to_the_user() {
    let sandbox = Sandbox::with_busybox();
    sandbox
        .run("system check")
        .success()
        .stdout("No damage in 1 image, 3 blobs, 1 layer and 0 containers.\n");
    sandbox.run("volume create data").success();
    sandbox.command("secret create word -").input("secret").finish().success();
    sandbox.run("volume create --label a=b labelled").success();
    fs::write(sandbox.store().join("volumes/labelled/volume.json"), "garbage").expect("a file");
    // Perhaps of a newer coracle.
    sandbox.run("network create sea").success();
    let record = sandbox.store().join("networks/sea.json");
    let text = fs::read_to_string(&record).expect("a record");
    fs::write(&record, text.replace("\"version\": 1", "\"version\": 999")).expect("a file");
    fs::remove_dir(sandbox.store().join("volumes/data/_data")).expect("a directory");
    fs::write(sandbox.store().join("secrets/word.json"), "{").expect("a file");
    let output = sandbox.run("system check --repair");
    output
        .code(1)
        .stdout_has("volume data: ")
        .stdout_has("secret word: ")
        .stdout_has("volume labelled: ")
        .stdout_has("network sea: ")
        .stdout_has("not mended: it is left to you: rm ");
    output.stderr_has("4 things are damaged").one_clear_line();
    assert!(record.exists());
    assert!(sandbox.store().join("volumes/data/volume.json").exists());
    assert!(sandbox.store().join("secrets/word.json").exists());
}

#[test]
fn what_a_dead_process_left_is_no_damage() {
    let sandbox = Sandbox::with_busybox();
    fs::create_dir(sandbox.store().join("tmp/layer-dead")).expect("a directory");
    fs::write(sandbox.store().join("tmp/blob-dead"), "half").expect("a file");
    sandbox.run("system check").success();
    sandbox.run("system check --repair").success();
    sandbox.run("image prune -f").success();
    sandbox.assert_no_traces();
}
