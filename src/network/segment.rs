//! A network's own network namespace, with its bridge: a thread that is in it for good and does there what it is told.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::fs::{Mode, OFlags};

use super::netlink::{End, Netlink, PacketSizes};
use super::slirp::INTERFACE;
use crate::base::driver_options;
use crate::base::hint::HintExt;
use crate::base::network::{Endpoint, Network};
use crate::sys::{namespace, net};

/// The bridge's name in its namespace.
pub const BRIDGE: &str = "coracle0";

/// A thread that only sets links and addresses needs little.
pub const STACK: usize = 128 << 10;

/// Something to be done in the namespace.
type Job = Box<dyn FnOnce(&Inside) + Send>;

/// The handle of a segment. The thread ends with the last of them, and its namespace with it.
#[derive(Debug)]
pub struct Segment {
    jobs: Sender<Job>,
    namespace: OwnedFd,
}

/// What a job has of the namespace that it is done in.
pub struct Inside {
    netlink: Netlink,
    bridge: u32,
    namespace: OwnedFd,
    network: Network,
    /// Half a megabyte in place of 64 KiB ("BIG TCP"): where the processors have other work, containers send each other
    /// nearly twice as much, since each packet costs a wake-up.
    gso: Option<u32>,
    /// The containers' IPv6 addresses, for which the way out has to answer.
    addresses: RefCell<BTreeSet<Ipv6Addr>>,
}

impl Segment {
    /// Makes the namespace and the bridge. The process has CAP_SYS_ADMIN in the user namespace that is to own it.
    pub fn create(network: &Network) -> Result<Self> {
        let (ready, is_ready) = mpsc::channel();
        let (jobs, todo) = mpsc::channel();
        let network = network.clone();
        let build = move || match Inside::build(network) {
            Ok(inside) => {
                let namespace = inside.namespace.try_clone().context("copy a descriptor");
                let _ = ready.send(namespace);
                drop(ready);
                inside.serve(&todo);
            }
            Err(error) => drop(ready.send(Err(error))),
        };
        thread::Builder::new()
            .name("segment".to_owned())
            .stack_size(STACK)
            .spawn(build)
            .context("start a thread")?;
        let namespace = is_ready.recv().context("the thread of a network died")??;
        Ok(Self { jobs, namespace })
    }

    /// The network namespace.
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }

    /// Does `work` in the namespace and waits for it. What is opened there belongs to the namespace for ever.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inside) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, is_done) = mpsc::channel();
        self.begin(move |inside| drop(done.send(work(inside))));
        is_done.recv().map_err(|_| anyhow!("the network's thread died"))?
    }

    /// Takes a container's interface away, if it is still there. The kernel waits for every processor before that is
    /// done (10 to 40 ms), so it is the caller who waits: in the namespace's own thread the next container would, too.
    pub fn detach(&self, endpoint: &Endpoint) {
        let own = endpoint.clone();
        if let Ok(netlink) = self.run(move |inside| inside.begin_to_detach(&own)) {
            let _ = netlink.delete(&link_name(endpoint));
        }
    }

    /// Has something done in the namespace, and does not wait for it.
    pub fn begin(&self, work: impl FnOnce(&Inside) + Send + 'static) {
        // A thread that has died drops the work, and whoever waits for it learns of that.
        let _ = self.jobs.send(Box::new(work));
    }
}

impl Inside {
    /// Moves this thread into a network namespace of its own.
    fn build(network: Network) -> Result<Self> {
        namespace::separate_network().context("make a network namespace")?;
        net::loopback_up().context("bring up the loopback interface")?;
        let namespace = open_own().context("open the network namespace")?;
        let netlink = Netlink::open().context("open a netlink socket")?;
        netlink.add_bridge(BRIDGE, bridge_mac(&network.id), network.mtu).context("make a bridge")?;
        let bridge = netlink.index(BRIDGE).context("find the bridge")?;
        let gso = netlink.largest_gso(BRIDGE).context("inspect the bridge")?;
        let addresses = RefCell::default();
        let inside = Self { netlink, bridge, namespace, network, gso, addresses };
        inside.set_up()?;
        Ok(inside)
    }

    fn set_up(&self) -> Result<()> {
        let network = &self.network;
        let add = |address: IpAddr, prefix: u8| {
            let added = self.netlink.add_address(self.bridge, address, prefix);
            added.with_context(|| format!("give the bridge the address {address}"))
        };
        add(network.gateway.into(), network.subnet.prefix_len())?;
        if let Some(ipv6) = &network.ipv6 {
            add(ipv6.gateway.into(), ipv6.subnet.prefix_len())?;
            self.set("net/ipv6/conf/all/forwarding", "1")?;
        } else if Path::new("/proc/sys/net/ipv6").exists() {
            // What the bridge and its ports would say of themselves reaches the containers.
            self.set("net/ipv6/conf/all/disable_ipv6", "1")?;
        }
        if !network.connects_containers() {
            // Nor by way of the bridge, for one that sends whatever it likes.
            let subnets = [Some(network.subnet.into()), network.ipv6.as_ref().map(|ipv6| ipv6.subnet.into())];
            for subnet in subnets.into_iter().flatten() {
                let prohibited = self.netlink.prohibit(BRIDGE, subnet);
                prohibited.with_context(|| format!("keep containers from {subnet}"))?;
            }
        }
        self.set("net/ipv4/ip_forward", "1")?;
        // A container must not be told of a shorter way: there is none.
        self.set("net/ipv4/conf/all/send_redirects", "0")?;
        self.set(&format!("net/ipv4/conf/{BRIDGE}/send_redirects"), "0")?;
        self.netlink.bring_up(self.bridge).context("bring up the bridge")
    }

    /// Writes a setting of the namespace, by its path beneath `/proc/sys`.
    pub fn set(&self, path: &str, value: &str) -> Result<()> {
        set(path, value)
    }

    /// Links, addresses and routes of the namespace.
    pub fn netlink(&self) -> &Netlink {
        &self.netlink
    }

    /// The IPv6 addresses of the containers.
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        self.addresses.borrow().iter().copied().collect()
    }

    fn serve(&self, todo: &Receiver<Job>) {
        while let Ok(job) = todo.recv() {
            job(self);
        }
    }

    /// Connects a container's network namespace to the bridge. With `is_default` all that the container sends
    /// elsewhere goes through this network.
    pub fn attach(&self, endpoint: &Endpoint, container: BorrowedFd<'_>, is_default: bool) -> Result<()> {
        let near = link_name(endpoint);
        let ends = (
            End { name: &near, mac: None, namespace: None, bridge: Some(self.bridge) },
            End {
                name: &endpoint.interface,
                mac: Some(parse_mac(&endpoint.mac)?),
                namespace: Some(container),
                bridge: None,
            },
        );
        let sizes = PacketSizes { mtu: self.network.mtu, gso: self.gso };
        let add = || self.netlink.add_pair(&ends.0, &ends.1, sizes);
        let added = match add() {
            // What a helper that died has left goes a moment after it.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let remove = || Ok(Netlink::open()?.delete(&endpoint.interface)?);
                let _: Result<()> = self.visit(container, remove);
                add()
            }
            added => added,
        };
        added.context("make a pair of interfaces")?;
        if !self.network.connects_containers() {
            let isolate = || self.netlink.isolate(self.netlink.index(&near)?);
            isolate().context("keep the container from the others of the network")?;
        }
        if let Some(ipv6) = endpoint.ipv6.as_ref().filter(|_| !self.network.internal) {
            self.addresses.borrow_mut().insert(ipv6.ip);
            // A way out that is just being opened again takes all of them then.
            if let Ok(tap) = self.netlink.index(INTERFACE) {
                self.netlink.add_proxy(tap, ipv6.ip).context("listen for the container's IPv6 address")?;
            }
        }
        self.visit(container, || configure(endpoint, is_default))
    }

    /// Makes this network the container's way out.
    pub fn route(&self, endpoint: &Endpoint, container: BorrowedFd<'_>) -> Result<()> {
        self.visit(container, || {
            let netlink = Netlink::open().context("open a netlink socket")?;
            let index = netlink.index(&endpoint.interface).context("find the container's interface")?;
            set_default_routes(&netlink, index, endpoint)
        })
    }

    /// Opens what a container's interface is taken away by.
    fn begin_to_detach(&self, endpoint: &Endpoint) -> Result<Netlink> {
        if let Some(ipv6) = &endpoint.ipv6 {
            self.addresses.borrow_mut().remove(&ipv6.ip);
            if let Ok(tap) = self.netlink.index(INTERFACE) {
                let _ = self.netlink.remove_proxy(tap, ipv6.ip);
            }
        }
        Netlink::open().context("open a netlink socket")
    }

    /// Does `work` in another network namespace.
    fn visit<T>(&self, other: BorrowedFd<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
        namespace::join(other).context("enter the container's network namespace")?;
        let result = work();
        // A thread that is elsewhere than it believes would do harm there.
        namespace::join(self.namespace.as_fd()).expect("a thread may return to a namespace that it made");
        result
    }
}

/// Sets up a container's end, in the container's network namespace.
fn configure(endpoint: &Endpoint, is_default: bool) -> Result<()> {
    let netlink = Netlink::open().context("open a netlink socket")?;
    let index = netlink.index(&endpoint.interface).context("find the container's interface")?;
    let addresses = || {
        netlink.add_address(index, endpoint.ip.into(), endpoint.prefix)?;
        match &endpoint.ipv6 {
            Some(ipv6) => netlink.add_address(index, ipv6.ip.into(), ipv6.prefix)?,
            // What it would say of itself goes to everybody on the network: a start would cost more with each.
            None => netlink.set_silent(index)?,
        }
        netlink.bring_up(index)
    };
    addresses().context("give the container's interface its address")?;
    for (path, value) in driver_options::settings(&endpoint.driver_options, &endpoint.interface) {
        set(&path, &value)?;
    }
    if is_default {
        set_default_routes(&netlink, index, endpoint)?;
    }
    Ok(())
}

fn set_default_routes(netlink: &Netlink, index: u32, endpoint: &Endpoint) -> Result<()> {
    let gateway = endpoint.gateway.map(IpAddr::from);
    let gateway6 = endpoint.ipv6.as_ref().and_then(|ipv6| ipv6.gateway).map(IpAddr::from);
    for gateway in [gateway, gateway6].into_iter().flatten() {
        let set = netlink.set_default_route(index, gateway);
        set.with_context(|| format!("route the container's packets through {gateway}"))?;
    }
    Ok(())
}

/// Containers have `/proc/sys` read-only, and what is in one is too.
const COVERED: &str = "the container around this one keeps /proc/sys as it is: use --network host, or start that one with \
                       --security-opt unmask=ALL (docker: systempaths=unconfined)";

fn set(path: &str, value: &str) -> Result<()> {
    let path = Path::new("/proc/sys").join(path);
    let written = std::fs::write(&path, value);
    let is_covered = written.as_ref().is_err_and(|error| error.kind() == ErrorKind::ReadOnlyFilesystem);
    let written = written.with_context(|| format!("write {}", path.display()));
    if is_covered { written.hint(|| COVERED) } else { written }
}

fn open_own() -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::open("/proc/thread-self/ns/net", flags, Mode::empty())?)
}

/// The network's end of a container's interface: at most 15 bytes (`IFNAMSIZ` of linux/if.h).
fn link_name(endpoint: &Endpoint) -> String {
    format!("veth{}", &endpoint.id[..11])
}

/// Stays the same while containers come and go: a bridge without one of its own takes the least of its ports'.
fn bridge_mac(id: &str) -> [u8; 6] {
    let byte = |at: usize| id.get(at..at + 2).and_then(|text| u8::from_str_radix(text, 16).ok()).unwrap_or(0);
    [0x02, 0x42, byte(0), byte(2), byte(4), byte(6)]
}

fn parse_mac(text: &str) -> Result<[u8; 6]> {
    let mut mac = [0; 6];
    let mut parts = text.split(':');
    for byte in &mut mac {
        let part = parts.next().and_then(|part| u8::from_str_radix(part, 16).ok());
        *byte = part.with_context(|| format!("read the hardware address {text}"))?;
    }
    Ok(mac)
}
