//! The `oxherd` binary.

fn main() {}
