//! A disk that is full: a store on a small filesystem. What does not fit is refused, before anything is brought where
//! that can be told; nothing is left of it, and with more room the same command succeeds.

use crate::bad_input::in_namespace;
use crate::support::image::Kind;
use crate::support::{Compression, Entry, Image, Layer, Output, Sandbox, Server};

/// How much room the disk has, and what is put into it, in MB.
const DISK: usize = 160;
const CONTENT: usize = 12;

/// A layer that is small until it is unpacked.
fn grows() -> Image {
    let content: Vec<u8> =
        b"all that fits into a boat\n".iter().copied().cycle().take(CONTENT << 20).collect();
    let layer = Layer::new(&[Entry::directory("d"), Entry::file("d/content", content)], Compression::Gzip);
    Image::busybox().with_layer(layer).of_kind(Kind::Oci)
}

/// One whose size can be told before.
fn is_large() -> Image {
    let mut state = 1_u32;
    let random = (0..CONTENT << 20).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let layer = Layer::new(&[Entry::file("content", random.collect::<Vec<_>>())], Compression::None);
    Image::busybox().with_layer(layer).of_kind(Kind::Oci)
}

/// Runs a command with so many MB of room, and once more with all of it. `before` makes what it needs.
fn suffer(sandbox: &Sandbox, before: &str, room: usize, command: &str) -> Output {
    let disk = sandbox.directory("disk").display().to_string();
    let script = sandbox.file(
        "script",
        format!(
            "c() {{ {program} --root {disk}/store \"$@\"; }}\n\
             cd {home}\n\
             list() {{ cd {disk}/store && find images layers tmp cache containers -type f 2>/dev/null | \
                grep -v -e /index.json -e cache/driver | sort; cd {home}; }}\n\
             c pull -q oci:{busybox}:latest >/dev/null 2>&1 && c tag $(c images -q) busybox\n\
             {before}\n\
             list >{home}/files\n\
             free=$(df --output=avail -k {disk} | tail -1)\n\
             head -c $(( (free - {room} * 1024) * 1024 )) /dev/zero >{disk}/filler\n\
             {command} >{home}/said 2>{home}/why\n\
             echo refused with $?\n\
             list | diff {home}/files - && echo nothing is left\n\
             c system check >/dev/null && echo undamaged\n\
             rm {disk}/filler\n\
             {command} >{home}/said 2>{home}/again\n\
             echo done with $?\n\
             c system check >/dev/null && echo undamaged still\n\
             cat {home}/why >&2\n",
            program = sandbox.program().display(),
            home = sandbox.home().display(),
            busybox = sandbox.layout_of(&Image::busybox(), "busybox").display(),
        ),
    );
    let setup = format!(
        "mount -t tmpfs -o size={DISK}m,mode=700 none {disk} && . {} && exit 0; true",
        script.display()
    );
    let output = in_namespace(sandbox, &setup, "version >/dev/null");
    let said = "refused with 1\nnothing is left\nundamaged\ndone with 0\nundamaged still\n";
    output.success().stdout(said).stderr_has("hint: free some with: coracle system prune");
    let errors = output.stderr.lines().filter(|line| line.starts_with("Error: ")).count();
    assert_eq!(errors, 1, "{}", output.stderr);
    output
}

#[test]
fn pull() {
    let (grows, large) = (Server::of_image(&grows(), |_| None), Server::of_image(&is_large(), |_| None));
    let sandbox = Sandbox::new();
    let output = suffer(&sandbox, "true", CONTENT / 2, &format!("c pull -q {}/x", grows.host()));
    output.stderr_has("No space left on device");
    let output = suffer(&sandbox, "true", CONTENT + 5, &format!("c pull -q {}/x", large.host()));
    output.stderr_has("are needed, and ");
    let blobs =
        |server: &Server| server.requests().iter().filter(|request| request.path.contains("/blobs/")).count();
    assert_eq!(blobs(&large), 3, "once the configuration alone, then the layer too");
}

#[test]
fn load_and_import() {
    let sandbox = Sandbox::new();
    let save = |image: &Image, name: &str| {
        sandbox.add(image, name);
        let file = sandbox.path().join(format!("{name}.tar"));
        sandbox.run(&format!("save --format oci-archive -o {} {name}", file.display())).success();
        file
    };
    let (grows, large) = (save(&grows(), "grows"), save(&is_large(), "large"));
    let output = suffer(&sandbox, "true", CONTENT / 2, &format!("c load -q -i {}", grows.display()));
    output.stderr_has("No space left on device");
    let output = suffer(&sandbox, "true", CONTENT + 5, &format!("c load -q -i {}", large.display()));
    output.stderr_has("are needed, and ");
    // An archive that comes through a pipe is kept on the same disk meanwhile.
    let output = suffer(&sandbox, "true", CONTENT / 2, &format!("cat {} | c load -q", large.display()));
    output.stderr_has("No space left on device");
    let rootfs = sandbox.file("rootfs.tgz", &self::grows().layers[1].blob);
    let output = suffer(&sandbox, "true", CONTENT / 2, &format!("c import {} imported", rootfs.display()));
    output.stderr_has("No space left on device");
}

#[test]
fn commit() {
    let sandbox = Sandbox::new();
    let content = sandbox.file("content", vec![b'x'; CONTENT << 20]);
    let before = format!(
        "c create --name boat busybox true >/dev/null; c cp {} boat:/ 2>/dev/null",
        content.display()
    );
    let output = suffer(&sandbox, &before, CONTENT / 2, "c commit boat committed");
    output.stderr_has("are needed, and ");
}

#[test]
fn build() {
    let sandbox = Sandbox::new();
    let context = sandbox.directory("context");
    let file = std::fs::File::create(context.join("content")).expect("a file");
    std::io::Write::write_all(&mut &file, &vec![b'x'; CONTENT << 20]).expect("a file");
    std::fs::write(context.join("Dockerfile"), "FROM busybox\nCOPY content /\nCOPY content /again\n")
        .expect("a file");
    let output = suffer(&sandbox, "true", CONTENT / 2, &format!("c build -q -t built {}", context.display()));
    output.stderr_has("No space left on device");
}

/// What is full need not be the store: freeing room there would help nobody.
#[test]
fn output_that_goes_elsewhere() {
    let sandbox = Sandbox::with_busybox();
    sandbox.run("create --name boat busybox").success();
    sandbox.run("volume create hold").success();
    sandbox.run("run --rm -v hold:/hold busybox touch /hold/barrel").success();
    sandbox.file("home/Dockerfile", "FROM busybox\n");
    let program = sandbox.program().display();
    for command in [
        "save busybox",
        "save -o /dev/full busybox",
        "export boat",
        "export -o /dev/full boat",
        "cp boat:/bin -",
        "volume export hold",
        "build -o type=tar,dest=/dev/full .",
        "build -o type=docker,dest=/dev/full .",
    ] {
        let output = sandbox.witness(&format!("sh -c '{program} {command} >/dev/full'"));
        output
            .code(1)
            .stderr_has("No space left on device")
            .stderr_has("hint: free some where the output goes, or let it go elsewhere");
    }
}
