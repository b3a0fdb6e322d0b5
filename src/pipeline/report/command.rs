//! The command that reproduces a report.

use crate::base::text::shell_command;
use crate::pipeline::LoadedStudy;

/// Returns `simclr run` with the file and the settings, for a shell in the directory of the file, whose path must not
/// change the report.
pub(super) fn command(loaded: &LoadedStudy) -> String {
    let file = loaded.path().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let settings = loaded.overrides().iter().flat_map(|setting| ["--set", setting]);
    shell_command(["simclr", "run", &file].into_iter().chain(settings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse;
    use std::path::Path;

    #[test]
    fn the_command_has_the_settings_in_quotes_where_needed() {
        let text = "dataset = { source = { shapes = {} }, image_size = 32 }\n[supervised.a]\nencoder = { tiny = {} }";
        let settings = ["seed=3", "supervised.a.hidden=[1, 2]"].map(str::to_owned);
        let loaded = parse(text, Path::new("studies/my a.toml"), &settings).unwrap();
        assert_eq!(command(&loaded), "simclr run 'my a.toml' --set seed=3 --set 'supervised.a.hidden=[1, 2]'");
    }
}
