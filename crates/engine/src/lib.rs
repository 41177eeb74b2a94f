//! Runs a pipeline: specification, plan, lane, checkpoint, runtime.
