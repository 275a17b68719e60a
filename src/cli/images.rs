//! `images`: lists images.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::flags::parse_filter;
use super::listing::{self, Field, Format, View};
use super::out;
use super::verb::{Action, Operands, Session};
use crate::base::{size, time};
use crate::config::docker::Settings;
use crate::engine::image_tree;
use crate::engine::images_view::{self, Condition, ImageRow, NONE, Selection};
use crate::store::images::Images;
use crate::store::layers::Layers;

#[derive(clap::Args)]
pub struct Args {
    /// Show all images; there are no intermediate ones to hide
    #[arg(long = "all", short = 'a')]
    _all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    /// Show only images that meet a condition: dangling=true, reference=busy*, label=a=b
    #[arg(long, short, value_name = "key=value", value_parser = parse_filter)]
    filter: Vec<(String, String)>,
    /// Print in another form: 'table TEMPLATE', 'json', or a Go template
    #[arg(long, value_name = "format")]
    format: Option<String>,
    /// Show ids in full
    #[arg(long)]
    no_trunc: bool,
    /// Print no headings
    #[arg(long, short = 'n')]
    noheading: bool,
    /// Print ids only
    #[arg(long, short)]
    quiet: bool,
    /// Order by created (the usual), id, repository, size or tag
    #[arg(long, value_name = "field", value_enum)]
    sort: Option<Order>,
    /// Show the platforms of each image
    #[arg(long)]
    tree: bool,
}

/// Podman's words for how rows are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Order {
    Created,
    Id,
    Repository,
    Size,
    Tag,
}

impl Order {
    /// What was made last comes first; the rest goes up. Rows that are alike stay as they are.
    fn sort(self, rows: &mut [Row]) {
        match self {
            Self::Created => rows.sort_by_key(|row| std::cmp::Reverse(row.image.created)),
            Self::Id => rows.sort_by(|a, b| a.image.id.cmp(&b.image.id)),
            Self::Repository => rows.sort_by(|a, b| a.image.repository.cmp(&b.image.repository)),
            Self::Size => rows.sort_by_key(|row| row.image.size),
            Self::Tag => rows.sort_by(|a, b| a.image.tag.cmp(&b.image.tag)),
        }
    }
}

/// An image under one name, and what its row depends on.
struct Row {
    image: ImageRow,
    whole: bool,
    now: Timestamp,
}

impl Action for Args {
    const SUMMARY: &'static str = "List images";
    const USAGE: &'static str = "[OPTIONS] [REPOSITORY[:TAG]]";
    const OPERANDS: Operands = Operands::AtMost(1);
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[
        ("All images", "coracle images"),
        ("Images without a name", "coracle images --filter dangling=true -q"),
    ];

    fn run(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        if self.tree {
            return self.draw(operands, session);
        }
        let settings =
            if self.format.is_none() && !self.quiet { Settings::read()? } else { Settings::default() };
        let format = self.format.as_deref().or(Some(settings.images_format.as_str()));
        let format = Format::new(format, self.quiet.then_some("ID"));
        let format = if self.noheading { format.without_headings() } else { format };
        let columns = if self.digests { WITH_DIGESTS } else { COLUMNS };
        let layout = session.layout()?;
        let images = Images::new(&layout);
        let mut filters = conditions(&self.filter, &images)?;
        filters.extend(operands.into_iter().map(Condition::Reference));
        let digests = self.digests || format.source().is_some_and(|text| text.contains(".Digest"));
        let selection = Selection { digests, filters };
        let (found, broken) = images.list_by_threads()?;
        for error in broken {
            out::error_line(&format!("WARNING: {error:#}"));
        }
        let mut sizes = images_view::Sizes::new(Layers::new(&layout));
        let (whole, now) = (self.no_trunc, Timestamp::now());
        let mut rows: Vec<Row> = Vec::new();
        for image in &found {
            let shown = images_view::rows(image, sizes.of(image), &selection);
            rows.extend(shown.into_iter().map(|image| Row { image, whole, now }));
        }
        if let Some(order) = self.sort {
            order.sort(&mut rows);
        }
        if matches!(format, Format::Only(_)) {
            // An id is said once, however many names it has.
            rows.dedup_by(|a, b| a.image.id == b.image.id);
        }
        listing::print(&VIEW, &rows, &format, columns)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Args {
    fn draw(self, operands: Vec<String>, session: &Session) -> Result<ExitCode> {
        let engine = session.engine()?;
        let others = [
            (self.quiet, "--quiet"),
            (self.no_trunc, "--no-trunc"),
            (self.digests, "--digests"),
            (self.format.is_some(), "--format"),
        ];
        if let Some((_, other)) = others.into_iter().find(|(is_given, _)| *is_given) {
            bail!("{other} is not yet supported with --tree");
        }
        let mut filters = conditions(&self.filter, &engine.images())?;
        filters.extend(operands.into_iter().map(Condition::Reference));
        let (trees, broken) = image_tree::trees(&engine, &Selection { digests: false, filters })?;
        for error in broken {
            out::error_line(&format!("WARNING: {error:#}"));
        }
        super::image_tree::print(&trees)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads `--filter`; images that `before` and `since` name must be there.
fn conditions(filters: &[(String, String)], images: &Images) -> Result<Vec<Condition>> {
    let created =
        |name: &str| anyhow::Ok(images_view::created(&images.lookup(name)?).unwrap_or(Timestamp::UNIX_EPOCH));
    let read = |(key, value): &(String, String)| {
        Ok(match (key.as_str(), value.as_str()) {
            ("dangling", "true" | "1") => Condition::Dangling(true),
            ("dangling", "false" | "0") => Condition::Dangling(false),
            ("label", label) => Condition::Label(label.to_owned()),
            ("reference", pattern) => Condition::Reference(pattern.to_owned()),
            ("before", image) => Condition::Before(created(image)?),
            ("since" | "after", image) => Condition::Since(created(image)?),
            ("until", moment) => {
                let until = time::parse_moment(moment, Timestamp::now());
                Condition::Before(until.with_context(|| format!("invalid filter '{key}={value}'"))?)
            }
            ("dangling", _) => bail!("invalid filter '{key}={value}'"),
            _ => bail!("invalid filter '{key}'"),
        })
    };
    filters.iter().map(read).collect()
}

const COLUMNS: &[&str] = &["Repository", "Tag", "ID", "CreatedSince", "Size"];
const WITH_DIGESTS: &[&str] = &["Repository", "Tag", "Digest", "ID", "CreatedSince", "Size"];

/// Docker's word for a number that is not worked out.
const NOT_AVAILABLE: &str = "N/A";

const VIEW: View<Row> = View {
    kind: "imageContext",
    labels: |_| BTreeMap::new(),
    raw: "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\n\
          virtual_size: {{.Size}}\n",
    fields: &[
        Field { name: "Containers", header: "CONTAINERS", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "CreatedAt", header: "CREATED AT", show: |row| Some(row.created_at()) },
        Field { name: "CreatedSince", header: "CREATED", show: |row| Some(row.created_since()) },
        Field {
            name: "Digest",
            header: "DIGEST",
            show: |row| Some(row.image.digest.clone().unwrap_or_else(|| NONE.to_owned())),
        },
        Field {
            name: "ID",
            header: "IMAGE ID",
            show: |row| Some(if row.whole { row.image.id.to_string() } else { row.image.id.short() }),
        },
        Field { name: "Repository", header: "REPOSITORY", show: |row| Some(row.image.repository.clone()) },
        Field { name: "SharedSize", header: "SHARED SIZE", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "Size", header: "SIZE", show: |row| Some(size::human(row.image.size, 3)) },
        Field { name: "Tag", header: "TAG", show: |row| Some(row.image.tag.clone()) },
        Field { name: "UniqueSize", header: "UNIQUE SIZE", show: |_| Some(NOT_AVAILABLE.to_owned()) },
        Field { name: "VirtualSize", header: "SIZE", show: |row| Some(size::human(row.image.size, 4)) },
    ],
};

impl Row {
    fn created_at(&self) -> String {
        self.image.created.map_or_else(|| NOT_AVAILABLE.to_owned(), time::local)
    }

    /// Docker's words for an image that does not say when it was made.
    fn created_since(&self) -> String {
        self.image.created.map_or_else(|| NOT_AVAILABLE.to_owned(), |created| time::ago(created, self.now))
    }
}
