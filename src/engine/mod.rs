//! The verbs as functions; streams are passed in and nothing is printed.
//!
//! Every function takes an [`Engine`] and names of containers and images as the user wrote them. The process
//! is single-threaded all through: what needs threads runs in a forked child ([`namespace::run_inside`]).

mod access;
mod accounts;
pub mod attach;
mod bring_up;
pub mod build;
pub mod caller;
pub mod changes;
pub mod check;
pub mod choose;
pub mod commit;
pub mod connect;
pub mod copy;
pub mod create;
pub mod damage;
mod devices;
pub mod doctor;
pub mod driver;
pub mod duty;
mod emulation;
pub mod events;
pub mod exec;
pub mod export;
pub mod files;
pub mod filesystem;
pub mod filter;
pub mod health;
pub mod helper;
pub mod image_mount;
pub mod image_tree;
pub mod images;
pub mod images_view;
pub mod import;
pub mod info;
pub mod initialize;
pub mod inspect;
pub mod inspect_image;
pub mod limits;
pub mod list;
pub mod load;
pub mod logging;
pub mod login;
pub mod logs;
pub mod manifests;
mod measure;
pub mod mounting;
pub mod mounts;
pub mod namespace;
pub mod networks;
pub mod notify;
mod output;
pub mod pause;
pub mod policy;
pub mod prune;
pub mod push;
pub mod remove;
pub mod rename;
pub mod requires;
pub mod restart;
pub mod rmi;
pub mod run;
pub mod save;
pub mod scp;
pub mod secrets;
pub mod sharing;
pub mod shift;
pub mod spec;
pub mod start;
pub mod stats;
mod stay;
pub mod stop;
pub mod supervise;
mod systemd;
pub mod terminal;
pub mod top;
pub mod unshare;
pub mod usage;
pub mod userns;
mod vfs;
pub mod volume_archive;
pub mod volumes;
pub mod wait;
pub mod watch;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::config::paths::Roots;
use crate::store::containers::Containers;
use crate::store::driver::Driver;
use crate::store::images::Images;
use crate::store::layout::Layout;
use crate::store::networks::Networks;
use crate::store::secrets::Secrets;
use crate::store::volumes::Volumes;

/// One store and what runs from it, for the time of one command.
pub struct Engine {
    layout: Layout,
    /// What the user wants containers to be made with.
    driver: Option<Driver>,
    /// Takes what the user should know and no error says.
    notice: fn(&str),
    /// Whether it has been said what ids the user lacks, by this process or the one that has forked it.
    told_of_ids: AtomicBool,
    /// Takes what takes long: a line, then how much of how much is done.
    status: fn(&str, Option<(u64, u64)>),
}

impl Engine {
    /// Picks the directories; creates and opens nothing.
    pub fn open(root: Option<&Path>, runroot: Option<&Path>) -> Result<Self> {
        let layout = Layout::new(Roots::choose(root, runroot)?);
        Ok(Self {
            layout,
            driver: None,
            notice: |_| {},
            told_of_ids: AtomicBool::new(false),
            status: |_, _| {},
        })
    }

    /// What containers are to be made with, whatever this host was found to take.
    pub fn with_driver(mut self, driver: Option<Driver>) -> Self {
        self.driver = driver;
        self
    }

    /// Where notices go: things worth a line that are no errors.
    pub fn with_notice(mut self, notice: fn(&str)) -> Self {
        self.notice = notice;
        self
    }

    /// Where it is told what takes long: a line once, then how much of how much is done.
    pub fn with_status(mut self, status: fn(&str, Option<(u64, u64)>)) -> Self {
        self.status = status;
        self
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn containers(&self) -> Containers<'_> {
        Containers::new(&self.layout)
    }

    pub fn images(&self) -> Images<'_> {
        Images::new(&self.layout)
    }

    pub fn volumes(&self) -> Volumes<'_> {
        Volumes::new(&self.layout)
    }

    pub fn networks(&self) -> Networks<'_> {
        Networks::new(&self.layout)
    }

    pub fn secrets(&self) -> Secrets<'_> {
        Secrets::new(&self.layout)
    }

    fn notice(&self, text: &str) {
        (self.notice)(text);
    }

    /// Says once in a command, however many of its processes come upon it, what ids the user lacks.
    fn notice_of_ids(&self, text: &str) {
        if !self.told_of_ids.swap(true, Ordering::Relaxed) {
            self.notice(text);
        }
    }

    fn status(&self, text: &str, done: Option<(u64, u64)>) {
        (self.status)(text, done);
    }
}
