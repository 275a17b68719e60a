//! Options of a container's place on a network, in docker's words: the name of its interface, and kernel settings of it.

use std::collections::BTreeMap;

/// The interface's name, instead of the next `eth0`, `eth1`, ….
const IFNAME: &str = "com.docker.network.endpoint.ifname";

/// Kernel settings such as `net.ipv4.conf.IFNAME.log_martians=1`, divided by commas.
const SYSCTLS: &str = "com.docker.network.endpoint.sysctls";

/// What stands for the interface's name in them.
const PLACEHOLDER: &str = "IFNAME";

/// The longest name of an interface, in bytes (`IFNAMSIZ` of linux/if.h, without the NUL).
const LONGEST: usize = 15;

/// Reads `KEY=VALUE`, one option.
pub fn parse(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("invalid key/value pair format in driver options")?;
    match key {
        IFNAME if !is_interface(value) => Err(format!("invalid interface name {value:?}")),
        SYSCTLS => value.split(',').try_for_each(|setting| path_of(setting, "eth0").map(drop)),
        IFNAME => Ok(()),
        _ => Err(format!("the driver option {key} is not supported yet: there are {IFNAME} and {SYSCTLS}")),
    }?;
    Ok((key.to_owned(), value.to_owned()))
}

/// The option that names the interface.
pub fn named(interface: &str) -> Result<(String, String), String> {
    parse(&format!("{IFNAME}={interface}"))
}

/// The name that the interface is to have, if any.
pub fn interface(options: &BTreeMap<String, String>) -> Option<&str> {
    options.get(IFNAME).map(String::as_str)
}

/// The kernel settings of an interface: their paths beneath `/proc/sys`, and values.
pub fn settings(options: &BTreeMap<String, String>, interface: &str) -> Vec<(String, String)> {
    let all = options.get(SYSCTLS).into_iter().flat_map(|text| text.split(','));
    all.filter_map(|setting| path_of(setting, interface).ok()).collect()
}

/// Whether the kernel takes this as the name of an interface that is the container's to name.
fn is_interface(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'%');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(is_plain) && !matches!(name, "." | ".." | "lo")
}

/// One setting: where it is and what it is to be. Only what belongs to the interface may be set.
fn path_of(setting: &str, interface: &str) -> Result<(String, String), String> {
    let bad = || {
        format!(
            "invalid network interface sysctl {setting:?}: want net.X.Y.{PLACEHOLDER}.Z=VALUE, X being ipv4, ipv6 or mpls"
        )
    };
    let (name, value) = setting.trim().split_once('=').ok_or_else(bad)?;
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match name.split('.').collect::<Vec<_>>()[..] {
        ["net", family @ ("ipv4" | "ipv6" | "mpls"), group @ ("conf" | "neigh"), PLACEHOLDER, last]
            if !last.is_empty() && is_word(last) =>
        {
            Ok((format!("net/{family}/{group}/{interface}/{last}"), value.to_owned()))
        }
        _ => Err(bad()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_as_docker_has_them() {
        let read =
            |texts: &[&str]| texts.iter().map(|text| parse(text)).collect::<Result<BTreeMap<_, _>, _>>();
        let sysctls =
            format!("{SYSCTLS}=net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.neigh.IFNAME.gc_stale_time=9");
        let options = read(&["com.docker.network.endpoint.ifname=lan0", &sysctls]).unwrap();
        assert_eq!(interface(&options), Some("lan0"));
        let want = [("net/ipv4/conf/lan0/log_martians", "1"), ("net/ipv6/neigh/lan0/gc_stale_time", "9")];
        let want: Vec<_> = want.map(|(path, value)| (path.to_owned(), value.to_owned())).into();
        assert_eq!(settings(&options, "lan0"), want);
        assert_eq!((interface(&BTreeMap::new()), settings(&BTreeMap::new(), "eth0")), (None, Vec::new()));
    }

    #[test]
    fn refused() {
        for text in ["", "a", "a=b", "com.docker.network.endpoint.ifname"] {
            assert!(parse(text).is_err(), "{text}");
        }
        for name in ["", "lo", "..", "a/b", "a b", "a:1", "sixteen-letters-"] {
            assert_eq!(
                parse(&format!("{IFNAME}={name}")).unwrap_err(),
                format!("invalid interface name {name:?}")
            );
        }
        for setting in [
            "",
            "net.ipv4.conf.IFNAME.log_martians",
            "net.ipv4.conf.eth0.log_martians=1",
            "net.ipv4.ip_forward=1",
            "net.ipv4.conf.IFNAME.../../../kernel/core_pattern=x",
            "net.ipv4.conf.IFNAME.a/b=1",
            "net.ipv4.conf.IFNAME.=1",
            "kernel.conf.IFNAME.x=1",
        ] {
            let error = parse(&format!("{SYSCTLS}={setting}")).unwrap_err();
            assert!(error.contains("want net.X.Y.IFNAME.Z=VALUE"), "{setting}: {error}");
        }
    }
}
