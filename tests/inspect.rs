//! `inspect`: docker 28's documents, key by key, and what is looked for under a name.

use serde_json::{Value, json};

use crate::support::image::host_architecture;
use crate::support::{Image, Sandbox};

/// The document of one object.
fn document(sandbox: &Sandbox, name: &str) -> Value {
    sandbox.run(&format!("inspect {name}")).success().json()[0].take()
}

/// As text, which unlike a comparison of values tells the order of keys.
fn shown(document: &Value) -> String {
    serde_json::to_string_pretty(document).expect("JSON")
}

/// Takes a list out of `document` that is long and known elsewhere; asserts that `part` is in it.
fn take_list(document: &mut Value, pointer: &str, part: &str) {
    let list = document.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")).take();
    assert!(list.as_array().expect("a list").contains(&json!(part)), "{pointer}: {list}");
}

const NEVER: &str = "0001-01-01T00:00:00Z";
/// What every image of the tests has.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[test]
fn every_key_of_a_container() {
    // Those of a storage driver are of this one.
    let sandbox = Sandbox::of_driver("overlay");
    sandbox.add(&Image::busybox(), "busybox");
    let id = sandbox.run("create --name box --network none busybox sleep 100").success().line();
    let directory = sandbox.container_directory(&id).display().to_string();
    let mut made = document(&sandbox, "box");
    take_list(&mut made, "/HostConfig/MaskedPaths", "/proc/kcore");
    take_list(&mut made, "/HostConfig/ReadonlyPaths", "/proc/sys");
    let layer = sandbox.inspect("busybox", "GraphDriver.Data.UpperDir");
    let want = json!({
        "Id": id,
        "Created": made["Created"],
        "Path": "sleep",
        "Args": ["100"],
        "State": {
            "Status": "created",
            "Running": false,
            "Paused": false,
            "Restarting": false,
            "OOMKilled": false,
            "Dead": false,
            "Pid": 0,
            "ExitCode": 0,
            "Error": "",
            "StartedAt": NEVER,
            "FinishedAt": NEVER,
        },
        "Image": Image::busybox().id(),
        "ResolvConfPath": format!("{directory}/resolv.conf"),
        "HostnamePath": format!("{directory}/hostname"),
        "HostsPath": format!("{directory}/hosts"),
        "LogPath": format!("{directory}/{id}-json.log"),
        "Name": "/box",
        "RestartCount": 0,
        "Driver": "overlay",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": null,
        "HostConfig": host_config(),
        "GraphDriver": {
            "Data": {
                "LowerDir": layer,
                "MergedDir": format!("{directory}/rootfs"),
                "UpperDir": format!("{directory}/upper"),
                "WorkDir": format!("{directory}/work"),
            },
            "Name": "overlay",
        },
        "Mounts": [],
        "Config": {
            "Hostname": &id[..12],
            "Domainname": "",
            "User": "",
            "AttachStdin": false,
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": false,
            "OpenStdin": false,
            "StdinOnce": false,
            "Env": [PATH],
            "Cmd": ["sleep", "100"],
            "Image": "busybox",
            "Volumes": null,
            "WorkingDir": "",
            "Entrypoint": null,
            "OnBuild": null,
            "Labels": {},
        },
        "NetworkSettings": network_settings(""),
    });
    assert_eq!(shown(&made), shown(&want));

    // What changes when it runs, and when it has ended.
    sandbox.run("start box").success();
    let running = document(&sandbox, "box");
    let (pid, started) = (&running["State"]["Pid"], &running["State"]["StartedAt"]);
    assert!(
        pid.as_u64() > Some(0) && started.as_str().is_some_and(|time| time > "2001" && time.ends_with('Z'))
    );
    let mut state = want["State"].clone();
    (state["Status"], state["Running"]) = (json!("running"), json!(true));
    (state["Pid"], state["StartedAt"]) = (pid.clone(), started.clone());
    assert_eq!(shown(&running["State"]), shown(&state));
    let sandbox_key = running["NetworkSettings"]["SandboxKey"].as_str().expect("a path");
    assert!(sandbox_key.starts_with('/'), "{sandbox_key}");
    assert_eq!(shown(&running["NetworkSettings"]), shown(&network_settings(sandbox_key)));
    sandbox.run("kill box").success();
    sandbox.run("wait box").success().stdout("137\n");
    let ended = document(&sandbox, "box");
    let finished = &ended["State"]["FinishedAt"];
    assert!(finished.as_str() > started.as_str(), "{ended:#}");
    (state["Status"], state["Running"], state["Pid"]) = (json!("exited"), json!(false), json!(0));
    (state["ExitCode"], state["FinishedAt"]) = (json!(137), finished.clone());
    assert_eq!(shown(&ended["State"]), shown(&state));
    assert_eq!(shown(&ended["NetworkSettings"]), shown(&network_settings("")));
}

/// Of a container on no network, made without further flags; the two lists of paths taken out.
fn host_config() -> Value {
    let mut all = json!({
        "Binds": null,
        "ContainerIDFile": "",
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": "none",
        "PortBindings": {},
        "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
        "AutoRemove": false,
        "VolumeDriver": "",
        "VolumesFrom": null,
        "ConsoleSize": [0, 0],
        "CapAdd": null,
        "CapDrop": null,
        "CgroupnsMode": "private",
        "Dns": [],
        "DnsOptions": [],
        "DnsSearch": [],
        "ExtraHosts": null,
        "GroupAdd": null,
        "IpcMode": "private",
        "Cgroup": "",
        "Links": null,
        "OomScoreAdj": 0,
        "PidMode": "",
        "Privileged": false,
        "PublishAllPorts": false,
        "ReadonlyRootfs": false,
        "SecurityOpt": null,
        "UTSMode": "",
        "UsernsMode": "",
        "ShmSize": 67_108_864,
        "Runtime": "coracle",
        "Isolation": "",
    });
    let limits = json!({
        "CpuShares": 0,
        "Memory": 0,
        "NanoCpus": 0,
        "CgroupParent": "",
        "BlkioWeight": 0,
        "BlkioWeightDevice": [],
        "BlkioDeviceReadBps": [],
        "BlkioDeviceWriteBps": [],
        "BlkioDeviceReadIOps": [],
        "BlkioDeviceWriteIOps": [],
        "CpuPeriod": 0,
        "CpuQuota": 0,
        "CpuRealtimePeriod": 0,
        "CpuRealtimeRuntime": 0,
        "CpusetCpus": "",
        "CpusetMems": "",
        "Devices": [],
        "DeviceCgroupRules": null,
        "DeviceRequests": null,
        "MemoryReservation": 0,
        "MemorySwap": 0,
        "MemorySwappiness": null,
        "OomKillDisable": null,
        "PidsLimit": null,
        "Ulimits": [],
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
        "MaskedPaths": null,
        "ReadonlyPaths": null,
    });
    let both = all.as_object_mut().zip(limits.as_object());
    both.into_iter().for_each(|(all, limits)| all.extend(limits.clone()));
    all
}

/// Of a container on no network.
fn network_settings(sandbox_key: &str) -> Value {
    json!({
        "Bridge": "",
        "SandboxID": "",
        "SandboxKey": sandbox_key,
        "Ports": {},
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": "",
        "Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "MacAddress": "",
        "Networks": {
            "none": {
                "IPAMConfig": null,
                "Links": null,
                "Aliases": null,
                "MacAddress": "",
                "DriverOpts": null,
                "GwPriority": 0,
                "NetworkID": "",
                "EndpointID": "",
                "Gateway": "",
                "IPAddress": "",
                "IPPrefixLen": 0,
                "IPv6Gateway": "",
                "GlobalIPv6Address": "",
                "GlobalIPv6PrefixLen": 0,
                "DNSNames": null,
            },
        },
    })
}

#[test]
fn every_key_of_an_image() {
    let sandbox = Sandbox::with_busybox();
    let image = Image::busybox();
    let found = document(&sandbox, "busybox");
    let store = sandbox.store().display().to_string();
    let upper = found["GraphDriver"]["Data"]["UpperDir"].as_str().expect("a path");
    assert!(upper.starts_with(&store), "{upper}");
    assert!(found["Size"].as_u64() > Some(0), "{found:#}");
    let want = json!({
        "Id": image.id(),
        "RepoTags": ["busybox:latest"],
        "RepoDigests": found["RepoDigests"],
        "Parent": "",
        "Comment": "",
        "Created": "2024-05-06T07:08:09Z",
        "DockerVersion": "",
        "Author": "",
        "Config": {
            "Hostname": "",
            "Domainname": "",
            "User": "",
            "AttachStdin": false,
            "AttachStdout": false,
            "AttachStderr": false,
            "Tty": false,
            "OpenStdin": false,
            "StdinOnce": false,
            "Env": [PATH],
            "Cmd": ["sh"],
            "Image": "",
            "Volumes": null,
            "WorkingDir": "",
            "Entrypoint": null,
            "OnBuild": null,
            "Labels": null,
        },
        "Architecture": host_architecture(),
        "Os": "linux",
        "Size": found["Size"],
        "GraphDriver": {"Data": {"UpperDir": upper}, "Name": "overlay"},
        "RootFS": {"Type": "layers", "Layers": found["RootFS"]["Layers"]},
        "Metadata": {"LastTagTime": NEVER},
        "Descriptor": {
            "mediaType": image.media_type(),
            "digest": image.digest(),
            "size": image.manifest_bytes().len(),
        },
    });
    assert_eq!(found["RootFS"]["Layers"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown(&found), shown(&want));
}

#[test]
fn what_the_flags_said_is_shown() {
    let sandbox = Sandbox::with_busybox();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for (flags, path, want) in [
        ("--uts host", "Config.Hostname", json!(host)),
        ("--network host", "Config.Hostname", json!(host)),
        ("-h boat", "Config.Hostname", json!("boat")),
        ("-i", "Config.AttachStdin", json!(true)),
        ("-i", "Config.StdinOnce", json!(true)),
        ("-i -t", "Config.Tty", json!(true)),
    ] {
        let id = sandbox.run(&format!("create {flags} busybox")).success().line();
        assert_eq!(sandbox.inspect(&id, path), want, "{flags}");
    }
    for (flags, want) in [
        ("-d", [false, false, false, false]),
        ("-d -i", [false, false, false, false]),
        ("-i", [true, true, true, true]),
        ("-a stderr", [false, false, true, false]),
    ] {
        sandbox.run(&format!("run --name box --network none {flags} busybox true")).success();
        let found = ["AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"]
            .map(|key| sandbox.inspect("box", &format!("Config.{key}")));
        assert_eq!(found, want.map(Value::from), "{flags}");
        sandbox.run("rm -f box").success();
    }
}

#[test]
fn names_are_looked_for_in_dockers_order() {
    let sandbox = Sandbox::with_busybox();
    let id = sandbox.run("create --name box -v data:/data --network none busybox").success().line();
    sandbox.run("create --name busybox --network none busybox").success();
    sandbox.run("volume create box").success();
    // A container, then an image, then a volume; by its type any of them.
    for (line, want) in [
        ("inspect -f {{.Name}} box", "/box\n"),
        ("inspect -f {{.Name}} busybox", "/busybox\n"),
        ("inspect -f {{.Name}} data", "data\n"),
        ("inspect --type volume -f {{.Name}} box", "box\n"),
        ("inspect --type image -f {{.Os}} busybox", "linux\n"),
        ("image inspect -f {{.Os}} busybox", "linux\n"),
        ("inspect -f {{.Name}} box data", "/box\ndata\n"),
        ("container inspect -f {{.State.Status}} box busybox", "created\ncreated\n"),
    ] {
        sandbox.run(line).success().stdout(want).stderr("");
    }
    // Go's names of fields beside those of JSON.
    for name in ["{{.Id}}", "{{.ID}}"] {
        sandbox.run(&format!("inspect -f {name} box")).success().stdout(&format!("{id}\n"));
    }
    sandbox
        .run("inspect -f '{{.HostConfig.NanoCPUs}} {{len .HostConfig.DNS}}' box")
        .success()
        .stdout("0 0\n");
    sandbox.run("inspect -f {{.Name}}{{.Nope}} box").code(1).stderr_has("map has no entry for key \"Nope\"");
    sandbox.run("inspect -f {{.IDs}} box").code(1).stderr_has("map has no entry for key \"IDs\"");

    for (line, message) in [
        ("inspect nothing", "Error: No such object: nothing\n"),
        ("inspect --type container nothing", "Error: No such container: nothing\n"),
        ("inspect --type image box", "Error: No such image: box:latest\n"),
        ("inspect --type volume busybox", "Error: get busybox: no such volume\n"),
        ("container inspect nothing", "Error: No such container: nothing\n"),
        ("image inspect nothing", "Error: No such image: nothing:latest\n"),
        ("volume inspect nothing", "Error: get nothing: no such volume\n"),
    ] {
        sandbox.run(line).code(1).stdout("[]\n").stderr(message);
    }
    let both = sandbox.run("inspect nothing box neither");
    both.code(1).stderr("Error: No such object: nothing\nError: No such object: neither\n");
    assert_eq!(both.json().as_array().map(Vec::len), Some(1));
    sandbox.run("inspect -f {{.Id}} nothing").code(1).stdout("\n");
    sandbox.run("inspect --type boat box").code(1).stdout("").stderr_has("unknown type: \"boat\"");
}
