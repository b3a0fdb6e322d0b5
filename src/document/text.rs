//! Parsing of TOML text into the tree.

use crate::document::diagnostic::Problem;
use crate::document::node::{TableEntry, TomlNode, TomlValue};
use crate::document::source::Span;
use std::ops::Range;
use toml::de::{DeTable, DeValue, Error};

/// Maximum nesting of tables and lists; a pipeline file needs 7.
const MAX_DEPTH: usize = 32;

/// Stack size of the parser in bytes. It accepts 80 nested tables with 80 dotted names each and frees its tree
/// recursively, which needs more stack than the threads of a test have.
const STACK: usize = 64 << 20;

/// Parses a whole file.
///
/// # Errors
/// All syntax errors.
pub(crate) fn parse_file(text: &str, source: u32) -> Result<TomlNode, Vec<Problem>> {
    with_stack(|| {
        let mut tree = TreeBuilder { source, offset: 0, depth: 0, too_deep: None };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let root = tree.table(table.get_ref(), Span::new(source, 0..0));
            tree.finish(root).map_err(|problem| vec![problem])
        } else {
            Err(errors.iter().map(|error| syntax_problem(error, source, 0)).collect())
        }
    })
}

/// Parses a value that starts at byte `offset` of its source.
///
/// # Errors
/// The first syntax error.
pub(crate) fn parse_value(text: &str, source: u32, offset: usize) -> Result<TomlNode, Problem> {
    with_stack(|| match DeValue::parse(text) {
        Ok(value) => {
            let mut tree = TreeBuilder { source, offset, depth: 0, too_deep: None };
            let root = tree.value(value.get_ref(), 0..text.len());
            tree.finish(root)
        }
        Err(error) => Err(syntax_problem(&error, source, offset)),
    })
}

fn syntax_problem(error: &Error, source: u32, offset: usize) -> Problem {
    let span = Span::new(source, error.span().unwrap_or(0..0)).moved(offset);
    match error.message() {
        "duplicate key" => Problem::new(span, "duplicate key"),
        message if message.contains("recursion limit") => too_deep(span),
        // The parser's message for anything that is not a value.
        message if message.starts_with("string values must be quoted") => match span.range().is_empty() {
            true => Problem::new(span, "expected a value"),
            false => Problem::new(span, "expected a value; a string needs quotes"),
        },
        message => Problem::new(span, message),
    }
}

fn too_deep(span: Span) -> Problem {
    Problem::new(span, "tables or lists are nested too deeply")
}

/// Calls a function in a thread with a stack large enough for any tree; in this thread if none can be started.
fn with_stack<T: Send>(call: impl Fn() -> T + Sync) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, &call);
        match thread.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(value)) => value,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => call(),
        }
    })
}

struct TreeBuilder {
    source: u32,
    /// Byte of the source at which the text starts.
    offset: usize,
    depth: usize,
    too_deep: Option<Span>,
}

impl TreeBuilder {
    fn finish(self, root: TomlNode) -> Result<TomlNode, Problem> {
        self.too_deep.map_or(Ok(root), |span| Err(too_deep(span)))
    }

    fn span(&self, span: Range<usize>) -> Span {
        Span::new(self.source, span).moved(self.offset)
    }

    fn table(&mut self, table: &DeTable<'_>, span: Span) -> TomlNode {
        let mut entries = Vec::with_capacity(table.len());
        if self.enter(span) {
            for (key, value) in table {
                let node = self.value(value.get_ref(), value.span());
                entries.push(TableEntry { key: key.get_ref().to_string(), key_span: self.span(key.span()), node });
            }
        }
        self.depth -= 1;
        entries.sort_by_key(|entry| entry.key_span);
        TomlNode { span, value: TomlValue::Table(entries) }
    }

    fn list(&mut self, items: &[toml::Spanned<DeValue<'_>>], span: Span) -> TomlNode {
        let items = if self.enter(span) {
            items.iter().map(|item| self.value(item.get_ref(), item.span())).collect()
        } else {
            Vec::new()
        };
        self.depth -= 1;
        TomlNode { span, value: TomlValue::Array(items) }
    }

    /// Enters a table or list; returns false if it is nested too deeply.
    fn enter(&mut self, span: Span) -> bool {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.too_deep.get_or_insert(span);
        }
        self.depth <= MAX_DEPTH
    }

    fn value(&mut self, value: &DeValue<'_>, span: Range<usize>) -> TomlNode {
        let span = self.span(span);
        let value = match value {
            DeValue::String(text) => TomlValue::String(text.to_string()),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| TomlValue::HugeNumber(integer.to_string()), TomlValue::Integer),
            DeValue::Float(number) => float(number.as_str()),
            DeValue::Boolean(boolean) => TomlValue::Boolean(*boolean),
            DeValue::Datetime(_) => TomlValue::Datetime,
            DeValue::Array(items) => return self.list(items, span),
            DeValue::Table(table) => return self.table(table, span),
        };
        TomlNode { span, value }
    }
}

/// Parses a float; TOML allows `1e400`, which is outside the range of f64, besides `inf`.
fn float(text: &str) -> TomlValue {
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && !text.contains("inf") => TomlValue::HugeNumber(text.to_owned()),
        Ok(number) => TomlValue::Float(number),
        Err(_) => TomlValue::HugeNumber(text.to_owned()),
    }
}
