//! The `simclr` command.

fn main() {}
