//! A distribution's services as people run them: PostgreSQL from Debian, with its data in a volume.

use serde_json::json;

use crate::bridges::http;
use crate::network::no_stack;
use crate::skip;
use crate::support::registry::free_port;
use crate::support::{Compression, Image, Layer, Sandbox, eventually, fixture, has_subordinate_ids};

const SERVER: &str = "exec /usr/lib/postgresql/*/bin/postgres -D /var/lib/postgresql/*/main \
    -c config_file=$(echo /etc/postgresql/*/main/postgresql.conf) -c unix_socket_directories=/tmp -c ssl=off";

/// An image of the server, as somebody would have written it.
fn database(tar: Vec<u8>) -> Image {
    Image::new(vec![Layer::of_tar(tar, Compression::None)])
        .set("Cmd", json!(["sh", "-c", SERVER]))
        .set("User", json!("postgres"))
        .set("StopSignal", json!("SIGINT"))
        .set("Volumes", json!({"/var/lib/postgresql": {}}))
        .set(
            "Healthcheck",
            json!({"Test": ["CMD-SHELL", "pg_isready -h /tmp"], "Interval": 500_000_000, "Retries": 60}),
        )
}

fn serve(sandbox: &Sandbox, image: &str) {
    let data = "pgdata:/var/lib/postgresql";
    sandbox.run(&format!("run -d --name db --network none -v {data} {image}")).success();
    await_health(sandbox);
}

fn await_health(sandbox: &Sandbox) {
    eventually("the database to answer", || {
        (sandbox.inspect("db", "State.Health.Status") == "healthy").then_some(())
    });
}

fn query(sandbox: &Sandbox, text: &str) -> String {
    let words = ["exec", "db", "psql", "-h", "/tmp", "-qtA", "-v", "ON_ERROR_STOP=1", "-c", text];
    sandbox.run_words(&words).success().out()
}

#[test]
fn a_database_outlives_crashes_containers_and_upgrades() {
    if !has_subordinate_ids() {
        skip!("this user has no subordinate ids");
    }
    let Some(services) = fixture("services.tar") else { skip!("no Debian root was made") };
    let sandbox = Sandbox::new();
    sandbox.add(&database(std::fs::read(services).expect("the fixture")), "db:1");

    serve(&sandbox, "db:1");
    query(&sandbox, "create table boats (name text); insert into boats values ('coracle')");
    // Power lost: the server finds its log where it left it.
    sandbox.run("kill db").success();
    sandbox.run("wait db").success().stdout("137\n");
    sandbox.run("start db").success();
    await_health(&sandbox);
    query(&sandbox, "insert into boats values ('currach')");
    sandbox.run("stop db").success();
    assert_eq!(sandbox.inspect("db", "State.ExitCode"), 0, "the server shuts down when it is asked to");
    // Everything of the container goes, also what is anonymous, but not the named volume.
    sandbox.run("rm -v db").success();

    let edition = ["run", "--name", "change", "-u", "root", "--network", "none", "db:1", "sh", "-c"];
    sandbox.run_words(&[&edition[..], &["echo 2 >/etc/edition"]].concat()).success();
    let command = format!("CMD {}", json!(["sh", "-c", SERVER]));
    sandbox.run_words(&["commit", "-c", &command, "-c", "USER postgres", "change", "db:2"]).success();
    serve(&sandbox, "db:2");
    sandbox.run("exec db cat /etc/edition").success().stdout("2\n");
    assert_eq!(query(&sandbox, "select name from boats order by name"), "coracle\ncurrach\n");
    sandbox.run("rm -f db change").success();
    sandbox.run("volume rm pgdata").success();
    sandbox.assert_no_traces();
}

/// Runs `script` in a container of the services' image on the network `shop`.
fn on_network(sandbox: &Sandbox, flags: &str, script: &str) {
    let line = format!("run -d --network shop {flags} db:1 sh -c");
    sandbox.run_words(&line.split(' ').chain([script]).collect::<Vec<_>>()).success();
}

#[test]
fn services_talk_to_each_other_by_name() {
    if let Some(reason) = no_stack() {
        skip!("{reason}");
    }
    if !has_subordinate_ids() {
        skip!("this user has no subordinate ids");
    }
    let Some(services) = fixture("services.tar") else { skip!("no Debian root was made") };
    let sandbox = Sandbox::new();
    sandbox.add(&database(std::fs::read(services).expect("the fixture")), "db:1");
    sandbox.run("network create shop").success();
    let open = "echo host all all all trust >>$(echo /etc/postgresql/*/main/pg_hba.conf)";
    on_network(&sandbox, "--name db", &format!("{open} && {SERVER} -c listen_addresses=*"));
    await_health(&sandbox);
    query(&sandbox, "create table boats (name text); insert into boats values ('coracle')");
    // One has its page from the database, the other passes on what the first says.
    let page =
        "until psql -h db -qtA -c 'select name from boats' >/var/www/html/index.html; do sleep 0.2; done
        exec nginx -g 'daemon off;'";
    on_network(&sandbox, "--name web -u root -e PGUSER=postgres --no-healthcheck", page);
    let front =
        "echo 'server { listen 80; location / { proxy_pass http://web; } }' >/etc/nginx/sites-enabled/default
        until nginx -t; do sleep 0.2; done
        exec nginx -g 'daemon off;'";
    let port = free_port();
    let flags = format!("--name front -u root --no-healthcheck -p 127.0.0.1:{port}:80");
    on_network(&sandbox, &flags, front);
    let ask = || http(&format!("127.0.0.1:{port}")).filter(|answer| answer.ends_with("\r\n\r\ncoracle\n"));
    eventually("the page comes through both", ask);
    // It comes back under another address.
    sandbox.run("stop db").success();
    sandbox.run("run -d --name guest --network shop --no-healthcheck db:1 sleep 1000").success();
    sandbox.run("start db").success();
    await_health(&sandbox);
    let by_name = ["exec", "web", "psql", "-h", "db", "-qtA", "-c", "select count(*) from boats"];
    sandbox.run_words(&by_name).success().stdout("1\n");
    sandbox.run("rm -f -v db web front guest").success();
    sandbox.run("network rm shop").success();
    sandbox.assert_no_traces();
}
