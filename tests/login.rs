//! `login` and `logout`: with true registries that want a password or a token, and what is left in files and helpers.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::registry::{PASSWORD, USER};
use crate::support::{Access, Image, Pty, Registry, Response, Sandbox, Server};

const LOGIN_FILE: &str = "home/.config/containers/auth.json";

fn document(sandbox: &Sandbox, path: &str) -> Value {
    let text = fs::read(sandbox.path().join(path)).expect("a credentials file");
    serde_json::from_slice(&text).expect("JSON")
}

fn entry() -> Value {
    json!({ "auth": STANDARD.encode(format!("{USER}:{PASSWORD}")) })
}

fn log_in(sandbox: &Sandbox, host: &str) -> crate::support::Output {
    sandbox
        .command(&format!("login -u {USER} --password-stdin {host}"))
        .input(format!("{PASSWORD}\n"))
        .finish()
}

#[test]
fn in_and_out_again() {
    for access in [Access::Password, Access::Bearer] {
        let sandbox = Sandbox::with_busybox();
        let registry = Registry::start(access);
        registry.trust(&sandbox);
        let host = registry.host();
        let name = format!("{host}/boats/busybox:1");
        sandbox.run(&format!("tag busybox {name}")).success();
        sandbox.run(&format!("login --get-login {host}")).code(1).stderr_has("not logged into");
        let output = log_in(&sandbox, &host);
        output.success().stdout("Login Succeeded\n");
        output.stderr_has("WARNING! Your credentials are stored unencrypted in '").stderr_has("auth.json'");
        assert_eq!(document(&sandbox, LOGIN_FILE), json!({ "auths": { host.as_str(): entry() } }));
        let mode = fs::metadata(sandbox.path().join(LOGIN_FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        sandbox.run(&format!("login --get-login {host}")).success().stdout(&format!("{USER}\n"));
        sandbox.run(&format!("push -q {name}")).success();
        // The same file lets the containers tools in.
        let line = format!("skopeo inspect --tls-verify=false docker://{name}");
        sandbox.witness(&line).success();
        sandbox
            .run(&format!("login {host}"))
            .success()
            .stdout_has("Authenticating with existing credentials...");
        let output = sandbox.run(&format!("logout {host}"));
        output.success().stdout(&format!("Removing login credentials for {host}\n")).stderr("");
        assert_eq!(document(&sandbox, LOGIN_FILE), json!({ "auths": {} }));
        sandbox.run(&format!("push -q {name}")).code(1).stderr_has("push access denied");
        sandbox.run(&format!("logout {host}")).success().stdout(&format!("Not logged in to {host}\n"));
    }
}

#[test]
fn a_wrong_password_is_refused_and_not_kept() {
    for access in [Access::Password, Access::Bearer] {
        let sandbox = Sandbox::new();
        let registry = Registry::start(access);
        registry.trust(&sandbox);
        let output = sandbox.run(&format!("login -u {USER} -p hunter2 https://{}/v2/", registry.host()));
        output
            .code(1)
            .stdout("")
            .stderr_lacks("hunter2")
            .stderr_has("unauthorized: incorrect username or password");
        output.stderr_has("WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n");
        assert!(!sandbox.path().join(LOGIN_FILE).exists());
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let sandbox = Sandbox::new();
    for (line, words) in [
        ("login 127.0.0.1:1", "Cannot perform an interactive login from a non TTY device"),
        ("login -u x 127.0.0.1:1", "Cannot perform an interactive login from a non TTY device"),
        ("login --password-stdin 127.0.0.1:1", "Must provide --username with --password-stdin"),
        ("login -u x -p y --password-stdin h", "--password and --password-stdin are mutually exclusive"),
        ("login -u x --password-stdin h", "standard input is empty"),
        ("login -u x -p y 127.0.0.1:1", "connection refused"),
        ("login a/../b", "invalid registry name"),
    ] {
        sandbox.run(line).code(1).stdout("").stderr_has(words);
    }
}

#[test]
fn asked_on_a_terminal_unseen() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Password);
    registry.trust(&sandbox);
    let mut terminal = Pty::coracle(&sandbox, &format!("login {}", registry.host()));
    terminal.expect("Username: ");
    terminal.type_in(&format!("{USER}\r"));
    terminal.expect("Password: ");
    terminal.type_in(&format!("{PASSWORD}\r"));
    terminal.expect("Login Succeeded");
    assert_eq!(document(&sandbox, LOGIN_FILE)["auths"][registry.host()], entry());
}

/// What each registry and user has in which file, by the place where `login` finds it.
#[test]
fn the_file_that_is_there_is_used_and_the_rest_of_it_kept() {
    let sandbox = Sandbox::new();
    let server = Server::start(|_| Response::new(200).body("{}"));
    let host = server.host();
    let other =
        json!({ "auths": { "quay.io": { "auth": "dTpw" } }, "HttpHeaders": { "X": "y" }, "psFormat": "z" });
    // Docker's file, which is a link to where the user keeps it.
    let kept = sandbox.file("home/dotfiles/config.json", other.to_string());
    sandbox.directory("home/.docker");
    symlink(&kept, sandbox.path().join("home/.docker/config.json")).expect("a link");
    sandbox.run(&format!("login -u {USER} -p {} {host}", "'oar:and sail'")).success();
    let mut expected = other.clone();
    expected["auths"][host.as_str()] = entry();
    assert_eq!(document(&sandbox, "home/dotfiles/config.json"), expected);
    assert!(
        fs::symlink_metadata(sandbox.path().join("home/.docker/config.json")).expect("a link").is_symlink()
    );
    // A file that knows the registry goes first, or what it has would hide the new one.
    sandbox.file(
        "run/containers/auth.json",
        json!({ "auths": { host.as_str(): { "auth": "dTpw" } } }).to_string(),
    );
    log_in(&sandbox, &host).success();
    assert_eq!(
        document(&sandbox, "run/containers/auth.json"),
        json!({ "auths": { host.as_str(): entry() } })
    );
    sandbox.run(&format!("logout {host}")).success();
    assert_eq!(document(&sandbox, "run/containers/auth.json"), json!({ "auths": {} }));
    assert_eq!(document(&sandbox, "home/dotfiles/config.json"), other, "both files have forgotten");

    // A file that is named is the only one.
    for (line, variable, path) in [
        ("--authfile", None, "named.json"),
        ("--compat-auth-file", None, "compat.json"),
        ("", Some("REGISTRY_AUTH_FILE"), "variable.json"),
        ("", Some("DOCKER_CONFIG"), "docker/config.json"),
    ] {
        let file = sandbox.path().join(path);
        let flag = if line.is_empty() { String::new() } else { format!("{line} {}", file.display()) };
        let value = if variable == Some("DOCKER_CONFIG") { sandbox.path().join("docker") } else { file };
        let command = sandbox.command(&format!("login -u {USER} -p '{PASSWORD}' {flag} {host}"));
        let command = match variable {
            Some(variable) => command.env(variable, value),
            None => command,
        };
        command.finish().success();
        assert_eq!(document(&sandbox, path)["auths"][host.as_str()], entry(), "{path}");
    }
    let file = sandbox.path().join("named.json");
    sandbox.run(&format!("logout --all --authfile {}", file.display())).success();
    assert_eq!(document(&sandbox, "named.json"), json!({}));
    sandbox.file("home/.docker/config.json", "{ not json hunter2");
    sandbox
        .run(&format!("login -u a -p b {host}"))
        .code(1)
        .stderr_has("not a credentials file")
        .stderr_lacks("hunter2");
}

#[test]
fn a_helper_keeps_the_secret() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Password);
    registry.trust(&sandbox);
    let host = registry.host();
    let script = format!(
        "#!/bin/sh\ncd {}\necho \"$1\" >> calls\ncase $1 in\nstore) cat > secret;;\nget) cat secret 2>/dev/null || {{ \
         echo credentials not found in native keychain; exit 1; }};;\nerase) rm secret;;\nesac\n",
        sandbox.path().display()
    );
    let helper = sandbox.file("bin/docker-credential-chest", script);
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("a mode");
    let config =
        json!({ "auths": { host.as_str(): { "auth": "dTpw" } }, "credHelpers": { host.as_str(): "chest" } });
    sandbox.file("home/.docker/config.json", config.to_string());
    let path = format!("{}:/usr/bin:/bin", helper.parent().expect("a directory").display());
    let run = |line: String| sandbox.command(&line).env("PATH", &path).finish();
    let output = run(format!("login -u {USER} -p '{PASSWORD}' {host}"));
    output.success().stdout("Login Succeeded\n").stderr_lacks("unencrypted");
    let secret = json!({ "ServerURL": host.as_str(), "Username": USER, "Secret": PASSWORD });
    assert_eq!(document(&sandbox, "secret"), secret);
    let expected = json!({ "auths": {}, "credHelpers": { host.as_str(): "chest" } });
    assert_eq!(document(&sandbox, "home/.docker/config.json"), expected, "nothing of it stays in the file");
    run(format!("login --get-login {host}")).success().stdout(&format!("{USER}\n"));
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    run(format!("pull -q {host}/boats/busybox:1")).success();
    run(format!("logout {host}")).success();
    assert!(!sandbox.path().join("secret").exists());
    // One that fails is told of, and nothing is tried without it.
    sandbox.run(&format!("rmi {host}/boats/busybox:1")).success();
    let said = "y\\ny\\ny";
    for (script, told) in [
        ("exit 3", "docker-credential-chest: exit status: 3"),
        ("kill -9 $$", "docker-credential-chest: signal: 9 (SIGKILL)"),
        ("echo the lid is stuck; exit 1", "docker-credential-chest: the lid is stuck"),
        ("yes | head -c 3000000; exit 1", said),
        ("echo garbage", "docker-credential-chest: the answer is not JSON"),
    ] {
        fs::write(&helper, format!("#!/bin/sh\n{script}\n")).expect("a file");
        let failed = run(format!("pull -q {host}/boats/busybox:1"));
        failed.code(1).stderr_has("read credentials for ").stderr_has(told).one_clear_line();
        assert!(failed.stderr.len() < 2000, "{} bytes are told", failed.stderr.len());
    }
}

/// A helper `chest` that keeps one secret in the file `secret`, and the `PATH` on which it is found.
fn chest(sandbox: &Sandbox) -> String {
    let script = format!(
        "#!/bin/sh\ncd {}\ncase $1 in\nstore) cat > secret;;\nget) cat secret 2>/dev/null || {{ \
         echo credentials not found in native keychain; exit 1; }};;\nerase) rm secret;;\n\
         list) server=$(sed 's/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1/' secret 2>/dev/null)\n\
         echo \"{{${{server:+\\\"$server\\\":\\\"somebody\\\"}}}}\";;\nesac\n",
        sandbox.path().display()
    );
    let helper = sandbox.file("bin/docker-credential-chest", script);
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("a mode");
    format!("{}:/usr/bin:/bin", helper.parent().expect("a directory").display())
}

#[test]
fn all_credentials_are_those_of_helpers_too() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Password);
    registry.trust(&sandbox);
    let host = registry.host();
    let path = chest(&sandbox);
    let run = |line: &str| sandbox.command(line).env("PATH", &path).finish();
    let secret = sandbox.path().join("secret");
    for config in [json!({ "credsStore": "chest" }), json!({ "credHelpers": { host.as_str(): "chest" } })] {
        sandbox.file("home/.docker/config.json", config.to_string());
        run(&format!("login -u {USER} -p '{PASSWORD}' {host}")).success();
        assert!(secret.exists());
        run("logout --all").success().stdout("Removed login credentials for all registries\n");
        assert!(!secret.exists(), "{config}");
        assert_eq!(document(&sandbox, "home/.docker/config.json"), config);
        run(&format!("login --get-login {host}")).code(1);
        // There is nothing left to forget.
        run("logout --all").success();
    }
}

#[test]
fn helpers_that_registries_conf_names() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Password);
    registry.trust(&sandbox);
    registry.push(&sandbox, &Image::busybox(), "boats/busybox:1");
    let host = registry.host();
    let path = chest(&sandbox);
    let run = |line: &str| sandbox.command(line).env("PATH", &path).finish();
    let (secret, files) = (sandbox.path().join("secret"), "home/.config/containers/auth.json");
    let conf = |helpers: &str| {
        let text = format!("credential-helpers = [{helpers}]\n");
        sandbox.file("home/.config/containers/registries.conf", text);
    };
    let login = format!("login -u {USER} -p '{PASSWORD}' {host}");
    conf("'chest', 'containers-auth.json'");
    run(&login).success().stderr_lacks("unencrypted");
    assert!(secret.exists() && !sandbox.path().join(files).exists());
    run(&format!("pull -q {host}/boats/busybox:1")).success();
    run(&format!("logout {host}")).success().stdout(&format!("Removing login credentials for {host}\n"));
    assert!(!secret.exists());
    run(&format!("logout {host}")).success().stdout(&format!("Not logged in to {host}\n"));
    // The files are asked where they stand in the list, and only there.
    run(&format!(
        "login --authfile {} -u {USER} -p '{PASSWORD}' {host}",
        sandbox.path().join(files).display()
    ))
    .success();
    assert!(!secret.exists());
    run(&format!("push -q {host}/boats/busybox:1")).success();
    conf("'chest'");
    run(&format!("push -q {host}/boats/busybox:1")).code(1).one_clear_line();
    run(&login).success();
    run("logout --all").success();
    assert!(!secret.exists());
}

#[test]
fn a_token_stands_for_the_password() {
    let server = Server::start(|request| match request.path.as_str() {
        "/token" => {
            assert_eq!(request.query("offline_token").as_deref(), Some("true"));
            assert_eq!(request.query("account").as_deref(), Some("ann"));
            Response::new(200).body(r#"{"token":"short","refresh_token":"long"}"#)
        }
        _ if request.header("authorization").map(String::as_str) == Some("Bearer short") => {
            Response::new(200)
        }
        _ => {
            let realm = format!(
                "Bearer realm=\"http://{}/token\",service=\"s\"",
                request.header("host").expect("a host")
            );
            Response::new(401).header("WWW-Authenticate", realm)
        }
    });
    let sandbox = Sandbox::new();
    sandbox.run(&format!("login -u ann -p secret {}", server.host())).success();
    let entry = document(&sandbox, LOGIN_FILE)["auths"][server.host()].clone();
    assert_eq!(entry["identitytoken"], "long");
    assert!(!entry.to_string().contains(&STANDARD.encode("ann:secret")));
}

/// A registry that sends who logs in to a stranger's token server over plain HTTP gets nothing.
#[test]
fn a_password_goes_to_no_stranger() {
    let stranger = Server::start(|_| Response::new(200).body(r#"{"token":"x"}"#));
    let realm = format!(
        "Bearer realm=\"http://0.0.0.0:{}/token\"",
        stranger.host().rsplit_once(':').expect("a port").1
    );
    let redirect = format!("{}/v2/", stranger.url());
    let asking = Server::start(move |_| Response::new(401).header("WWW-Authenticate", &realm));
    let sending = Server::start(move |request| {
        if request.header("authorization").is_none() {
            return Response::new(401).header("WWW-Authenticate", "Basic realm=\"x\"");
        }
        Response::new(307).header("Location", &redirect)
    });
    let sandbox = Sandbox::new();
    let output = sandbox.run(&format!("login -u ann -p secret {}", asking.host()));
    output.code(1).stderr_has("refuse to ask for a token over plain http");
    sandbox.run(&format!("login -u ann -p secret {}", sending.host())).success();
    assert!(stranger.requests().iter().all(|request| request.header("authorization").is_none()));
}
