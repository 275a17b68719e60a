//! Every flag that docker 28 and podman know of the verbs that coracle has: each works, or says that it does not.
//!
//! Working is what `--help` shows, and the few flags of other tools that change nothing here. Whatever else is refused by
//! its name: no flag of theirs is unknown, none is accepted and ignored.

use crate::support::Sandbox;

/// `docker run` and `create`; its `--attach` is taken by both.
const DOCKER: &str = "--add-host --annotation --attach --blkio-weight --blkio-weight-device --cap-add --cap-drop \
     --cgroup-parent --cgroupns --cidfile --cpu-count --cpu-percent --cpu-period --cpu-quota \
     --cpu-rt-period --cpu-rt-runtime --cpu-shares --cpus --cpuset-cpus --cpuset-mems --detach-keys \
     --device --device-cgroup-rule --device-read-bps --device-read-iops --device-write-bps \
     --device-write-iops --disable-content-trust --dns --dns-opt --dns-option --dns-search --domainname \
     --entrypoint --env --env-file --expose --gpus --group-add --health-cmd --health-interval \
     --health-retries --health-start-interval --health-start-period --health-timeout --hostname --init \
     --interactive --io-maxbandwidth --io-maxiops --ip --ip6 --ipc --isolation --kernel-memory --label \
     --label-file --link --link-local-ip --log-driver --log-opt --mac-address --memory \
     --memory-reservation --memory-swap --memory-swappiness --mount --name --net --net-alias --network \
     --network-alias --no-healthcheck --oom-kill-disable --oom-score-adj --pid --pids-limit --platform \
     --privileged --publish --publish-all --pull --quiet --read-only --restart --rm --runtime \
     --security-opt --shm-size --stop-signal --stop-timeout --storage-opt --sysctl --tmpfs --tty --ulimit \
     --use-api-socket --user --userns --uts --volume --volume-driver --volumes-from --workdir";

/// What `podman run` and `create` have beside those.
const PODMAN: &str = "--arch --authfile --cert-dir --cgroup-conf --cgroups --chrootdirs --conmon-pidfile --creds \
     --decryption-key --env-host --env-merge --gidmap --group-entry --health-log-destination \
     --health-max-log-count --health-max-log-size --health-on-failure --health-startup-cmd \
     --health-startup-interval --health-startup-retries --health-startup-success --health-startup-timeout \
     --hosts-file --hostuser --http-proxy --image-volume --init-ctr --init-path --no-hostname --no-hosts \
     --os --passwd --passwd-entry --personality --pidfile --pod --pod-id-file --rdt-class \
     --read-only-tmpfs --replace --requires --retry --retry-delay --rootfs --sdnotify --seccomp-policy \
     --secret --shm-size-systemd --subgidname --subuidname --systemd --timeout --tls-verify --tz --uidmap \
     --umask --unsetenv --unsetenv-all --variant";

/// What only `run` has.
const RUN: &str = "--detach --sig-proxy --rmi --preserve-fds --preserve-fd";

/// The other verbs, docker's flags and podman's together.
const OTHERS: &[(&str, &str)] = &[
    (
        "build",
        "--add-host --all-platforms --allow --annotation --attest --authfile --build-arg --build-arg-file \
         --build-context --builder --cache-from --cache-to --cache-ttl --call --cap-add --cap-drop --cert-dir \
         --cgroup-parent --cgroupns --check --compat-volumes --compress --cpp-flag --cpu-period --cpu-quota \
         --cpu-shares --cpuset-cpus --cpuset-mems --created-annotation --creds --decryption-key --device \
         --disable-compression --disable-content-trust --dns --dns-option --dns-search --env --file --force-rm \
         --format --from --group-add --hooks-dir --http-proxy --identity-label --ignorefile --iidfile \
         --inherit-annotations --inherit-labels --ipc --isolation --jobs --label --layer-label --layers --load \
         --logfile --logsplit --manifest --memory --memory-swap --metadata-file --network --no-cache \
         --no-cache-filter --no-hostname --no-hosts --omit-history --os-feature --os-version --output --pid \
         --platform --policy --progress --provenance --pull --push --quiet --retry --retry-all --retry-delay \
         --rewrite-timestamp --rm --runtime --runtime-flag --sbom --secret --security-opt --shm-size --sign-by \
         --skip-unused-stages --source-date-epoch --squash --squash-all --ssh --tag --target --timestamp \
         --tls-verify --ulimit --unsetannotation --unsetenv --unsetlabel --userns --userns-gid-map \
         --userns-uid-map --uts --variant --volume",
    ),
    ("builder du", "--builder --filter --format --timeout --verbose"),
    (
        "builder prune",
        "--all --builder --filter --force --keep-storage --max-used-space --min-free-space --reserved-space \
         --timeout --verbose",
    ),
    (
        "exec",
        "--cidfile --detach --detach-keys --env --env-file --interactive --latest --preserve-fd \
         --preserve-fds --privileged --tty --user --workdir",
    ),
    ("attach", "--detach-keys --latest --no-stdin --sig-proxy"),
    (
        "start",
        "--all --attach --checkpoint --checkpoint-dir --detach-keys --filter --interactive --latest \
         --sig-proxy",
    ),
    ("stop", "--all --cidfile --filter --ignore --latest --signal --time --timeout"),
    ("restart", "--all --cidfile --filter --latest --running --signal --time --timeout"),
    ("kill", "--all --cidfile --latest --signal"),
    ("rm", "--all --cidfile --depend --filter --force --ignore --latest --link --time --volumes"),
    ("wait", "--condition --interval --latest"),
    ("logs", "--color --details --follow --latest --names --since --tail --timestamps --until"),
    (
        "ps",
        "--all --external --filter --format --last --latest --no-trunc --noheading --ns --pod --quiet --size \
         --sort --sync --watch",
    ),
    ("cp", "--archive --follow-link --overwrite --quiet"),
    ("commit", "--author --change --format --iidfile --include-volumes --message --pause --quiet --squash"),
    ("diff", "--format --latest"),
    ("export", "--output"),
    ("top", "--latest"),
    ("port", "--all --latest"),
    ("events", "--filter --format --no-trunc --since --until"),
    (
        "update",
        "--blkio-weight --blkio-weight-device --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime \
         --cpu-shares --cpus --cpuset-cpus --cpuset-mems --device-read-bps --device-read-iops \
         --device-write-bps --device-write-iops --memory --memory-reservation --memory-swap \
         --memory-swappiness --pids-limit --restart",
    ),
    ("inspect", "--format --latest --size --type"),
    (
        "pull",
        "--all-tags --arch --authfile --cert-dir --creds --decryption-key --disable-content-trust --os --platform \
         --policy --quiet --retry --retry-delay --tls-verify --variant",
    ),
    (
        "push",
        "--all-tags --authfile --cert-dir --compress --compression-format --creds --digestfile \
         --disable-content-trust --format --platform --quiet --remove-signatures --sign-by \
         --sign-by-sigstore-private-key --sign-passphrase-file --tls-verify",
    ),
    ("images", "--all --digests --filter --format --history --no-trunc --noheading --quiet --sort --tree"),
    ("rmi", "--all --force --ignore --no-prune --platform"),
    ("history", "--format --human --no-trunc --platform --quiet"),
    ("container prune", "--filter --force"),
    (
        "volume create",
        "--availability --driver --group --label --limit-bytes --opt --required-bytes --scope --secret \
         --sharing --topology-preferred --topology-required --type",
    ),
    ("volume ls", "--cluster --filter --format --noheading --quiet"),
    ("volume rm", "--all --force --time"),
    ("volume inspect", "--all --format"),
    ("volume prune", "--all --filter --force"),
    ("secret create", "--driver --driver-opts --env --label"),
    ("secret ls", "--filter --format --noheading --quiet"),
    ("secret rm", "--all"),
    ("secret inspect", "--format --pretty"),
    ("container inspect", "--format --latest --size"),
    ("container exists", "--external"),
    ("volume export", "--output"),
    ("mount", "--all --format --latest --no-trunc"),
    ("unmount", "--all --force --latest"),
    ("unshare", "--rootless-netns"),
];

/// Flags that are taken and not shown: there is one answer to them here, which other tests hold them to.
const HIDDEN: &[&str] = &[
    "--attach",
    "--attest",
    "--builder",
    "--compress",
    "--disable-content-trust",
    "--dns-opt",
    "--force-rm",
    "--health-log-destination",
    "--interval",
    "--isolation",
    "--load",
    "--net",
    "--net-alias",
    "--provenance",
    "--quiet",
    "--rewrite-timestamp",
    "--rm",
    "--sbom",
    "--skip-unused-stages",
    "--storage-opt",
    "--time",
    "--timestamp",
];

/// Holds every flag of a verb against its help, and gives those that are not there to the verb.
fn check(sandbox: &Sandbox, verb: &str, flags: &str, refused: &mut Vec<String>) {
    let help = sandbox.run(&format!("{verb} --help")).success().out();
    let mut wrong = Vec::new();
    let shown = |flag: &str| help.split([' ', ',', '[', '\n']).any(|word| word == flag);
    for flag in flags.split_whitespace().filter(|flag| !shown(flag)) {
        let output = sandbox.run(&format!("{verb} {flag}=1"));
        if HIDDEN.contains(&flag) && !output.stderr.contains("unknown flag") {
            continue;
        }
        let reasons = [
            format!("{flag} is not supported yet"),
            format!("{flag} needs control groups version 2"),
            format!("{flag} needs control groups version 1"),
            format!("{flag} is for Windows containers only"),
            format!("{flag} has nothing to mount: there is no daemon"),
            "could not select device driver".to_owned(),
        ];
        if output.exit_code() == 125 && reasons.iter().any(|reason| output.stderr.contains(reason)) {
            refused.push(format!("{verb} {flag}"));
        } else {
            wrong.push(format!("{verb} {flag}: {}", output.stderr.lines().next().unwrap_or_default()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn flags_of_run_and_create_work_or_say_that_they_do_not() {
    let sandbox = Sandbox::new();
    let mut refused = Vec::new();
    check(&sandbox, "run", &[DOCKER, PODMAN, RUN].join(" "), &mut refused);
    check(&sandbox, "create", &[DOCKER, PODMAN].join(" "), &mut refused);
    // Whatever needs no control group, no bridge, no pod and no other part that is not there yet.
    for flag in [
        "--health-cmd",
        "--hosts-file",
        "--image-volume",
        "--init-path",
        "--requires",
        "--volume",
        "--pidfile",
    ] {
        assert!(!refused.contains(&format!("run {flag}")), "{flag}");
    }
}

#[test]
fn flags_of_other_verbs_work_or_say_that_they_do_not() {
    let sandbox = Sandbox::new();
    let mut refused = Vec::new();
    for (verb, flags) in OTHERS {
        check(&sandbox, verb, flags, &mut refused);
    }
    for flag in ["exec --env-file", "attach --sig-proxy", "start --attach", "stop --cidfile", "rm --depend"] {
        assert!(!refused.iter().any(|other| other == flag), "{flag}");
    }
}
