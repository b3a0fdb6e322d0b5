//! From TOML text to the tree.

use crate::document::diagnostic::Problem;
use crate::document::node::{Entry, Node, Value};
use crate::document::source::Place;
use std::ops::Range;
use toml::de::{DeTable, DeValue, Error};

/// Deepest table or list; the deepest of a pipeline file lies at 7.
const DEEPEST: usize = 32;

/// The parser takes 80 tables in each other with 80 dotted names each, and its tree is freed by recursion: that takes
/// more stack than the threads of a test have.
const STACK: usize = 64 << 20;

/// Reads a whole file.
///
/// # Errors
/// All mistakes of syntax.
pub(crate) fn parse_file(text: &str, source: u32) -> Result<Node, Vec<Problem>> {
    with_stack(|| {
        let mut tree = TreeBuilder { source, offset: 0, depth: 0, too_deep: None };
        let (table, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            let root = tree.table(table.get_ref(), Place::new(source, 0..0));
            tree.finish(root).map_err(|problem| vec![problem])
        } else {
            Err(errors.iter().map(|error| syntax_problem(error, source, 0)).collect())
        }
    })
}

/// Reads a value that begins at `offset` of its source.
///
/// # Errors
/// The first mistake of syntax.
pub(crate) fn parse_value(text: &str, source: u32, offset: usize) -> Result<Node, Problem> {
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
    let place = Place::new(source, error.span().unwrap_or(0..0)).moved(offset);
    match error.message() {
        "duplicate key" => Problem::new(place, "the key is given twice"),
        message if message.contains("recursion limit") => too_deep(place),
        // Said of anything that is no value.
        message if message.starts_with("string values must be quoted") => match place.range().is_empty() {
            true => Problem::new(place, "a value is missing"),
            false => Problem::new(place, "this is no value; a string is written in quotes"),
        },
        message => Problem::new(place, message),
    }
}

fn too_deep(place: Place) -> Problem {
    Problem::new(place, "tables or lists are nested too deeply")
}

/// Calls a function on a stack that is large enough for any tree; on this one where no thread can be had.
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
    /// Where the text begins in the source.
    offset: usize,
    depth: usize,
    too_deep: Option<Place>,
}

impl TreeBuilder {
    fn finish(self, root: Node) -> Result<Node, Problem> {
        self.too_deep.map_or(Ok(root), |place| Err(too_deep(place)))
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::new(self.source, span).moved(self.offset)
    }

    fn table(&mut self, table: &DeTable<'_>, place: Place) -> Node {
        let mut entries = Vec::with_capacity(table.len());
        if self.enter(place) {
            for (key, value) in table {
                let node = self.value(value.get_ref(), value.span());
                entries.push(Entry { key: key.get_ref().to_string(), key_place: self.place(key.span()), node });
            }
        }
        self.depth -= 1;
        entries.sort_by_key(|entry| entry.key_place);
        Node { place, value: Value::Table(entries) }
    }

    fn list(&mut self, items: &[toml::Spanned<DeValue<'_>>], place: Place) -> Node {
        let items = if self.enter(place) {
            items.iter().map(|item| self.value(item.get_ref(), item.span())).collect()
        } else {
            Vec::new()
        };
        self.depth -= 1;
        Node { place, value: Value::List(items) }
    }

    /// One level down; false where that is too deep.
    fn enter(&mut self, place: Place) -> bool {
        self.depth += 1;
        if self.depth > DEEPEST {
            self.too_deep.get_or_insert(place);
        }
        self.depth <= DEEPEST
    }

    fn value(&mut self, value: &DeValue<'_>, span: Range<usize>) -> Node {
        let place = self.place(span);
        let value = match value {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or_else(|_| Value::Huge(integer.to_string()), Value::Whole),
            DeValue::Float(float) => number(float.as_str()),
            DeValue::Boolean(truth) => Value::Truth(*truth),
            DeValue::Datetime(_) => Value::Date,
            DeValue::Array(items) => return self.list(items, place),
            DeValue::Table(table) => return self.table(table, place),
        };
        Node { place, value }
    }
}

/// A float as written: TOML allows `1e400`, which no 64-bit number holds, beside `inf`.
fn number(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(number) if number.is_infinite() && !text.contains("inf") => Value::Huge(text.to_owned()),
        Ok(number) => Value::Number(number),
        Err(_) => Value::Huge(text.to_owned()),
    }
}
