//! Coracle in a container, as in a job of a continuous integration: its `/proc` is covered in parts, its store is on an
//! overlay, and devices are missing.

use crate::skip;
use crate::support::{Output, Sandbox};

/// A script in a container of our own, whose filter lets it make namespaces, with coracle at `/coracle`.
fn within(sandbox: &Sandbox, flags: &str, script: &str) -> Output {
    // A program that is not static needs the libraries of the host.
    let program = sandbox.program().display();
    let directories =
        ["/usr", "/lib", "/lib64"].into_iter().filter(|path| std::path::Path::new(path).exists());
    let volumes: Vec<String> = directories.map(|path| format!("-v {path}:{path}:ro")).collect();
    let script = shlex::try_quote(script).expect("no null bytes");
    let filter = if flags.contains("seccomp=") { "" } else { "--security-opt seccomp=unconfined" };
    sandbox.run(&format!(
        "run --rm --network none {filter} {flags} {} -v {program}:/coracle:ro -e HOME=/root \
         busybox sh -ec {script}",
        volumes.join(" ")
    ))
}

/// Makes an image of what is in `/bin`.
const IMPORT: &str = "tar c /bin 2>/dev/null | /coracle import -q - bb > /dev/null\n";

#[test]
fn a_container_within_a_container() {
    let sandbox = Sandbox::with_busybox();
    for flags in ["", "--security-opt unmask=ALL", "--privileged"] {
        let inner = "/coracle run --rm --network none";
        let script = format!(
            "{IMPORT}{inner} builtin:hello | head -n 2\n{inner} bb sh -c 'id -u; echo $$; ls -d /proc/self'\n\
             {inner} -u 5 bb id -u\n/coracle run --rm --network host bb echo host\n\
             /coracle run -d --name held --network none bb sleep 1000 > /dev/null\n\
             /coracle exec held echo inside\n/coracle rm -f held"
        );
        let output = within(&sandbox, flags, &script);
        output.success().stdout("\nHello from Coracle!\n0\n1\n/proc/self\n5\nhost\ninside\nheld\n");
    }
    sandbox.assert_no_traces();
}

#[test]
fn what_covers_proc_outside_covers_it_inside() {
    let sandbox = Sandbox::with_busybox();
    let look = "head -c 1 /proc/keys | wc -c; echo x 2>/dev/null > /proc/sys/kernel/hostname || echo closed; \
                kill -9 $(ls /proc | grep -x [0-9]* | head -n 1) 2>/dev/null; ls /proc/1/root 2>/dev/null || echo shut";
    let script = format!(
        "{IMPORT}/coracle run --rm --privileged --network none bb sh -c {}",
        shlex::try_quote(look).unwrap()
    );
    let output = within(&sandbox, "", &script);
    output.success().stdout("0\nclosed\nshut\n");
    // What asks for more than there is says what to do.
    let output = within(
        &sandbox,
        "",
        &format!("{IMPORT}/coracle run --rm --network none --sysctl net.core.somaxconn=5 bb true"),
    );
    output.code(125).stderr_has("set sysctl net/core/somaxconn: Read-only file system");
    if !std::path::Path::new("/usr/bin/slirp4netns").exists() {
        skip!("no slirp4netns");
    }
    let output = within(&sandbox, "", &format!("{IMPORT}/coracle run --rm bb true"));
    output.code(125).stderr_has("--network host");
    sandbox.assert_no_traces();
}

/// Podman's filter lets a container make namespaces, and name none of them.
#[test]
fn a_filter_that_forbids_names() {
    let sandbox = Sandbox::with_busybox();
    let filter = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["sethostname"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}"#;
    let filter = sandbox.file("filter.json", filter).display().to_string();
    let run = "/coracle run --rm --network none";
    let script = format!(
        "{IMPORT}{run} bb cat /proc/sys/kernel/hostname\n\
         printf 'FROM bb\\nRUN true\\n' | /coracle build -q --network none -t built - > /dev/null\n\
         {run} built echo built\n{run} --hostname mine bb true"
    );
    let output = within(&sandbox, &format!("--hostname outer --security-opt seccomp={filter}"), &script);
    output.code(125).stdout("outer\nbuilt\n");
    output.stderr_has("set the hostname to mine").stderr_has("--security-opt seccomp=unconfined");
    sandbox.assert_no_traces();
}
