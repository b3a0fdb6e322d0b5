//! Errors in a configuration and their display.

use crate::base::text::{escaped, visible};
use crate::document::source::{Excerpt, SourceText, Span};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use anstream::adapter::strip_str;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

/// Maximum number of problems shown; the others are only counted.
const MAX_SHOWN: usize = 50;

/// Maximum number of characters shown of a source line; a longer line is cut around the span.
const MAX_LINE_CHARS: usize = 160;

/// One problem, located by a range of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    message: String,
    span: Option<Span>,
    help: Vec<String>,
}

impl Problem {
    /// Creates a problem at a span.
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { message: visible(&message.into()).into_owned(), span: Some(span), help: Vec::new() }
    }

    /// Creates a problem of the file as a whole.
    pub(crate) fn of_file(message: impl Into<String>) -> Self {
        Self { message: visible(&message.into()).into_owned(), span: None, help: Vec::new() }
    }

    /// Adds what to do next.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(visible(&help.into()).into_owned());
        self
    }

    /// Adds what to do next, if anything.
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help.extend(help.as_deref().map(|help| visible(help).into_owned()));
        self
    }

    /// Returns where it is.
    pub(crate) fn span(&self) -> Option<Span> {
        self.span
    }
}

/// A collection of problems without duplicates.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(Option<Span>, String)>,
    /// Spans of the problems that are not shown.
    left_out: HashSet<Option<Span>>,
}

impl Problems {
    /// Adds a problem.
    pub(crate) fn report(&mut self, problem: Problem) {
        if !self.seen.insert((problem.span, problem.message.clone())) {
            return;
        }
        if self.list.len() < MAX_SHOWN {
            self.list.push(problem);
        } else {
            self.left_out.insert(problem.span);
        }
    }

    /// Adds a problem whose message is expensive to build; it is built only if it will be shown.
    pub(crate) fn report_at(&mut self, span: Span, problem: impl FnOnce() -> Problem) {
        if self.list.len() < MAX_SHOWN {
            self.report(problem());
        } else {
            self.left_out.insert(Some(span));
        }
    }

    /// Whether there is a problem at a span.
    pub(crate) fn are_at(&self, span: Span) -> bool {
        self.list.iter().any(|problem| problem.span == Some(span))
    }

    /// Whether there are no problems.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether there are more problems than will be shown.
    pub(crate) fn are_many(&self) -> bool {
        !self.left_out.is_empty()
    }

    /// Adds those of other problems whose span is one of `spans`.
    pub(crate) fn take_at(&mut self, others: Self, spans: &HashSet<Span>) {
        for problem in others.list {
            if problem.span().is_some_and(|span| spans.contains(&span)) {
                self.report(problem);
            }
        }
    }

    /// Returns the problems in the order of the text.
    pub(crate) fn into_diagnostics(mut self, sources: Vec<SourceText>) -> Diagnostics {
        self.list.sort_by_key(|problem| problem.span);
        Diagnostics { sources, problems: self.list, left_out: self.left_out.len() }
    }
}

/// All problems of a configuration, in the order of the text.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    sources: Vec<SourceText>,
    problems: Vec<Problem>,
    left_out: usize,
}

/// One problem with its location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic<'a> {
    /// What is wrong, a sentence without a full stop.
    pub message: &'a str,
    /// Name of the file, or `--set path=value`.
    pub source: &'a str,
    /// Line from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// Column from 1, in characters; 0 where the file as a whole is meant.
    pub column: usize,
    /// `file:line:column`, or `--set path=value:column`.
    pub location: String,
    /// What to do next.
    pub help: &'a [String],
}

impl Diagnostics {
    /// Iterates over the problems.
    pub fn iter(&self) -> impl Iterator<Item = Diagnostic<'_>> {
        self.problems.iter().map(|problem| {
            let (source, excerpt) = self.locate(problem);
            Diagnostic {
                message: &problem.message,
                source: &source.name,
                line: excerpt.as_ref().map_or(0, |excerpt| excerpt.line),
                column: excerpt.as_ref().map_or(0, |excerpt| excerpt.column),
                location: location(source, excerpt.as_ref()),
                help: &problem.help,
            }
        })
    }

    /// Returns the number of problems, including those that are not shown.
    pub fn count(&self) -> usize {
        self.problems.len() + self.left_out
    }

    /// Returns the problems as text for a terminal, each with its source line and help; without a final newline.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut parts: Vec<String> = self.problems.iter().map(|problem| self.render_one(problem, &renderer)).collect();
        match (self.count(), self.left_out) {
            (0 | 1, _) => {}
            (count, 0) => parts.push(format!("{count} errors")),
            (count, _) => parts.push(format!("{count} errors, of which the first {MAX_SHOWN} are shown")),
        }
        parts.join("\n\n")
    }

    fn render_one(&self, problem: &Problem, renderer: &Renderer) -> String {
        let (source, excerpt) = self.locate(problem);
        let origin = Origin::path(location(source, excerpt.as_ref()));
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

    fn locate(&self, problem: &Problem) -> (&SourceText, Option<Excerpt<'_>>) {
        // Source 0 is the pipeline file, which always exists.
        let number = problem.span.map_or(0, |span| span.source as usize);
        let source = &self.sources[number.min(self.sources.len() - 1)];
        (source, problem.span.map(|span| source.excerpt(span)))
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

fn location(source: &SourceText, excerpt: Option<&Excerpt<'_>>) -> String {
    match excerpt {
        None => source.name.clone(),
        Some(excerpt) if source.has_lines() => format!("{}:{}:{}", source.name, excerpt.line, excerpt.column),
        Some(excerpt) => format!("{}:{}", source.name, excerpt.column),
    }
}

/// Removes the line `:::` that the renderer puts between a custom origin and the source line.
fn without_elision(text: &str) -> String {
    let is_elision = |line: &str| line.contains(":::") && strip_str(line).to_string().trim() == ":::";
    text.lines().filter(|line| !is_elision(line)).collect::<Vec<_>>().join("\n")
}

/// Returns the source line, cut around the span if it is too long, and the span within the cut line.
fn cut(excerpt: &Excerpt<'_>) -> (String, Range<usize>) {
    /// Characters shown before the span in a line that is cut.
    const BEFORE: usize = 40;
    let characters = excerpt.text.chars().count();
    let first =
        if characters > MAX_LINE_CHARS { (excerpt.column - 1).min(characters).saturating_sub(BEFORE) } else { 0 };
    let byte_of =
        |character: usize| excerpt.text.char_indices().nth(character).map_or(excerpt.text.len(), |(byte, _)| byte);
    let (from, to) = (byte_of(first), byte_of(first + MAX_LINE_CHARS));
    let (start, end) = (excerpt.range.start.clamp(from, to), excerpt.range.end.clamp(from, to));
    // The renderer shows a tab as spaces.
    let shown = |range: Range<usize>| escaped(&excerpt.text[range], |c| c == '\t');
    let (before, within) = (shown(from..start), shown(start..end));
    let range = before.len()..before.len() + within.len();
    (format!("{before}{within}{}", shown(end..to)), range)
}
