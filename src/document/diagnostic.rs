//! What is wrong with a configuration, and how it is shown.

use crate::base::text::{escaped, visible};
use crate::document::source::{Excerpt, Place, Source};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// Problems beyond this number are only counted.
const MOST_SHOWN: usize = 50;

/// Characters of a source line shown; a longer line is cut around the place.
const WIDEST: usize = 160;

/// One problem, its place still a range of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    message: String,
    place: Option<Place>,
    help: Vec<String>,
}

impl Problem {
    /// A problem at a place.
    pub(crate) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { message: visible(&message.into()).into_owned(), place: Some(place), help: Vec::new() }
    }

    /// A problem of the file as a whole.
    pub(crate) fn of_file(message: impl Into<String>) -> Self {
        Self { message: visible(&message.into()).into_owned(), place: None, help: Vec::new() }
    }

    /// Adds what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(visible(&help.into()).into_owned());
        self
    }

    /// Adds what to do next, if there is something.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help.as_deref().map(|help| visible(help).into_owned()));
        self
    }

    /// Where it is.
    pub(crate) fn place(&self) -> Option<Place> {
        self.place
    }
}

/// Collects problems, each once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(Option<Place>, String)>,
    /// Places of those beyond what is shown.
    left_out: HashSet<Option<Place>>,
}

impl Problems {
    /// Takes a problem.
    pub(crate) fn report(&mut self, problem: Problem) {
        if !self.seen.insert((problem.place, problem.message.clone())) {
            return;
        }
        if self.list.len() < MOST_SHOWN {
            self.list.push(problem);
        } else {
            self.left_out.insert(problem.place);
        }
    }

    /// Takes a problem that takes time to be put into words, which it is only if it will be shown.
    pub(crate) fn report_at(&mut self, place: Place, problem: impl FnOnce() -> Problem) {
        if self.list.len() < MOST_SHOWN {
            self.report(problem());
        } else {
            self.left_out.insert(Some(place));
        }
    }

    /// Whether there is none.
    pub(crate) fn are_at(&self, place: Place) -> bool {
        self.list.iter().any(|problem| problem.place == Some(place))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there are more than will be shown.
    pub(crate) fn are_many(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Takes those of other problems that are at one of the places.
    pub(crate) fn take_at(&mut self, others: Self, places: &HashSet<Place>) {
        for problem in others.list {
            if problem.place().is_some_and(|place| places.contains(&place)) {
                self.report(problem);
            }
        }
    }

    /// The problems in the order of the text.
    pub(crate) fn into_diagnostics(mut self, sources: Vec<Source>) -> Diagnostics {
        self.list.sort_by_key(|problem| problem.place);
        Diagnostics { sources, problems: self.list, left_out: self.left_out.len() }
    }
}

/// All problems of a configuration, in the order of the text.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Vec<Source>,
    problems: Vec<Problem>,
    left_out: usize,
}

/// One problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic<'a> {
    /// What is wrong, a sentence without a full stop.
    pub message: &'a str,
    /// The file in which it is, or `--set path=value`.
    pub source: &'a str,
    /// Line from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// Column from 1, in characters; 0 where the file as a whole is meant.
    pub column: usize,
    /// `file:line:column`, or `--set path=value:column`.
    pub place: String,
    /// What to do next.
    pub help: &'a [String],
}

impl Diagnostics {
    /// The problems, one by one.
    pub fn iter(&self) -> impl Iterator<Item = Diagnostic<'_>> {
        self.problems.iter().map(|problem| {
            let (source, excerpt) = self.locate(problem);
            Diagnostic {
                message: &problem.message,
                source: &source.name,
                line: excerpt.as_ref().map_or(0, |excerpt| excerpt.line),
                column: excerpt.as_ref().map_or(0, |excerpt| excerpt.column),
                place: place_name(source, excerpt.as_ref()),
                help: &problem.help,
            }
        })
    }

    /// Number of problems, those that are not shown included.
    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// The problems as text for a terminal, each with its source line and what to do; ends without a newline.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut parts: Vec<String> = self.problems.iter().map(|problem| self.render_one(problem, &renderer)).collect();
        match (self.count(), self.left_out) {
            (0 | 1, _) => {}
            (count, 0) => parts.push(format!("{count} errors")),
            (count, _) => parts.push(format!("{count} errors, of which the first {MOST_SHOWN} are shown")),
        }
        parts.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let (source, excerpt) = self.locate(problem);
        let origin = Origin::path(place_name(source, excerpt.as_ref()));
        let mut group = Group::with_title(Level::ERROR.primary_title(problem.message.as_str())).element(origin);
        if let Some(excerpt) = excerpt {
            let (text, range) = cut(&excerpt);
            group = group.element(
                Snippet::source(text)
                    .line_start(excerpt.line)
                    .line_numbering(source.has_lines())
                    .annotation(AnnotationKind::Primary.span(range)),
            );
        }
        let helps = problem.help.iter().map(|help| Level::HELP.message(help.as_str()));
        without_elision(&renderer.render(&[group.elements(helps)]))
    }

    fn locate(&self, problem: &Problem) -> (&Source, Option<Excerpt<'_>>) {
        // Source 0 is the pipeline file and always there.
        let number = problem.place.map_or(0, |place| place.source as usize);
        let source = &self.sources[number.min(self.sources.len() - 1)];
        (source, problem.place.map(|place| source.excerpt(place)))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

fn place_name(source: &Source, excerpt: Option<&Excerpt<'_>>) -> String {
    match excerpt {
        None => source.name.clone(),
        Some(excerpt) if source.has_lines() => format!("{}:{}:{}", source.name, excerpt.line, excerpt.column),
        Some(excerpt) => format!("{}:{}", source.name, excerpt.column),
    }
}

/// Takes out the line of `:::` that the renderer puts between a place of our own making and the source line.
fn without_elision(text: &str) -> String {
    let is_elision = |line: &str| line.contains(":::") && without_colors(line).trim() == ":::";
    text.lines().filter(|line| !is_elision(line)).collect::<Vec<_>>().join("\n")
}

fn without_colors(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default();
    let rest = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    std::iter::once(first).chain(rest).collect()
}

/// The source line, cut around the place where it is too long to be shown, and the place in what is left.
fn cut(excerpt: &Excerpt<'_>) -> (String, Range<usize>) {
    /// Characters shown before the place in a line that is cut.
    const BEFORE: usize = 40;
    let characters = excerpt.text.chars().count();
    let first = if characters > WIDEST { (excerpt.column - 1).min(characters).saturating_sub(BEFORE) } else { 0 };
    let byte_of =
        |character: usize| excerpt.text.char_indices().nth(character).map_or(excerpt.text.len(), |(byte, _)| byte);
    let (from, to) = (byte_of(first), byte_of(first + WIDEST));
    let (start, end) = (excerpt.range.start.clamp(from, to), excerpt.range.end.clamp(from, to));
    // The renderer shows a tab as blanks.
    let shown = |range: Range<usize>| escaped(&excerpt.text[range], |c| c == '\t');
    let (before, within) = (shown(from..start), shown(start..end));
    let range = before.len()..before.len() + within.len();
    (format!("{before}{within}{}", shown(end..to)), range)
}
