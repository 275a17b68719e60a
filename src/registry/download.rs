//! A file from the web, which is no registry's: no credentials, no digest to check.

use std::io::Write;

use anyhow::{Context, Result, anyhow};
use reqwest::header::{HeaderMap, LAST_MODIFIED};
use reqwest::{Method, Url};
use tokio::runtime::Builder;

use super::failure::Failure;
use super::transport::{Ask, Options, Transport, authority};

/// What the server says of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Downloaded {
    /// When it was changed, in seconds since 1970: `Last-Modified`.
    pub modified: Option<i64>,
}

/// Writes what `url` names to `sink`. Blocks; makes its own runtime.
pub fn download(url: &str, options: Options, sink: &mut impl Write) -> Result<Downloaded> {
    let url: Url = url.parse().map_err(|error| anyhow!("{error}"))?;
    let runtime = Builder::new_current_thread().enable_all().build().context("start the network")?;
    let done = runtime.block_on(fetch(url, options, sink));
    // A name that is still being looked up must not hold up the answer.
    runtime.shutdown_background();
    done
}

async fn fetch(url: Url, options: Options, sink: &mut impl Write) -> Result<Downloaded> {
    let transport = Transport::new(options);
    let ask = Ask { method: Method::GET, url, headers: HeaderMap::new(), secret: None, document: false };
    let mut response = transport.ask(ask).await?;
    let url = response.url().clone();
    let status = response.status();
    if !status.is_success() {
        return Err(Failure::of_status(&authority(&url), status.as_u16(), None, b"").into());
    }
    let modified = response.headers().get(LAST_MODIFIED).and_then(|value| value.to_str().ok());
    let modified = modified.and_then(|value| jiff::fmt::rfc2822::parse(value).ok());
    let downloaded = Downloaded { modified: modified.map(|date| date.timestamp().as_second()) };
    while let Some(chunk) = response.chunk().await.map_err(|error| transport.failure(&error, &url))? {
        sink.write_all(&chunk).context("write what was downloaded")?;
    }
    Ok(downloaded)
}
