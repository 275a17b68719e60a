//! What refuses a user namespace or its maps, and the line that allows them.

use std::fs;

use rustix::thread::CapabilitySet;

use super::ids::subid_hint;

/// What `newuidmap` or `newgidmap` lacks, by what it has said.
pub fn helper_hint(name: &str, message: &str) -> String {
    if message.contains("not allowed") {
        let own = subid_hint(rustix::process::getuid().as_raw(), 0);
        return format!("the ranges in /etc/subuid or /etc/subgid are not yours or overlap; {own}");
    }
    // The set-user-id bit makes it root, who is not the namespace's owner and needs this capability to map others into
    // it. With capabilities of its file it stays the user, who needs none.
    let is_bounded =
        rustix::thread::capability_is_in_bounding_set(CapabilitySet::SYS_ADMIN).is_ok_and(|has| !has);
    if message.contains("write to") && is_bounded {
        return "the container around this one has no CAP_SYS_ADMIN, which newuidmap needs unless its file has \
                capabilities; as root in there: chmod u-s /usr/bin/new[ug]idmap; setcap cap_setuid=ep \
                /usr/bin/newuidmap; setcap cap_setgid=ep /usr/bin/newgidmap"
            .into();
    }
    format!(
        "{name} needs its privilege: sudo chmod u+s $(command -v {name}), or reinstall the package uidmap"
    )
}

/// Says what on this host refuses user namespaces, and the line that allows them.
pub fn hint() -> String {
    let sysctl = |name: &str| {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
    };
    if sysctl("user.max_user_namespaces").as_deref() == Some("0") {
        return "user namespaces are switched off: sudo sysctl -w user.max_user_namespaces=65536".into();
    }
    if sysctl("kernel.unprivileged_userns_clone").as_deref() == Some("0") {
        return "user namespaces are for root only: sudo sysctl -w kernel.unprivileged_userns_clone=1".into();
    }
    if sysctl("kernel.apparmor_restrict_unprivileged_userns").as_deref() == Some("1") {
        return "AppArmor restricts user namespaces: \
                sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or give this binary the profile \
                that coracle doctor shows"
            .into();
    }
    if let Some(profile) = confinement() {
        return format!(
            "AppArmor's profile {profile} allows no user namespaces; for a container around this one: --security-opt \
             apparmor=unconfined --security-opt seccomp=unconfined; on a host, give this binary the profile that \
             coracle doctor shows"
        );
    }
    "this host refuses user namespaces; in a container, allow them in its seccomp profile \
     (--security-opt seccomp=unconfined); coracle doctor says what else is missing"
        .into()
}

/// The profile that AppArmor holds this process to; none where it is held to nothing.
pub fn confinement() -> Option<String> {
    confined_by(&fs::read_to_string("/proc/self/attr/apparmor/current").ok()?).map(str::to_owned)
}

/// Reads a label with its mode, as `docker-default (enforce)`; what only complains, or allows everything, holds nobody.
fn confined_by(label: &str) -> Option<&str> {
    label.trim_end().strip_suffix(" (enforce)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_that_hold() {
        for (label, held) in [
            ("docker-default (enforce)\n", Some("docker-default")),
            ("/usr/bin/man with spaces (enforce)", Some("/usr/bin/man with spaces")),
            ("unconfined\n", None),
            ("coracle (unconfined)\n", None),
            ("coracle (complain)\n", None),
            ("", None),
        ] {
            assert_eq!(confined_by(label), held, "{label}");
        }
    }

    #[test]
    fn programs_that_map() {
        assert!(helper_hint("newuidmap", "newuidmap: uid range [1-2) not allowed").contains("are not yours"));
        assert!(helper_hint("newgidmap", "something else").contains("sudo chmod u+s"));
    }
}
