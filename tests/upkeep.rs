//! The store's upkeep: `system df`, `system prune`, `image prune`.

use std::fs::{self, File};

use serde_json::json;

use crate::support::{Entry, Image, Sandbox, eventually};

/// A store with three images upon one base: `used` has a container, `free` none, and one has lost its name.
fn crowded() -> Sandbox {
    let sandbox = Sandbox::with_busybox();
    for (name, size) in [("used", 1000), ("free", 20_000), ("moved", 300_000)] {
        let entry = Entry::file(name, vec![b'x'; size]);
        sandbox.add(&Image::busybox_and(&[entry]).set("Labels", json!({"name": name})), name);
    }
    sandbox.run("tag busybox moved").success();
    sandbox
        .run("run --name ended -v data:/data used sh -c 'echo 12345 >/five; echo 123 >/data/three'")
        .success();
    sandbox
}

fn column(sandbox: &Sandbox, kind: &str, field: &str) -> String {
    let line = format!("system df --format '{{{{.Type}}}}={{{{.{field}}}}}'");
    let lines = sandbox.run(&line).success().lines();
    lines.iter().find_map(|line| line.strip_prefix(&format!("{kind}="))).expect("a line").to_owned()
}

#[test]
fn df_says_what_prune_frees() {
    let sandbox = crowded();
    let lines = sandbox.run("system df").success().stderr("").lines();
    assert_eq!(lines[0].split("  ").filter(|word| !word.is_empty()).count(), 5, "{lines:?}");
    let starts =
        ["TYPE", "Images          4         1", "Containers      1         0", "Local Volumes   1         1"];
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line:?}");
    }
    assert_eq!(lines[4], "Build Cache     0         0         0B        0B");
    assert_eq!(column(&sandbox, "Containers", "Reclaimable"), "6B (100%)");
    assert_eq!(column(&sandbox, "Local Volumes", "Size"), "4B");
    let promised = column(&sandbox, "Images", "Reclaimable");
    let pruned = sandbox.run("image prune -a -f").success().lines();
    let freed = pruned.last().expect("a line").strip_prefix("Total reclaimed space: ").expect("a total");
    assert_eq!(promised.split(' ').next(), Some(freed), "{promised}");
    assert!(column(&sandbox, "Images", "Reclaimable").starts_with("0B"));
    sandbox.run("images --format {{.Repository}}").success().stdout("used\n");
    sandbox.run("start -a ended").success();
}

/// Two collections take turns, and both tell what they have freed; one that meets who stores something leaves it the work.
#[test]
fn prune_says_what_it_frees_beside_others() {
    let sandbox = crowded();
    let lock = |name: &str| {
        let path = sandbox.store().join("locks").join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let turn = File::open(sandbox.store().join("locks")).expect("a directory");
    turn.lock().expect("a lock");
    let pruning = sandbox.command("image prune -f").start();
    eventually("the images to be gone", || {
        (sandbox.run("images -q -f dangling=true").success().out().is_empty()).then_some(())
    });
    drop(turn);
    let text = pruning.finish().success().out();
    assert!(text.contains("\nTotal reclaimed space: 60") && text.ends_with("kB\n"), "{text}");
    let holder = lock("store");
    holder.lock_shared().expect("a lock");
    let pruned = sandbox.run("image prune -a -f --filter label=name=free");
    pruned.success().stdout_has("untagged: free:latest").stdout_has("Total reclaimed space: 0B\n");
    pruned.stderr_has("freed when it is done");
    drop(holder);
    sandbox.run("image prune -f").success().stdout_has("Total reclaimed space: 4");
}

/// Whoever keeps the store makes up for a collection that it has put off, in a user namespace, and whether or not its own
/// work is done: the files may be of any id.
#[test]
fn what_was_put_off_is_made_up_for() {
    let sandbox = Sandbox::with_busybox();
    let path = sandbox.store().join("locks/store");
    let layers = || fs::read_dir(sandbox.store().join("layers")).expect("a directory").count();
    let before = layers();
    sandbox.run("create --name boat busybox true").success();
    let works = [
        ("create busybox true", 0),
        ("create --network no-such busybox true", 125),
        ("run --rm --network none busybox true", 0),
        ("run --rm --network none busybox no-such", 127),
        ("commit boat made", 0),
    ];
    for (line, code) in works {
        let tool = Entry::file("deep/tool", "x").owned_by(5, 7);
        sandbox.add(&Image::busybox_and(&[Entry::directory("deep").owned_by(5, 7), tool]), "other");
        let holder = File::open(&path).expect("a lock");
        holder.lock_shared().expect("a lock");
        sandbox.run("rmi other").success();
        assert!(layers() > before, "{line}");
        drop(holder);
        sandbox.run(line).code(code);
        let kept = before + if line.starts_with("commit boat") { 2 } else { 0 };
        assert_eq!(layers(), kept, "{line}");
        let _ = sandbox.run("rmi -f made");
    }
}

#[test]
fn df_of_each() {
    let sandbox = crowded();
    let text = sandbox.run("system df -v").success().out();
    for title in [
        "Images space usage:\n\nREPOSITORY   TAG ",
        "\nContainers space usage:\n\nCONTAINER ID   IMAGE ",
        "\nLocal Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\ndata          1         4B\n",
        "\nBuild cache usage: 0B\n",
    ] {
        assert!(text.contains(title), "{title:?} in {text}");
    }
    let row = |name: &str| -> Vec<&str> {
        let line = text.lines().find(|line| line.starts_with(name)).expect("a row");
        line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect()
    };
    // The base is shared, whatever its size is; the layer of its own is its archive and its file.
    assert_eq!((row("used")[5], row("free")[5]), (row("<none>")[5], row("used")[5]));
    assert_ne!(row("used")[6], row("free")[6]);
    assert_eq!((row("used")[7], row("free")[7]), ("1", "0"));
    sandbox.run("system df -v --format json").code(1).stderr_has("cannot combine").one_clear_line();
}

#[test]
fn image_prune_takes_what_it_is_asked_to() {
    let sandbox = crowded();
    let names = || sandbox.run("images --format {{.Repository}}").success().lines();
    let asked = sandbox.command("image prune -a").input("n\n").finish();
    asked.success().stderr("").stdout(
        "WARNING! This will remove all images without at least one container associated to them.\n\
         Are you sure you want to continue? [y/N] ",
    );
    sandbox
        .run("image prune -a -f --filter label=name=other")
        .success()
        .stdout("Total reclaimed space: 0B\n");
    sandbox
        .run("image prune -a -f --filter until=2023-01-01")
        .success()
        .stdout("Total reclaimed space: 0B\n");
    sandbox.run("image prune -f --filter color=red").code(1).stderr("Error: invalid filter 'color'\n");
    assert_eq!(names().len(), 5);
    let text = sandbox.run("image prune -f").success().out();
    assert!(text.starts_with("Deleted Images:\ndeleted: sha256:"), "{text}");
    assert!(text.contains("\n\nTotal reclaimed space: 60"), "{text}");
    assert_eq!(names().len(), 4);
    let text = sandbox.run("image prune -a -f --filter label=name=free").success().out();
    assert!(text.starts_with("Deleted Images:\nuntagged: free:latest\ndeleted: sha256:"), "{text}");
    sandbox.run("image prune -f --filter dangling=false").success().stdout_has("untagged: busybox:latest");
    assert_eq!(names(), ["used"]);
}

#[test]
fn system_prune_takes_all_that_nothing_uses() {
    let sandbox = crowded();
    sandbox.run("volume create kept").success();
    sandbox.run("create -v /anonymous --name second busybox true").success();
    sandbox.run("run -d --name live --network none busybox sleep 1000").success();
    let asked =
        sandbox.command("system prune -a --volumes --filter label!=x --filter label=y").input("\n").finish();
    asked.success().stdout(
        "WARNING! This will remove:\n  - all stopped containers\n  \
         - all networks not used by at least one container\n  \
         - all anonymous volumes not used by at least one container\n  \
         - all images without at least one container associated to them\n  - all build cache\n\n  \
         Items to be pruned will be filtered with:\n  - label!=x\n  - label=y\n\n\
         Are you sure you want to continue? [y/N] ",
    );
    sandbox.run("system prune --volumes --filter until=1h -f").code(1).one_clear_line();
    let text = sandbox.run("system prune -a --volumes -f").success().out();
    let parts: Vec<&str> = text.split("\n\n").map(|part| part.lines().next().unwrap_or_default()).collect();
    assert_eq!(parts[..3], ["Deleted Containers:", "Deleted Volumes:", "Deleted Images:"], "{text}");
    assert!(parts[3].starts_with("Total reclaimed space: "), "{text}");
    sandbox.run("volume ls -q").success().stdout("data\nkept\n");
    sandbox.run("ps -a --format {{.Names}}").success().stdout("live\n");
    let mut names = sandbox.run("images --format {{.Repository}}").success().lines();
    names.sort();
    assert_eq!(names, ["busybox", "moved"]);
    sandbox.run("system prune -f").success().stdout("Total reclaimed space: 0B\n");
}

#[test]
fn df_and_prune_know_what_builds_keep_and_pulls_have_left() {
    let sandbox = crowded();
    sandbox.run("rm ended").success();
    let context = sandbox.directory("context");
    let size = 40_000;
    std::fs::write(context.join("big"), vec![b'x'; size]).expect("a file");
    let dockerfile = "FROM busybox\nCOPY big /big\nCOPY big /again\n";
    std::fs::write(context.join("Dockerfile"), dockerfile).expect("a file");
    let before = column(&sandbox, "Images", "Size");
    sandbox.run(&format!("build -q -t built {}", context.display())).success();
    // Of an image, all of it is counted there.
    assert_eq!(column(&sandbox, "Build Cache", "Size"), "0B");
    assert_eq!(
        (column(&sandbox, "Build Cache", "TotalCount"), column(&sandbox, "Build Cache", "Active")),
        ("2".into(), "2".into())
    );
    sandbox.run("rmi built").success();
    assert_eq!(column(&sandbox, "Build Cache", "Reclaimable"), "80kB (100%)");
    assert_eq!(column(&sandbox, "Build Cache", "Active"), "0");
    assert_eq!(column(&sandbox, "Images", "Size"), before);
    let text = sandbox.run("system df -v").success().out();
    assert!(text.contains("\nBuild cache usage: 80kB\n\nCACHE ID       CACHE TYPE   SIZE "), "{text}");
    // A part of a layer that never came whole.
    let partial = sandbox.store().join("cache/partial");
    std::fs::create_dir_all(&partial).expect("a directory");
    std::fs::write(partial.join("0".repeat(64)), vec![b'x'; 5_000_000]).expect("a file");
    assert_ne!(column(&sandbox, "Images", "Size"), before);
    sandbox.run("network create pond").success();
    let text = sandbox.run("system prune -f").success().out();
    for words in
        ["Deleted Networks:\npond\n\n", "Deleted build cache objects:\n", "Total reclaimed space: 5."]
    {
        assert!(text.contains(words), "{words:?} in {text}");
    }
    assert_eq!(column(&sandbox, "Build Cache", "TotalCount"), "0");
    sandbox.run("system prune -f").success().stdout("Total reclaimed space: 0B\n");
    sandbox.run("system check").success();
}
