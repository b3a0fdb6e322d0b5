//! The `simclr` command.

fn main() -> std::process::ExitCode {
    simclr::cli::main()
}
