//! Images of other machines: which of their programs the kernel hands to an emulator (binfmt_misc).

use super::Finding;
use crate::config::binfmt::Handler;

const NAME: &str = "other platforms";

pub fn judge(handlers: &[Handler]) -> Finding {
    let names = |fixed: bool| {
        let names = handlers.iter().filter(|handler| handler.fixed == fixed);
        names.map(|handler| handler.machine.as_str()).collect::<Vec<_>>().join(" ")
    };
    let install = "sudo apt-get install qemu-user-static; or qemu-user-binfmt elsewhere";
    let lost = names(false);
    if !lost.is_empty() {
        let what = format!("the emulators for {lost} are registered without the flag F");
        let why = "containers do not find them: images of those machines end with \"exec format error\"";
        return Finding::warning(NAME, what, why, install);
    }
    match handlers {
        [] => Finding {
            mend: Some(format!("for those of others: {install}")),
            ..Finding::fine(NAME, "images of this machine's own architecture run")
        },
        _ => Finding::fine(NAME, format!("emulated: {}", names(true))),
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
        let with =
            |flags: &str| format!("enabled\ninterpreter /usr/bin/qemu-arm\nflags: {flags}\noffset 0\n");
        let of = |list: &[(&str, &str)]| {
            let handlers: Vec<Handler> = list.iter().filter_map(|(name, text)| parse(name, text)).collect();
            [judge(&handlers)]
        };
        let (fixed, loose) = (with("OCF"), with("OC"));
        assert_found(&of(&[]), NAME, Level::Fine, &["own architecture", "qemu-user-static"]);
        assert_found(
            &of(&[("qemu-arm", &fixed), ("python3", &loose)]),
            NAME,
            Level::Fine,
            &["emulated: arm"],
        );
        assert_found(
            &of(&[("qemu-arm", &fixed.replace("enabled", "disabled"))]),
            NAME,
            Level::Fine,
            &["own"],
        );
        assert_found(
            &of(&[("qemu-arm", &fixed), ("qemu-s390x", &loose)]),
            NAME,
            Level::Warning,
            &["s390x are", "flag F"],
        );
    }
}
