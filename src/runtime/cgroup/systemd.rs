//! A transient scope of systemd: a group that it knows of, and leaves to us (`Delegate=`).
//!
//! The user's own manager is asked over the session bus, root's over that of the system. See
//! org.freedesktop.systemd1(5) and systemd.io/CONTROL_GROUP_INTERFACE.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::bus::{Body, Bus, Call, Message};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";

/// What systemd answers when a unit of the name is there.
const EXISTS: &str = "org.freedesktop.systemd1.UnitExists";

/// A scope that is to be.
pub struct Scope<'a> {
    /// With `.scope`.
    pub unit: &'a str,
    pub slice: &'a str,
    pub description: &'a str,
    /// The process that begins it.
    pub pid: u32,
}

/// Makes a scope and waits until its process is in it. `false`: there is one of this name.
pub fn start(socket: &Path, scope: &Scope<'_>) -> Result<bool> {
    let mut bus = Bus::connect(socket)?;
    // Who has started a job hears of its end without Subscribe.
    bus.send(&match_jobs());
    let serial = bus.send(&manager("StartTransientUnit", "ssa(sv)a(sa(sv))", start_body(scope)));
    let (mut job, mut over) = (None, Vec::new());
    loop {
        let message = bus.receive()?;
        if message.answers == serial {
            match message.into_answer() {
                Ok(answer) => job = answer.fields().text(),
                Err(error) if error.to_string().starts_with(EXISTS) => return Ok(false),
                Err(error) => return Err(error).with_context(|| format!("start {}", scope.unit)),
            }
        } else if message.is_signal("JobRemoved") {
            over.extend(job_removed(&message));
        }
        let Some(job) = &job else { continue };
        match over.iter().find(|(path, _)| path == job).map(|(_, result)| result.as_str()) {
            None => {}
            Some("done") => return Ok(true),
            Some(result) => bail!("start {}: systemd says {result}", scope.unit),
        }
    }
}

/// Moves a process into a group beneath a scope; for who may not do so itself.
pub fn attach(bus: &mut Bus, unit: &str, group: &str, pid: u32) -> Result<()> {
    let body = Body::default().text(unit).text(group).array(4, |pids| pids.number(pid));
    bus.call(&manager("AttachProcessesToUnit", "ssau", body)).map(drop)
}

fn manager(member: &'static str, signature: &'static str, body: Body) -> Call<'static> {
    Call { destination: SYSTEMD, path: MANAGER, interface: INTERFACE, member, signature, body }
}

/// Asks the bus for the signals that tell of the end of jobs.
fn match_jobs() -> Call<'static> {
    let rule = format!("type='signal',sender='{SYSTEMD}',interface='{INTERFACE}',member='JobRemoved'");
    Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member: "AddMatch",
        signature: "s",
        body: Body::default().text(&rule),
    }
}

fn start_body(scope: &Scope<'_>) -> Body {
    let properties = |body: Body| {
        let body = body.property("Description", "s").text(scope.description);
        let body = body.property("Slice", "s").text(scope.slice);
        let body = body.property("Delegate", "b").flag(true);
        // One whose program was killed for want of memory is not to be kept as failed.
        let body = body.property("CollectMode", "s").text("inactive-or-failed");
        // Limits are set beneath it: the usual one of the manager is not to be a second one.
        let body = body.property("TasksMax", "t").large(u64::MAX);
        body.property("PIDs", "au").array(4, |pids| pids.number(scope.pid))
    };
    Body::default().text(scope.unit).text("fail").array(8, properties).array(8, |nothing| nothing)
}

/// The path and the result of a job that is over.
fn job_removed(message: &Message) -> Option<(String, String)> {
    let mut fields = message.fields();
    let (_, path, _, result) = (fields.number()?, fields.text()?, fields.text()?, fields.text()?);
    Some((path, result))
}
