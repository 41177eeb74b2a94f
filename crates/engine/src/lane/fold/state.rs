//! The state of the fold as named blobs, and back.

use super::{BadWindow, Fold};
use crate::checkpoint::Blob;
use crate::plan::Fit;
use streamfold_learn::snapshot::{Reader, Snapshot, SnapshotError, Writer};

/// Name of the model's blob.
pub(in crate::lane) const MODEL_BLOB: &str = "model";

impl Fold {
    /// The state as named blobs, in a fixed order; the model's is named [`MODEL_BLOB`].
    pub(in crate::lane) fn save(&self) -> Vec<Blob> {
        let mut core = Writer::new();
        core.version(1);
        core.signed(self.stream_time_ms);
        core.unsigned(self.folded);
        core.unsigned(self.scored);
        core.unsigned(self.waiting.sequence());
        core.unsigned(self.bad_window.records.len() as u64);
        for bad in &self.bad_window.records {
            core.boolean(*bad);
        }
        self.classes.save(&mut core);
        self.baselines.save(&mut core);
        let mut evaluator = Writer::new();
        self.evaluator.save(&mut evaluator);
        let mut model = Writer::new();
        self.model.model().save(&mut model);
        let mut blobs = vec![
            ("core".to_owned(), core.into_bytes()),
            ("metrics".to_owned(), evaluator.into_bytes()),
            (MODEL_BLOB.to_owned(), model.into_bytes()),
        ];
        blobs.extend(
            self.waiting.save().into_iter().map(|(group, bytes)| (format!("waiting/{group}"), bytes)),
        );
        blobs
    }

    /// Loads what [`Fold::save`] gave.
    pub(in crate::lane) fn load(&mut self, blobs: &[Blob]) -> Result<(), SnapshotError> {
        self.load_parts(blobs, &Fit { model: true, waiting: true, metrics: true, labels: true })
    }

    /// Loads what fits of another generation's state. What is counted by generation begins anew.
    pub(in crate::lane) fn inherit(&mut self, blobs: &[Blob], fit: &Fit) -> Result<(), SnapshotError> {
        self.load_parts(blobs, fit)?;
        self.folded = 0;
        self.bad_window = BadWindow::default();
        if !fit.metrics {
            self.scored = 0;
        }
        Ok(())
    }

    fn load_parts(&mut self, blobs: &[Blob], fit: &Fit) -> Result<(), SnapshotError> {
        for (name, bytes) in blobs {
            match name.as_str() {
                "core" => self.load_core(bytes, fit.labels)?,
                "metrics" if !fit.metrics => {}
                MODEL_BLOB if !fit.model => {}
                name if name.starts_with("waiting/") && !fit.waiting => {}
                "metrics" => load_whole("metrics", bytes, &mut self.evaluator)?,
                MODEL_BLOB => load_whole("model", bytes, self.model.model_mut())?,
                name if name.starts_with("waiting/") => self.waiting.load_group(bytes)?,
                other => {
                    return Err(SnapshotError::Invalid {
                        part: "checkpoint",
                        reason: format!("{other} is no blob that this build knows"),
                    });
                }
            }
        }
        Ok(())
    }

    fn load_core(&mut self, bytes: &[u8], labels: bool) -> Result<(), SnapshotError> {
        let mut from = Reader::new("lane", bytes);
        from.version(1)?;
        self.stream_time_ms = from.signed()?;
        self.folded = from.unsigned()?;
        self.scored = from.unsigned()?;
        self.waiting.reset(from.unsigned()?);
        self.bad_window = BadWindow::default();
        for _ in 0..from.length(1)? {
            let bad = from.boolean()?;
            self.bad_window.push(bad, self.plan.dead_letters.window_records);
        }
        if !labels {
            return Ok(());
        }
        self.classes.load(&mut from)?;
        self.baselines.load(&mut from)?;
        from.finish()
    }
}

fn load_whole(part: &'static str, bytes: &[u8], into: &mut dyn Snapshot) -> Result<(), SnapshotError> {
    let mut from = Reader::new(part, bytes);
    into.load(&mut from)?;
    from.finish()
}
