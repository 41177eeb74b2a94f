//! Waiting for a log that cannot be reached: as long as it takes, saying so once in a while.

use super::control::{Control, Wish};
use std::time::{Duration, Instant};
use streamfold_flow::log::LogError;

const SAY_EVERY: Duration = Duration::from_secs(30);
const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Says the same thing at most every half minute.
#[derive(Debug, Default)]
pub(super) struct Notice {
    said: Option<Instant>,
}

impl Notice {
    /// Logs what `text` says, unless something was logged a short while ago.
    pub(super) fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            self.said = Some(Instant::now());
            log::warn!("{}", text());
        }
    }

    /// It is over: logs what `text` says if there was a warning before it.
    pub(super) fn over(&mut self, text: impl FnOnce() -> String) {
        if self.said.take().is_some() {
            log::info!("{}", text());
        }
    }
}

/// Growing pauses between attempts.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff { next: WAIT_MIN }
    }
}

impl Backoff {
    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(WAIT_MAX);
        now
    }

    /// It worked: start small again.
    pub(super) fn reset(&mut self) {
        *self = Backoff::default();
    }
}

/// Tries until it works. `Ok(None)`: the wish has become `limit` or more meanwhile.
pub(super) fn patiently<T>(
    control: &Control,
    limit: Wish,
    what: &str,
    mut attempt: impl FnMut() -> Result<T, LogError>,
) -> Result<Option<T>, LogError> {
    let (mut notice, mut backoff) = (Notice::default(), Backoff::default());
    while control.wish() < limit {
        match attempt() {
            Ok(value) => {
                notice.over(|| format!("{what}: done"));
                return Ok(Some(value));
            }
            Err(LogError::Unavailable(reason)) => {
                notice.warn(|| format!("{what}: waiting for Kafka: {reason}"));
                control.sleep(backoff.next(), limit);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unavailable_is_tried_again_and_what_is_fatal_is_not() {
        let control = Control::default();
        let mut left = 2;
        let found = patiently(&control, Wish::Drain, "test", || {
            left -= 1;
            if left > 0 { Err(LogError::Unavailable("away".into())) } else { Ok(7) }
        });
        assert_eq!(found.unwrap(), Some(7));
        let fatal = patiently(&control, Wish::Drain, "test", || Err::<(), _>(LogError::Fatal("no".into())));
        assert!(matches!(fatal, Err(LogError::Fatal(_))));
        control.want(Wish::Drain);
        let asked = patiently(&control, Wish::Drain, "test", || Ok(1));
        assert_eq!(asked.unwrap(), None);
    }
}
