//! Networks for containers.
//!
//! A container has either a private user-mode stack ([`slirp`], [`pasta`]) or places on bridges, which one helper process per
//! user keeps ([`helper`]):
//!
//! ```text
//! helper, in the user namespace and on the host's network
//!  ├ main               accepts connections ([`protocol`]); one thread for each, which is a container's stay
//!  ├ names              a name server on each network's gateway address ([`names`])
//!  └ for each network   a warden, which keeps its slirp4netns alive; a [`relay`] for its published ports ([`ports`]); and
//!       a segment       a thread in the network's own network namespace, which does there what it is told
//!         coracle0 172.17.0.1/16 ─ veth ─ container 172.17.0.2
//!                                ─ veth ─ container 172.17.0.3
//!         tap0 10.0.2.100/24 ── slirp4netns ── sockets of the user
//! ```
//!
//! Packets are routed between the bridge and `tap0`, which answers for all addresses behind it (proxy_arp), so that
//! containers may have any address of any subnet, and no filter or translation rule is needed.

mod bind;
pub mod client;
pub mod helper;
mod hub;
pub mod leases;
pub mod names;
mod neighbours;
mod netlink;
pub mod pasta;
mod ports;
pub mod protocol;
mod relay;
mod reservation;
mod segment;
pub mod slirp;
pub mod subnets;
mod tun;
pub mod uplink;
mod warden;
