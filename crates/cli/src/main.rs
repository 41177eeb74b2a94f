//! The binary `streamfold`.
fn main() {}
