//! How a registry is reached: through a proxy, and with the authorities that variables name.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::support::{Access, Image, Registry, Sandbox};

/// A proxy that passes every connection on to a registry, and remembers for whom it was asked.
fn proxy_to(registry: &Registry) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let (target, asked) = (registry.host(), Arc::new(Mutex::new(Vec::new())));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (target, log) = (target.clone(), log.clone());
            std::thread::spawn(move || pass_on(&stream, &target, &log));
        }
    });
    (address, asked)
}

fn pass_on(mut client: &TcpStream, target: &str, asked: &Mutex<Vec<String>>) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 8192 {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    asked.lock().expect("no panic").push(head.clone());
    if head.contains("deny") || !head.starts_with("CONNECT ") {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").ok();
    }
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").ok()?;
    let server = TcpStream::connect(target).ok()?;
    let (from, to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut &from, &mut &to));
    std::io::copy(&mut &server, &mut client).ok().map(drop)
}

#[test]
fn a_proxy_stands_before_all_but_what_is_excepted() {
    let registry = Registry::start(Access::Tls);
    let sandbox = Sandbox::new();
    registry.push(&sandbox, &Image::busybox(), "busybox:latest");
    let (proxy, asked) = proxy_to(&registry);
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
