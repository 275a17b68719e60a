//! `secret inspect`: everything about secrets but what is secret about them, unless that is asked for.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::cli::escape::printable;
use crate::cli::inspect::{Find, Output};
use crate::cli::verb::{Action, Operands, Session};
use crate::cli::{out, report};
use crate::engine::Engine;
use crate::store::layout::Layout;
use crate::store::secrets::{FILE, Secret, Secrets};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    output: Output,
    /// Print lines for people instead of JSON
    #[arg(long)]
    pretty: bool,
    /// Show the data too
    #[arg(long)]
    showsecret: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Display detailed information on one or more secrets";
    const USAGE: &'static str = "[OPTIONS] SECRET [SECRET...]";
    const OPERANDS: Operands = Operands::AtLeast(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("When it was made", "coracle secret inspect -f '{{.CreatedAt}}' db"),
        ("The data itself", "coracle secret inspect --showsecret -f '{{.SecretData}}' db"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if !self.pretty {
            let find: Find = if self.showsecret { with_data } else { document };
            return self.output.show(&operands, session, false, find);
        }
        if self.output.has_format() {
            bail!("--format is incompatible with human friendly format");
        }
        let layout = session.layout()?;
        report::each(&operands, &session.path, |name| {
            let secret = Secrets::new(&layout).find(name)?;
            let data = if self.showsecret { Some(secret.data()?) } else { None };
            out::text(&pretty(&secret, data.as_deref()))
        })
    }
}

/// One secret, with podman's keys.
pub fn document(engine: &Engine, _: bool, name: &str) -> Result<Value> {
    Ok(shown(engine.layout(), &engine.secrets().find(name)?))
}

fn with_data(engine: &Engine, _: bool, name: &str) -> Result<Value> {
    let secret = engine.secrets().find(name)?;
    let mut shown = shown(engine.layout(), &secret);
    shown["SecretData"] = String::from_utf8_lossy(&secret.data()?).into();
    Ok(shown)
}

fn shown(layout: &Layout, secret: &Secret) -> Value {
    json!({
        "ID": secret.id,
        "CreatedAt": secret.created.to_string(),
        "UpdatedAt": secret.updated.to_string(),
        "Spec": {
            "Name": secret.name,
            "Driver": { "Name": FILE, "Options": { "path": layout.secrets().display().to_string() } },
            "Labels": secret.labels,
        },
    })
}

fn pretty(secret: &Secret, data: Option<&[u8]>) -> String {
    let mut text = format!(
        "ID:              {}\nName:            {}\nDriver:          {FILE}\n",
        secret.id, secret.name
    );
    if !secret.labels.is_empty() {
        text.push_str("Labels:\n");
        for (key, value) in &secret.labels {
            text.push_str(&format!(" - {}={}\n", printable(key), printable(value)));
        }
    }
    text.push_str(&format!("Created at:      {}\nUpdated at:      {}\n", secret.created, secret.updated));
    if let Some(data) = data {
        text.push_str(&format!("Secret:          {}\n", printable(&String::from_utf8_lossy(data))));
    }
    text
}
