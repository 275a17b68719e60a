//! `generate DIR`, hidden: writes manuals from the definitions that parse the flags, so that they cannot say anything
//! else. Completions ask the binary itself ([`super::complete`]).

mod rootless;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use super::help;
use super::verb::{Action, Operands, Session, Verb};
use super::verbs::{NOUNS, VERBS};
use crate::config::settings;
use rootless::SECTIONS;

#[derive(clap::Args)]
pub struct Args {}

impl Action for Args {
    const SUMMARY: &'static str = "Write manuals";
    const USAGE: &'static str = "DIR";
    const OPERANDS: Operands = Operands::Exactly(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[];

    fn run(self, operands: Vec<String>, _: &Session) -> Result<ExitCode> {
        let base = Path::new(operands.first().map_or(".", String::as_str));
        for (name, page) in pages()? {
            write(&base.join("man").join(format!("{name}.1")), &page)?;
        }
        write(&base.join("man/coracle.toml.5"), &settings_page()?)?;
        write(&base.join("man/coracle-rootless.7"), &rootless_page()?)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let attempt = || format!("write {}", path.display());
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).with_context(attempt)?;
    }
    fs::write(path, content).with_context(attempt)
}

/// Every manual page by name: the command, its nouns, and each verb once.
fn pages() -> Result<Vec<(String, Vec<u8>)>> {
    let mut pages = vec![("coracle".to_owned(), root_page()?)];
    for (noun, about) in NOUNS {
        pages.push((format!("coracle-{noun}"), noun_page(noun, about)?));
    }
    for verb in VERBS.iter().filter(|verb| !verb.hidden) {
        pages.push((page_name(verb.paths[0]), verb_page(verb)?));
    }
    Ok(pages)
}

fn page_name(path: &str) -> String {
    format!("coracle-{}", path.replace(' ', "-"))
}

fn root_page() -> Result<Vec<u8>> {
    let mut page = header("coracle", "run containers without a daemon and without root")?;
    let mut roff = Roff::new();
    synopsis(&mut roff, "coracle", "[OPTIONS] COMMAND [ARG...]");
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "Makes containers of images and runs them, as an ordinary user. There is no daemon: every command does \
         its own work and ends. Commands, flags, messages and exit codes are those of docker.",
    )]);
    roff.control("SH", ["COMMANDS"]);
    for verb in VERBS.iter().filter(|verb| !verb.hidden) {
        entry(&mut roff, &page_name(verb.paths[0]), verb.summary);
    }
    roff.to_writer(&mut page)?;
    options(&mut page, help::root_command())?;
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in [
        ("125", "coracle itself failed, or a flag was wrong"),
        ("126", "the program in the container cannot be invoked"),
        ("127", "the program in the container was not found"),
        ("128+n", "the program was ended by signal n"),
    ] {
        roff.control("TP", []);
        roff.text([bold(code)]);
        roff.text([roman(meaning)]);
    }
    roff.text([]);
    roff.control("PP", []);
    roff.text([roman(
        "Otherwise the code is the program's own; 1 is any failure of a command that runs no program.",
    )]);
    roff.control("SH", ["EXAMPLES"]);
    for (purpose, command) in [
        ("A first container", "coracle run --rm builtin:hello"),
        ("What this host lacks for containers, and what mends that", "coracle doctor"),
        ("What runs, and what has run", "coracle ps -a"),
    ] {
        roff.control("TP", []);
        roff.text([roman(format!("{purpose}:"))]);
        roff.text([bold(command)]);
    }
    roff.control("SH", ["ENVIRONMENT"]);
    for (name, meaning) in [
        ("CORACLE_ROOT", "like --root; else $XDG_DATA_HOME/coracle"),
        ("CORACLE_RUNROOT", "like --runroot; else $XDG_RUNTIME_DIR/coracle"),
    ] {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(meaning)]);
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("coracle.toml"), roman("(5), the defaults of new containers; ")]);
    roff.text([bold("coracle-rootless"), roman("(7), what a host lends to ordinary users")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// The manual of the file with defaults.
fn settings_page() -> Result<Vec<u8>> {
    let mut page = header_of("coracle.toml", "5", "defaults of new containers")?;
    let mut roff = Roff::new();
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "What a new container is given where no flag of coracle run or coracle create says so. Of two files the \
         user's counts more, and a flag more than both. Of environment variables, annotations and limits each name \
         counts by itself. A key that is not listed here is an error.",
    )]);
    roff.control("PP", []);
    roff.text([roman(
        "The keys are those that podman's containers.conf(5) has for the same; log_opts is docker's log-opts. \
         PODMAN_USERNS in the environment counts more than userns, and userns is not used for a container that \
         shares a namespace of another one, whose user namespace it then has.",
    )]);
    roff.control("SH", ["FILES"]);
    entry(
        &mut roff,
        "$XDG_CONFIG_HOME/coracle/coracle.toml",
        "the user's, in ~/.config where that is not set",
    );
    entry(&mut roff, "/etc/coracle/coracle.toml", "the host's");
    let tables = [
        ("containers", "What containers have"),
        ("engine", "What is done with containers"),
        ("network", "What networks have"),
    ];
    for (table, about) in tables {
        roff.control("SH", [format!("[{table}]").as_str()]);
        roff.text([roman(format!("{about}, each with an example:"))]);
        for key in settings::KEYS.iter().filter(|key| key.table == table) {
            entry(&mut roff, &format!("{} = {}", key.name, key.example), &format!("as {}", key.flag));
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("coracle-run"), roman("(1), "), bold("coracle-create"), roman("(1)")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// The manual of what a host lends to ordinary users.
fn rootless_page() -> Result<Vec<u8>> {
    let mut page = header_of("coracle-rootless", "7", "containers of ordinary users")?;
    let mut roff = Roff::new();
    for section in SECTIONS {
        roff.control("SH", [section.title]);
        for (index, text) in section.prose.iter().enumerate() {
            if index > 0 {
                roff.control("PP", []);
            }
            roff.text([roman(*text)]);
        }
        for (name, about) in section.entries {
            entry(&mut roff, name, about);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    let others = ["coracle", "coracle-doctor", "coracle-run", "coracle-unshare"];
    for (index, name) in others.into_iter().enumerate() {
        roff.text([bold(name), roman(if index + 1 < others.len() { "(1)," } else { "(1)" })]);
    }
    roff.text([roman("user_namespaces(7), subuid(5), cgroups(7)")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn noun_page(noun: &str, about: &str) -> Result<Vec<u8>> {
    let mut page = header(&page_name(noun), &lower_first(about))?;
    let mut roff = Roff::new();
    synopsis(&mut roff, &format!("coracle {noun}"), "COMMAND [ARG...]");
    roff.control("SH", ["COMMANDS"]);
    for verb in VERBS.iter().filter(|verb| !verb.hidden) {
        let beneath = |path: &&'static str| path.strip_prefix(noun)?.strip_prefix(' ');
        if let Some(name) = verb.paths.iter().find_map(beneath) {
            let summary = format!("{}: see {}(1)", verb.summary, page_name(verb.paths[0]));
            entry(&mut roff, &format!("coracle {noun} {name}"), &summary);
        }
    }
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn verb_page(verb: &Verb) -> Result<Vec<u8>> {
    let mut page = header(&page_name(verb.paths[0]), &lower_first(verb.summary))?;
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for (index, path) in verb.paths.iter().enumerate() {
        if index > 0 {
            roff.control("br", []);
        }
        roff.text([bold(format!("coracle {path}")), roman(" "), roman(verb.usage)]);
    }
    roff.to_writer(&mut page)?;
    options(&mut page, help::command(verb))?;
    let mut roff = Roff::new();
    if !verb.examples.is_empty() {
        roff.control("SH", ["EXAMPLES"]);
        for (purpose, command) in verb.examples {
            roff.control("TP", []);
            roff.text([roman(format!("{purpose}:"))]);
            roff.text([bold(*command)]);
        }
    }
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("coracle"), roman("(1)")]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// The title and the section NAME.
fn header(name: &str, about: &str) -> Result<Vec<u8>> {
    header_of(name, "1", about)
}

fn header_of(name: &str, section: &str, about: &str) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    let mut roff = Roff::new();
    let source = format!("coracle {}", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [name.to_uppercase().as_str(), section, "", &source, "Coracle Manual"]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {about}"))]);
    roff.to_writer(&mut page)?;
    Ok(page)
}

fn synopsis(roff: &mut Roff, command: &str, usage: &str) {
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold(command), roman(" "), italic(usage)]);
}

fn entry(roff: &mut Roff, name: &str, about: &str) {
    roff.control("TP", []);
    roff.text([bold(name)]);
    roff.text([roman(about)]);
}

/// The section OPTIONS, if there are any.
fn options(page: &mut Vec<u8>, command: Command) -> Result<()> {
    if command.get_arguments().next().is_some() {
        Man::new(command).render_options_section(page)?;
    }
    Ok(())
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_lowercase().chain(characters).collect()).unwrap_or_default()
}
