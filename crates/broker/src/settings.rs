//! The settings of a topic: Kafka's names, Kafka's defaults.

use std::collections::BTreeMap;

/// What a setting's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number, at least this.
    Integer(i64),
    /// A number between 0 and 1.
    Share,
    /// Some of these words, separated by commas.
    Words(&'static [&'static str]),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
}

/// A setting that topics have.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// Its value where none is given.
    pub default: &'static str,
    /// What values it takes.
    pub kind: Kind,
}

const fn setting(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting { name, default, kind }
}

/// All settings. Those that only make sense with several brokers, or for how a broker writes its files, are taken and
/// have no effect.
pub const SETTINGS: &[Setting] = &[
    setting("cleanup.policy", "delete", Kind::Words(&["delete", "compact"])),
    // Batches are stored as they came.
    setting("compression.type", "producer", Kind::Word(&["producer"])),
    setting("delete.retention.ms", "86400000", Kind::Integer(0)),
    // So long after its last append a segment stays, whatever its records' timestamps say.
    setting("file.delete.delay.ms", "60000", Kind::Integer(0)),
    setting("flush.messages", "9223372036854775807", Kind::Integer(1)),
    setting("flush.ms", "9223372036854775807", Kind::Integer(0)),
    setting("follower.replication.throttled.replicas", "", Kind::Text),
    setting("index.interval.bytes", "4096", Kind::Integer(0)),
    setting("leader.replication.throttled.replicas", "", Kind::Text),
    setting("max.compaction.lag.ms", "9223372036854775807", Kind::Integer(1)),
    setting("max.message.bytes", "1048588", Kind::Integer(0)),
    setting("message.timestamp.after.max.ms", "3600000", Kind::Integer(0)),
    setting("message.timestamp.before.max.ms", "9223372036854775807", Kind::Integer(0)),
    setting("message.timestamp.type", "CreateTime", Kind::Word(&["CreateTime", "LogAppendTime"])),
    setting("min.cleanable.dirty.ratio", "0.5", Kind::Share),
    setting("min.compaction.lag.ms", "0", Kind::Integer(0)),
    setting("min.insync.replicas", "1", Kind::Integer(1)),
    setting("preallocate", "false", Kind::Boolean),
    setting("retention.bytes", "-1", Kind::Integer(-1)),
    setting("retention.ms", "604800000", Kind::Integer(-1)),
    setting("segment.bytes", "1073741824", Kind::Integer(1 << 20)),
    setting("segment.index.bytes", "10485760", Kind::Integer(4)),
    setting("segment.jitter.ms", "0", Kind::Integer(0)),
    setting("segment.ms", "604800000", Kind::Integer(1)),
    setting("unclean.leader.election.enable", "false", Kind::Boolean),
];

/// A topic's settings, read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Those that were set, as they were set.
    pub given: BTreeMap<String, String>,
    /// Old records are removed.
    pub delete: bool,
    /// Of each key only the last record stays.
    pub compact: bool,
    /// Age from which on records are removed; negative: none.
    pub retention_ms: i64,
    /// Bytes of a partition from which on its oldest segments are removed; negative: none.
    pub retention_bytes: i64,
    /// A segment gets no larger.
    pub segment_bytes: u64,
    /// A segment gets no older.
    pub segment_ms: i64,
    /// The largest batch.
    pub max_message_bytes: usize,
    /// Records have the time of appending.
    pub append_time: bool,
    /// How far ahead of the broker's clock a timestamp may be.
    pub after_max_ms: i64,
    /// How far behind.
    pub before_max_ms: i64,
    /// For so long after its last append a segment stays, whatever the timestamps of its records.
    pub file_delete_delay_ms: i64,
    /// How long null values are kept.
    pub delete_retention_ms: i64,
    /// Younger segments are not compacted.
    pub min_compaction_lag_ms: i64,
    /// Older ones always are.
    pub max_compaction_lag_ms: i64,
    /// Share of bytes not compacted yet from which on it is worth while.
    pub min_cleanable_dirty_ratio: f64,
}

/// A setting that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// There is none of this name.
    #[error("Unknown topic config name: {0}")]
    Unknown(String),
    /// Its value is none that it takes.
    #[error("Invalid value {value} for configuration {name}: {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        expected: String,
    },
}

impl Setting {
    /// The setting of this name.
    pub fn named(name: &str) -> Option<&'static Setting> {
        SETTINGS.iter().find(|setting| setting.name == name)
    }

    fn check(&'static self, value: &str) -> Result<(), SettingError> {
        let one_of = |words: &[&str]| format!("expected of: {}", words.join(", "));
        let expected = match self.kind {
            Kind::Text => return Ok(()),
            Kind::Boolean if ["true", "false"].contains(&value) => return Ok(()),
            Kind::Boolean => one_of(&["true", "false"]),
            Kind::Integer(min) if value.parse().is_ok_and(|value: i64| value >= min) => return Ok(()),
            Kind::Integer(min) => format!("expected a whole number of at least {min}"),
            Kind::Share if value.parse().is_ok_and(|value: f64| (0.0..=1.0).contains(&value)) => {
                return Ok(());
            }
            Kind::Share => "expected a number from 0 to 1".to_string(),
            Kind::Word(words) if words.contains(&value) => return Ok(()),
            Kind::Words(words) if value.split(',').all(|word| words.contains(&word.trim())) => return Ok(()),
            Kind::Word(words) | Kind::Words(words) => one_of(words),
        };
        Err(SettingError::Value { name: self.name, value: value.to_string(), expected })
    }
}

impl Settings {
    /// Reads the settings that were given.
    pub fn new(given: BTreeMap<String, String>) -> Result<Settings, SettingError> {
        for (name, value) in &given {
            Setting::named(name).ok_or_else(|| SettingError::Unknown(name.clone()))?.check(value)?;
        }
        let text = |name: &str| {
            let default = Setting::named(name).map_or("", |setting| setting.default);
            given.get(name).map_or(default, String::as_str).to_string()
        };
        let number = |name: &str| text(name).parse::<i64>().unwrap_or_default();
        let policy = text("cleanup.policy");
        Ok(Settings {
            delete: policy.contains("delete"),
            compact: policy.contains("compact"),
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            segment_bytes: number("segment.bytes").unsigned_abs(),
            segment_ms: number("segment.ms"),
            max_message_bytes: usize::try_from(number("max.message.bytes")).unwrap_or_default(),
            append_time: text("message.timestamp.type") == "LogAppendTime",
            after_max_ms: number("message.timestamp.after.max.ms"),
            before_max_ms: number("message.timestamp.before.max.ms"),
            file_delete_delay_ms: number("file.delete.delay.ms"),
            delete_retention_ms: number("delete.retention.ms"),
            min_compaction_lag_ms: number("min.compaction.lag.ms"),
            max_compaction_lag_ms: number("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: text("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
            given,
        })
    }

    /// The value of a setting, given or not.
    pub fn value<'a>(&'a self, setting: &'a Setting) -> &'a str {
        self.given.get(setting.name).map_or(setting.default, String::as_str)
    }

    /// Whether a producer's timestamp is near enough to the broker's clock; records without one are.
    pub fn accepts_time(&self, timestamp: i64, now_ms: i64) -> bool {
        let ahead = timestamp.saturating_sub(now_ms);
        timestamp < 0 || (ahead <= self.after_max_ms && -ahead <= self.before_max_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Settings, SettingError> {
        Settings::new(pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn defaults_are_values_that_are_accepted() {
        for setting in SETTINGS {
            assert!(of(&[(setting.name, setting.default)]).is_ok(), "{}", setting.name);
        }
        let settings = of(&[]).unwrap();
        assert!(settings.delete && !settings.compact && !settings.append_time);
        assert_eq!((settings.retention_ms, settings.max_message_bytes), (604_800_000, 1_048_588));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(of(&[("no.such", "1")]).unwrap_err(), SettingError::Unknown("no.such".to_string()));
        for (name, value) in [
            ("retention.ms", "soon"),
            ("retention.ms", "-2"),
            ("segment.bytes", "1000"),
            ("cleanup.policy", "compact,keep"),
            ("compression.type", "gzip"),
            ("min.cleanable.dirty.ratio", "1.5"),
        ] {
            assert!(matches!(of(&[(name, value)]), Err(SettingError::Value { .. })), "{name}={value}");
        }
        assert!(of(&[("cleanup.policy", "compact,delete")]).is_ok_and(|s| s.compact && s.delete));
    }

    #[test]
    fn times_far_from_the_clock_are_refused() {
        let settings = of(&[("message.timestamp.before.max.ms", "1000")]).unwrap();
        assert!(settings.accepts_time(3_600_000, 0) && !settings.accepts_time(3_600_001, 0));
        assert!(settings.accepts_time(4_000, 5_000) && !settings.accepts_time(3_999, 5_000));
        assert!(settings.accepts_time(-1, 5_000));
    }
}
