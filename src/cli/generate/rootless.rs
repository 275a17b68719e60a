//! The text of coracle-rootless(7).

/// A section: its title, what it says, and a list of words with what each means.
pub struct Section {
    pub title: &'static str,
    pub prose: &'static [&'static str],
    pub entries: &'static [(&'static str, &'static str)],
}

const fn section(
    title: &'static str,
    prose: &'static [&'static str],
    entries: &'static [(&'static str, &'static str)],
) -> Section {
    Section { title, prose, entries }
}

pub const SECTIONS: &[Section] = &[
    section(
        "DESCRIPTION",
        &[
            "Every command of coracle runs with the rights of the user who types it. There is no daemon, no group that \
             stands for root, and no program of coracle's with more rights than that user. This page says what the \
             kernel and the host lend such a user, what is done where they do not, and what cannot be done.",
            "coracle doctor examines a host for all of it, and says what mends what is missing.",
        ],
        &[],
    ),
    section(
        "USERS",
        &[
            "A container is made in a user namespace: its root is you, and has no right over anything of the host's that \
             you have not. The other users of a container are subordinate ids, which the host gives to you alone in \
             /etc/subuid and /etc/subgid, or by a directory service that getsubids(1) asks; newuidmap(1) and newgidmap(1) \
             lend them. Without any, containers have one user, and a change of owner is folded into that.",
            "A file that user 1000 of a container makes in a directory of yours so belongs to a subordinate id. coracle \
             unshare shows such files with the owners that the container sees, and can change them.",
        ],
        &[
            (
                "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
                "gives ids to a user",
            ),
            (
                "--userns keep-id",
                "makes you the same user inside as outside: for directories that both work in",
            ),
            ("--userns auto", "gives a container ids that no other one has"),
            ("--userns nomap", "leaves you out of the container altogether"),
        ],
    ),
    section(
        "NAMESPACES",
        &[
            "Kernels that forbid user namespaces to ordinary users forbid containers to them, too. Ubuntu from 23.10 on \
             allows them to programs that have a profile of AppArmor; the packages of coracle install one there.",
        ],
        &[
            ("sudo sysctl -w user.max_user_namespaces=15000", "where the limit is 0"),
            ("sudo sysctl -w kernel.unprivileged_userns_clone=1", "of older kernels of Debian"),
        ],
    ),
    section(
        "LIMITS",
        &[
            "Limits of memory, processors, processes and disks need control groups of version 2 that the user may write to. \
             systemd gives each user who logs in a manager that makes them; without systemd, --cgroup-manager cgroupfs \
             makes them in a group that was given to the user. systemd hands down the controllers cpu, memory and pids; \
             others it hands down once the host's administrator says so:",
        ],
        &[
            (
                "/etc/systemd/system/user@.service.d/delegate.conf",
                "[Service] and Delegate=cpu cpuset io memory pids, on two lines; then systemctl daemon-reload, and log in anew",
            ),
            (
                "loginctl enable-linger",
                "keeps what runs after the last logout, and starts your units with the host",
            ),
        ],
    ),
    section(
        "NETWORKS",
        &[
            "The containers of a network are on a bridge in a network namespace of yours, and reach the outside through \
             slirp4netns(1), a network stack that is an ordinary program. Published ports are sockets of yours. So a \
             container sees who connects to it, and no rule of a firewall is needed or changed.",
        ],
        &[
            ("sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80", "for published ports below 1024"),
            ("sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'", "for ping to the outside"),
        ],
    ),
    section(
        "FILES OF CONTAINERS",
        &["The layers of an image are laid over each other by the kernel's overlay (Linux 5.11), else by \
             fuse-overlayfs(1), else they are copied; coracle info says which. A home on NFS holds no files of other users: \
             put the store elsewhere with --root or CORACLE_ROOT."],
        &[],
    ),
    section(
        "WHAT IS NOT POSSIBLE",
        &[
            "What needs a right over the host itself, that is: network interfaces and firewall rules of the host, mounts that \
             other users see, devices that you may not open yourself, kernel modules, real-time scheduling, and disk quotas. \
             Flags that would ask for it are refused, each with its reason.",
        ],
        &[],
    ),
];
