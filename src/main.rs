//! The `simclr` command.

use simclr::base::allocator::Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> std::process::ExitCode {
    simclr::cli::main()
}
