//! Secrets: their verbs, and what containers see of them, which is written nowhere else.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Sandbox, eventually, has_subordinate_ids};

/// Nothing else contains this.
const VALUE: &str = "qK7-hush-nobody-may-know-42";

fn make(sandbox: &Sandbox, name: &str, value: &str) -> String {
    sandbox.command(&format!("secret create {name} -")).input(value).finish().success().line()
}

#[test]
fn secrets_are_made_listed_and_removed() {
    let sandbox = Sandbox::new();
    sandbox.run("secret ls").success().stdout("ID        NAME      DRIVER    CREATED   UPDATED\n");
    let id = make(&sandbox, "db", VALUE);
    assert!(id.len() == 25 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    let file = sandbox.file("value", "of a file");
    let path = file.display();
    let other = sandbox.run(&format!("secret create -l a=1 --label b web {path}")).success().line();
    let again = sandbox.run(&format!("secret create db {path}"));
    again.code(1).stderr("Error: db: secret name in use\n");
    let variable = sandbox.command("secret create --env token TOKEN").env("TOKEN", VALUE).finish();
    variable.success();
    for (line, want) in [
        ("secret create --env x NOT_SET", "environment variable NOT_SET is not set"),
        ("secret create x /nowhere", "open /nowhere"),
        ("secret create -d shell x /nowhere", "invalid driver"),
        ("secret create a/b -", "a/b: invalid secret name"),
        ("secret create x -", "secret data must be larger than 0 and less than 512000 bytes"),
        ("secret ls --filter foo=1", "invalid filter \"foo\""),
        ("secret inspect nope", "no secret with name or id \"nope\": no such secret"),
        ("secret rm nope", "no secret with name or id \"nope\": no such secret"),
        ("secret rm", "`coracle secret rm` requires one argument, or the --all flag"),
        ("secret rm -a db", "`coracle secret rm` requires one argument, or the --all flag"),
    ] {
        let failed = sandbox.run(line);
        assert_ne!(failed.exit_code(), 0, "{line}");
        failed.stderr_has(want);
    }
    sandbox
        .command("secret create x -")
        .input(vec![7; 512_000])
        .finish()
        .code(1)
        .stderr_has("less than 512000");
    for (flags, want) in [
        ("--format {{.Name}}", "db\ntoken\nweb\n".to_owned()),
        ("-q --filter name=^d", format!("{id}\n")),
        (&format!("-q --filter id={}", &other[..8]), format!("{other}\n")),
        ("--filter label=a=1 --format {{.Name}}:{{.Driver}}:{{.Labels}}", "web:file:a=1,b=\n".to_owned()),
    ] {
        sandbox.run(&format!("secret ls {flags}")).success().stdout(&want);
    }
    sandbox.run("secret exists db").success().stdout("");
    sandbox.run("secret exists nope").code(1).stdout("").stderr("");

    let document = &sandbox.run("secret inspect web").success().json()[0];
    assert_eq!((&document["ID"], &document["Spec"]["Name"]), (&json!(other), &json!("web")));
    assert_eq!(document["Spec"]["Driver"]["Name"], "file");
    assert_eq!(document["Spec"]["Labels"], json!({"a": "1", "b": ""}));
    assert!(document["SecretData"].is_null());
    sandbox.run("inspect --type secret -f {{.Spec.Name}} db").success().stdout("db\n");
    sandbox.run(&format!("secret inspect -f {{{{.Spec.Name}}}} {}", &id[..10])).success().stdout("db\n");
    sandbox
        .run("secret inspect --pretty db")
        .success()
        .stdout_has("Name:            db\n")
        .stdout_lacks(VALUE);
    let shown = sandbox.run("secret inspect --showsecret -f {{.SecretData}} db token");
    shown.success().stdout(&format!("{VALUE}\n{VALUE}\n"));

    sandbox.run(&format!("secret create --replace db {path}")).success();
    sandbox.run("secret inspect --showsecret -f {{.SecretData}} db").success().stdout("of a file\n");
    sandbox.run("secret rm -i nope web").success().stdout(&format!("{other}\n"));
    assert_eq!(sandbox.run("secret rm -a").success().lines().len(), 2);
    sandbox.run("secret ls -q").success().stdout("");
    let told =
        sandbox.run("events --until 0s --filter type=secret --format {{.Action}}:{{.Actor.Attributes.name}}");
    told.success()
        .stdout("create:db\ncreate:web\ncreate:token\ncreate:db\nremove:web\nremove:db\nremove:token\n");
}

#[test]
fn what_a_container_sees() {
    let sandbox = Sandbox::with_busybox();
    make(&sandbox, "db", VALUE);
    let id = make(&sandbox, "web", "two\n");
    let script = "stat -c '%a %u:%g %n' /run/secrets /run/secrets/* /run/secrets/deep/* /etc/app/key /run/near; \
                  cat /run/secrets/db /etc/app/key /run/near; echo; grep -c secrets/db /proc/self/mountinfo; \
                  grep ' /run/secrets ' /proc/self/mountinfo | grep -o 'tmpfs tmpfs'; \
                  echo $TOKEN-$web-$A";
    let flags = format!(
        "--secret db --secret {},target=deep/x,mode=0400 --secret web,target=/etc/app/key,mode=600 \
         --secret web,target=../near --secret db,type=env,target=TOKEN --secret web,type=env \
         --secret db,target=y --secret web,target=y --secret web,type=env,target=A -e A=flag",
        &id[..12]
    );
    let words: Vec<_> = format!("run --rm --read-only --network none {flags} busybox sh -c")
        .split_whitespace()
        .map(str::to_owned)
        .chain([script.to_owned()])
        .collect();
    sandbox.command_of(&words).finish().success().stdout(&format!(
        "755 0:0 /run/secrets\n444 0:0 /run/secrets/db\n755 0:0 /run/secrets/deep\n444 0:0 /run/secrets/y\n\
         400 0:0 /run/secrets/deep/x\n600 0:0 /etc/app/key\n444 0:0 /run/near\n\
         {VALUE}two\ntwo\n\n0\ntmpfs tmpfs\n{VALUE}-two -two\n"
    ));
    // Another user reads what its mode lets it, and changes nothing.
    let script =
        "cat /run/secrets/db; echo x > /run/secrets/db; echo x > /run/secrets/new; cat /run/secrets/web";
    let output = sandbox.run_words(&[
        "run",
        "--rm",
        "--network",
        "none",
        "-u",
        "7",
        "--secret",
        "db",
        "--secret",
        "web,mode=0400",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    output.code(1).stdout(VALUE);
    assert_eq!(output.stderr.matches("ermission denied").count(), 3, "{}", output.stderr);
    if has_subordinate_ids() {
        let flags = "--secret db,uid=5,gid=6,mode=0440";
        let stat = "busybox stat -c %u:%g:%a /run/secrets/db";
        for userns in ["", "--userns keep-id"] {
            let output = sandbox.run(&format!("run --rm --network none {userns} {flags} {stat}"));
            output.success().stdout("5:6:440\n");
        }
    }
    sandbox.assert_no_traces();
}

#[test]
fn what_is_refused() {
    let sandbox = Sandbox::with_busybox();
    make(&sandbox, "db", VALUE);
    sandbox.command("secret create binary -").input(b"\xff\0".to_vec()).finish().success();
    for (flag, want) in [
        ("nope", "no secret with name or id \"nope\": no such secret"),
        ("db,foo=1", "option foo=1 invalid: parsing secret"),
        ("db,type=env,uid=1", "UID, GID, Mode options cannot be set with secret type env: parsing secret"),
        ("db,target=/", "target / of secret db: it is a directory"),
        ("db,target=/run", "target /run of secret db: it is a directory"),
        ("binary,type=env", "secret binary cannot be a variable: its data is no text"),
        ("db,target=/proc/self/comm", "it is inside /proc"),
    ] {
        let output = sandbox.run(&format!("run --rm --network none --secret {flag} busybox true"));
        output.code(125).stderr_has(want);
        output.stderr_lacks(VALUE);
    }
    // Docker's code where a start fails for what is not there.
    let output = sandbox.run("run --rm --network none --secret db,target=/proc/x busybox true");
    output.code(127).stderr_has("attach the secret /proc/x").stderr_lacks(VALUE);
    sandbox.run("ps -aq").success().stdout("");
    sandbox.assert_no_traces();
}

#[test]
fn a_container_goes_on_with_what_it_has_and_asks_again_at_each_start() {
    let sandbox = Sandbox::with_busybox();
    make(&sandbox, "db", VALUE);
    let id = sandbox
        .run(
            "run -d --name box --network none --secret db --secret db,type=env,target=TOKEN busybox sleep 1000",
        )
        .success()
        .line();
    let see = "exec box sh -c 'cat /run/secrets/db; echo -$TOKEN'";
    sandbox.run(see).success().stdout(&format!("{VALUE}-{VALUE}\n"));
    sandbox.run("exec -e TOKEN=mine box sh -c 'echo $TOKEN'").success().stdout("mine\n");
    sandbox.command("secret create --replace db -").input("second").finish().success();
    sandbox.run("restart -t 0 box").success();
    sandbox.run(see).success().stdout("second-second\n");
    sandbox.run("secret rm db").success();
    sandbox.run("exec box true").code(1).stderr_has("no secret with name or id \"db\": no such secret");
    sandbox.run("stop -t 0 box").success();
    let failed = sandbox.run("start box");
    failed.code(1).stderr_has("no secret with name or id \"db\": no such secret");
    assert_eq!(sandbox.inspect(&id, "State.Error"), "no secret with name or id \"db\": no such secret");
    make(&sandbox, "db", "third");
    sandbox.run("start box").success();
    sandbox.run(see).success().stdout("third-third\n");
    sandbox.run("rm -f box").success();

    // A restart by policy shows it anew, too.
    let script = "echo $TOKEN $(cat /run/secrets/db); exit 1";
    let line = "run -d --name again --restart on-failure:1 --network none --secret db --secret db,type=env,target=TOKEN";
    let words: Vec<_> = format!("{line} busybox sh -c").split_whitespace().map(str::to_owned).collect();
    sandbox.command_of(&[&words[..], &[script.to_owned()]].concat()).finish().success();
    eventually("both runs", || {
        (sandbox.run("logs again").success().out() == "third third\nthird third\n").then_some(())
    });
    sandbox.run("rm -f again").success();
    sandbox.assert_no_traces();
}

#[test]
fn it_is_written_nowhere_else() {
    let sandbox = Sandbox::with_busybox();
    make(&sandbox, "db", VALUE);
    let flags = "--secret db --secret db,target=/etc/app/key --secret db,type=env,target=TOKEN";
    let log = "--log-opt env=TOKEN";
    sandbox
        .run(&format!(
            "run -d --name box --network none {flags} {log} busybox sh -c 'echo up; exec sleep 1000'"
        ))
        .success();
    sandbox
        .run("exec box sh -c 'test -n \"$TOKEN\" && test -s /etc/app/key && echo said'")
        .success()
        .stdout("said\n");
    // Each line of the log has the variable, if the log is ever told of it.
    eventually("a line in the log", || (sandbox.run("logs box").success().out() == "up\n").then_some(()));
    for process in sandbox.processes() {
        let arguments = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        assert!(!contains(&arguments, VALUE));
    }
    for line in [
        "inspect box",
        "ps -a --no-trunc",
        "logs --details box",
        "diff box",
        "events --until 0s",
        "export box",
    ] {
        let output = sandbox.run(line);
        output.success();
        assert!(!contains(&output.bytes, VALUE) && !output.stderr.contains(VALUE), "{line}");
    }
    sandbox.run("commit box copy").success();
    sandbox
        .run("run --rm --network none copy sh -c 'echo $TOKEN; cat /etc/app/key; ls /run/secrets'")
        .stdout("\n");
    assert_eq!(written(&sandbox), vec![sandbox.store().join("secrets/db.json")]);
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let file = sandbox.store().join("secrets/db.json");
    assert_eq!((mode(&file), mode(file.parent().expect("a directory"))), (0o600, 0o700));
    sandbox.run("stop -t 0 box").success();
    sandbox.run("cp box:/etc/app/key -").success().stdout_lacks(VALUE);
    assert_eq!(written(&sandbox).len(), 1);
    sandbox.run("rm -f box").success();
    sandbox.run("secret rm db").success();
    assert_eq!(written(&sandbox), Vec::<PathBuf>::new());
}

fn contains(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The files of the sandbox, store and run directory among them, that hold the value, plain or in base64.
fn written(sandbox: &Sandbox) -> Vec<PathBuf> {
    let encoded = STANDARD.encode(VALUE);
    let (mut found, mut left) = (Vec::new(), vec![sandbox.path().to_owned()]);
    while let Some(directory) = left.pop() {
        // What belongs to a subordinate id is looked at all the same: none of it is closed to others here.
        let Ok(entries) = std::fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                let content = std::fs::read(entry.path()).unwrap_or_default();
                if contains(&content, VALUE) || contains(&content, &encoded) {
                    found.push(entry.path());
                }
            }
        }
    }
    found
}

#[test]
fn a_secret_that_is_there_may_be_left_alone() {
    let sandbox = Sandbox::new();
    let id = sandbox.command("secret create token -").input("one").finish().success().line();
    let again = sandbox.command("secret create --ignore token -").input("two").finish();
    again.success().stdout(&format!("{id}\n"));
    sandbox.run("secret inspect --showsecret -f {{.SecretData}} token").success().stdout("one\n");
    sandbox.run("secret exists token").success();
    sandbox.run("secret exists other").code(1).stdout("").stderr("");
}
