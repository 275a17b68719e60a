//! `search`, and every tag of a repository: from registries with a search of their own and from those without.

use serde_json::json;

use crate::support::server::not_found;
use crate::support::{Access, Image, Registry, Response, Sandbox, Server};

/// A registry with docker's own search.
fn searching() -> Server {
    Server::start(|request| {
        if request.path != "/v1/search" {
            return not_found("NAME_UNKNOWN", "nothing here");
        }
        assert_eq!(request.query("n").as_deref(), Some("25"));
        let long = "a description that\nis much longer than a column may be, by far";
        let found = |name: &str, stars: u32, official: bool| {
            json!({ "name": name, "description": long, "star_count": stars, "is_official": official,
                "is_automated": false })
        };
        let results = match request.query("q").as_deref() {
            Some("boat") => vec![found("boat", 12, true), found("team/boat\u{1b}[31m", 3, false)],
            _ => vec![],
        };
        Response::new(200).body(json!({ "num_results": results.len(), "results": results }).to_string())
    })
}

#[test]
fn a_registry_that_can_search() {
    let (sandbox, server) = (Sandbox::new(), searching());
    let host = server.host();
    let output = sandbox.run(&format!("search {host}/boat"));
    let lines = output.success().lines();
    assert_eq!(lines[0].split_whitespace().collect::<Vec<_>>(), ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]);
    assert!(lines[1].starts_with(&format!("{host}/boat ")), "{lines:?}");
    assert!(lines[1].contains("a description that is much longer than a col…  "), "{lines:?}");
    assert!(lines[1].trim_end().ends_with("12        [OK]"), "{lines:?}");
    assert_eq!(lines.len(), 3);
    assert!(!output.out().contains('\x1b'), "a name from outside does not reach the terminal as it is");
    let run = |flags: &str| sandbox.run(&format!("search --format '{{{{.Name}}}}' {flags} {host}/boat"));
    run("--filter is-official=true").success().stdout(&format!("{host}/boat\n"));
    run("--filter stars=13").success().stdout("");
    run("--filter colour=red").code(1).one_clear_line().stderr_has("invalid filter 'colour'");
    run("--limit 0").code(1).one_clear_line().stderr_has("limit 0 is outside the range of [1, 100]");
    let whole = sandbox.run(&format!("search --no-trunc --format '{{{{.Description}}}}' {host}/boat"));
    whole.success().stdout_has("a description that is much longer than a column may be, by far\n");
    let json = sandbox.run(&format!("search --format json --filter stars=4 {host}/boat"));
    assert_eq!(json.success().json()["StarCount"], "12");
    sandbox.run(&format!("search {host}/nothing --format '{{{{.Name}}}}'")).success().stdout("");
}

#[test]
fn a_registry_that_only_lists() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    for name in ["fleet/boat:1", "fleet/boat:2", "fleet/ship:1"] {
        registry.push(&sandbox, &Image::busybox(), name);
    }
    let host = registry.host();
    let names = |line: &str| sandbox.run(&format!("{line} --format '{{{{.Name}}}}'")).success().out();
    assert_eq!(names(&format!("search {host}/boat")), format!("{host}/fleet/boat\n"));
    assert_eq!(names(&format!("search {host}/fleet")), format!("{host}/fleet/boat\n{host}/fleet/ship\n"));
    assert_eq!(names(&format!("search --limit 1 {host}/fleet")), format!("{host}/fleet/boat\n"));
    let tags =
        sandbox.run(&format!("search --list-tags {host}/fleet/boat --format '{{{{.Name}}}} {{{{.Tag}}}}'"));
    tags.success().stdout(&format!("{host}/fleet/boat 1\n{host}/fleet/boat 2\n"));
    let tags = sandbox.run(&format!("search --list-tags {host}/fleet/boat --format json"));
    assert_eq!(tags.success().json(), json!([{ "Name": format!("{host}/fleet/boat"), "Tags": ["1", "2"] }]));
    sandbox.run(&format!("search --list-tags {host}/none")).code(1).one_clear_line().stderr_has("not found");
}

#[test]
fn every_tag_of_a_repository() {
    let sandbox = Sandbox::new();
    let registry = Registry::start(Access::Plain);
    for name in ["boat:1", "boat:2"] {
        registry.push(&sandbox, &Image::busybox(), name);
    }
    let name = format!("{}/boat", registry.host());
    let output = sandbox.run(&format!("pull -a {name}"));
    let lines = output.success().lines();
    for line in ["1: Pulling from boat", "2: Pulling from boat"] {
        assert!(lines.iter().any(|it| it == line), "{lines:?}");
    }
    assert_eq!(lines.last(), Some(&name));
    let images = sandbox.run("images --format '{{.Repository}}:{{.Tag}}'");
    let mut images = images.success().lines();
    images.sort();
    assert_eq!(images, [format!("{name}:1"), format!("{name}:2")]);
    sandbox.run(&format!("pull -a -q {name}")).success().stdout(&format!("{name}\n"));
    let output = sandbox.run(&format!("pull -a {name}:1"));
    output.code(1).one_clear_line().stderr_has("tag can't be used with --all-tags/-a");
}

/// Lists in pages, which are followed as far as they make sense.
#[test]
fn lists_in_pages() {
    let sandbox = Sandbox::new();
    let elsewhere = Server::start(|_| Response::new(200).body(json!({ "tags": ["stolen"] }).to_string()));
    let target = elsewhere.url();
    let server = Server::start(move |request| {
        let last = request.query("last").unwrap_or_default();
        let page = |tags: &[&str], link: &str| {
            let body = json!({ "name": "x", "tags": tags }).to_string();
            match link {
                "" => Response::new(200).body(body),
                link => Response::new(200).header("Link", format!("<{link}>; rel=\"next\"")).body(body),
            }
        };
        match (request.path.as_str(), last.as_str()) {
            ("/v2/two/tags/list", "") => page(&["a", "b"], "/v2/two/tags/list?n=2&last=b"),
            ("/v2/two/tags/list", "b") => page(&["c"], ""),
            ("/v2/round/tags/list", "") => page(&["a"], "?last=a"),
            ("/v2/round/tags/list", _) => page(&[], "?last=b"),
            ("/v2/away/tags/list", _) => page(&["a"], &format!("{target}/v2/away/tags/list")),
            ("/v2/wrong/tags/list", _) => page(&["../../etc"], ""),
            ("/v2/null/tags/list", _) => Response::new(200).body("{\"tags\":null}"),
            ("/v2/text/tags/list", _) => Response::new(200).body("<html>"),
            _ => not_found("NAME_UNKNOWN", "nothing here"),
        }
    });
    let tags = |name: &str| {
        sandbox.run(&format!("search --list-tags {}/{name} --format '{{{{.Tag}}}}'", server.host()))
    };
    tags("two").success().stdout("a\nb\nc\n");
    tags("round").success().stdout("a\n");
    tags("null").success().stdout("");
    for (name, words) in [("away", "goes on elsewhere"), ("wrong", "invalid tag"), ("text", "sent no list")] {
        tags(name).code(1).one_clear_line().stderr_has(words);
    }
    assert!(elsewhere.requests().is_empty());
}
