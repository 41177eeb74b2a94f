//! The wire: connections, frames, and which request goes where.

pub mod budget;
pub mod connection;
pub mod dispatch;
pub mod server;
pub mod wary;
