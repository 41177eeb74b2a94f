//! Bytes to rows and back: JSON and CSV.
