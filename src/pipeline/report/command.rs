//! The command that reproduces a report.

use crate::pipeline::LoadedStudy;

/// Returns `simclr run` with the file and the settings, for a shell in the directory of the file, whose path must not
/// change the report.
pub(super) fn command(loaded: &LoadedStudy) -> String {
    let file = loaded.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut words = vec!["simclr".to_owned(), "run".to_owned(), quoted(&file)];
    for setting in loaded.overrides() {
        words.extend(["--set".to_owned(), quoted(setting)]);
    }
    words.join(" ")
}

/// Quotes a word for a POSIX shell, if it contains special characters.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse;
    use std::path::Path;
    use std::process::Command;

    #[test]
    fn the_command_has_the_settings_in_quotes_where_needed() {
        let text = "dataset = { source = { shapes = {} }, image_size = 32 }\n[supervised.a]\nencoder = { tiny = {} }";
        let settings = ["seed=3", "supervised.a.hidden=[1, 2]"].map(str::to_owned);
        let loaded = parse(text, Path::new("studies/my a.toml"), &settings).unwrap();
        assert_eq!(command(&loaded), "simclr run 'my a.toml' --set seed=3 --set 'supervised.a.hidden=[1, 2]'");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_quoted_words_as_they_were() {
        for word in ["", "a b", "it's", "$HOME", "`ls`", "a=\"b\"", "a\\b", "*", "~", "a;b", "\u{e4}", "plain-1.0"] {
            let script = format!("printf %s {}", quoted(word));
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), word, "{script}");
        }
    }
}
