//! Decimal numbers: read from text in one pass, to the nearest float, always.
//!
//! Digits are taken eight at a time. The usual numbers (at most 19 digits, and an exponent that is not extreme)
//! become floats by one exact operation; whatever else there is goes to the standard library, which rounds
//! correctly, too.

/// A number as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'a> {
    /// All of it.
    pub(crate) text: &'a str,
    pub(crate) negative: bool,
    /// The digits as one integer, if there are at most 19 of them: the value is `digits * 10^exponent`.
    pub(crate) digits: Option<u64>,
    pub(crate) exponent: i32,
    /// Whether it is written without fraction and exponent.
    pub(crate) whole: bool,
}

/// Whose rules a number follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grammar {
    /// JSON's: no plus, no needless leading zeros, digits on both sides of the point.
    Json,
    /// What people and programs write into CSV: all of that is allowed, too.
    Plain,
}

/// More digits may not fit into 64 bits.
const DIGITS_MAX: usize = 19;

/// Exponents beyond are all the same to a float.
const EXPONENT_MAX: i64 = 1_000_000;

/// Powers of ten up to those that a float (22) and 64 bits (19) hold exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Integer powers of ten.
const WHOLE_TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Powers of five that 64 bits hold, shifted up until the highest bit is set.
const FIVES: [u64; 28] = {
    let mut fives = [0; 28];
    let (mut power, mut k) = (1u64, 0);
    while k < 28 {
        fives[k] = power << power.leading_zeros();
        power = power.wrapping_mul(5);
        k += 1;
    }
    fives
};

/// Eight bytes from this place on, if there are that many.
#[inline(always)]
pub(crate) fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// How many of the eight bytes, from the first on, are digits.
#[inline(always)]
fn digits_in(chunk: u64) -> u32 {
    // The highest bit of a byte is set if the byte is above '9' (left) or below '0' (right). Carries and borrows
    // disturb only bytes behind the first that is no digit.
    let others = chunk.wrapping_add(0x4646_4646_4646_4646) | chunk.wrapping_sub(0x3030_3030_3030_3030);
    (others & 0x8080_8080_8080_8080).trailing_zeros() / 8
}

/// The number that the first `count` (1 to 8) digits of eight bytes make.
#[inline(always)]
fn value_of(chunk: u64, count: u32) -> u64 {
    let digits = chunk.wrapping_sub(0x3030_3030_3030_3030) << (64 - 8 * count);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    low.wrapping_add(high) >> 32
}

/// Appends the digits from `at` on to `value` (modulo 2^64) and says where they end.
#[inline(always)]
fn digits(bytes: &[u8], mut at: usize, mut value: u64) -> (u64, usize) {
    while let Some(chunk) = eight(bytes, at) {
        let count = digits_in(chunk);
        if count > 0 {
            value = value.wrapping_mul(WHOLE_TENS[count as usize]).wrapping_add(value_of(chunk, count));
            at += count as usize;
        }
        if count < 8 {
            return (value, at);
        }
    }
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (value, at)
}

/// Reads the number that begins at `start`, and says where it ends; `None` if there is none. What follows is for
/// the caller to look at: in `1.5x` the number is `1.5`.
#[inline(always)]
pub(crate) fn scan(text: &str, start: usize, grammar: Grammar) -> Option<(Decimal<'_>, usize)> {
    let bytes = text.as_bytes();
    let negative = bytes.get(start) == Some(&b'-');
    let sign = negative || grammar == Grammar::Plain && bytes.get(start) == Some(&b'+');
    let first = start + usize::from(sign);
    let (mut value, whole_end) = digits(bytes, first, 0);
    let mut count = whole_end - first;
    if grammar == Grammar::Json && (count == 0 || count > 1 && bytes[first] == b'0') {
        return None;
    }
    let (mut end, mut exponent) = (whole_end, 0);
    if bytes.get(end) == Some(&b'.') {
        (value, end) = digits(bytes, whole_end + 1, value);
        let fraction = end - whole_end - 1;
        if grammar == Grammar::Json && fraction == 0 {
            return None;
        }
        exponent = -(fraction as i64);
        count += fraction;
    }
    if count == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let (shift, after) = scan_exponent(bytes, end + 1)?;
        exponent += shift;
        end = after;
    }
    let number = Decimal {
        text: &text[start..end],
        negative,
        digits: (count <= DIGITS_MAX).then_some(value),
        exponent: exponent as i32,
        whole: end == whole_end,
    };
    Some((number, end))
}

/// Reads the number that begins at `start`, and says where it ends, if it is one of the usual ones: JSON's grammar, few
/// digits before the point, 19 in all, no exponent, and not at the very end of the text. `None` says nothing: [`scan`]
/// reads all numbers. This is half of the work of reading an event, and what it waits for is to know where the number
/// ends; so that comes from two loads and no branch that depends on the digits.
#[inline(always)]
pub(crate) fn scan_usual(bytes: &[u8], start: usize) -> Option<(f64, usize)> {
    let chunk = eight(bytes, start)?;
    let negative = chunk as u8 == b'-';
    let chunk = chunk >> (8 * u32::from(negative));
    let whole = digits_in(chunk);
    if whole == 0 || whole == 8 || whole > 1 && chunk as u8 == b'0' {
        return None;
    }
    let whole_end = start + usize::from(negative) + whole as usize;
    let mut value = value_of(chunk, whole);
    let (mut end, mut next, mut fraction) = (whole_end, (chunk >> (8 * whole)) as u8, 0);
    if next == b'.' {
        let chunk = eight(bytes, whole_end + 1)?;
        fraction = digits_in(chunk) as usize;
        if fraction == 0 {
            return None;
        }
        value = value * WHOLE_TENS[fraction] + value_of(chunk, fraction as u32);
        next = (chunk >> (8 * fraction).min(63)) as u8;
        if fraction == 8 {
            (value, end) = more_digits(bytes, whole_end + 9, value);
            next = *bytes.get(end)?;
            fraction = end - whole_end - 1;
            if whole as usize + fraction > DIGITS_MAX {
                return None;
            }
        }
        end = whole_end + 1 + fraction;
    }
    // After a minus and seven digits the next byte was shifted in as zero; as if it were unknown.
    if next | 0x20 == b'e' || next == 0 {
        return None;
    }
    let magnitude = match value <= 1 << 53 {
        true => value as i64 as f64 / TENS[fraction],
        false => divided(value, fraction as u32),
    };
    Some((if negative { -magnitude } else { magnitude }, end))
}

/// As [`scan_usual`], for integers: at most 18 digits.
#[inline(always)]
pub(crate) fn scan_usual_integer(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let negative = *bytes.get(start)? == b'-';
    let first = start + usize::from(negative);
    let (value, end) = digits(bytes, first, 0);
    let count = end - first;
    let whole = !matches!(bytes.get(end)?, b'.' | b'e' | b'E');
    if count == 0 || count > 18 || !whole || count > 1 && bytes[first] == b'0' {
        return None;
    }
    Some((if negative { -(value as i64) } else { value as i64 }, end))
}

/// See [`digits`]. A function of its own, so that it takes no registers from those who rarely need it.
#[inline(never)]
fn more_digits(bytes: &[u8], at: usize, value: u64) -> (u64, usize) {
    digits(bytes, at, value)
}

#[cold]
fn scan_exponent(bytes: &[u8], start: usize) -> Option<(i64, usize)> {
    let negative = bytes.get(start) == Some(&b'-');
    let first = start + usize::from(matches!(bytes.get(start), Some(b'-' | b'+')));
    let mut exponent = 0i64;
    let mut end = first;
    while let Some(digit) = bytes.get(end).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        exponent = (exponent * 10 + i64::from(digit)).min(EXPONENT_MAX);
        end += 1;
    }
    (end > first).then_some((if negative { -exponent } else { exponent }, end))
}

impl Decimal<'_> {
    /// The nearest float; infinite where the number is beyond all floats.
    #[inline(always)]
    pub(crate) fn to_float(self) -> f64 {
        let magnitude = match self.digits {
            // Both are exact as floats, so one operation rounds once.
            Some(digits) if digits <= 1 << 53 && (-22..=22).contains(&self.exponent) => {
                let power = TENS[self.exponent.unsigned_abs() as usize];
                if self.exponent < 0 { digits as f64 / power } else { digits as f64 * power }
            }
            Some(digits) if digits > 0 && (-27..0).contains(&self.exponent) => {
                divided(digits, self.exponent.unsigned_abs())
            }
            _ => return self.to_float_slowly(),
        };
        if self.negative { -magnitude } else { magnitude }
    }

    #[cold]
    fn to_float_slowly(self) -> f64 {
        // The grammar of the standard library is wider than both of ours, so this never fails.
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// The integer, if it is written as one and fits: `None` otherwise.
    #[inline]
    pub(crate) fn to_integer(self) -> Option<i64> {
        match self.digits {
            Some(digits) if self.whole && digits <= i64::MAX as u64 => {
                Some(if self.negative { -(digits as i64) } else { digits as i64 })
            }
            // The smallest one, or leading zeros.
            _ if self.whole => self.text.parse().ok(),
            _ => None,
        }
    }
}

/// `digits / 10^k`, rounded once: both are shifted up to 64 bits and divided exactly, and the remainder, if there is
/// one, is kept as the lowest bit of a quotient that has ten bits more than a float.
#[inline(always)]
fn divided(digits: u64, k: u32) -> f64 {
    let five = FIVES[k as usize];
    let shift = digits.leading_zeros();
    let dividend = u128::from(digits << shift) << 63;
    let quotient = (dividend / u128::from(five)) as u64;
    let remainder = dividend.wrapping_sub(u128::from(quotient) * u128::from(five)) != 0;
    // 5^k was shifted by what is left of 64 bits, 10^k = 5^k * 2^k.
    let five_shift = i64::from(FIVE_SHIFTS[k as usize]);
    let exponent = five_shift - 63 - i64::from(shift) - i64::from(k);
    (quotient | u64::from(remainder)) as f64 * f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// How far each of [`FIVES`] was shifted.
const FIVE_SHIFTS: [u32; 28] = {
    let mut shifts = [0; 28];
    let (mut power, mut k) = (1u64, 0);
    while k < 28 {
        shifts[k] = power.leading_zeros();
        power = power.wrapping_mul(5);
        k += 1;
    }
    shifts
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn float(text: &str) -> Option<f64> {
        scan(text, 0, Grammar::Json)
            .filter(|(_, end)| *end == text.len())
            .map(|(number, _)| number.to_float())
    }

    #[test]
    fn hard_cases_are_rounded_to_the_nearest() {
        for text in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "1",
            "0.1",
            "123456.789",
            "9007199254740993",
            "9007199254740993.0",
            "1e22",
            "1e23",
            "8.41e21",
            "0.3",
            "2.2250738585072011e-308",
            "5e-324",
            "2.4703282292062328e-324",
            "1.7976931348623157e308",
            "179769313486231580793e289",
            "7.2057594037927933e16",
            "0.000000000000000000000000001",
            "1000000000000000128.0000000000000000000000000001",
            "9223372036854775807",
            "18446744073709551615",
            "18446744073709551616",
            "9999999999999999999",
            "0.9999999999999999999",
            "1234567890123456789e-27",
        ] {
            let expected: f64 = text.parse().unwrap();
            assert_eq!(float(text).map(f64::to_bits), Some(expected.to_bits()), "{text}");
            assert_eq!(float(&format!("-{text}")).is_some(), !text.starts_with('-'));
        }
        assert_eq!(float("1e999"), Some(f64::INFINITY));
        assert_eq!(float("-1e99999999999999999999"), Some(f64::NEG_INFINITY));
        assert_eq!(float("0e99999999999999999999"), Some(0.0));
    }

    #[test]
    fn what_is_no_number_in_json_is_refused() {
        for text in
            ["", "-", "+1", "01", "-01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity", "1_000", "--1"]
        {
            assert_eq!(float(text), None, "{text}");
            let usual = scan_usual(format!("{text}, \"next\":1").as_bytes(), 0);
            assert!(usual.is_none_or(|(_, end)| end < text.len()), "{text}");
        }
        for (text, value) in [("+1", 1.0), ("007", 7.0), (".5", 0.5), ("5.", 5.0), ("-.5e1", -5.0)] {
            let (number, end) = scan(text, 0, Grammar::Plain).unwrap();
            assert_eq!((number.to_float(), end), (value, text.len()));
        }
        for text in ["", "+", ".", "-.", "e5", "+.e1"] {
            assert!(scan(text, 0, Grammar::Plain).is_none(), "{text}");
        }
    }

    #[test]
    fn integers_are_exact_or_refused() {
        let integer = |text| scan(text, 0, Grammar::Plain).and_then(|(number, _)| number.to_integer());
        assert_eq!(integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer("9223372036854775807"), Some(i64::MAX));
        assert_eq!(integer("+0000000000000000000000007"), Some(7));
        assert_eq!(integer("9223372036854775808"), None);
        assert_eq!(integer("99999999999999999999"), None);
        assert_eq!(integer("1.0"), None);
        assert_eq!(integer("1e3"), None);
        let usual = |text: &str| scan_usual_integer(text.as_bytes(), 0);
        assert_eq!(usual("-123456789012345678,"), Some((-123_456_789_012_345_678, 19)));
        assert_eq!(usual("0 "), Some((0, 1)));
        for text in ["1234567890123456789,", "01,", "-,", "-", "1", "1.0,", "1e3,", "x"] {
            assert_eq!(usual(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_just_above_a_tie_is_rounded_up() {
        // About one in two thousand has a quotient that is a tie but for its remainder.
        let mut digits = 1u64;
        for _ in 0..30_000 {
            digits = digits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let expected: f64 = format!("{digits}e-22").parse().unwrap();
            assert_eq!(divided(digits, 22).to_bits(), expected.to_bits(), "{digits}");
        }
    }

    proptest! {
        #[test]
        fn floats_read_back_to_the_same_bits(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value}"), format!("{value:e}"), ryu::Buffer::new().format(value).to_owned()] {
                prop_assert_eq!(float(&text).map(f64::to_bits), Some(bits), "{}", text);
                if let Some((value, end)) = scan_usual(format!("{text}, \"next\"").as_bytes(), 0) {
                    prop_assert_eq!((value.to_bits(), end), (bits, text.len()), "{}", text);
                }
            }
        }

        #[test]
        fn any_digits_are_rounded_as_the_standard_library_does(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,22})?(e-?[0-9]{1,2})?", tail in "[ ,}x]{0,9}") {
            let expected: f64 = text.parse().unwrap();
            let long = format!("{text}{tail}");
            let (number, end) = scan(&long, 0, Grammar::Json).unwrap();
            prop_assert_eq!((number.to_float().to_bits(), end), (expected.to_bits(), text.len()));
            if let Some((value, end)) = scan_usual(long.as_bytes(), 0) {
                prop_assert_eq!((value.to_bits(), end), (expected.to_bits(), text.len()));
            }
        }

        #[test]
        fn fractions_of_19_digits_are_rounded_once(digits in any::<u64>(), k in 1u32..28) {
            prop_assume!(digits > 0);
            let expected: f64 = format!("{digits}e-{k}").parse().unwrap();
            prop_assert_eq!(divided(digits, k).to_bits(), expected.to_bits());
        }
    }
}
