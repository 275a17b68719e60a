//! slirp4netns' control socket: one JSON request for each connection (slirp4netns(1), "API SOCKET").

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::base::port::PortMapping;

/// The stack answers at once or is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_ANSWER: u64 = 64 << 10;

/// Has the stack at `socket` listen for a port of the container's, whose address is `guest`.
pub fn add_forward(socket: &Path, mapping: &PortMapping, guest: Ipv4Addr) -> Result<()> {
    let host = mapping.host_ip.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let request = json!({
        "execute": "add_hostfwd",
        "arguments": {
            "proto": mapping.protocol.as_str(),
            "host_addr": host.to_string(),
            "host_port": mapping.host_port,
            "guest_addr": guest.to_string(),
            "guest_port": mapping.container_port,
        }
    });
    let answer = ask(socket, &request).and_then(|answer| check(&answer));
    answer.with_context(|| format!("publish {host}:{}/{}", mapping.host_port, mapping.protocol.as_str()))
}

fn ask(socket: &Path, request: &Value) -> Result<String> {
    let mut stream = UnixStream::connect(socket).context("connect to slirp4netns")?;
    stream.set_read_timeout(Some(PATIENCE)).context("limit the wait for slirp4netns")?;
    stream.write_all(request.to_string().as_bytes()).context("write to slirp4netns")?;
    // It reads up to the end of the request, which it only knows by this.
    stream.shutdown(Shutdown::Write).context("write to slirp4netns")?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer).context("read from slirp4netns")?;
    Ok(answer)
}

fn check(answer: &str) -> Result<()> {
    let answer: Value = serde_json::from_str(answer).context("read slirp4netns' answer")?;
    match answer.get("error") {
        None => Ok(()),
        Some(error) => match error.get("desc").and_then(Value::as_str) {
            Some(text) => bail!("slirp4netns: {text}"),
            None => bail!("slirp4netns: {error}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_the_answer_is_an_error() {
        check(r#"{"return": {"id": 42}}"#).unwrap();
        check(r#"{"return": {}}"#).unwrap();
        let refused = check(r#"{"error": {"desc": "bad request: no"}}"#).unwrap_err();
        assert_eq!(refused.to_string(), "slirp4netns: bad request: no");
        assert!(check(r#"{"error": 7}"#).is_err());
        assert!(check("").is_err());
    }
}
