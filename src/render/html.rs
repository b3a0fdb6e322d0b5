//! HTML from templates. Values are text: their markup is escaped, and hidden characters are made visible.

use crate::base::text::{visible, visible_lines};
use crate::base::{Error, Result};
use minijinja::value::{Serde, Value};
use minijinja::{Environment, escape_formatter};
use serde::Serialize;

/// What templates import.
const MACROS: &str = include_str!("../../assets/report/macros.html");

/// Returns a text as HTML or SVG: markup is escaped, and hidden characters are visible.
pub(crate) fn escaped(text: &str) -> String {
    visible(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Fills a template whose name ends with `.html`.
///
/// # Errors
/// The template is invalid, which is a bug.
pub(crate) fn fill(name: &str, template: &str, content: impl Serialize) -> Result<String> {
    let bug = |error: minijinja::Error| Error::bug(format!("cannot render {name} of the report: {error:#}"));
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        // Safe values are our own markup.
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(visible_lines(text).into_owned())),
        _ => escape_formatter(out, state, value),
    });
    environment.add_template("macros.html", MACROS).map_err(bug)?;
    environment.add_template(name, template).map_err(bug)?;
    environment.get_template(name).and_then(|template| template.render(Serde(content))).map_err(bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_hidden_characters_are_visible() {
        let map = std::collections::BTreeMap::from([("a", "<b>\u{1b}\n\u{202e}&"), ("b", "<b>")]);
        let page = fill("a.html", "{{ a }}|{{ b|safe }}", map).unwrap();
        assert_eq!(page, "&lt;b&gt;\\u{1b}\n\\u{202e}&amp;|<b>");
    }
}
