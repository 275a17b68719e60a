//! `login`: proves to a registry who is asking, and remembers it.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use super::flags::parse_switch;
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::exit::Interrupted;
use crate::base::hint::HintExt;
use crate::config::credentials::{Credentials, Login, Stored};
use crate::engine::login;
use crate::engine::terminal::RawMode;
use crate::registry::Options;

/// Nobody's password is longer than this.
const MAX_SECRET: u64 = 64 << 10;

#[derive(clap::Args)]
pub struct Args {
    /// Keep the credentials in this file
    #[arg(long, value_name = "path")]
    authfile: Option<PathBuf>,
    /// Look for the registry's certificates in this directory alone
    #[arg(long, value_name = "path")]
    cert_dir: Option<PathBuf>,
    /// Keep the credentials in this file, in the form of docker's config.json
    #[arg(long, value_name = "path")]
    compat_auth_file: Option<PathBuf>,
    /// Print the name under which one is logged in
    #[arg(long)]
    get_login: bool,
    /// Password or token
    #[arg(long, short)]
    password: Option<String>,
    /// Take the password from standard input
    #[arg(long)]
    password_stdin: bool,
    /// Check the registry's certificate (default true)
    #[arg(long, value_name = "bool", num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse_switch)]
    tls_verify: Option<bool>,
    /// Name of the user
    #[arg(long, short)]
    username: Option<String>,
    /// Tell where the credentials are kept
    #[arg(long, short)]
    verbose: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Authenticate to a registry";
    const USAGE: &'static str = "[OPTIONS] [SERVER]";
    const OPERANDS: Operands = Operands::AtMost(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("To Docker Hub", "coracle login -u captain"),
        ("In a script", "coracle login -u captain --password-stdin quay.io < token"),
        ("Who am I?", "coracle login --get-login quay.io"),
    ];

    fn run(self, operands: Vec<String>, _: &Session) -> Result<ExitCode> {
        let login = Login {
            registry: login::registry_of(operands.first().map(String::as_str))?,
            file: self.authfile.clone(),
            docker_file: self.compat_auth_file.clone(),
        };
        if self.get_login {
            return get_login(&login);
        }
        let mut options = Options::with_tls(self.tls_verify);
        options.certificates = self.cert_dir.clone();
        let stored = match self.given()? {
            Some(credentials) => login::log_in(&login, credentials, options)?,
            None => self.with_known_or_asked(&login, options)?,
        };
        self.tell(&stored);
        out::line("Login Succeeded")?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    /// The credentials on the command line, if they are complete.
    fn given(&self) -> Result<Option<Credentials>> {
        if self.password.is_some() {
            out::error_line("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
            ensure!(!self.password_stdin, "--password and --password-stdin are mutually exclusive");
        }
        let username = self.username.clone().filter(|name| !name.is_empty());
        let password = match self.password_stdin {
            true => {
                ensure!(username.is_some(), "Must provide --username with --password-stdin");
                Some(secret_of_input()?)
            }
            false => self.password.clone().filter(|password| !password.is_empty()),
        };
        let both = username.zip(password);
        Ok(both.map(|(username, password)| Credentials::Password { username, password }))
    }

    /// Tries what is remembered, unless the user says otherwise, and then asks.
    fn with_known_or_asked(&self, login: &Login, options: Options) -> Result<Stored> {
        let mut name = self.username.clone();
        if self.username.is_none()
            && self.password.is_none()
            && let Some(known) = login::known(login)?
        {
            let user = match &known {
                Credentials::Password { username, .. } => format!(" [Username: {username}]"),
                Credentials::IdentityToken(_) => String::new(),
            };
            out::line(&format!("Authenticating with existing credentials...{user}"))?;
            out::line(
                "To login with a different account, run 'coracle logout' followed by 'coracle login'\n",
            )?;
            match login::log_in(login, known.clone(), options.clone()) {
                Ok(stored) => return Ok(stored),
                Err(error) if !io::stdin().is_terminal() => return Err(error),
                Err(error) => out::error_line(&format!("Login did not succeed, error: {error:#}")),
            }
            if let Credentials::Password { username, .. } = known {
                name = Some(username);
            }
        }
        if !io::stdin().is_terminal() {
            return Err(anyhow::anyhow!("Cannot perform an interactive login from a non TTY device"))
                .hint(|| format!("coracle login -u USER --password-stdin {} < FILE", login.registry));
        }
        login::log_in(login, self.ask(name)?, options)
    }

    fn ask(&self, default: Option<String>) -> Result<Credentials> {
        let username = match &self.username {
            Some(username) => username.clone(),
            None => ask_username(default)?,
        };
        let password = match self.password.clone().filter(|password| !password.is_empty()) {
            Some(password) => password,
            None => ask_password()?,
        };
        Ok(Credentials::Password { username, password })
    }

    fn tell(&self, stored: &Stored) {
        match stored {
            Stored::Plain(path) => out::error_line(&format!(
                "\nWARNING! Your credentials are stored unencrypted in '{}'.\n\
                 Configure a credential helper to remove this warning. See\n\
                 https://docs.docker.com/go/credential-store/\n",
                path.display()
            )),
            Stored::Helper(helper) if self.verbose => {
                out::error_line(&format!("Used: docker-credential-{helper}"));
            }
            Stored::Helper(_) => {}
        }
    }
}

fn get_login(login: &Login) -> Result<ExitCode> {
    match login::known(login)? {
        Some(Credentials::Password { username, .. }) => out::line(&super::escape::printable(&username))?,
        Some(Credentials::IdentityToken(_)) => out::line("<token>")?,
        None => bail!("not logged into {}", login.registry),
    }
    Ok(ExitCode::SUCCESS)
}

/// All of standard input, without the end of its line.
fn secret_of_input() -> Result<String> {
    let mut text = String::new();
    let read = io::stdin().take(MAX_SECRET).read_to_string(&mut text);
    read.context("read the password from standard input")?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    ensure!(!text.is_empty(), "password is required: standard input is empty");
    Ok(text.to_owned())
}

fn ask_username(default: Option<String>) -> Result<String> {
    let shown = default.as_deref().map(|name| format!(" ({})", super::escape::printable(name)));
    prompt(&format!("Username{}: ", shown.unwrap_or_default()))?;
    let mut line = String::new();
    io::stdin().lock().take(MAX_SECRET).read_line(&mut line).context("read the name")?;
    let line = line.trim();
    let username = if line.is_empty() { default } else { Some(line.to_owned()) };
    username.context("username is required")
}

/// Reads a line that the terminal does not show.
fn ask_password() -> Result<String> {
    prompt("Password: ")?;
    let raw = RawMode::enter();
    let typed = read_hidden(io::stdin().lock());
    drop(raw);
    prompt("\n")?;
    let password = typed?;
    ensure!(!password.is_empty(), "password is required");
    Ok(password)
}

/// Reads what is typed on a terminal in raw mode, which leaves it to us to know the keys.
fn read_hidden(input: impl BufRead) -> Result<String> {
    let mut typed = Vec::new();
    for byte in input.take(MAX_SECRET).bytes() {
        match byte.context("read the password")? {
            b'\r' | b'\n' | 4 => break,
            3 => return Err(Interrupted(2).into()),
            // Backspace takes a character, however many bytes it has.
            8 | 127 => while typed.pop().is_some_and(|byte: u8| byte & 0xc0 == 0x80) {},
            // Control-U takes all.
            21 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    String::from_utf8(typed).context("the password is not text")
}

fn prompt(text: &str) -> Result<()> {
    out::text(text)?;
    io::stdout().flush().context("write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_unseen() {
        for (keys, password) in [
            ("secret\r", "secret"),
            ("secret\nrest", "secret"),
            ("sek\x7fcret\r", "secret"),
            ("é\x7fx\r", "x"),
            ("\x7f\x7fx\x04", "x"),
            ("wrong\x15right\r", "right"),
        ] {
            assert_eq!(read_hidden(keys.as_bytes()).unwrap(), password, "{keys:?}");
        }
        assert!(read_hidden(&b"ab\x03"[..]).unwrap_err().is::<Interrupted>());
    }
}
