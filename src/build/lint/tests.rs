//! What the rules find, in BuildKit's words.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::build::dockerfile::{self, Base, Inherited};
use crate::oci::image::ContainerConfig;
use crate::oci::platform::Platform;

/// What is found in a file whose images have a `PATH` and nothing else.
fn checked(text: &str) -> Checked {
    let file = dockerfile::parse(text.as_bytes(), "Dockerfile").unwrap();
    let (build_args, contexts) = (BTreeMap::new(), BTreeSet::new());
    let platform = Platform::new("linux", "amd64", None);
    let (target, host) = (&platform, &platform);
    let settings = Settings { build_args: &build_args, contexts: &contexts, target, host, target_stage: "" };
    let base = ContainerConfig { env: vec!["PATH=/bin".into()], ..Default::default() };
    let (mut found, mut done) = (Vec::new(), Vec::new());
    for stage in 0..file.stages.len() {
        let inherited = match file.base(stage, &settings).unwrap() {
            Base::Stage(index) => &done[index],
            _ => &Inherited::default(),
        };
        let evaluated = file.evaluate(stage, &settings, &base, inherited).unwrap();
        found.extend(evaluated.warnings);
        done.push(evaluated.inherited);
    }
    file.check(&settings, found).unwrap()
}

fn warnings(text: &str) -> Vec<String> {
    let shown =
        |warning: &Warning| format!("{} {} {}", warning.rule.name, warning.lines.first, warning.message);
    checked(text).warnings.iter().map(shown).collect()
}

#[test]
fn each_rule() {
    for (text, want) in [
        ("FROM x AS One", "StageNameCasing 1 Stage name 'One' should be lowercase"),
        ("FROM x as one", "FromAsCasing 1 'as' and 'FROM' keywords' casing do not match"),
        (
            "FROM x AS scratch",
            "ReservedStageName 1 Stage name should not use the same name as reserved stage \"scratch\"",
        ),
        (
            "FROM x AS a\nFROM y AS a",
            "DuplicateStageName 2 Duplicate stage name \"a\", stage names should be unique",
        ),
        ("FROM x\nRUN a \\\n\n b", "NoEmptyContinuation 2 Empty continuation line"),
        (
            "FROM x\nRUN a\nrun b",
            "ConsistentInstructionCasing 3 Command 'run' should match the case of the command majority (uppercase)",
        ),
        (
            "from x\nrun a\nRun b",
            "ConsistentInstructionCasing 3 Command 'Run' should match the case of the command majority (lowercase)",
        ),
        (
            "FROM x\nCMD a",
            "JSONArgsRecommended 2 JSON arguments recommended for CMD to prevent unintended behavior related to OS signals",
        ),
        (
            "FROM x\nMAINTAINER a",
            "MaintainerDeprecated 2 Maintainer instruction is deprecated in favor of using label",
        ),
        (
            "ARG IMAGE=a\nFROM a:$IMAG",
            "UndefinedArgInFrom 2 FROM argument 'IMAG' is not declared (did you mean IMAGE?)",
        ),
        (
            "FROM x\nWORKDIR a\nWORKDIR b",
            "WorkdirRelativePath 2 Relative workdir \"a\" can have unexpected results if the base image changes",
        ),
        ("FROM x\nCOPY $PAHT /a", "UndefinedVar 2 Usage of undefined variable '$PAHT' (did you mean $PATH?)"),
        (
            "FROM x\nCMD [\"a\"]\nCMD [\"b\"]",
            "MultipleInstructionsDisallowed 2 Multiple CMD instructions should not be used in the same stage because only the last one will be used",
        ),
        (
            "FROM x\nENV a b",
            "LegacyKeyValueFormat 2 \"ENV key=value\" should be used instead of legacy \"ENV key value\" format",
        ),
        (
            "FROM --platform=$TARGETPLATFORM x",
            "RedundantTargetPlatform 1 Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
        ),
        (
            "FROM --platform=linux/arm64 x",
            "FromPlatformFlagConstDisallowed 1 FROM --platform flag should not use constant value \"linux/arm64\"",
        ),
        (
            "FROM x\nARG GITHUB_TOKEN",
            "SecretsUsedInArgOrEnv 2 Do not use ARG or ENV instructions for sensitive data (ARG \"GITHUB_TOKEN\")",
        ),
        (
            "ARG T\nFROM a:$T",
            "InvalidDefaultArgInFrom 2 Default value for ARG a:$T results in empty or invalid base image name",
        ),
        (
            "FROM x\nEXPOSE 80/TCP",
            "ExposeProtoCasing 2 Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
        ),
        (
            "FROM x\nEXPOSE 127.0.0.1:80:80",
            "ExposeInvalidFormat 2 EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
        ),
    ] {
        let found: Vec<String> = warnings(text)
            .into_iter()
            .filter(|line| !line.starts_with("InvalidDefault") || want.starts_with("InvalidDefault"))
            .collect();
        assert!(found.contains(&want.to_owned()), "{text}: {found:#?}");
    }
}

#[test]
fn what_is_fine() {
    let text = "ARG T=1\nFROM --platform=$BUILDPLATFORM x:$T AS build\nARG UNSET PUBLIC_KEY KEY_FILE\nENV A=$UNSET\n\
        SHELL [\"/bin/bash\", \"-c\"]\nCMD a\nWORKDIR /a\nWORKDIR b\nEXPOSE 80/tcp 81\n\
        FROM --platform=linux/amd64 x AS amd64-only\nENTRYPOINT [\"x\"]\nFROM build\nWORKDIR c\nFROM scratch\nCOPY $PATH '$NOT' /\n";
    assert_eq!(warnings(text), Vec::<String>::new());
}

#[test]
fn rules_are_switched_off() {
    let body = "FROM x as one\nMAINTAINER a\n";
    assert_eq!(checked(body).warnings.len(), 2);
    assert_eq!(
        warnings(&format!("# check=skip=fromascasing, MaintainerDeprecated\n{body}")),
        Vec::<String>::new()
    );
    assert_eq!(warnings(&format!("# check=skip=all\n{body}")), Vec::<String>::new());
    let fails = checked(&format!("# check=error=true;skip=FromAsCasing\n{body}"));
    assert_eq!(fails.violation().as_deref(), Some("lint violation found for rules: MaintainerDeprecated"));
    assert_eq!(checked(body).violation(), None);
    let local = warnings("FROM x AS one\n# check=skip=MaintainerDeprecated\nMAINTAINER a\nENV a b\n");
    assert_eq!(local.len(), 1, "{local:?}");
    let file = dockerfile::parse(b"# check=bogus\nFROM x", "Dockerfile").unwrap();
    let (build_args, contexts) = (BTreeMap::new(), BTreeSet::new());
    let platform = Platform::new("linux", "amd64", None);
    let settings = Settings {
        build_args: &build_args,
        contexts: &contexts,
        target: &platform,
        host: &platform,
        target_stage: "",
    };
    let error = file.check(&settings, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "Dockerfile:1:9: invalid check option \"bogus\"");
    assert_eq!(
        MAINTAINER_DEPRECATED.url(),
        "https://docs.docker.com/go/dockerfile/rule/maintainer-deprecated/"
    );
}
