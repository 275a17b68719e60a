//! Images of other machines: which of their programs the kernel hands to an emulator (binfmt_misc), for everybody or in
//! the containers that need it.

use super::Finding;
use crate::config::binfmt::{self, Handler};
use crate::engine::namespace;
use crate::runtime::probe;
use crate::runtime::userns::UserNamespace;

const NAME: &str = "other platforms";
const INSTALL: &str = "sudo apt-get install qemu-user-static; or qemu-user-binfmt elsewhere";

#[derive(Clone, Debug)]
pub struct Platforms {
    registered: Vec<Handler>,
    /// The machines of emulators that containers can be given for themselves.
    installed: Vec<String>,
    /// Whether the kernel has handlers for each user namespace: from Linux 6.7 on.
    can_be_given: bool,
}

/// `spaces` is a user namespace to try it in, if one could be made.
pub fn read(spaces: Option<&UserNamespace>) -> Platforms {
    let installed = binfmt::installed();
    let tried = |spaces| namespace::run_inside(spaces, probe::handlers_work).is_ok();
    // Nothing is to be told of it where there is nothing to give.
    let can_be_given = !installed.is_empty() && spaces.is_some_and(tried);
    Platforms { registered: binfmt::registered(), installed, can_be_given }
}

pub fn judge(platforms: &Platforms) -> Finding {
    let Platforms { registered, installed, can_be_given } = platforms;
    let is_given = |machine: &str| *can_be_given && installed.iter().any(|other| other == machine);
    let names = |fixed: bool| -> Vec<&str> {
        let names = registered.iter().filter(|handler| handler.fixed == fixed);
        names.map(|handler| handler.machine.as_str()).collect()
    };
    let everywhere = names(true);
    let lost: Vec<_> = names(false).into_iter().filter(|machine| !is_given(machine)).collect();
    if !lost.is_empty() {
        let what = format!("the emulators for {} are registered without the flag F", lost.join(" "));
        let why = "containers do not find them: images of those machines end with \"exec format error\"";
        return Finding::warning(NAME, what, why, INSTALL);
    }
    let rest = installed.iter().map(String::as_str).filter(|machine| !everywhere.contains(machine));
    let rest: Vec<_> = rest.collect();
    let given = format!("emulated, by handlers of the container's own: {}", rest.join(" "));
    let own = Finding::fine(NAME, "images of this machine's own architecture run");
    match (everywhere.is_empty(), rest.is_empty(), can_be_given) {
        (true, true, _) => Finding { mend: Some(format!("for those of others: {INSTALL}")), ..own },
        (true, false, true) => Finding::fine(NAME, given),
        (true, false, false) => {
            let mend = "for those of others, which only root can allow before Linux 6.7: sudo systemctl restart systemd-binfmt";
            Finding { mend: Some(mend.to_owned()), ..own }
        }
        (false, false, true) => Finding::fine(NAME, format!("emulated: {}; {given}", everywhere.join(" "))),
        (false, ..) => Finding::fine(NAME, format!("emulated: {}", everywhere.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::super::tests::assert_found;
    use super::*;
    use crate::config::binfmt::parse;

    #[test]
    fn emulators() {
        use Level::{Fine, Warning};
        let with =
            |flags: &str| format!("enabled\ninterpreter /usr/bin/qemu-arm\nflags: {flags}\noffset 0\n");
        let (fixed, loose) = (with("OCF"), with("OC"));
        let disabled = fixed.replace("enabled", "disabled");
        for (registered, installed, can_be_given, level, words) in [
            (&[][..], &[][..], true, Fine, &["own architecture", "qemu-user-static"][..]),
            (&[], &["arm"], true, Fine, &["emulated, by handlers of the container's own: arm"]),
            (&[], &["arm"], false, Fine, &["own architecture", "restart systemd-binfmt"]),
            (&[("qemu-arm", &fixed), ("python3", &loose)], &["arm"], true, Fine, &["emulated: arm "]),
            (&[("qemu-arm", &fixed)], &["s390x"], false, Fine, &["emulated: arm "]),
            (&[("qemu-arm", &fixed)], &["s390x"], true, Fine, &["emulated: arm; emulated, by", "own: s390x"]),
            (&[("qemu-arm", &disabled)], &[], true, Fine, &["own"]),
            (&[("qemu-arm", &fixed), ("qemu-s390x", &loose)], &[], true, Warning, &["s390x are", "flag F"]),
            (&[("qemu-s390x", &loose)], &["s390x"], false, Warning, &["s390x are", "flag F"]),
            (&[("qemu-s390x", &loose)], &["s390x"], true, Fine, &["container's own: s390x"]),
        ] {
            let finding = judge(&Platforms {
                registered: registered.iter().filter_map(|(name, text)| parse(name, text)).collect(),
                installed: installed.iter().map(|machine| (*machine).to_owned()).collect(),
                can_be_given,
            });
            assert_found(&[finding], NAME, level, words);
        }
    }
}
