//! How a registry is reached: through a proxy, and with the authorities that variables name.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{Access, Image, Registry, Sandbox};

/// How a proxy is asked: gives the name and port that are wanted, and lets the connection through.
type Greeting = fn(&TcpStream) -> Option<String>;

/// A proxy that passes every connection on to a registry, and remembers for whom it was asked.
fn proxy_to(registry: &Registry, greeting: Greeting) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (target, asked) = (registry.host(), Arc::new(Mutex::new(Vec::new())));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (target, log) = (target.clone(), log.clone());
            std::thread::spawn(move || pass_on(&stream, &target, &log, greeting));
        }
    });
    (address, asked)
}

fn pass_on(client: &TcpStream, target: &str, asked: &Mutex<Vec<String>>, greeting: Greeting) -> Option<()> {
    asked.lock().expect("no panic").push(greeting(client)?);
    let server = TcpStream::connect(target).ok()?;
    let (from, to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut &from, &mut &to));
    std::io::copy(&mut &server, &mut &*client).ok().map(drop)
}

fn by_http(mut client: &TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.contains("deny") || !head.starts_with("CONNECT ") {
        client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").ok()?;
        return None;
    }
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    Some(head)
}

/// SOCKS 5 (RFC 1928) for names, without a password.
fn by_socks(stream: &TcpStream) -> Option<String> {
    let mut client = stream;
    let read = |length: usize| {
        let mut bytes = vec![0; length];
        (&mut &*stream).read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let methods = read(2)?[1];
    read(methods.into())?;
    client.write_all(&[5, 0]).ok()?;
    // Version, "connect", nothing, "a name", and its length.
    let head: [u8; 5] = read(5)?.try_into().ok()?;
    let [5, 1, 0, 3, length] = head else { return None };
    let name = String::from_utf8(read(length.into())?).ok()?;
    let port = u16::from_be_bytes(read(2)?.try_into().ok()?);
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    Some(format!("{name}:{port}"))
}

#[test]
fn a_proxy_stands_before_all_but_what_is_excepted() {
    let registry = Registry::start(Access::Tls);
    let sandbox = Sandbox::new();
    registry.push(&sandbox, &Image::busybox(), "busybox:latest");
    let (proxy, asked) = proxy_to(&registry, by_http);
    let pull = |host: &str, variables: &[(&str, &str)]| {
        let line = format!("pull -q --tls-verify=false --retry 0 {host}/busybox");
        let command = sandbox.command(&line);
        variables.iter().fold(command, |command, (name, value)| command.env(name, *value)).finish()
    };
    let taken = || std::mem::take(&mut *asked.lock().expect("no panic"));
    let with_user = format!("http://me:secret@{proxy}");
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        pull("harbour.test", &[(name, &with_user)]).success().stdout("harbour.test/busybox:latest\n");
        let heads = taken();
        assert!(heads.iter().all(|head| head.starts_with("CONNECT harbour.test:443 ")), "{heads:?}");
        assert!(heads[0].contains("Basic bWU6c2VjcmV0"), "{heads:?}");
        sandbox.run("rmi harbour.test/busybox").success();
    }
    // What is excepted is connected to, which fails here: nobody knows that name.
    for except in ["harbour.test", ".test", "*"] {
        let output = pull("harbour.test", &[("HTTPS_PROXY", &with_user), ("NO_PROXY", except)]);
        output.code(1).stderr_has("harbour.test").one_clear_line();
        assert_eq!(taken(), Vec::<String>::new(), "{except}");
    }
    // This machine is never behind a proxy.
    pull(&registry.host(), &[("HTTPS_PROXY", &with_user), ("HTTP_PROXY", &with_user)]).success();
    assert_eq!(taken(), Vec::<String>::new());
    // One that refuses, or is not there, is named; its password is not.
    for (host, there) in [("deny.test", proxy.as_str()), ("harbour.test", "127.0.0.1:9")] {
        let output = pull(host, &[("HTTPS_PROXY", &format!("http://me:secret@{there}"))]);
        output.code(1).stderr_has(there).stderr_lacks("secret").one_clear_line();
    }
}

#[test]
fn a_proxy_for_anything() {
    let registry = Registry::start(Access::Tls);
    let sandbox = Sandbox::new();
    registry.push(&sandbox, &Image::busybox(), "busybox:latest");
    let (proxy, asked) = proxy_to(&registry, by_socks);
    let pull = sandbox.command("pull -q --tls-verify=false harbour.test/busybox");
    pull.env("HTTPS_PROXY", format!("socks5h://{proxy}")).finish().success();
    let asked = asked.lock().expect("no panic");
    assert!(!asked.is_empty() && asked.iter().all(|name| name == "harbour.test:443"), "{asked:?}");
}

#[test]
fn what_is_no_proxy_is_not_taken_for_none() {
    let sandbox = Sandbox::new();
    let pull = |variables: &[(&str, &str)]| {
        let command = sandbox.command("pull -q --retry 0 harbour.test/busybox");
        variables.iter().fold(command, |command, (name, value)| command.env(name, *value)).finish()
    };
    for (name, value) in [
        ("HTTPS_PROXY", "ht!tp://me:secret@proxy"),
        ("https_proxy", "ftp://proxy:21"),
        ("ALL_PROXY", "proxy:99999"),
        ("HTTPS_PROXY", "http://me:secret@"),
    ] {
        let output = pull(&[(name, value)]);
        output.code(1).stderr_has(&format!("harbour.test: {name} is not the address of a proxy"));
        output.stderr_has("hint: write http://HOST:PORT").stderr_lacks("secret").one_clear_line();
    }
    // Where the variable says nothing about this host, it does not matter.
    for variables in [
        &[("HTTPS_PROXY", "::"), ("NO_PROXY", "harbour.test")][..],
        &[("HTTP_PROXY", "::")],
        &[("HTTPS_PROXY", ""), ("https_proxy", "::")],
    ] {
        pull(variables).code(1).stderr_has("look up harbour.test").one_clear_line();
    }
}

#[test]
fn authorities_that_a_variable_names() {
    let registry = Registry::start(Access::Tls);
    let sandbox = Sandbox::new();
    registry.push(&sandbox, &Image::busybox(), "busybox:latest");
    let pull = |name: &str, value: &Path| {
        sandbox.command(&format!("pull -q {}/busybox", registry.host())).env(name, value).finish()
    };
    let other = Registry::start(Access::SelfSigned);
    pull("SSL_CERT_FILE", &other.authority()).code(1).stderr_has("certificate").one_clear_line();
    let directory = sandbox.directory("authorities");
    let copy = directory.join("ca.pem");
    std::fs::copy(registry.authority(), &copy).expect("a copy");
    let hash = sandbox.witness(&format!("openssl x509 -noout -hash -in {}", copy.display())).success().line();
    std::os::unix::fs::symlink("ca.pem", directory.join(format!("{hash}.0"))).expect("a link");
    for (name, value) in [("SSL_CERT_FILE", copy), ("SSL_CERT_DIR", directory)] {
        pull(name, &value).success();
        sandbox.run(&format!("rmi {}/busybox", registry.host())).success();
    }
}
