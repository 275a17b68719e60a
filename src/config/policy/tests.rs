//! Tables: which scope counts, and what is no policy at all.

use super::*;

fn parse(text: &str) -> Result<Policy> {
    Policy::parse(text.as_bytes(), Path::new("policy.json"))
}

#[test]
fn the_closest_scope_counts() {
    let policy = parse(
        r#"{"default": [{"type": "reject"}], "transports": {
            "docker": {
                "": [{"type": "insecureAcceptAnything"}, {"type": "insecureAcceptAnything"}],
                "q.io": [{"type": "sigstoreSigned", "keyPath": "/host"}],
                "q.io/a": [{"type": "sigstoreSigned", "keyPath": "/namespace"}],
                "q.io/a/b:1": [{"type": "sigstoreSigned", "keyPath": "/image"}],
                "*.example": [{"type": "sigstoreSigned", "keyPath": "/wildcard"}]},
            "oci": {"/srv": [{"type": "sigstoreSigned", "keyPath": "/oci"}]}}}"#,
    )
    .unwrap();
    let shown = |requirements: &[Requirement]| match requirements {
        [Requirement::Reject {}] => "reject".to_owned(),
        [Requirement::InsecureAcceptAnything {}, _] => "anything".to_owned(),
        [Requirement::SigstoreSigned(signed)] => format!("{:?}", signed.keys()[0]),
        other => panic!("{other:?}"),
    };
    for (name, expected) in [
        ("q.io/a/b:1", "File(\"/image\")"),
        ("q.io/a/b:2", "File(\"/namespace\")"),
        ("q.io/ab:1", "File(\"/host\")"),
        ("q.io/other/c:1", "File(\"/host\")"),
        ("x.y.example:5000/z:1", "File(\"/wildcard\")"),
        ("docker.io/library/alpine:1", "anything"),
    ] {
        let scopes = of_name(name, name.rsplit_once(':').unwrap().0);
        assert_eq!(shown(policy.requirements("docker", &scopes)), expected, "{name}");
    }
    assert_eq!(shown(policy.requirements("oci", &of_path(Path::new("/srv/a")))), "File(\"/oci\")");
    assert_eq!(shown(policy.requirements("oci", &of_path(Path::new("/tmp")))), "reject");
    assert_eq!(shown(policy.requirements("docker-archive", &[])), "reject");
}

#[test]
fn every_identity_and_key() {
    for (text, count) in [
        (r#""keyPath": "/k""#, 1),
        (r#""keyPaths": ["/k", "/l"]"#, 2),
        (r#""keyData": "aGk=""#, 1),
        (r#""keyDatas": ["aGk=", "aGk="]"#, 2),
        (r#""keyPath": "/k", "signedIdentity": {"type": "matchExact"}"#, 1),
        (r#""keyPath": "/k", "signedIdentity": {"type": "matchRepository"}"#, 1),
        (
            r#""keyPath": "/k", "signedIdentity": {"type": "exactReference", "dockerReference": "q.io/a:1"}"#,
            1,
        ),
        (
            r#""keyPath": "/k", "signedIdentity": {"type": "exactRepository", "dockerRepository": "q.io/a"}"#,
            1,
        ),
        (
            r#""keyPath": "/k", "signedIdentity": {"type": "remapIdentity", "prefix": "m.io:5000", "signedPrefix": "q.io/a"}"#,
            1,
        ),
        (r#""fulcio": {}, "rekorPublicKeyData": """#, 0),
    ] {
        let policy = parse(&format!(r#"{{"default": [{{"type": "sigstoreSigned", {text}}}]}}"#));
        let policy = policy.unwrap_or_else(|error| panic!("{text}: {error:#}"));
        let [Requirement::SigstoreSigned(signed)] = policy.requirements("docker", &[]) else {
            panic!("{text}")
        };
        assert_eq!(signed.keys().len(), count, "{text}");
        assert_eq!(signed.unsupported().is_some(), count == 0, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_no_policy() {
    let of = |requirement: &str| format!(r#"{{"default": [{requirement}]}}"#);
    for (text, words) in [
        ("".to_owned(), "EOF"),
        ("{}".to_owned(), "missing field `default`"),
        (of(""), "must not be empty"),
        (r#"{"default": [{"type": "reject"}], "other": 1}"#.to_owned(), "unknown field"),
        (r#"{"default": [{"type": "reject"}], "default": [{"type": "reject"}]}"#.to_owned(), "duplicate field"),
        (
            r#"{"default": [{"type": "reject"}], "transports": {"docker": {"a": [{"type": "reject"}], "a": []}}}"#
                .to_owned(),
            "twice",
        ),
        (r#"{"default": [{"type": "reject"}], "transports": {"docker": {"a": []}}}"#.to_owned(), "must not be empty"),
        (of(r#"{"type": "reject", "type": "insecureAcceptAnything"}"#), "duplicate field"),
        (of(r#"{"type": "reject", "more": 1}"#), "unknown field"),
        (of(r#"{"type": "wanted"}"#), "unknown variant"),
        (of("{}"), "missing field `type`"),
        (of(r#"{"type": "sigstoreSigned"}"#), "wants one of"),
        (of(r#"{"type": "sigstoreSigned", "keyPath": "/k", "keyData": "x"}"#), "wants one of"),
        (of(r#"{"type": "sigstoreSigned", "keyPaths": []}"#), "names no key"),
        (of(r#"{"type": "sigstoreSigned", "keyPath": "/k", "keyPath": "/l"}"#), "duplicate field"),
        (of(r#"{"type": "sigstoreSigned", "keyPath": "/k", "new": 1}"#), "unknown field"),
        (
            of(r#"{"type": "sigstoreSigned", "keyPath": "/k", "signedIdentity": {"type": "matchExact", "x": 1}}"#),
            "unknown field",
        ),
    ] {
        let error = format!("{:#}", parse(&text).expect_err(&text));
        assert!(error.contains(words), "{text}: {error}");
    }
}
