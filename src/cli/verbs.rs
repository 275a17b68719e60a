//! The table of verbs, and how what was typed finds its row.

use anyhow::Result;

use super::report::UsageError;
use super::unsupported;
use super::verb::Verb;
use super::{
    attach, build, commit, complete, completion, container_prune, cp, create, diff, doctor, events, exec,
    exists, export, generate, healthcheck, history, image_mount, image_prune, image_scp, images, import,
    info, init, inspect, kill, load, login, logout, logs, manifest, mount, network, network_helper, pause,
    port, ps, pull, push, rename, restart, restart_all, rm, rmi, run, save, search, secret, start, stats,
    stop, system, tag, top, unshare, untag, update, version, volume, wait,
};
use crate::base::nearest;

/// Docker's exit code for a command that does not exist.
const UNKNOWN_COMMAND: u8 = 1;

/// Every verb, in the order of lists.
pub static VERBS: &[Verb] = &[
    Verb::of::<attach::Args>(&["attach", "container attach"]),
    Verb::of::<build::Args>(&["build", "image build", "buildx build", "builder build"]),
    Verb::of::<build::cache::Usage>(&["builder du", "buildx du"]),
    Verb::of::<build::cache::Prune>(&["builder prune", "buildx prune"]),
    Verb::of::<commit::Args>(&["commit", "container commit"]),
    Verb::hidden::<complete::Args>(&["__complete"]),
    Verb::of::<completion::Args>(&["completion"]),
    Verb::of::<container_prune::Args>(&["container prune"]),
    Verb::of::<cp::Args>(&["cp", "container cp"]),
    Verb::of::<create::Args>(&["create", "container create"]),
    Verb::of::<diff::Args>(&["diff", "container diff"]),
    Verb::of::<doctor::Args>(&["doctor", "system doctor"]),
    Verb::of::<events::Args>(&["events", "system events"]),
    Verb::of::<exec::Args>(&["exec", "container exec"]),
    Verb::of::<exists::ContainerArgs>(&["container exists"]),
    Verb::of::<exists::ImageArgs>(&["image exists"]),
    Verb::of::<exists::NetworkArgs>(&["network exists"]),
    Verb::of::<exists::VolumeArgs>(&["volume exists"]),
    Verb::of::<export::Args>(&["export", "container export"]),
    Verb::hidden::<generate::Args>(&["generate"]),
    Verb::of::<healthcheck::Args>(&["healthcheck run"]),
    Verb::of::<history::Args>(&["history", "image history"]),
    Verb::of::<diff::ImageArgs>(&["image diff"]),
    Verb::of::<image_mount::Args>(&["image mount"]),
    Verb::of::<image_mount::UnmountArgs>(&["image unmount", "image umount"]),
    Verb::of::<image_prune::Args>(&["image prune"]),
    Verb::of::<images::Args>(&["images", "image ls", "image list"]),
    Verb::of::<image_scp::Args>(&["image scp"]),
    Verb::of::<import::Args>(&["import", "image import"]),
    Verb::of::<info::Args>(&["info", "system info"]),
    Verb::of::<init::Args>(&["init", "container init"]),
    Verb::of::<inspect::Args>(&["inspect"]),
    Verb::of::<inspect::ContainerArgs>(&["container inspect"]),
    Verb::of::<inspect::ImageArgs>(&["image inspect"]),
    Verb::of::<kill::Args>(&["kill", "container kill"]),
    Verb::of::<load::Args>(&["load", "image load"]),
    Verb::of::<login::Args>(&["login"]),
    Verb::of::<logout::Args>(&["logout"]),
    Verb::of::<logs::Args>(&["logs", "container logs"]),
    Verb::of::<manifest::add::Args>(&["manifest add"]),
    Verb::of::<manifest::annotate::Args>(&["manifest annotate"]),
    Verb::of::<manifest::create::Args>(&["manifest create"]),
    Verb::of::<manifest::exists::Args>(&["manifest exists"]),
    Verb::of::<manifest::inspect::Args>(&["manifest inspect"]),
    Verb::of::<manifest::push::Args>(&["manifest push"]),
    Verb::of::<manifest::remove::Args>(&["manifest remove"]),
    Verb::of::<manifest::rm::Args>(&["manifest rm"]),
    Verb::of::<mount::Args>(&["mount", "container mount"]),
    Verb::of::<network::connect::Args>(&["network connect"]),
    Verb::of::<network::create::Args>(&["network create"]),
    Verb::of::<network::disconnect::Args>(&["network disconnect"]),
    Verb::hidden::<network_helper::Args>(&["network-helper"]),
    Verb::of::<inspect::NetworkArgs>(&["network inspect"]),
    Verb::of::<network::ls::Args>(&["network ls", "network list"]),
    Verb::of::<network::prune::Args>(&["network prune"]),
    Verb::of::<network::reload::Args>(&["network reload"]),
    Verb::of::<network::rm::Args>(&["network rm", "network remove"]),
    Verb::of::<pause::Args>(&["pause", "container pause"]),
    Verb::of::<port::Args>(&["port", "container port"]),
    Verb::of::<ps::Args>(&["ps", "container ls", "container list", "container ps"]),
    Verb::of::<pull::Args>(&["pull", "image pull"]),
    Verb::of::<restart::Args>(&["restart", "container restart"]),
    Verb::of::<push::Args>(&["push", "image push"]),
    Verb::of::<restart_all::Args>(&["system restart-all"]),
    Verb::of::<rename::Args>(&["rename", "container rename"]),
    Verb::of::<rm::Args>(&["rm", "container rm", "container remove"]),
    Verb::of::<rmi::Args>(&["rmi", "image rm", "image remove"]),
    Verb::of::<run::Args>(&["run", "container run"]),
    Verb::of::<save::Args>(&["save", "image save"]),
    Verb::of::<search::Args>(&["search", "image search"]),
    Verb::of::<secret::create::Args>(&["secret create"]),
    Verb::of::<exists::SecretArgs>(&["secret exists"]),
    Verb::of::<secret::inspect::Args>(&["secret inspect"]),
    Verb::of::<secret::ls::Args>(&["secret ls", "secret list"]),
    Verb::of::<secret::rm::Args>(&["secret rm", "secret remove"]),
    Verb::of::<start::Args>(&["start", "container start"]),
    Verb::of::<stats::Args>(&["stats", "container stats"]),
    Verb::of::<stop::Args>(&["stop", "container stop"]),
    Verb::of::<system::check::Args>(&["system check"]),
    Verb::of::<system::df::Args>(&["system df"]),
    Verb::of::<system::prune::Args>(&["system prune"]),
    Verb::of::<tag::Args>(&["tag", "image tag"]),
    Verb::of::<top::Args>(&["top", "container top"]),
    Verb::of::<mount::UnmountArgs>(&["unmount", "umount", "container unmount", "container umount"]),
    Verb::of::<pause::UnpauseArgs>(&["unpause", "container unpause"]),
    Verb::of::<unshare::Args>(&["unshare"]),
    Verb::of::<untag::Args>(&["untag", "image untag"]),
    Verb::of::<update::Args>(&["update", "container update"]),
    Verb::of::<version::Args>(&["version"]),
    Verb::of::<volume::create::Args>(&["volume create"]),
    Verb::of::<volume::export::Args>(&["volume export"]),
    Verb::of::<volume::import::Args>(&["volume import"]),
    Verb::of::<inspect::VolumeArgs>(&["volume inspect"]),
    Verb::of::<volume::ls::Args>(&["volume ls", "volume list"]),
    Verb::of::<volume::prune::Args>(&["volume prune"]),
    Verb::of::<volume::rm::Args>(&["volume rm", "volume remove"]),
    Verb::of::<wait::Args>(&["wait", "container wait"]),
];

/// Commands that only gather others.
pub const NOUNS: &[(&str, &str)] = &[
    ("builder", "Manage builds"),
    ("buildx", "Manage builds, by docker's other name"),
    ("container", "Manage containers"),
    ("healthcheck", "Manage health checks"),
    ("image", "Manage images"),
    ("network", "Manage networks"),
    ("manifest", "Manage lists of images for several platforms"),
    ("secret", "Manage secrets"),
    ("system", "Manage coracle"),
    ("volume", "Manage volumes"),
];

/// What the arguments after the global options begin with.
pub enum Found<'a> {
    /// Nothing: the list of commands is shown.
    Root,
    /// A noun alone, or with `--help`.
    Noun(&'static str),
    /// A verb, the path that docker names it by, and what follows.
    Verb { verb: &'static Verb, path: &'static str, arguments: &'a [String] },
}

/// Finds the verb that `arguments` begin with.
pub fn find(arguments: &[String]) -> Result<Found<'_>> {
    let Some((first, rest)) = arguments.split_first() else { return Ok(Found::Root) };
    if let Some((noun, _)) = NOUNS.iter().find(|(noun, _)| noun == first) {
        return find_beneath(noun, rest);
    }
    match by_path(first) {
        Some((verb, path)) => Ok(Found::Verb { verb, path, arguments: rest }),
        None => Err(unknown(first, "", "coracle --help")),
    }
}

fn find_beneath<'a>(noun: &'static str, arguments: &'a [String]) -> Result<Found<'a>> {
    let Some((word, rest)) = arguments.split_first() else { return Ok(Found::Noun(noun)) };
    if word == "--help" || word == "-h" {
        return Ok(Found::Noun(noun));
    }
    let typed = format!("{noun} {word}");
    match by_path(&typed) {
        Some((verb, path)) => Ok(Found::Verb { verb, path, arguments: rest }),
        None => {
            Err(unknown(&typed, &format!("Usage:  coracle {noun}\n\n"), &format!("coracle {noun} --help")))
        }
    }
}

/// The verb typed as `typed`, and its first path beneath the same noun: an alias is named by what it
/// stands for.
fn by_path(typed: &str) -> Option<(&'static Verb, &'static str)> {
    let verb = VERBS.iter().find(|verb| verb.paths.contains(&typed))?;
    let noun = |path: &str| path.split_once(' ').map(|(noun, _)| noun.to_owned());
    let path = verb.paths.iter().find(|path| noun(path) == noun(typed))?;
    Some((verb, path))
}

fn unknown(typed: &str, usage: &str, help: &str) -> anyhow::Error {
    let mut text = match unsupported::is_command(typed) {
        true => format!("coracle: the command {typed} is not supported yet\n\n"),
        false => format!("coracle: unknown command: coracle {typed}\n\n"),
    };
    text.push_str(&format!("{usage}Run '{help}' for more information"));
    if let Some(near) = nearest(typed) {
        text.push_str(&format!("\nhint: did you mean 'coracle {near}'?"));
    }
    UsageError { text, code: UNKNOWN_COMMAND }.into()
}

/// The command that is one or two slips of the finger away.
fn nearest(typed: &str) -> Option<&'static str> {
    let paths = VERBS.iter().filter(|verb| !verb.hidden).flat_map(|verb| verb.paths.iter().copied());
    nearest::nearest(typed, paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn aliases_take_the_name_of_what_they_stand_for() {
        for (typed, want) in [
            ("ps -a", "ps"),
            ("container ps", "container ls"),
            ("image list -q", "image ls"),
            ("images", "images"),
        ] {
            let arguments = words(typed);
            let Ok(Found::Verb { path, .. }) = find(&arguments) else { panic!("{typed}") };
            assert_eq!(path, want);
        }
    }

    #[test]
    fn unknown_commands() {
        for (typed, first, last) in [
            ("pss", "coracle: unknown command: coracle pss", "hint: did you mean 'coracle ps'?"),
            ("zzzzz", "coracle: unknown command: coracle zzzzz", "Run 'coracle --help' for more information"),
            (
                "compose up",
                "coracle: the command compose is not supported yet",
                "Run 'coracle --help' for more information",
            ),
            (
                "container frobnicate",
                "coracle: unknown command: coracle container frobnicate",
                "Run 'coracle container --help' for more information",
            ),
        ] {
            let arguments = words(typed);
            let Err(error) = find(&arguments) else { panic!("{typed}") };
            let text = error.to_string();
            assert_eq!((text.lines().next(), text.lines().last()), (Some(first), Some(last)));
        }
    }
}
