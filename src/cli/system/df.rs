//! `system df`: how much room everything takes.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use jiff::Timestamp;

use crate::base::{size, time};
use crate::cli::escape::quote;
use crate::cli::listing::{self, Field, Format, View};
use crate::cli::out;
use crate::cli::verb::{Action, Operands, Session};
use crate::engine::build::cache::Kept;
use crate::engine::images_view::{self, NONE};
use crate::engine::usage::{self, ContainerUsage, ImageUsage, Usage, VolumeUsage};

/// The longest command that is shown whole, as in `ps`.
const COMMAND_WIDTH: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Show each image, container and volume
    #[arg(long, short)]
    verbose: bool,
}

impl Action for Args {
    const SUMMARY: &'static str = "Show disk usage";
    const USAGE: &'static str = "[OPTIONS]";
    const OPERANDS: Operands = Operands::None;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("What could be freed", "coracle system df --format '{{.Type}}: {{.Reclaimable}}'"),
        ("Which images share what", "coracle system df -v"),
    ];

    fn run(self, _: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.verbose && self.format.is_some() {
            bail!("cannot combine --format and --verbose flags");
        }
        let engine = session.engine()?;
        let (usage, wrong) = usage::measure(&engine)?;
        for line in wrong {
            out::error_line(&format!("WARNING: {line}"));
        }
        match self.verbose {
            true => show_each(usage)?,
            false => listing::print(
                &SUMS,
                &sums(&usage),
                &Format::new(self.format.as_deref(), None),
                &["Type", "TotalCount", "Active", "Size", "Reclaimable"],
            )?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A line of the short form.
struct Sum {
    kind: &'static str,
    count: usize,
    active: usize,
    size: u64,
    reclaimable: u64,
}

fn sums(usage: &Usage) -> Vec<Sum> {
    let Usage { images, containers, volumes, room, cache } = usage;
    // What images are made of is counted there.
    let own: u64 = cache.iter().filter(|kept| kept.reclaimable).map(|kept| kept.size).sum();
    let bytes = |size: fn(&ContainerUsage) -> u64| containers.iter().map(size).sum();
    let is_up = |one: &ContainerUsage| one.container.state.is_up();
    let idle = |one: &ContainerUsage| if one.container.state.is_up() { 0 } else { one.bytes };
    let loose = volumes.iter().filter(|volume| volume.links == 0);
    vec![
        Sum {
            kind: "Images",
            count: images.len(),
            active: images.iter().filter(|image| image.containers > 0).count(),
            size: room.all,
            reclaimable: room.all - room.used,
        },
        Sum {
            kind: "Containers",
            count: containers.len(),
            active: containers.iter().filter(|one| is_up(one)).count(),
            size: bytes(|one| one.bytes),
            reclaimable: bytes(idle),
        },
        Sum {
            kind: "Local Volumes",
            count: volumes.len(),
            active: volumes.iter().filter(|volume| volume.links > 0).count(),
            size: volumes.iter().map(|volume| volume.bytes).sum(),
            reclaimable: loose.map(|volume| volume.bytes).sum(),
        },
        Sum {
            kind: "Build Cache",
            count: cache.len(),
            active: cache.iter().filter(|kept| !kept.reclaimable).count(),
            size: own,
            reclaimable: own,
        },
    ]
}

impl Sum {
    /// `1.2GB (70%)`; without a share where there is nothing.
    fn reclaimable(&self) -> String {
        let bytes = size::human(self.reclaimable, 4);
        match (self.reclaimable * 100).checked_div(self.size) {
            Some(percent) => format!("{bytes} ({percent}%)"),
            None => bytes,
        }
    }
}

const SUMS: View<Sum> = View {
    kind: "diskUsageImagesContext",
    labels: |_| BTreeMap::new(),
    raw: "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\n\
          reclaimable: {{.Reclaimable}}\n",
    fields: &[
        Field { name: "Active", header: "ACTIVE", show: |sum| Some(sum.active.to_string()) },
        Field { name: "Reclaimable", header: "RECLAIMABLE", show: |sum| Some(sum.reclaimable()) },
        Field { name: "Size", header: "SIZE", show: |sum| Some(size::human(sum.size, 4)) },
        Field { name: "TotalCount", header: "TOTAL", show: |sum| Some(sum.count.to_string()) },
        Field { name: "Type", header: "TYPE", show: |sum| Some(sum.kind.to_owned()) },
    ],
};

fn show_each(usage: Usage) -> Result<()> {
    let now = Timestamp::now();
    let Usage { images, containers, volumes, cache, .. } = usage;
    let images: Vec<_> = images.into_iter().map(|image| (image, now)).collect();
    let containers: Vec<_> = containers.into_iter().map(|container| (container, now)).collect();
    out::line("Images space usage:\n")?;
    listing::print(
        &IMAGES,
        &images,
        &Format::Table,
        &["Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers"],
    )?;
    out::line("\nContainers space usage:\n")?;
    listing::print(
        &CONTAINERS,
        &containers,
        &Format::Table,
        &["ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names"],
    )?;
    out::line("\nLocal Volumes space usage:\n")?;
    listing::print(&VOLUMES, &volumes, &Format::Table, &["Name", "Links", "Size"])?;
    let own: u64 = cache.iter().filter(|kept| kept.reclaimable).map(|kept| kept.size).sum();
    out::line(&format!("\nBuild cache usage: {}\n", size::human(own, 4)))?;
    if cache.is_empty() {
        return Ok(());
    }
    let cache: Vec<_> = cache.into_iter().map(|kept| (kept, now)).collect();
    listing::print(
        &CACHE,
        &cache,
        &Format::Table,
        &["ID", "CacheType", "Size", "CreatedSince", "LastUsedSince", "Shared"],
    )
}

const CACHE: View<(Kept, Timestamp)> = View {
    kind: "buildCacheContext",
    labels: |_| BTreeMap::new(),
    raw: "",
    fields: &[
        Field { name: "CacheType", header: "CACHE TYPE", show: |(kept, _)| Some(kept.kind.to_owned()) },
        Field {
            name: "CreatedSince",
            header: "CREATED",
            show: |(kept, now)| Some(time::ago(kept.created, *now)),
        },
        Field { name: "ID", header: "CACHE ID", show: |(kept, _)| Some(kept.id.chars().take(12).collect()) },
        Field {
            name: "LastUsedSince",
            header: "LAST USED",
            show: |(kept, now)| Some(time::ago(kept.used, *now)),
        },
        Field { name: "Shared", header: "SHARED", show: |(kept, _)| Some((!kept.reclaimable).to_string()) },
        Field { name: "Size", header: "SIZE", show: |(kept, _)| Some(size::human(kept.size, 4)) },
    ],
};

const IMAGES: View<(ImageUsage, Timestamp)> = View {
    kind: "imageContext",
    labels: |_| BTreeMap::new(),
    raw: "",
    fields: &[
        Field { name: "Containers", header: "CONTAINERS", show: |(one, _)| Some(one.containers.to_string()) },
        Field {
            name: "CreatedSince",
            header: "CREATED",
            show: |(one, now)| {
                let created = images_view::created(&one.image);
                Some(created.map_or_else(|| "N/A".to_owned(), |created| time::ago(created, *now)))
            },
        },
        Field { name: "ID", header: "IMAGE ID", show: |(one, _)| Some(one.image.id.short()) },
        Field { name: "Repository", header: "REPOSITORY", show: |(one, _)| Some(name(one).0) },
        Field {
            name: "SharedSize",
            header: "SHARED SIZE",
            show: |(one, _)| Some(size::human(one.share.shared, 4)),
        },
        Field { name: "Size", header: "SIZE", show: |(one, _)| Some(size::human(one.share.all, 4)) },
        Field { name: "Tag", header: "TAG", show: |(one, _)| Some(name(one).1) },
        Field {
            name: "UniqueSize",
            header: "UNIQUE SIZE",
            show: |(one, _)| Some(size::human(one.share.all - one.share.shared, 4)),
        },
    ],
};

/// Repository and tag of the first name.
fn name(one: &ImageUsage) -> (String, String) {
    let first = one.image.names.first();
    let repository = first.map(|name| name.familiar_name());
    let tag = first.and_then(|name| name.tag()).map(str::to_owned);
    (repository.unwrap_or_else(|| NONE.to_owned()), tag.unwrap_or_else(|| NONE.to_owned()))
}

const CONTAINERS: View<(ContainerUsage, Timestamp)> = View {
    kind: "ContainerContext",
    labels: |_| BTreeMap::new(),
    raw: "",
    fields: &[
        Field {
            name: "Command",
            header: "COMMAND",
            show: |(one, _)| Some(quote(&listing::ellipsis(&one.container.command, COMMAND_WIDTH))),
        },
        Field {
            name: "ID",
            header: "CONTAINER ID",
            show: |(one, _)| Some(one.container.id.chars().take(12).collect()),
        },
        Field { name: "Image", header: "IMAGE", show: |(one, _)| Some(one.container.image.clone()) },
        Field {
            name: "LocalVolumes",
            header: "LOCAL VOLUMES",
            show: |(one, _)| Some(one.container.volume_count().to_string()),
        },
        Field { name: "Names", header: "NAMES", show: |(one, _)| Some(one.container.name.clone()) },
        Field {
            name: "RunningFor",
            header: "CREATED",
            show: |(one, now)| Some(time::ago(one.container.created, *now)),
        },
        Field { name: "Size", header: "SIZE", show: |(one, _)| Some(size::human(one.bytes, 3)) },
        Field { name: "Status", header: "STATUS", show: |(one, now)| Some(one.container.status(*now)) },
    ],
};

const VOLUMES: View<VolumeUsage> = View {
    kind: "volumeContext",
    labels: |_| BTreeMap::new(),
    raw: "",
    fields: &[
        Field { name: "Links", header: "LINKS", show: |one| Some(one.links.to_string()) },
        Field { name: "Name", header: "VOLUME NAME", show: |one| Some(one.name.clone()) },
        Field { name: "Size", header: "SIZE", show: |one| Some(size::human(one.bytes, 4)) },
    ],
};
