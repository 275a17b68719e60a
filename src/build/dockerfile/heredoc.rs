//! Here-documents: `<<EOF`, `<<-EOF`, `3<<"EOF"`.

use super::statement::Statement;
use super::words;
use crate::build::diagnostic::Problem;
use crate::build::expand::{self, Rules, Variables};

/// Here-documents of one instruction.
const LIMIT: usize = 100;

/// A here-document. A `RUN` leaves what its name says of expansion and tabs to the shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it, and the name of the file that it becomes.
    pub name: String,
    /// No part of the name is quoted: variables in the content are replaced.
    pub expand: bool,
    /// `<<-`: tabs at the beginning of lines are dropped.
    pub chomp: bool,
    /// A blank stands before the name. Such a `<<` may as well be a shell's shift to the left, so it counts only
    /// where the name ends a document.
    pub spaced: bool,
    /// With the line breaks as they are in the file.
    pub content: String,
}

impl Heredoc {
    /// The content, without the tabs that `<<-` drops.
    pub fn text(&self) -> String {
        match self.chomp {
            true => self.content.split_inclusive('\n').map(|line| line.trim_start_matches('\t')).collect(),
            false => self.content.clone(),
        }
    }

    /// Reads a word that announces a here-document; `None` if it is another word.
    pub fn announced_by(word: &str) -> Option<Self> {
        let rest = word.trim_start_matches(|digit: char| digit.is_ascii_digit()).strip_prefix("<<")?;
        let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
        if rest.is_empty() || rest.contains('<') {
            return None;
        }
        let usual = Rules { keep_unset: true, ..Rules::new('\\') };
        let one = |rules| {
            let words = expand::expand(rest, &Variables::new(), rules).ok()?.words;
            <[String; 1]>::try_from(words).ok().map(|[word]| word)
        };
        let (name, raw) = (one(usual)?, one(Rules { keep_quotes: true, ..usual })?);
        let quotes = |word: &str| word.matches(['\'', '"']).count();
        let spaced = rest.starts_with(' ');
        Some(Self { expand: quotes(&name) == quotes(&raw), name, chomp, spaced, content: String::new() })
    }
}

/// The here-documents whose contents follow a statement's line.
pub fn announced(statement: &Statement) -> Result<Vec<Heredoc>, Problem> {
    if !statement.original.contains("<<") || !takes_documents(statement) {
        return Ok(Vec::new());
    }
    let rules = Rules { keep_quotes: true, keep_escapes: true, keep_unset: true, ..Rules::new('\\') };
    let words = expand::expand(&statement.original, &Variables::new(), rules).map(|expanded| expanded.words);
    // What is no shell's line has no here-documents; the shell may still know what to do with it.
    let mut words = words.unwrap_or_default().into_iter().peekable();
    let mut documents = Vec::new();
    while let Some(mut word) = words.next() {
        let is_bare = word.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if matches!(is_bare, "<<" | "<<-") && is_run(statement) {
            word.extend(words.next_if(|next| !next.starts_with('<')).map(|next| format!(" {next}")));
        }
        documents.extend(Heredoc::announced_by(&word));
    }
    match documents.len() > LIMIT {
        true => Err(Problem::at("<<", format!("more than {LIMIT} here-documents"))),
        false => Ok(documents),
    }
}

/// `COPY` and `ADD` have words of their own, in which a lone `<<` is a path.
fn is_run(statement: &Statement) -> bool {
    let name = statement.word.to_ascii_uppercase();
    name == "RUN" || (name == "ONBUILD" && is_run(&Statement::of_line(&statement.rest)))
}

fn takes_documents(statement: &Statement) -> bool {
    match statement.word.to_ascii_uppercase().as_str() {
        "RUN" | "COPY" | "ADD" => !matches!(words::json(&statement.rest), Ok(Some(_))),
        "ONBUILD" => {
            let inner = Statement::of_line(&statement.rest);
            !inner.word.eq_ignore_ascii_case("ONBUILD") && takes_documents(&inner)
        }
        _ => false,
    }
}
