//! Compiles seccomp profiles into the filter programs that the kernel runs.
//!
//! ```text
//! docker's profile (JSON) ── profile ──> LinuxSeccomp ── oci ──┐
//!                                                               ├─> Plan ── assemble ──> Filter
//! the default profile (tables made at compile time) ── default ─┘
//! ```
//!
//! The meaning is that of runc over libseccomp, so that a profile written for docker does the same here:
//!
//! - A rule without arguments decides about its calls, whatever other rules say; of two, the first. Otherwise
//!   the first rule whose arguments fit decides, otherwise the default. Rules that say what the default says
//!   are left out beforehand.
//! - Several comparisons of one rule must all hold, unless two of them look at the same argument: then each is
//!   a rule of its own.
//! - Names that a machine does not have are passed over.
//! - A number above the newest call that the profile knows is answered with ENOSYS, unless the default lets it
//!   through, because C libraries try new calls and fall back on that error alone.
//! - A call through an interface the profile does not name kills the process.
//!
//! Nothing here loads a filter: that is [`crate::sys::bpf::load`].

mod abi;
mod default;
mod oci;
mod plan;
mod profile;
mod program;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Result, ensure};
use oci_spec::runtime::LinuxSeccomp;

use crate::runtime::caps::CapSet;
use crate::sys::bpf::Instruction;

pub use profile::from_docker_profile;

/// `BPF_MAXINSNS`.
const MAX_INSTRUCTIONS: usize = 4096;

/// What [`crate::sys::bpf::load`] takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_` bits.
    pub flags: u32,
}

/// The default profile's filter for a container whose bounding set is `caps`.
pub fn default_filter(caps: CapSet) -> Filter {
    Filter { program: default::plan(caps).assemble(), flags: oci::DEFAULT_FLAGS }
}

/// The default profile as it stands in `config.json`.
pub fn to_oci(caps: CapSet) -> LinuxSeccomp {
    default::to_oci(caps)
}

/// Compiles a profile.
///
/// # Errors
/// An argument index, error number or use of notifications that the kernel cannot take, or a program longer
/// than it accepts.
pub fn compile(seccomp: &LinuxSeccomp) -> Result<Filter> {
    let program = oci::plan(seccomp)?.assemble();
    let length = program.len();
    ensure!(
        length <= MAX_INSTRUCTIONS,
        "seccomp profile needs {length} instructions, the kernel takes {MAX_INSTRUCTIONS}"
    );
    Ok(Filter { program, flags: oci::flags(seccomp) })
}
