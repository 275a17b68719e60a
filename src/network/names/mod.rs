//! Names: on each network's gateway address a server that knows the containers, and asks others about everything else.
//!
//! ```text
//! container ── question ──> gateway:53 (a socket of the network's namespace)
//!                             ├ a container's name or address     [`answer`], out of the [`roster`]
//!                             └ anything else                     [`forward`]
//!                                  ├ `--dns` of the container, or of its network
//!                                  └ the host's servers ([`resolv`]), from the host's network: its resolver on the
//!                                    loopback interface and the names that only it knows work as on the host
//! ```
//!
//! Who asks is known by its address, and is told of the containers on all of its own networks and of no others. One
//! thread serves all networks; what is in flight is bounded for each.

pub mod answer;
mod forward;
mod resolv;
pub mod roster;
mod server;

use std::sync::{Arc, OnceLock};
use std::thread;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Handle};

use self::resolv::HostServers;
pub use self::roster::{Bearer, Roster};
pub use self::server::Server;
use super::segment::Segment;
use crate::base::network::Network;

/// The thread's stack: it keeps few things on it.
const STACK: usize = 256 << 10;

/// The names of all networks, and the thread that answers, which is started for the first network.
#[derive(Default)]
pub struct Names {
    roster: Arc<Roster>,
    host: Arc<HostServers>,
    handle: OnceLock<Handle>,
}

impl Names {
    /// Who is where.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Answers on a network until what is given is dropped; none on a network that is to have no names.
    ///
    /// # Errors
    /// The address cannot be had, or no thread.
    pub fn serve(&self, segment: &Arc<Segment>, network: &Network) -> Result<Option<Server>> {
        if network.disable_dns {
            return Ok(None);
        }
        let (roster, host) = (self.roster.clone(), self.host.clone());
        Server::start(&self.handle()?, segment, network, roster, host).map(Some)
    }

    /// The thread that answers questions.
    pub fn handle(&self) -> Result<Handle> {
        if let Some(handle) = self.handle.get() {
            return Ok(handle.clone());
        }
        let runtime = Builder::new_current_thread().enable_all().build().context("start the name server")?;
        let handle = runtime.handle().clone();
        let forever = move || runtime.block_on(std::future::pending::<()>());
        let thread = thread::Builder::new().name("names".to_owned()).stack_size(STACK);
        thread.spawn(forever).context("start a thread")?;
        // Of two that came at once one has a thread for nothing.
        Ok(self.handle.get_or_init(|| handle).clone())
    }
}
