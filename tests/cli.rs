//! The command line: help, invalid usage, exit codes.

#![expect(clippy::unwrap_used, reason = "test helpers")]

use assert_cmd::Command;
use std::fs;

fn simclr(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simclr"));
    command.args(arguments).env("RUST_BACKTRACE", "0");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

/// Returns exit code, standard output and standard error.
fn output(arguments: &[&str]) -> (i32, String, String) {
    let output = simclr(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn colors_follow_the_conventions_for_the_environment() {
    let is_colored = |variables: &[(&str, &str)], arguments: &[&str]| {
        let output = simclr(arguments).envs(variables.iter().copied()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (text(&output.stdout) + &text(&output.stderr)).contains('\u{1b}')
    };
    for arguments in [["status", "none"].as_slice(), &["validate", "pipelines/quickstart.toml", "--set", "seed=x"]] {
        assert!(!is_colored(&[], arguments), "{arguments:?}");
        assert!(is_colored(&[("CLICOLOR_FORCE", "1")], arguments), "{arguments:?}");
        assert!(!is_colored(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], arguments), "{arguments:?}");
    }
    assert!(!is_colored(&[("CLICOLOR_FORCE", "1")], &["schema"]));
}

/// The commands that read a pipeline file.
const FILE_COMMANDS: [&str; 6] = ["run", "plan", "validate", "summary", "preview", "report"];
const OTHER_COMMANDS: [&str; 8] = ["open", "status", "compare", "cache", "doctor", "init", "schema", "completions"];
const CACHE_COMMANDS: [&str; 6] = ["ls", "verify", "gc", "import", "pin", "unpin"];

#[test]
fn help_lists_every_command_with_examples() {
    let (code, stdout, stderr) = output(&["--help"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("Examples:") && stdout.contains("Exit codes:"));
    for command in FILE_COMMANDS.into_iter().chain(OTHER_COMMANDS) {
        assert!(stdout.contains(&format!("\n  {command} ")), "{command}");
        assert_has_examples(&[command]);
    }
    let (_, stdout, _) = output(&["cache", "--help"]);
    for command in CACHE_COMMANDS {
        assert!(stdout.contains(&format!("\n  {command} ")), "{command}");
        assert_has_examples(&["cache", command]);
    }
}

#[test]
fn the_help_of_every_command_has_the_same_layout() {
    for command in FILE_COMMANDS.into_iter().chain(OTHER_COMMANDS) {
        let (_, stdout, _) = output(&[command, "--help"]);
        let options = stdout.split_once("Options:\n").map_or("", |(_, options)| options);
        let mut described =
            options.lines().take_while(|line| !line.is_empty()).filter(|line| line.trim_start().starts_with('-'));
        assert!(described.all(|line| line.trim().split("  ").count() > 1), "beside its option: {stdout}");
    }
}

#[test]
fn a_preview_is_a_png_in_an_existing_directory() {
    let directory = tempfile::tempdir().unwrap();
    for (name, what) in [("x.jpg", "is a PNG"), ("none/x.png", "does not exist")] {
        let out = directory.path().join(name);
        let (code, _, stderr) = output(&["preview", "pipelines/quickstart.toml", "--out", out.to_str().unwrap()]);
        assert!(code == 2 && stderr.contains(what), "{stderr}");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

fn assert_has_examples(command: &[&str]) {
    let (code, stdout, _) = output(&[command, &["--help"]].concat());
    assert_eq!(code, 0);
    assert!(stdout.contains(&format!("Examples:\n  simclr {}", command.join(" "))), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 100), "{stdout}");
}

#[test]
fn completions_of_every_shell_include_the_commands() {
    assert!(output(&["completions", "bash"]).1.contains("auto cpu cuda"), "devices are suggested");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, stdout, stderr) = output(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (0, ""), "{shell}");
        for word in ["simclr", "compare", "unpin", "keep"] {
            assert!(stdout.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn the_schema_lists_the_sections_of_a_pipeline() {
    let (code, stdout, _) = output(&["schema"]);
    assert_eq!(code, 0);
    let schema: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    for section in ["dataset", "augment", "pretrain", "linear_eval", "sweep"] {
        assert!(schema["properties"][section].is_object(), "{section}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(output(&["--version"]), (0, format!("simclr {}\n", env!("CARGO_PKG_VERSION")), String::new()));
}

#[test]
fn invalid_command_lines_are_usage_errors() {
    for arguments in [
        &[][..],
        &["rnu"],
        &["run"],
        &["run", "a.toml", "b.toml"],
        &["run", "a.toml", "--unknown"],
        &["run", "a.toml", "--threads", "0"],
        &["run", "a.toml", "--threads", "many"],
        &["run", "a.toml", "--device", "gpu"],
        &["plan", "a.toml", "--format", "yaml"],
        &["preview", "a.toml", "--count", "0"],
        &["compare", "latest"],
        &["cache"],
        &["cache", "gc", "--keep", "-1"],
        &["completions", "tcsh"],
    ] {
        let (code, stdout, stderr) = output(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains("Usage: simclr") || stderr.contains("try '--help'"), "{arguments:?}: {stderr}");
    }
    assert!(output(&["repot"]).2.contains("'report'"), "the closest command is suggested");
}

#[test]
fn the_environment_variable_for_threads_has_the_range_of_the_option() {
    let run = simclr(&["doctor", "--device", "cpu"]).env("RAYON_NUM_THREADS", "2000").output().unwrap();
    assert_eq!(run.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&run.stderr).contains("RAYON_NUM_THREADS is 2000"));
}

#[test]
fn a_missing_file_is_a_usage_error_in_every_command() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing.toml");
    for command in FILE_COMMANDS {
        let (code, stdout, stderr) = output(&[command, missing.to_str().unwrap()]);
        assert_eq!((code, stdout.as_str()), (2, ""), "{command}");
        assert!(stderr.contains("error") && stderr.contains("missing.toml"), "{stderr}");
        assert!(!stderr.contains('\x1b'), "colors without a terminal");
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_or_binary_file_is_a_usage_error() {
    let directory = tempfile::tempdir().unwrap();
    let binary = directory.path().join("binary.toml");
    fs::write(&binary, [0xff, 0xfe, 0x00, 0x80]).unwrap();
    for file in [directory.path(), &binary] {
        for command in FILE_COMMANDS {
            let (code, _, stderr) = output(&[command, file.to_str().unwrap()]);
            assert_eq!(code, 2, "{command} {}: {stderr}", file.display());
        }
    }
}

#[test]
fn summary_matches_the_parameter_counts_of_the_wandb_report() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/imagenet5-report.toml");
    let run = assert_cmd::Command::new(env!("CARGO_BIN_EXE_simclr"))
        .args(["summary", "--classes", "5"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    // From Keras `model.summary()` of the networks of the W&B report: totals and the layers of the head.
    for count in ["24,151,602", "24,098,482", "53,120", "524,544", "32,896", "6,450", "24,113,541", "24,060,421"] {
        assert!(text.contains(count), "no {count} in\n{text}");
    }
}

const NETWORKS: &str = r#"
[dataset]
source = { image_folder = { train = "missing/train", test = "missing/test" } }
image_size = 224
[augment.views]
ops = []
[pretrain.main]
augment = "views"
encoder = { resnet50 = { variant = "keras" } }
projection = { layers = [256, 128], batch_norm = "all" }
optimizer = { lars = { learning_rate = 0.075, scale = "sqrt" } }
epochs = 1
batch_size = 64
"#;

fn summary_of(text: &str, arguments: &[&str]) -> (i32, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("networks.toml");
    fs::write(&file, text).unwrap();
    output(&[&["summary", file.to_str().unwrap()], arguments].concat())
}

#[test]
fn summary_counts_the_encoder_alone_and_the_batch_norms_of_the_head() {
    let (code, stdout, stderr) = summary_of(NETWORKS, &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    let has = |words: &[&str]| stdout.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    // Encoder counts from Keras `model.summary()`; the head has weights, norm scales, and norm shifts except the last.
    assert!(has(&["parameters", "24,146,176", "encoder", "alone", "23,587,712"]), "{stdout}");
    assert!(has(&["trainable", "24,092,288", "encoder", "alone", "23,534,592"]), "{stdout}");
    assert!(has(&["not", "trainable", "53,888", "encoder", "alone", "53,120"]), "{stdout}");
    assert!(has(&["head.0.norm", "batch", "norm", "256", "1,024", "0"]), "{stdout}");
    assert!(has(&["head.1.norm", "batch", "norm", "128", "384", "0"]), "{stdout}");
}

#[test]
fn summary_shows_the_learning_rate_of_each_swept_batch_size() {
    let sweep = "[sweep]\n\"pretrain.main.batch_size\" = [64, 256]\n";
    let (code, stdout, _) = summary_of(&format!("{NETWORKS}{sweep}"), &["--format", "json"]);
    assert_eq!(code, 0);
    let networks: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    let shown: Vec<(u64, f64)> = networks
        .as_array()
        .unwrap()
        .iter()
        .map(|network| (network["views"].as_u64().unwrap(), network["learning_rates"][0].as_f64().unwrap()))
        .collect();
    assert_eq!(shown, [(128, 0.6), (512, 1.2)]);
}

#[test]
fn summary_without_data_omits_networks_that_need_the_number_of_classes() {
    let supervised = "[supervised.baseline]\nencoder = { tiny = {} }\n";
    let text = format!("{NETWORKS}{supervised}");
    let (code, stdout, stderr) = summary_of(&text, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.contains("pretrain.main") && !stdout.contains("supervised.baseline"), "{stdout}");
    assert!(stderr.contains("warning: supervised networks are left out") && stderr.contains("--classes"), "{stderr}");
    let (code, stdout, stderr) = summary_of(&text, &["--classes", "5"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.contains("supervised.baseline"));
}

#[test]
fn every_doctor_check_passes_on_this_machine() {
    let (code, stdout, stderr) = output(&["doctor", "--device", "cpu", "--precision", "f32", "--precision", "bf16"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains(&format!("simclr        {}", env!("CARGO_PKG_VERSION"))), "{stdout}");
    let passed =
        |precision: &str| stdout.lines().filter(|line| line.contains(precision) && line.ends_with("ok")).count();
    assert!(passed(" f32 ") > 25 && passed(" bf16 ") > 20, "{stdout}");
}

#[test]
fn a_missing_device_is_an_error_with_help() {
    let (code, stdout, stderr) = output(&["doctor", "--device", "cuda:4000"]);
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(stderr.starts_with("error: ") && stderr.contains("help: ") && !stderr.contains("panic"), "{stderr}");
}
