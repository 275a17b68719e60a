//! A container's places on bridges, from before it is made until it has ended.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::fs::{Mode, OFlags};

use super::{Engine, create, files, helper, networks};
use crate::base::file::FileLock;
use crate::base::network::{self, Endpoint, HOST_BINDING};
use crate::base::port::PortMapping;
use crate::network::client::{Helper, HelperDied, Reserved};
use crate::network::names::Bearer;
use crate::network::pasta::PastaStack;
use crate::network::protocol::{Request, Wanted};
use crate::network::slirp::SlirpStack;
use crate::runtime::userns::UserNamespace;
use crate::store::containers::Record;
use crate::store::options::{ContainerOptions, Link, NetworkMode};

/// Docker's words for what goes wrong here.
pub const ATTEMPT: &str = "failed to set up container networking";

/// How long a container whose helper died, and cannot be replaced, waits for another.
const PAUSE: Duration = Duration::from_secs(1);

/// A helper may end in the moment that it is asked.
const ATTEMPTS: usize = 10;

/// The network of a container, which ends when this is dropped.
pub enum Network {
    Slirp { _stack: SlirpStack },
    Pasta { _stack: PastaStack },
    Bridges { stay: Stay },
}

impl Network {
    /// Ends it, but for what the next run of the container needs: a helper that ended now could not always be started
    /// from here again.
    pub fn rest(self) -> Option<Stay> {
        match self {
            Self::Slirp { .. } | Self::Pasta { .. } => None,
            Self::Bridges { stay } => {
                stay.leave();
                Some(stay)
            }
        }
    }

    /// The places on bridges.
    pub fn stay(&mut self) -> Option<&mut Stay> {
        match self {
            Self::Slirp { .. } | Self::Pasta { .. } => None,
            Self::Bridges { stay } => Some(stay),
        }
    }
}

/// The places, as long as it is kept.
#[derive(Debug)]
pub struct Stay {
    helper: Helper,
    pub endpoints: Vec<Endpoint>,
    /// As published, with picked ports filled in.
    pub ports: Vec<PortMapping>,
    /// When to look for a new helper, where there was none to be had.
    retry: Option<Instant>,
}

/// Takes the places that a container wants, and the user namespace to make it in; none if it is on no bridge.
/// With `has_own_ids` this process is in the container's user namespace, which is not the user's.
pub fn reserve(
    engine: &Engine,
    id: &str,
    options: &ContainerOptions,
    has_own_ids: bool,
) -> Result<Option<(Stay, UserNamespace)>> {
    let NetworkMode::Bridge { networks: attachments } = &options.network else { return Ok(None) };
    check_links(engine, options)?;
    let wanted = attachments
        .iter()
        .map(|attachment| Ok(Wanted::new(networks::load(engine, &attachment.network)?, attachment.clone())));
    let wanted = wanted.collect::<Result<Vec<_>>>().context(ATTEMPT)?;
    let ports = at_host_address(&options.publish, &wanted);
    ask(engine, id, wanted, ports, has_own_ids).map(Some)
}

/// The ports, those without an address of the host at the one that the network names which is the container's way out.
pub fn at_host_address(ports: &[PortMapping], networks: &[Wanted]) -> Vec<PortMapping> {
    let outward = networks.iter().filter(|wanted| !wanted.network.internal);
    let outward =
        outward.min_by_key(|wanted| network::rank(wanted.attachment.gw_priority, &wanted.network.name));
    let ip = outward.and_then(|wanted| wanted.network.options.get(HOST_BINDING)?.parse().ok());
    ports.iter().map(|port| PortMapping { host_ip: port.host_ip.or(ip), ..port.clone() }).collect()
}

/// A container, as far as names are concerned.
pub fn bearer(engine: &Engine, record: &Record) -> Result<Bearer> {
    let options = &record.options;
    Ok(Bearer {
        id: record.id.clone(),
        name: record.name.clone(),
        hostname: create::hostname(engine, options, &record.id)?,
        servers: options.dns.clone(),
        links: options.links.iter().map(|link| (link.alias.to_lowercase(), link.container.clone())).collect(),
    })
}

/// Docker starts no container whose links lead to one that does not run.
fn check_links(engine: &Engine, options: &ContainerOptions) -> Result<()> {
    for Link { container, name, alias } in &options.links {
        if !engine.containers().load(container)?.state.is_running() {
            bail!("Cannot link to a non running container: /{name} AS {alias}");
        }
    }
    Ok(())
}

/// The places that there are, if any.
pub fn endpoints(stay: Option<&Stay>) -> &[Endpoint] {
    stay.map_or(&[], |stay| &stay.endpoints)
}

fn ask(
    engine: &Engine,
    id: &str,
    networks: Vec<Wanted>,
    ports: Vec<PortMapping>,
    has_own_ids: bool,
) -> Result<(Stay, UserNamespace)> {
    let request = Request::Reserve { container: id.to_owned(), networks, ports };
    for _ in 0..ATTEMPTS {
        let helper = match has_own_ids {
            false => helper::connect(engine)?,
            // One that is started from where these ids are would be there too.
            true => helper::find(engine)?.context("the network helper is gone")?,
        };
        if let Some(Reserved { endpoints, ports, users }) = helper.reserve(&request).context(ATTEMPT)? {
            return Ok((Stay { helper, endpoints, ports, retry: None }, users.into()));
        }
    }
    bail!("set up the container's networks: the network helper dies again and again")
}

impl Stay {
    /// Keeps the user namespace of these places that of the networks, while this process enters it; another one if the
    /// helper has died. Until what it returns first is dropped, no helper is started.
    pub fn hold(&mut self, engine: &Engine, record: &Record) -> Result<(FileLock, Option<UserNamespace>)> {
        let mut renewed = None;
        for _ in 0..ATTEMPTS {
            let lock = helper::keep_off(engine)?;
            if !self.helper.has_died() {
                return Ok((lock, renewed));
            }
            drop(lock);
            renewed = Some(self.renew(engine, record, false)?);
        }
        Err(HelperDied).context(ATTEMPT)
    }

    /// Connects the container whose first process is `pid`; returns when its networks are usable.
    pub fn attach(&self, pid: i32, bearer: Bearer) -> Result<()> {
        let path = format!("/proc/{pid}/ns/net");
        let namespace = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .with_context(|| format!("open {path}"))?;
        let attached = self.helper.attach(bearer, namespace.as_fd());
        attached.context(ATTEMPT)
    }

    /// The same for a container that is being started, whose helper may have died since its places were taken: it gets
    /// new ones then.
    pub fn settle(mut self, engine: &Engine, record: &Record, pid: i32) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            match self.attach(pid, bearer(engine, record)?) {
                Ok(()) => return Ok(self),
                Err(error) if error.is::<HelperDied>() => {
                    drop(self.renew(engine, record, record.maps.is_some())?)
                }
                Err(error) => return Err(error),
            }
        }
        Err(HelperDied).context(ATTEMPT)
    }

    /// Takes places of another helper for those that went with one that died, and has the container's files tell of
    /// them.
    fn renew(&mut self, engine: &Engine, record: &Record, has_own_ids: bool) -> Result<UserNamespace> {
        let again = reserve(engine, &record.id, &record.options, has_own_ids)?;
        let (stay, users) = again.context("find the container's networks")?;
        *self = stay;
        let hostname = create::hostname(engine, &record.options, &record.id)?;
        files::write(&engine.layout().container(&record.id), &record.options, &hostname, &self.endpoints)?;
        Ok(users)
    }

    /// Gives the places back, and keeps the helper.
    pub fn leave(&self) {
        // One that has died has nothing of it any more.
        let _ = self.helper.ask(&Request::Leave, None);
    }

    /// What becomes readable when the helper dies; nothing while that is known and waits to be mended.
    pub fn source(&self) -> Option<BorrowedFd<'_>> {
        self.retry.is_none().then(|| self.helper.as_fd())
    }

    /// When it must be tried again at the latest.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry
    }

    /// Gives a container that runs what it had, from a new helper, if the one it had has died.
    pub fn keep(&mut self, engine: &Engine, record: &Record) {
        let is_due = match self.retry {
            None => self.helper.has_died(),
            Some(time) => time <= Instant::now(),
        };
        if is_due {
            self.retry = match self.restore(engine, &record.id) {
                Ok(()) => None,
                Err(_) => Some(Instant::now() + PAUSE),
            };
        }
    }

    fn restore(&mut self, engine: &Engine, id: &str) -> Result<()> {
        // It may have been put on other networks meanwhile, and must not while it is given these.
        let (_lock, record) = engine.containers().hold(id)?;
        let again = |endpoint: &Endpoint| {
            let network = networks::load(engine, &endpoint.network)?;
            Ok(Wanted::again(network, endpoint.clone()))
        };
        let wanted = record.endpoints.iter().map(again).collect::<Result<_>>()?;
        let (stay, _) = ask(engine, id, wanted, record.ports.clone(), record.maps.is_some())?;
        stay.attach(record.state.pid, bearer(engine, &record)?)?;
        *self = stay;
        Ok(())
    }
}
