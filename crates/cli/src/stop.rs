//! SIGTERM and Ctrl-C.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A flag that the first SIGTERM or SIGINT sets. A second one ends the process at once, as such signals do.
pub fn on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the default action is armed by the flag that an earlier signal has set.
        flag::register_conditional_default(signal, stop.clone()).context("cannot handle signals")?;
        flag::register(signal, stop.clone()).context("cannot handle signals")?;
    }
    Ok(stop)
}
