//! `system check`: whether the store is whole, and what can be done about it if not.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};

use crate::base::hint::HintExt;
use crate::cli::escape::printable;
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::damage::{self, Damage, Depth, Mended, Seen};

#[derive(clap::Args)]
pub struct Args {
    /// With --repair, also remove containers that are damaged or made from an image that is lost
    #[arg(long, short)]
    force: bool,
    /// Look at what is there and how large it is, not at every byte
    #[arg(long, short)]
    quick: bool,
    /// Mend what is damaged: fetch it again, unpack it again, or remove it
    #[arg(long, short)]
    repair: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Check the store for damage";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("Whether every image, layer and record is whole", "coracle system check"),
        ("Mend what is not", "coracle system check --repair"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.force && !self.repair {
            bail!("--force says what --repair may remove: it needs that flag");
        }
        let engine = session.engine()?;
        let depth = if self.quick { Depth::Quick } else { Depth::Whole };
        let (found, seen) = damage::find(&engine, depth)?;
        if found.is_empty() {
            out::line(&format!("No damage in {}.", counts(seen)))?;
            return Ok(ExitCode::SUCCESS);
        }
        if !self.repair {
            found.iter().try_for_each(|damage| out::line(&shown(damage)))?;
            let error = Err(damaged(&found));
            return error.hint(|| "to mend what can be: coracle system check --repair");
        }
        let left = damage::mend(&engine, found, depth, self.force, |mended| out::line(&told(mended)))?;
        if left.is_empty() {
            out::line("The store is whole again.")?;
            return Ok(ExitCode::SUCCESS);
        }
        Err(damaged(&left))
    }
}

fn damaged(found: &[Damage]) -> anyhow::Error {
    let plural = if found.len() == 1 { "thing is" } else { "things are" };
    anyhow!("{} {plural} damaged", found.len())
}

fn shown(damage: &Damage) -> String {
    printable(&format!("{}: {}", damage.object, damage.what)).into_owned()
}

fn told(mended: &Mended) -> String {
    let outcome = match &mended.outcome {
        Ok(done) => format!("mended: {done}"),
        Err(error) => format!("not mended: {error:#}"),
    };
    printable(&format!("{}: {outcome}", shown(&mended.damage))).into_owned()
}

fn counts(seen: Seen) -> String {
    let count = |number: usize, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}, {}, {} and {}",
        count(seen.images, "image"),
        count(seen.blobs, "blob"),
        count(seen.layers, "layer"),
        count(seen.containers, "container")
    )
}
