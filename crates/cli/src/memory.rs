//! The memory that a plan may take, compared with the memory there is.

use crate::exit::{Exit, Failure};
use crate::pipeline;
use anyhow::{Result, anyhow};
use std::path::Path;
use std::sync::Arc;
use streamfold_engine::plan::Plan;

/// What of the memory there is a plan may take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Memory {
    /// Bounds of one lane, and its model as it is when it begins.
    pub lane: u64,
    /// The same for all lanes.
    pub lanes: u64,
    /// What this process may have; `None`: nobody says.
    pub there: Option<u64>,
}

impl Memory {
    /// Of this plan, on this machine.
    pub fn of(plan: &Arc<Plan>) -> Result<Memory> {
        let parts = pipeline::parts(plan)().map_err(|reason| anyhow!(reason))?;
        let bounds = plan.memory_of_lane().iter().fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
        let lane = bounds.saturating_add(parts.model.model().memory_bytes() as u64);
        Ok(Memory { lane, lanes: lane.saturating_mul(u64::from(plan.lanes)), there: there() })
    }

    /// One lane that does not fit is an error; all of them need not run in one process.
    pub fn check(&self) -> Result<()> {
        let Some(there) = self.there else { return Ok(()) };
        if self.lane > there {
            let message = format!(
                "a lane may take {} of memory, but there are only {}",
                mebibytes(self.lane),
                mebibytes(there)
            );
            return Err(Failure::new(Exit::Usage, message)
                .hint("lower the limits that `streamfold check` shows, or take a smaller model")
                .into());
        }
        if self.lanes > there {
            log::warn!(
                "all lanes together may take {} of memory, but there are only {}: run some of them on other machines, or lower the \
                 limits that `streamfold check` shows",
                mebibytes(self.lanes),
                mebibytes(there)
            );
        }
        Ok(())
    }
}

pub fn mebibytes(bytes: u64) -> String {
    format!("{:.1}MiB", bytes as f64 / f64::from(1 << 20))
}

/// The least of what the machine has and what its control groups allow.
fn there() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).ok();
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.iter().filter_map(|path| limit(&read(path)?));
    limits.chain(read("/proc/meminfo").and_then(|text| total(&text))).min()
}

/// A limit of a control group; "max" is none.
fn limit(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// `MemTotal` of /proc/meminfo, in bytes.
fn total(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        assert_eq!(total("MemTotal:       24589412 kB\nMemFree: 1 kB\n"), Some(24_589_412 * 1024));
        assert_eq!((total("nothing"), limit("max\n"), limit("1048576\n")), (None, None, Some(1 << 20)));
    }

    #[test]
    fn a_lane_that_does_not_fit_is_an_error_and_many_are_a_warning() {
        let memory = Memory { lane: 10, lanes: 40, there: Some(20) };
        assert!(memory.check().is_ok());
        assert!(Memory { there: None, ..memory }.check().is_ok());
        let error = Memory { there: Some(9), ..memory }.check().unwrap_err();
        assert!(error.to_string().contains("a lane may take"), "{error}");
    }
}
