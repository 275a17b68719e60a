//! Emulators for programs of other machines: what the kernel has registered (binfmt_misc), and what there is to register
//! (binfmt.d(5), as the packages of qemu write it).

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the kernel shows what is registered.
const REGISTERED: &str = "proc/sys/fs/binfmt_misc";

/// Where packages and administrators describe handlers, by precedence (binfmt.d(5)).
const DESCRIBED: [&str; 4] = ["etc/binfmt.d", "run/binfmt.d", "usr/local/lib/binfmt.d", "usr/lib/binfmt.d"];

/// A description is a line; the kernel takes no more than 1,920 bytes of one.
const DESCRIPTION_LIMIT: u64 = 64 << 10;

/// One enabled handler of qemu's.
#[derive(Clone, Debug)]
pub struct Handler {
    /// `aarch64`.
    pub machine: String,
    /// Whether the kernel opened the emulator when it was registered: one that it looks for when a program starts is not
    /// there in a container.
    pub fixed: bool,
}

/// The handlers that the kernel has for everybody.
pub fn registered() -> Vec<Handler> {
    let entries = fs::read_dir(Path::new("/").join(REGISTERED)).into_iter().flatten().flatten();
    let mut handlers: Vec<Handler> = entries
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            parse(&name, &fs::read_to_string(entry.path()).ok()?)
        })
        .collect();
    handlers.sort_by(|a, b| a.machine.cmp(&b.machine));
    handlers
}

/// A file of binfmt_misc: `enabled`, then lines such as `flags: OCF`.
pub fn parse(name: &str, text: &str) -> Option<Handler> {
    let machine = name.strip_prefix("qemu-")?.to_owned();
    let flags = text.lines().find_map(|line| line.strip_prefix("flags: ")).unwrap_or_default();
    let is_enabled = text.lines().next() == Some("enabled");
    is_enabled.then(|| Handler { machine, fixed: flags.contains('F') })
}

/// The line that registers an emulator of this host for programs of a machine (`aarch64`), opened when it is registered
/// so that it serves in containers. One that needs libraries would look for them there, and is passed over.
pub fn line_for(machine: &str) -> Option<String> {
    line_beneath(Path::new("/"), machine)
}

/// The machines for whose programs there is such an emulator.
pub fn installed() -> Vec<String> {
    installed_beneath(Path::new("/"))
}

fn installed_beneath(root: &Path) -> Vec<String> {
    let entries = DESCRIBED.iter().flat_map(|directory| fs::read_dir(root.join(directory)));
    let names = entries.flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let machines: BTreeSet<String> = names
        .filter_map(|name| {
            let machine = name.strip_prefix("qemu-")?.strip_suffix(".conf")?;
            Some(machine.strip_suffix("-static").unwrap_or(machine).to_owned())
        })
        .collect();
    machines.into_iter().filter(|machine| line_beneath(root, machine).is_some()).collect()
}

fn line_beneath(root: &Path, machine: &str) -> Option<String> {
    let files = DESCRIBED.iter().flat_map(|directory| {
        let directory = root.join(directory);
        ["", "-static"].map(|kind| directory.join(format!("qemu-{machine}{kind}.conf")))
    });
    files.filter_map(|file| registration(root, &read(&file)?)).next()
}

fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    fs::File::open(file).ok()?.take(DESCRIPTION_LIMIT).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The first handler that a file describes: `:name:type:offset:magic:mask:interpreter:flags`, with any delimiter.
fn registration(root: &Path, text: &str) -> Option<String> {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with(['#', ';']))?;
    let delimiter = line.chars().next()?;
    let fields: Vec<&str> = line.split(delimiter).collect();
    let [_, _, _, _, _, _, interpreter, flags] = fields[..] else { return None };
    let emulator = root.join(interpreter.trim_start_matches('/'));
    if !is_static(&emulator) {
        return None;
    }
    let fixed = if flags.contains('F') { "" } else { "F" };
    Some(format!("{line}{fixed}"))
}

/// Whether a program of this machine needs no other file: it has no program header `PT_INTERP` (elf(5)).
fn is_static(program: &PathBuf) -> bool {
    /// The header of a file of 64 bits, and the most program headers that are looked at.
    const HEADER: usize = 64;
    const MOST: usize = 64;
    const PT_INTERP: u32 = 3;
    let mut start = Vec::new();
    let Ok(file) = fs::File::open(program) else { return false };
    if file.take(4096).read_to_end(&mut start).is_err()
        || start.len() < HEADER
        || !start.starts_with(b"\x7fELF\x02")
    {
        return false;
    }
    let half = |at: usize| usize::from(u16::from_ne_bytes([start[at], start[at + 1]]));
    let (size, count) = (half(54), half(56));
    let Ok(offset) = usize::try_from(u64::from_ne_bytes(start[32..40].try_into().unwrap_or_default())) else {
        return false;
    };
    let kind = |index: usize| {
        start.get(offset.checked_add(index * size)?..)?.first_chunk().copied().map(u32::from_ne_bytes)
    };
    count <= MOST && (0..count).all(|index| kind(index).is_some_and(|kind| kind != PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header of a program with one program header of this type.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..5].copy_from_slice(b"\x7fELF\x02");
        bytes[32..40].copy_from_slice(&64u64.to_ne_bytes());
        bytes[54..56].copy_from_slice(&56u16.to_ne_bytes());
        bytes[56..58].copy_from_slice(&1u16.to_ne_bytes());
        bytes[64..68].copy_from_slice(&kind.to_ne_bytes());
        bytes
    }

    #[test]
    fn emulators_that_serve_in_containers() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &[u8]| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        };
        let line = |flags: &str| format!(":qemu-arm:M::\\x7fELF:\\xff:/usr/bin/qemu-arm:{flags}");
        let found = || line_beneath(root.path(), "arm");
        assert_eq!(found(), None);
        write("usr/lib/binfmt.d/qemu-arm.conf", format!("# qemu\n\n{}\n", line("OC")).as_bytes());
        assert_eq!(found(), None, "there is no such program");
        write("usr/bin/qemu-arm", &program(3));
        assert_eq!(found(), None, "it has an interpreter of its own");
        write("usr/bin/qemu-arm", &program(1));
        assert_eq!(found(), Some(line("OCF")));
        write("usr/lib/binfmt.d/qemu-mips.conf", line("OC").replace("qemu-arm", "qemu-mips").as_bytes());
        write("etc/binfmt.d/qemu-arm-static.conf", line("PF").as_bytes());
        assert_eq!(installed_beneath(root.path()), ["arm"], "for mips there is no program");
        assert_eq!(found(), Some(line("PF")), "the administrator's comes first");
        write("etc/binfmt.d/qemu-arm-static.conf", b"nonsense");
        assert_eq!(found(), Some(line("OCF")));
        for cut in [0, 4, 63, 66] {
            write("usr/bin/qemu-arm", &program(1)[..cut]);
            assert_eq!(found(), None, "cut at {cut}");
        }
    }
}
