//! Durations, sizes and times as people write them.

use toml::value::{Datetime, Offset};

const DURATION_UNITS: &[(&str, i64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

const SIZE_UNITS: &[(&str, u64)] = &[
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

/// `100ms`, `10s`, `5m`, `24h`, `7d` in milliseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (number, unit) = split(text)?;
    let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<i64>().ok()?.checked_mul(*factor)
}

/// `64MiB`, `256MB`, `900KiB`, `512B` in bytes.
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn split(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    Some((number, unit.trim_start()))
}

/// Milliseconds in the largest unit that holds them whole: the one way in which a duration is written back.
pub fn format_duration(ms: i64) -> String {
    let unit = DURATION_UNITS.iter().find(|(_, factor)| ms != 0 && ms % factor == 0);
    unit.map_or_else(|| format!("{ms}ms"), |(name, factor)| format!("{}{name}", ms / factor))
}

/// Bytes in the largest binary unit that holds them whole.
pub fn format_size(bytes: u64) -> String {
    let unit = SIZE_UNITS[..3].iter().find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor));
    unit.map_or_else(|| format!("{bytes}B"), |(name, factor)| format!("{}{name}", bytes / factor))
}

/// A time with its offset from UTC (RFC 3339), in milliseconds since 1970.
pub fn parse_time(text: &str) -> Option<i64> {
    let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = text.trim().parse().ok()?
    else {
        return None;
    };
    let offset_minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    let minutes = days * 1440 + i64::from(time.hour) * 60 + i64::from(time.minute) - offset_minutes;
    let millis = i64::from(time.nanosecond.unwrap_or(0)) / 1_000_000;
    Some(minutes * 60_000 + i64::from(time.second.unwrap_or(0)) * 1_000 + millis)
}

/// Days from 1970-01-01 in the Gregorian calendar, counting years from March so that leap days come last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("100ms"), Some(100));
        assert_eq!(parse_duration("24h"), parse_duration("1d"));
        assert_eq!(parse_duration("5 m"), Some(300_000));
        for bad in ["", "5", "h", "1.5h", "-1s", "1h30m", "10 years", "99999999999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_binary_or_decimal() {
        assert_eq!(parse_size("64MiB"), Some(67_108_864));
        assert_eq!(parse_size("256 MB"), Some(256_000_000));
        for bad in ["", "64", "MiB", "1.5GiB", "64mib", "99999999999GiB"] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn times_need_an_offset() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time("2013-01-01T05:15:00.250-05:00"), Some(1_357_035_300_250));
        assert_eq!(parse_time("2024-02-29T12:00:00Z"), Some(1_709_208_000_000));
        for bad in ["2013-01-01", "2013-01-01T05:15:00", "2023-02-29T00:00:00Z", "now"] {
            assert_eq!(parse_time(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_back_is_read_as_the_same(value in 0..i64::MAX / 2) {
            prop_assert_eq!(parse_duration(&format_duration(value)), Some(value));
            prop_assert_eq!(parse_size(&format_size(value as u64)), Some(value as u64));
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (parse_duration(&text), parse_size(&text), parse_time(&text));
        }
    }
}
