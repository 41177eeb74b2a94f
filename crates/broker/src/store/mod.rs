//! What is stored: partitions' logs as segments of record batches, in files or in memory.

pub mod batch;
pub mod codec;
pub mod compaction;
pub mod data;
pub mod files;
pub mod log;
pub mod producers;
pub mod read;
pub mod recovery;
pub mod retention;
pub mod room;
pub mod segment;
