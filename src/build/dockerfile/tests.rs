//! Whole files, read and evaluated.

use super::*;
use crate::build::step::{Action, Copy, Origin, Run, RunMountKind, Sharing, Source as CopySource, Step};
use crate::oci::image::ContainerConfig;

/// Settings with build arguments and contexts.
struct Wish {
    args: BTreeMap<String, String>,
    contexts: BTreeSet<String>,
    target: Platform,
    host: Platform,
}

impl Wish {
    fn new(args: &[(&str, &str)], contexts: &[&str]) -> Self {
        Self {
            args: args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            contexts: contexts.iter().map(|name| (*name).to_owned()).collect(),
            target: "linux/arm/v7".parse().unwrap(),
            host: "linux/amd64".parse().unwrap(),
        }
    }

    fn settings(&self) -> Settings<'_> {
        Settings {
            build_args: &self.args,
            contexts: &self.contexts,
            target: &self.target,
            host: &self.host,
            target_stage: "",
        }
    }
}

fn base() -> ContainerConfig {
    ContainerConfig { env: vec!["PATH=/bin".into()], cmd: vec!["sh".into()], ..Default::default() }
}

/// Evaluates every stage in order, each on the one that it begins with.
fn all(text: &str, wish: &Wish) -> Result<Vec<Evaluated>, Diagnostic> {
    let file = parse(text.as_bytes(), "Dockerfile")?;
    let settings = wish.settings();
    let mut done: Vec<Evaluated> = Vec::new();
    for stage in 0..file.stages.len() {
        file.needs(stage, &settings)?;
        let (config, inherited) = match file.base(stage, &settings)? {
            Base::Stage(index) => (done[index].config.clone(), done[index].inherited.clone()),
            Base::Scratch => Default::default(),
            Base::Image { .. } => (base(), Inherited::default()),
        };
        done.push(file.evaluate(stage, &settings, &config, &inherited)?);
    }
    Ok(done)
}

fn last(text: &str) -> Evaluated {
    all(text, &Wish::new(&[], &[])).unwrap().pop().unwrap()
}

/// The steps of a stage that begins with an image.
fn steps(body: &str) -> Vec<Step> {
    last(&format!("FROM x\n{body}")).steps
}

fn error(text: &str) -> String {
    all(text, &Wish::new(&[], &[])).unwrap_err().to_string()
}

fn run(body: &str) -> Run {
    match steps(body).pop().unwrap().action {
        Action::Run(run) => run,
        other => panic!("{other:?}"),
    }
}

fn copy(body: &str) -> Copy {
    match steps(body).pop().unwrap().action {
        Action::Copy(copy) => copy,
        other => panic!("{other:?}"),
    }
}

#[test]
fn histories_as_buildkit_writes_them() {
    for (body, want) in [
        ("RUN echo  hi", "RUN /bin/sh -c echo  hi # buildkit"),
        ("RUN [\"a\", \"b c\"]", "RUN a b c # buildkit"),
        ("ARG A=b C\nRUN x", "RUN |2 A=b C= /bin/sh -c x # buildkit"),
        ("ARG A=b\nENV A=c\nRUN x", "RUN |1 A=c /bin/sh -c x # buildkit"),
        ("SHELL [\"/bin/bash\", \"-ec\"]\nRUN x", "RUN /bin/bash -ec x # buildkit"),
        ("SHELL [\"/bin/bash\", \"-ec\"]", "SHELL [/bin/bash -ec]"),
        ("COPY a b /c", "COPY a b /c # buildkit"),
        ("COPY --link --chown=1:2 --chmod=755 a b", "COPY --chown=1:2 --chmod=755 a b # buildkit"),
        ("COPY --parents a/./b /c/", "COPY --parents a/./b /c/ # buildkit"),
        ("ADD http://e.x/y .", "ADD http://e.x/y . # buildkit"),
        ("COPY <<EOF /x\nhi\nEOF", "COPY <<EOF /x # buildkit"),
        ("ENV a=b c=\"d e\"", "ENV a=b c=d e"),
        ("ENV a b  c", "ENV a=b  c"),
        ("LABEL a=b 'c d'=e", "LABEL a=b c d=e"),
        ("CMD echo hi", "CMD [\"/bin/sh\" \"-c\" \"echo hi\"]"),
        ("CMD [\"a\", \"b\\\"c\"]", "CMD [\"a\" \"b\\\"c\"]"),
        ("ENTRYPOINT [\"a\"]", "ENTRYPOINT [\"a\"]"),
        ("EXPOSE 81 80/udp 90-91", "EXPOSE [80/udp 81/tcp 90/tcp 91/tcp]"),
        ("VOLUME /a /b", "VOLUME [/a /b]"),
        ("VOLUME [\"/a b\"]", "VOLUME [/a b]"),
        ("USER a:b", "USER a:b"),
        ("WORKDIR /a\nWORKDIR b", "WORKDIR /a/b"),
        ("STOPSIGNAL SIGTERM", "STOPSIGNAL SIGTERM"),
        ("MAINTAINER me <a@b>", "MAINTAINER me <a@b>"),
        ("ARG A=1 B", "ARG A=1 B"),
        (
            "HEALTHCHECK --interval=1m30s --retries=2 CMD a b",
            "HEALTHCHECK {Test:[CMD-SHELL a b] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}",
        ),
        (
            "HEALTHCHECK NONE",
            "HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}",
        ),
    ] {
        assert_eq!(steps(body).pop().unwrap().created_by, want, "{body}");
    }
}

#[test]
fn every_instruction_changes_the_configuration() {
    let done = last(
        "FROM scratch AS x\nMAINTAINER me\nENV A=1 B=$A\nENV B=$A\nLABEL k=$B\nEXPOSE $A/udp\nUSER u$A\n\
         VOLUME /v$A\nWORKDIR /w\nWORKDIR ../x/./y\nSTOPSIGNAL SIG$NAME\"INT\"\nCMD c $A\n\
         ENTRYPOINT [\"e\"]\nHEALTHCHECK --start-period=2s --timeout=1s --start-interval=3s CMD [\"t\"]\n\
         ONBUILD RUN x $A\nSHELL [\"s\"]\n",
    );
    let config = done.config;
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(config.env, [path, "A=1", "B=1"]);
    assert_eq!((config.labels["k"].as_str(), config.user.as_str()), ("1", "u1"));
    assert_eq!(config.exposed_ports.keys().collect::<Vec<_>>(), ["1/udp"]);
    assert_eq!(config.volumes.keys().collect::<Vec<_>>(), ["/v1"]);
    assert_eq!((config.working_dir.as_str(), config.stop_signal.as_str()), ("/x/y", "SIGINT"));
    assert_eq!(config.cmd, ["/bin/sh", "-c", "c $A"]);
    assert_eq!((config.entrypoint, config.shell), (vec!["e".into()], vec!["s".into()]));
    let check = config.healthcheck.unwrap();
    assert_eq!(
        (check.timeout, check.start_period, check.start_interval),
        (1_000_000_000, 2_000_000_000, 3_000_000_000)
    );
    assert_eq!((check.test, config.on_build), (vec!["CMD".into(), "t".into()], vec!["RUN x $A".into()]));
    assert_eq!(done.author.as_deref(), Some("me"));
    // `ENV B=$A` on the line of `ENV A=1` does not see it.
    assert_eq!(done.steps[1].config.env[2], "B=");
    assert!(matches!(&done.steps[7].action, Action::Workdir(path) if path == "/w"), "{:?}", done.steps[7]);
}

#[test]
fn a_new_entrypoint_drops_the_base_command() {
    assert!(last("FROM x\nENTRYPOINT [\"e\"]").config.cmd.is_empty());
    assert_eq!(last("FROM x\nCMD [\"c\"]\nENTRYPOINT [\"e\"]").config.cmd, ["c"]);
    assert!(last("FROM x\nCMD []").config.cmd.is_empty());
}

#[test]
fn lines_comments_and_directives() {
    let body = "RUN a \\\n  # comment\n\n  && b \\ \n  c\n";
    assert_eq!(run(body).command[2], "a   && b   c");
    let text = "\u{feff}# syntax=docker/dockerfile:1\n# Escape = `\n#\nFROM x\nRUN a `\n\\b\nCMD c\\\r\n";
    let file = parse(text.as_bytes(), "Dockerfile").unwrap();
    assert_eq!(file.syntax(), Some("docker/dockerfile:1"));
    let done = last(text);
    let Action::Run(run) = &done.steps[0].action else { panic!() };
    assert_eq!((run.command[2].as_str(), done.config.cmd[2].as_str()), ("a \\b", "c\\"));
    // A directive after a comment is a comment.
    assert_eq!(last("# x\n# escape=`\nFROM x\nRUN a \\\nb").steps.len(), 1);
    // A doubled escape does not continue a line, and the end of the file ends one.
    assert_eq!(steps("RUN a \\\\\nRUN b \\").len(), 2);
    assert_eq!(
        error("# escape=x\nFROM x"),
        "Dockerfile:1:10: invalid escape token 'x' does not match ` or \\"
    );
    assert_eq!(
        error("# escape=`\n# escape=`\nFROM x"),
        "Dockerfile:2:1: only one escape parser directive can be used"
    );
    // An escape that continues what is a comment does nothing.
    assert_eq!(steps("# x \\\nRUN y").len(), 1);
}

#[test]
fn here_documents_of_run() {
    assert_eq!(run("RUN <<EOF\na $X\n\tb\nEOF").command, ["/bin/sh", "-c", "a $X\n\tb\n"]);
    assert_eq!(run("RUN <<-'EOF'\n\ta\n\t\tb\n\tEOF\n").command[2], "a\nb\n");
    assert_eq!(run("RUN python3 <<EOF\nprint(1)\nEOF").command[2], "python3 <<EOF\nprint(1)\nEOF");
    assert_eq!(
        run("RUN cat <<A && cat 3<<\"B\" \\\n  >x\n1\nA\n2\nB\n").command[2],
        "cat <<A && cat 3<<\"B\"   >x\n1\nA\n2\nB"
    );
    let script = run("RUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF");
    assert_eq!(script.command, ["/bin/sh", "-c", "/dev/pipes/EOF"]);
    assert_eq!(script.script, Some(("EOF".into(), "#!/usr/bin/env python3\nprint(1)\n".into())));
    // A blank before the name, where the name ends a document.
    assert_eq!(run("RUN <<  EOF\na\nEOF\n").command[2], "a\n");
    assert_eq!(run("RUN cat <<- EOF > x\n\ta\n\tEOF").command[2], "cat <<- EOF > x\n\ta\nEOF");
    assert_eq!(run("RUN << -EOF\na\n-EOF\n").command[2], "a\n");
    assert_eq!(steps("RUN echo $((a << b ))\nUSER b").len(), 2);
    // No here-documents: within quotes, with spaces, as JSON, escaped.
    for line in [
        "RUN echo '<<EOF'",
        "RUN echo $((1 << 2))",
        "RUN [\"a\", \"<<EOF\"]",
        "RUN echo \\<<EOF",
        "RUN cat <<<EOF",
    ] {
        assert_eq!(steps(&format!("{line}\nUSER x")).len(), 2, "{line}");
    }
    assert_eq!(error("FROM x\nRUN <<EOF\na\n"), "Dockerfile:2:5: unterminated heredoc");
    assert_eq!(
        error("FROM x\nRUN <<../EOF\n#!x\n../EOF"),
        "Dockerfile:2:7: heredoc name \"../EOF\" is no file name"
    );
}

#[test]
fn names_of_here_documents_as_buildkit_reads_them() {
    for (line, name, expand) in [
        ("<<EMPTY", "EMPTY", true),
        ("3<<EMPTY2", "EMPTY2", true),
        ("<<-'NO'", "NO", false),
        ("<<COMPLEX python3", "COMPLEX", true),
        ("<<eo'f'", "eof", false),
        ("<<eo\\'f", "eo'f", true),
        ("<<'e'o\\'f", "eo'f", false),
        ("<<'one two'", "one two", false),
        ("<<$EOF", "$EOF", true),
        ("<<- EOF", "EOF", true),
    ] {
        let text = format!("FROM x\nRUN --mount=type=tmpfs,target=/t {line}\n# no comment\n{name}\nUSER u\n");
        let read = statement::read(text.as_bytes(), "").unwrap();
        assert_eq!(read.statements.len(), 3, "{line}");
        let [document] = &read.statements[1].heredocs[..] else { panic!("{line}") };
        let got = (document.name.as_str(), document.expand, document.content.as_str());
        assert_eq!(got, (name, expand, "# no comment\n"), "{line}");
    }
    let read = statement::read(b"FROM x\nCOPY <<X <<Y /d\nY\nX\nX\nY\n", "").unwrap();
    let contents: Vec<&str> =
        read.statements[1].heredocs.iter().map(|document| document.content.as_str()).collect();
    assert_eq!(contents, ["Y\n", "X\n"]);
}

#[test]
fn here_documents_of_copy() {
    let file = |body: &str| match copy(body).sources.remove(0) {
        CopySource::File { name, content } => (name, content),
        other => panic!("{other:?}"),
    };
    assert_eq!(file("ENV X=1\nCOPY <<f /\n$X \"q\" it's \\$X\nf"), ("f".into(), "1 \"q\" it's $X\n".into()));
    assert_eq!(file("ENV X=1\nCOPY <<\"f\" /\n$X\nf").1, "$X\n");
    assert_eq!(file("COPY <<-f /\n\t\ta\r\n\tf\n").1, "a\r\n");
    let two = copy("COPY <<a b <<'c' /d/\n1\na\n2\nc");
    assert_eq!(two.sources.len(), 3);
    assert_eq!(two.sources[0], CopySource::Path("b".into()));
    assert_eq!(
        error("FROM x\nCOPY a <<EOF\nEOF"),
        "Dockerfile:2:8: COPY cannot accept a heredoc as a destination"
    );
    assert_eq!(
        error("FROM x\nCOPY <<a/b /x\nq\na/b"),
        "Dockerfile:2:8: heredoc name \"a/b\" is no file name"
    );
}

#[test]
fn copies() {
    let got = copy(
        "WORKDIR /w\nENV X=1\nADD --chown=u$X:g --chmod=u+rwX,go= --link --exclude=*.$X --exclude=b \
        --keep-git-dir=true --unpack=false a$X b c https://e.x/r.git#v1:d https://e.x/f ./d/",
    );
    let path = |path: &str| CopySource::Path(path.to_owned());
    assert_eq!(got.sources[..3], [path("a1"), path("b"), path("c")]);
    assert_eq!(got.sources[3], CopySource::Git("https://e.x/r.git#v1:d".into()));
    assert_eq!(got.sources[4], CopySource::Url("https://e.x/f".into()));
    assert_eq!(
        (got.destination.as_str(), got.owner.as_deref(), got.mode.as_deref()),
        ("/w/d/", Some("u1:g"), Some("u+rwX,go="))
    );
    assert_eq!(
        (got.exclude, got.link, got.keep_git_dir, got.unpack),
        (vec!["*.1".to_owned(), "b".to_owned()], true, true, Some(false))
    );
    for (body, want) in [
        ("COPY a .", "/"),
        ("WORKDIR /w\nCOPY a .", "/w/"),
        ("WORKDIR /w\nCOPY a ./", "/w/"),
        ("WORKDIR /w\nCOPY a b", "/w/b"),
        ("WORKDIR /w\nCOPY a /b/../c/", "/c/"),
        ("COPY [\"a b\", \"c d\"]", "/c d"),
    ] {
        assert_eq!(copy(body).destination, want, "{body}");
    }
}

#[test]
fn mounts() {
    let kinds = |flags: &str| run(&format!("WORKDIR /w\nENV X=1\nRUN {flags} x")).mounts;
    let got = kinds(
        "--mount=type=cache,target=/c$X,sharing=locked,uid=5,mode=0700 --mount=target=s,src=/a/../b,rw \
        --mount=type=tmpfs,target=/t,size=1m --mount=type=secret,id=k,env=K --mount=type=secret,id=a/b \
        --mount=type=ssh,required --mount=\"type=bind,source=.,target=/z\"",
    );
    let targets: Vec<_> = got.iter().map(|mount| mount.target.as_deref()).collect();
    assert_eq!(
        targets,
        [Some("/c1"), Some("/w/s"), Some("/t"), None, Some("/run/secrets/b"), None, Some("/z")]
    );
    assert_eq!(
        got[0].kind,
        RunMountKind::Cache {
            id: "/c1".into(),
            sharing: Sharing::Locked,
            from: None,
            source: "/".into(),
            mode: 0o700,
            uid: 5,
            gid: 0,
            read_only: false
        }
    );
    assert_eq!(
        got[1].kind,
        RunMountKind::Bind { from: Origin::Context, source: "/b".into(), writable: true }
    );
    assert_eq!(got[2].kind, RunMountKind::Tmpfs { size: Some(1 << 20) });
    assert!(
        matches!(&got[3].kind, RunMountKind::Secret { id, env: Some(env), mode: 0o400, .. } if id == "k" && env == "K")
    );
    assert!(matches!(&got[5].kind, RunMountKind::Ssh { id, required: true, .. } if id == "default"));
    let from = all(
        "FROM x AS a\nFROM y\nRUN --mount=from=A,target=/a --mount=from=img,target=/b x",
        &Wish::new(&[], &[]),
    );
    let Action::Run(from) = &from.unwrap()[1].steps[0].action else { panic!() };
    assert!(matches!(&from.mounts[0].kind, RunMountKind::Bind { from: Origin::Stage(0), .. }));
    assert!(
        matches!(&from.mounts[1].kind, RunMountKind::Bind { from: Origin::Other(name), .. } if name == "img")
    );
    for (mount, want) in [
        ("type=bnd,target=/x", "unsupported mount type \"bnd\" (did you mean bind?)"),
        ("type=cache,targt=/x", "unexpected key 'targt' in 'targt=/x' (did you mean target?)"),
        ("type=cache", "invalid mount target \"/w\""),
        ("target=/", "invalid mount target \"/\""),
        ("target=/x,mode=1", "mode not allowed for \"bind\" type mounts"),
        ("type=tmpfs,target=/x,sharing=shared", "invalid cache sharing set for tmpfs mount"),
        ("type=secret", "invalid secret mount. one of source, target required"),
        ("type=secret,id=a,source=b", "both source and id can't be set"),
        ("type=secret,id=a,from=b", "secret mount should not have a from"),
        ("target=/x,size=1", "unexpected key 'size' for mount type 'bind'"),
        ("target=/x,bogus", "invalid field 'bogus' must be a key=value pair"),
        ("target=/x,ro=maybe", "invalid value for ro: maybe"),
        ("target=/x,from=$X", "'from' doesn't support variable expansion, define alias stage instead"),
        ("\\\"target=/x", "bare or open quote"),
    ] {
        let got = error(&format!("FROM x\nWORKDIR /w\nRUN --mount={mount} x"));
        assert!(got.ends_with(want), "{mount}: {got}");
    }
}

#[test]
fn scopes_of_arguments() {
    let text = "ARG V=1 W=$V\nARG IMG=img:$W\nFROM --platform=$BUILDPLATFORM $IMG AS one\nARG V\nARG W=own U\n\
        ARG TARGETARCH TARGETVARIANT BUILDARCH TARGETSTAGE\nENV E=$V$W$U$TARGETARCH$TARGETVARIANT$BUILDARCH$TARGETSTAGE\n\
        FROM one AS two\nENV F=$V\nFROM scratch AS three\nENV G=x$V\n";
    let wish = Wish::new(&[], &[]);
    let file = parse(text.as_bytes(), "Dockerfile").unwrap();
    let image = Base::Image { name: "img:1".into(), platform: Some(wish.host.clone()) };
    assert_eq!(file.base(0, &wish.settings()).unwrap(), image);
    let env = |wish: &Wish, stage: usize| all(text, wish).unwrap()[stage].config.env.last().unwrap().clone();
    assert_eq!(env(&wish, 0), "E=1ownarmv7amd64three");
    assert_eq!(env(&wish, 1), "F=1");
    assert_eq!(env(&wish, 2), "G=x");
    let wish = Wish::new(&[("V", "9"), ("U", "u"), ("TARGETARCH", "z")], &[]);
    assert_eq!(
        file.base(0, &wish.settings()).unwrap(),
        Base::Image { name: "img:9".into(), platform: Some(wish.host.clone()) }
    );
    assert_eq!(env(&wish, 0), "E=9ownuzv7amd64three");
    let wish = Wish::new(
        &[("Q", "1"), ("HTTP_PROXY", "p"), ("V", "1"), ("TARGETOS", "x"), ("BUILDKIT_X", "1")],
        &[],
    );
    assert_eq!(file.unused_args(&wish.settings()), ["Q"]);
}

#[test]
fn arguments_that_programs_see() {
    let wish = Wish::new(&[("A", "given"), ("https_proxy", "p"), ("NO_PROXY", "n")], &[]);
    let done =
        all("FROM x\nARG A B C=1 D=d NO_PROXY\nENV C=2\nRUN x\nENV D=e\nARG D=f\nRUN y", &wish).unwrap();
    let runs: Vec<&Run> = done[0]
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Run(run) => Some(run),
            _ => None,
        })
        .collect();
    let pairs = |args: &BTreeMap<String, String>| {
        args.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
    };
    assert_eq!(pairs(&runs[0].args), ["A=given", "D=d", "NO_PROXY=n"]);
    assert_eq!(pairs(&runs[0].silent_args), ["HTTPS_PROXY=p", "https_proxy=p", "no_proxy=n"]);
    // The later line wins, as in BuildKit.
    assert_eq!(pairs(&runs[1].args), ["A=given", "D=f", "NO_PROXY=n"]);
    assert_eq!(done[0].steps[1].created_by, "ENV C=2");
    let said = "RUN |5 A=given B= C=2 D=d NO_PROXY=n /bin/sh -c x # buildkit";
    assert_eq!(done[0].steps[2].created_by, said);
}

#[test]
fn stages_and_what_they_need() {
    let text = "FROM a AS Base\nFROM base AS mid\nCOPY --from=0 x y\nFROM scratch\nRUN --mount=from=mid,target=/m x\n\
        COPY --from=alpine:3 x y\nCOPY --from=ctx x y\nFROM mid AS last\nFROM unused";
    let wish = Wish::new(&[], &["ctx"]);
    let file = parse(text.as_bytes(), "Dockerfile").unwrap();
    let needs = |stage| file.needs(stage, &wish.settings()).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!((needs(0), needs(1), needs(2), needs(3)), (vec![], vec![0], vec![1], vec![1]));
    assert_eq!(file.base(1, &wish.settings()).unwrap(), Base::Stage(0));
    assert_eq!((file.stage("LAST").unwrap(), file.stage("4").unwrap()), (3, 4));
    assert_eq!(
        file.stage("lsat").unwrap_err().message(),
        "target stage \"lsat\" could not be found (did you mean last?)"
    );
    // A context of that name takes the stage's place.
    let wish = Wish::new(&[], &["mid"]);
    assert!(file.needs(1, &wish.settings()).unwrap().is_empty());
    assert_eq!(file.base(1, &wish.settings()).unwrap(), Base::Image { name: "mid".into(), platform: None });
    assert!(file.evaluate(1, &wish.settings(), &base(), &Inherited::default()).unwrap().steps.is_empty());
    // Of two stages with one name the later one counts.
    let twice = parse(b"FROM a AS x\nFROM b AS x\nFROM x", "Dockerfile").unwrap();
    assert_eq!(twice.base(2, &wish.settings()).unwrap(), Base::Stage(1));
}

#[test]
fn triggers_run_first_and_once() {
    let text = "FROM x AS a\nRUN 1\nFROM x AS b\nONBUILD COPY --from=a y $Z\nONBUILD RUN <<EOF\n2\nEOF\nENV Z=z\nFROM b\nRUN 3\n";
    let done = all(text, &Wish::new(&[], &[])).unwrap();
    assert_eq!(done[1].config.on_build, ["COPY --from=a y $Z", "RUN <<EOF\n2\nEOF"]);
    let said: Vec<&str> = done[2].steps.iter().map(|step| step.created_by.as_str()).collect();
    assert_eq!(said, ["COPY y z # buildkit", "RUN /bin/sh -c 2\n # buildkit", "RUN /bin/sh -c 3 # buildkit"]);
    assert!(done[2].config.on_build.is_empty());
    let file = parse(text.as_bytes(), "Dockerfile").unwrap();
    assert_eq!(
        file.needs(2, &Wish::new(&[], &[]).settings()).unwrap().into_iter().collect::<Vec<_>>(),
        [0, 1]
    );
    let hostile = ContainerConfig { on_build: vec!["FROM y".into()], ..base() };
    let wrong =
        file.evaluate(0, &Wish::new(&[], &[]).settings(), &hostile, &Inherited::default()).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "Dockerfile:1:1: onbuild trigger \"FROM y\": it isn't allowed as an ONBUILD trigger"
    );
}

#[test]
fn what_progress_shows() {
    for (body, want) in [
        ("ENV X=1\nRUN echo \"$X\" $Y", "RUN echo \"1\" $Y"),
        ("run a \\\n   b", "RUN a    b"),
        ("ENV X=1\nCOPY $X \"a\" /b", "COPY 1 a /b"),
        ("RUN <<EOF\necho 1\necho 2\nEOF", "RUN <<EOF (echo 1...)"),
        (
            "ENV K=secret\nRUN --mount=type=secret,id=k,env=K echo $K",
            "RUN --mount=type=secret,id=k,env=K echo $K",
        ),
        ("WORKDIR /a", "WORKDIR /a"),
    ] {
        assert_eq!(steps(body).pop().unwrap().shown, want, "{body}");
    }
}

#[test]
fn mistakes_in_their_places() {
    for (text, want) in [
        ("", "Dockerfile: the Dockerfile cannot be empty"),
        ("# only\n\n", "Dockerfile: file with no instructions"),
        ("ARG x=1", "Dockerfile: dockerfile contains no stages to build"),
        ("RUN x\nFROM y", "Dockerfile:1:1: no build stage in current context"),
        ("FROM x\n  RUNN y", "Dockerfile:2:3: unknown instruction: RUNN (did you mean RUN?)"),
        ("FROM", "Dockerfile:1:1: FROM requires either one or three arguments"),
        ("FROM x y z", "Dockerfile:1:1: FROM requires either one or three arguments"),
        (
            "FROM x AS 1a",
            "Dockerfile:1:11: invalid name for build stage: \"1a\", name can't start with a number or contain symbols",
        ),
        ("FROM --platfrom=y x", "Dockerfile:1:6: unknown flag: --platfrom (did you mean platform?)"),
        ("FROM ${X}", "Dockerfile:1:6: base name (${X}) should not be blank"),
        (
            "FROM --platform=$TARGETPLATFROM x",
            "Dockerfile:1:17: empty platform value from expression $TARGETPLATFROM (did you mean TARGETPLATFORM?)",
        ),
        ("FROM x\nCOPY --form=y a b", "Dockerfile:2:6: unknown flag: --form (did you mean from?)"),
        ("FROM x\nCOPY --chown a b", "Dockerfile:2:6: missing a value on flag: --chown"),
        ("FROM x\nCOPY --link=x a b", "Dockerfile:2:6: expecting boolean value for flag --link, not: x"),
        ("FROM x\nCOPY --from=a --from=b a b", "Dockerfile:2:6: duplicate flag specified: --from"),
        (
            "FROM x\nCOPY a",
            "Dockerfile:2:1: COPY requires at least two arguments, but only one was provided. Destination could not be determined.",
        ),
        (
            "FROM x\nCOPY --from=$Y a b",
            "Dockerfile:2:13: variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround",
        ),
        ("FROM x\nCOPY --from=7 a b", "Dockerfile:2:13: invalid stage index 7"),
        ("FROM x AS a\nCOPY --from=A a b", "Dockerfile:2:13: circular dependency detected on stage: a"),
        (
            "FROM x AS a\nCOPY --from=b a b\nFROM a AS b",
            "Dockerfile:2:13: circular dependency detected on stage: a",
        ),
        (
            "FROM x\nCOPY --from=bb a b\nFROM y AS bb",
            "Dockerfile:2:13: cannot copy from stage \"bb\", it needs to be defined before current stage \"stage-0\"",
        ),
        ("FROM x\nCOPY http://a/b c", "Dockerfile:2:6: source can't be a URL for COPY"),
        ("FROM x\nCOPY git@h:p c", "Dockerfile:2:6: source can't be a git ref for COPY"),
        ("FROM x\nADD --checksum=sha256:0 a c", "Dockerfile:2:16: checksum requires HTTP(S) or Git sources"),
        (
            "FROM x\nCOPY --chmod=8888 a c",
            "Dockerfile:2:14: invalid chmod parameter: '8888'. it should be octal string and between 0 and 07777",
        ),
        ("FROM x\nRUN --netwrok=none y", "Dockerfile:2:5: unknown flag: --netwrok (did you mean network?)"),
        (
            "FROM x\nRUN --network=nope y",
            "Dockerfile:2:5: network \"nope\" is not valid (did you mean none?)",
        ),
        ("FROM x\nRUN --device=a y", "Dockerfile:2:5: RUN --device is not supported yet"),
        ("FROM x\nRUN", "Dockerfile:2:1: RUN requires at least one argument"),
        (
            "FROM x\nRUN [\"a\", 1]",
            "Dockerfile:2:5: when using JSON array syntax, arrays must be comprised of strings only",
        ),
        ("FROM x\nENV a", "Dockerfile:2:1: ENV must have two arguments"),
        (
            "FROM x\nENV a=b c",
            "Dockerfile:2:9: Syntax error - can't find = in \"c\". Must be of the form: name=value",
        ),
        ("FROM x\nENV =b", "Dockerfile:2:5: ENV names can not be blank"),
        ("FROM x\nENV a=${b", "Dockerfile:2:7: failed to process \"${b\": syntax error: missing '}'"),
        ("FROM x\nENV a=${b:?no}", "Dockerfile:2:7: failed to process \"${b:?no}\": b: no"),
        ("FROM x\nUSER", "Dockerfile:2:1: USER requires exactly one argument"),
        ("FROM x\nSHELL a b", "Dockerfile:2:1: SHELL requires the arguments to be in JSON form"),
        ("FROM x\nEXPOSE x", "Dockerfile:2:8: invalid containerPort: x"),
        ("FROM x\nSTOPSIGNAL NOPE", "Dockerfile:2:1: invalid signal: NOPE"),
        ("FROM x\nHEALTHCHECK a", "Dockerfile:2:13: Unknown type \"a\" in HEALTHCHECK (try CMD)"),
        ("FROM x\nHEALTHCHECK NONE a", "Dockerfile:2:1: HEALTHCHECK NONE takes no arguments"),
        ("FROM x\nHEALTHCHECK CMD", "Dockerfile:2:1: Missing command after HEALTHCHECK CMD"),
        (
            "FROM x\nHEALTHCHECK --interval=1us CMD a",
            "Dockerfile:2:13: Interval \"interval\" cannot be less than 1ms",
        ),
        ("FROM x\nHEALTHCHECK --retries=-1 CMD a", "Dockerfile:2:13: --retries cannot be negative (-1)"),
        (
            "FROM x\nONBUILD ONBUILD RUN x",
            "Dockerfile:2:9: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed",
        ),
        ("FROM x\nONBUILD FROM x", "Dockerfile:2:9: FROM isn't allowed as an ONBUILD trigger"),
        ("FROM x\nVOLUME [\"\"]", "Dockerfile:2:1: VOLUME specified can not be an empty string"),
        ("FROM x\nUSER --a b", "Dockerfile:2:6: unknown flag: --a"),
        ("FROM x\nRUN a\0b", "Dockerfile:2:6: the line contains a null byte"),
    ] {
        assert_eq!(error(text), want, "{text}");
    }
}

#[test]
fn sizes_are_bounded() {
    let long = format!("FROM x\nRUN {}\n", "x".repeat(70_000));
    assert!(error(&long).contains("dockerfile line greater than max allowed size of 65535"));
    assert!(error(&"# x\n".repeat(5 << 20)).contains("Dockerfile exceeds maximum allowed size"));
    let many = format!("FROM x\n{}", "USER x\n".repeat(30_000));
    assert!(error(&many).contains("more than 20000 instructions"));
    for (text, want) in [
        (format!("FROM x\n{}", "FROM x\n".repeat(1000)), "more than 1000 stages"),
        (format!("FROM x\nRUN {}x", "--mount=target=/x \\\n".repeat(501)), "more than 500 mounts"),
        (
            format!("FROM x\nENV{}", (0..2001).map(|n| format!(" A{n}=1\\\n")).collect::<String>()),
            "more than 2000 variables",
        ),
        (
            format!("FROM x\nARG{}", (0..2001).map(|n| format!(" A{n}\\\n")).collect::<String>()),
            "more than 2000 arguments",
        ),
        (
            format!("ARG{} Z\nFROM x", (0..2001).map(|n| format!(" A{n}=\\\n")).collect::<String>()),
            "more than 2000 arguments",
        ),
    ] {
        assert!(error(&text).ends_with(want), "{want}");
    }
    let doubling = format!("FROM x\nENV A=xxxxxxxx\n{}", "ENV A=$A$A\n".repeat(40));
    assert!(error(&doubling).contains("the result is too long"));
    let heavy = format!(
        "FROM x\n{}",
        (0..120).map(|number| format!("ENV A{number}={}\n", "x".repeat(60_000))).collect::<String>()
    );
    assert!(error(&heavy).contains("take too much memory"));
}
