//! Event times in the usual notations, as milliseconds since 1970 (UTC).
//!
//! | notation | looks like |
//! |---|---|
//! | `unix_s` | `1356999300`, `1356999300.25`: seconds since 1970 |
//! | `unix_ms`, `unix_us`, `unix_ns` | `1356999300250`: thousandths, millionths, billionths |
//! | `rfc3339` | `2013-01-01T05:15:00.25+01:00`, `2013-01-01 04:15:00Z`: with an offset |
//! | `iso8601` | `2013-01-01 05:15:00`, `2013-01-01T05:15`, `2013-01-01`: without an offset, taken as UTC |
//! | `auto` | any of these, found out value by value |
//!
//! `auto` tells numbers by their size: below 10^11 they are seconds (until the year 5138), below 10^14
//! milliseconds, below 10^17 microseconds, beyond nanoseconds. So it is wrong about milliseconds before March 1973:
//! declare the notation where it is known.
//!
//! In JSON the first four are numbers and `rfc3339` and `iso8601` are strings, and not the other way round; in CSV
//! all are text. What is finer than a millisecond is cut off towards the past. Years reach from 0000 to 9999; what
//! lies outside is out of range and never wraps. A leap second (`23:59:60`) is the first second of the next minute.

use crate::fault::{self, Fault, excerpt};
use crate::number::{Decimal, Grammar, scan};
use streamfold_flow::schema::TimeNotation;

/// The first and the last millisecond that can be told: years 0000 to 9999.
const RANGE_MS: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// Why something is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// It does not look like one.
    #[error("not a time in this notation")]
    Form,
    /// A year before 0000 or after 9999.
    #[error("outside of the years 0000 to 9999")]
    Range,
    /// `rfc3339` needs one.
    #[error("the offset (such as Z or +01:00) is missing")]
    NoOffset,
    /// `iso8601` is without.
    #[error("has an offset; declare rfc3339 or auto")]
    Offset,
}

impl TimeError {
    /// The fault of a record whose field is no time.
    #[cold]
    pub(crate) fn fault(self, field: &str, notation: TimeNotation, found: &str) -> Fault {
        let kind = if self == TimeError::Range { fault::OUT_OF_RANGE } else { fault::NOT_A_TIME };
        let (field, found) = (excerpt(field), excerpt(found));
        Fault::new(kind, format!("field {field}: expected {}, found {found}: {self}", expectation(notation)))
    }
}

/// What the notation looks like, in words for reasons.
pub(crate) fn expectation(notation: TimeNotation) -> &'static str {
    match notation {
        TimeNotation::Auto => "a time",
        TimeNotation::UnixSeconds => "a time as seconds since 1970",
        TimeNotation::UnixMilliseconds => "a time as milliseconds since 1970",
        TimeNotation::UnixMicroseconds => "a time as microseconds since 1970",
        TimeNotation::UnixNanoseconds => "a time as nanoseconds since 1970",
        TimeNotation::Rfc3339 => "a time such as 2013-01-01T05:15:00Z",
        TimeNotation::Iso8601 => "a time such as 2013-01-01 05:15:00",
    }
}

/// Whether times of this notation may be numbers.
pub(crate) fn takes_numbers(notation: TimeNotation) -> bool {
    !matches!(notation, TimeNotation::Rfc3339 | TimeNotation::Iso8601)
}

/// Whether times of this notation may be text that is not the text of a number.
pub(crate) fn takes_text(notation: TimeNotation) -> bool {
    matches!(notation, TimeNotation::Auto | TimeNotation::Rfc3339 | TimeNotation::Iso8601)
}

/// Reads a time from text of which nothing else is known, as in CSV: numbers are recognised.
pub fn parse(notation: TimeNotation, text: &str) -> Result<i64, TimeError> {
    if takes_numbers(notation)
        && let Some((number, end)) = scan(text, 0, Grammar::Plain)
        && end == text.len()
    {
        return from_number(notation, number);
    }
    if takes_text(notation) { from_text(notation, text) } else { Err(TimeError::Form) }
}

/// Reads a time from a number.
pub(crate) fn from_number(notation: TimeNotation, number: Decimal<'_>) -> Result<i64, TimeError> {
    let (digits, exponent, more) = match number.digits {
        Some(digits) => (u128::from(digits), number.exponent, false),
        None => many_digits(number),
    };
    let shift = match notation {
        TimeNotation::UnixSeconds => 3,
        TimeNotation::UnixMicroseconds => -3,
        TimeNotation::UnixNanoseconds => -6,
        TimeNotation::Auto => match scaled(digits, exponent).ok_or(TimeError::Range)?.0 {
            0..100_000_000_000 => 3,
            100_000_000_000..100_000_000_000_000 => 0,
            100_000_000_000_000..100_000_000_000_000_000 => -3,
            _ => -6,
        },
        _ => 0,
    };
    let (whole, rest) = scaled(digits, exponent.saturating_add(shift)).ok_or(TimeError::Range)?;
    let magnitude = i64::try_from(whole).map_err(|_| TimeError::Range)?;
    // Cut off towards the past, on both sides of 1970.
    in_range(if number.negative { -magnitude - i64::from(rest || more) } else { magnitude })
}

fn in_range(time_ms: i64) -> Result<i64, TimeError> {
    if RANGE_MS.contains(&time_ms) { Ok(time_ms) } else { Err(TimeError::Range) }
}

/// The whole part of `digits * 10^exponent`, and whether something was cut off; `None` if it is too large.
fn scaled(digits: u128, exponent: i32) -> Option<(u128, bool)> {
    let power = 10u128.checked_pow(exponent.unsigned_abs());
    match (exponent, power) {
        _ if digits == 0 => Some((0, false)),
        (0.., Some(power)) => Some((digits.checked_mul(power)?, false)),
        (0.., None) => None,
        (_, Some(power)) => Some((digits / power, !digits.is_multiple_of(power))),
        (_, None) => Some((0, true)),
    }
}

/// The first 36 digits of a number that has more of them than 64 bits hold, their exponent, and whether what follows
/// is not zero.
fn many_digits(number: Decimal<'_>) -> (u128, i32, bool) {
    let (mut digits, mut exponent, mut more) = (0u128, number.exponent, false);
    let mantissa = number.text.split(['e', 'E']).next().unwrap_or_default();
    for digit in mantissa.bytes().map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        if digits < 10u128.pow(35) {
            digits = digits * 10 + u128::from(digit);
        } else {
            more |= digit != 0;
            exponent += 1;
        }
    }
    (digits, exponent, more)
}

/// Reads a time that is written out.
pub(crate) fn from_text(notation: TimeNotation, text: &str) -> Result<i64, TimeError> {
    let bytes = text.as_bytes();
    let day = date(bytes).ok_or(TimeError::Form)?;
    let (in_day_ms, offset) = match bytes.get(10) {
        None => (0, None),
        Some(b'T' | b't' | b' ') => time_of_day(&bytes[11..]).ok_or(TimeError::Form)?,
        Some(_) => return Err(TimeError::Form),
    };
    match (notation, offset) {
        (TimeNotation::Rfc3339, None) => Err(TimeError::NoOffset),
        (TimeNotation::Iso8601, Some(_)) => Err(TimeError::Offset),
        _ => in_range(day * 86_400_000 + in_day_ms - offset.unwrap_or(0) * 60_000),
    }
}

/// The two digits at this place.
#[inline]
fn two(bytes: &[u8], at: usize) -> Option<i64> {
    let (tens, ones) = (bytes.get(at)?.wrapping_sub(b'0'), bytes.get(at + 1)?.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(i64::from(tens) * 10 + i64::from(ones))
}

/// `YYYY-MM-DD` at the beginning, as days since 1970.
fn date(bytes: &[u8]) -> Option<i64> {
    let year = two(bytes, 0)? * 100 + two(bytes, 2)?;
    let (month, day) = (two(bytes, 5)?, two(bytes, 8)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if bytes[4] != b'-' || bytes[7] != b'-' || !(1..=days).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last; day 0 is 1 March of the year 0.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// `HH:MM[:SS[.fraction]][offset]`, as milliseconds and the offset in minutes.
fn time_of_day(bytes: &[u8]) -> Option<(i64, Option<i64>)> {
    let (hour, minute) = (two(bytes, 0)?, two(bytes, 3)?);
    if bytes[2] != b':' || hour > 23 || minute > 59 {
        return None;
    }
    let mut time_ms = (hour * 60 + minute) * 60_000;
    let mut at = 5;
    if bytes.get(at) == Some(&b':') {
        let second = two(bytes, 6).filter(|second| *second <= 60)?;
        time_ms += second * 1000;
        at = 8;
        if matches!(bytes.get(at), Some(b'.' | b',')) {
            let first = at + 1;
            let mut weight = 100;
            at = first;
            while let Some(digit) =
                bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10)
            {
                time_ms += i64::from(digit) * weight;
                weight /= 10;
                at += 1;
            }
            if at == first {
                return None;
            }
        }
    }
    Some((time_ms, offset(&bytes[at..])?))
}

/// `Z`, `+HH:MM`, `-HHMM`, `+HH` or nothing, in minutes; the outer `None` is anything else.
#[expect(clippy::option_option, reason = "no offset is an answer, and another one than a wrong offset")]
fn offset(bytes: &[u8]) -> Option<Option<i64>> {
    let sign = match bytes {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [b'+', ..] => 1,
        [b'-', ..] => -1,
        _ => return None,
    };
    let minutes = match bytes.len() {
        3 => 0,
        5 => two(bytes, 3)?,
        6 if bytes[3] == b':' => two(bytes, 4)?,
        _ => return None,
    };
    let hours = two(bytes, 1)?;
    (hours < 24 && minutes < 60).then_some(Some(sign * (hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeNotation::*;
    use proptest::prelude::*;

    const MOMENT_MS: i64 = 1_357_017_300_250;

    #[test]
    fn the_usual_notations() {
        for (notation, text, time_ms) in [
            (UnixSeconds, "1357017300.25", MOMENT_MS),
            (UnixSeconds, "1.35701730025e9", MOMENT_MS),
            (UnixSeconds, "1357017300.2509999999999999999999999999999999999999", MOMENT_MS),
            (UnixSeconds, "-0.0001", -1),
            (UnixSeconds, "-0.00000000000000000000000000000000000000001", -1),
            (UnixMilliseconds, "1357017300250", MOMENT_MS),
            (UnixMicroseconds, "1357017300250999", MOMENT_MS),
            (UnixMicroseconds, "-1", -1),
            (UnixNanoseconds, "1357017300250999999", MOMENT_MS),
            (Auto, "1357017300", MOMENT_MS - 250),
            (Auto, "1357017300.25", MOMENT_MS),
            (Auto, "1357017300250", MOMENT_MS),
            (Auto, "1357017300250000", MOMENT_MS),
            (Auto, "1357017300250000000", MOMENT_MS),
            (Auto, "2013-01-01T05:15:00.25Z", MOMENT_MS),
            (Auto, "2013-01-01 05:15:00.25", MOMENT_MS),
            (Rfc3339, "2013-01-01t06:15:00,25099+01:00", MOMENT_MS),
            (Rfc3339, "2013-01-01 00:15:00.25-0500", MOMENT_MS),
            (Rfc3339, "2013-01-01T05:15Z", MOMENT_MS - 250),
            (Rfc3339, "2016-12-31T23:59:60Z", 1_483_228_800_000),
            (Iso8601, "2013-01-01 05:15:00", MOMENT_MS - 250),
            (Iso8601, "2013-01-01T05:15", MOMENT_MS - 250),
            (Iso8601, "2013-01-01", 1_356_998_400_000),
            (Iso8601, "2000-02-29", 951_782_400_000),
            (Iso8601, "2016-02-29", 1_456_704_000_000),
            (Iso8601, "0000-01-01", *RANGE_MS.start()),
            (Iso8601, "9999-12-31T23:59:59.999", *RANGE_MS.end()),
        ] {
            assert_eq!(parse(notation, text), Ok(time_ms), "{notation:?} {text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for (notation, text, error) in [
            (UnixSeconds, "2013-01-01", TimeError::Form),
            (UnixSeconds, "1357017300s", TimeError::Form),
            (UnixSeconds, "1e300", TimeError::Range),
            (UnixSeconds, "1e99999999999", TimeError::Range),
            (UnixSeconds, "1357017300250", TimeError::Range),
            (UnixMilliseconds, "9223372036854775808", TimeError::Range),
            (UnixNanoseconds, "99999999999999999999999999999999999999999999", TimeError::Range),
            (Rfc3339, "2013-01-01T05:15:00", TimeError::NoOffset),
            (Rfc3339, "1357017300", TimeError::Form),
            (Rfc3339, "0000-01-01T00:00:00+00:01", TimeError::Range),
            (Iso8601, "2013-01-01T05:15:00Z", TimeError::Offset),
            (Iso8601, "2013-02-29", TimeError::Form),
            (Iso8601, "1900-02-29", TimeError::Form),
            (Iso8601, "2013-13-01", TimeError::Form),
            (Iso8601, "2013-00-01", TimeError::Form),
            (Iso8601, "2013-01-00", TimeError::Form),
            (Iso8601, "2013-1-1", TimeError::Form),
            (Iso8601, "2013-01-01T24:00", TimeError::Form),
            (Iso8601, "2013-01-01T05:60", TimeError::Form),
            (Iso8601, "2013-01-01T05:15:61", TimeError::Form),
            (Iso8601, "2013-01-01T05:15:00.", TimeError::Form),
            (Iso8601, "2013-01-01T", TimeError::Form),
            (Iso8601, "2013-01-01x05:15", TimeError::Form),
            (Auto, "", TimeError::Form),
            (Auto, "yesterday", TimeError::Form),
            (Auto, "2013-01-01T05:15+1:00", TimeError::Form),
        ] {
            assert_eq!(parse(notation, text), Err(error), "{notation:?} {text}");
        }
    }

    proptest! {
        #[test]
        fn dates_agree_with_another_implementation(time_ms in RANGE_MS, minutes in -720i32..840) {
            let zone = chrono::FixedOffset::east_opt(minutes * 60).unwrap();
            let moment = chrono::DateTime::from_timestamp_millis(time_ms).unwrap();
            let local = moment.with_timezone(&zone).naive_local();
            prop_assume!((0..=9999).contains(&chrono::Datelike::year(&local)));
            let text = moment.with_timezone(&zone).to_rfc3339();
            prop_assert_eq!(parse(Rfc3339, &text), Ok(time_ms));
            prop_assert_eq!(parse(Auto, &text), Ok(time_ms));
            let text = moment.naive_utc().format("%Y-%m-%d %H:%M:%S%.f").to_string();
            prop_assert_eq!(parse(Iso8601, &text), Ok(time_ms));
        }

        #[test]
        fn numbers_of_all_units_agree(time_ms in RANGE_MS, part in 0i64..1_000_000) {
            prop_assert_eq!(parse(UnixMilliseconds, &time_ms.to_string()), Ok(time_ms));
            let seconds = format!("{}{}.{:03}", if time_ms < 0 { "-" } else { "" }, time_ms.abs() / 1000, time_ms.abs() % 1000);
            prop_assert_eq!(parse(UnixSeconds, &seconds), Ok(time_ms));
            if let Some(nanoseconds) = time_ms.checked_mul(1_000_000).and_then(|ns| ns.checked_add(part)) {
                prop_assert_eq!(parse(UnixNanoseconds, &nanoseconds.to_string()), Ok(time_ms));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}", digits in "[-0-9T:+Z. ]{0,30}") {
            for (_, notation) in TimeNotation::NAMES {
                let _ = parse(*notation, &text);
                let _ = parse(*notation, &digits);
            }
        }
    }
}
