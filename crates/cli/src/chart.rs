//! Curves in characters, two by four dots in each.

use crate::screen::colour;

/// A curve: its values in the order of time (`None`: not known), and its colour.
pub struct Curve<'a> {
    pub values: &'a [Option<f64>],
    pub colour: u8,
}

/// Draws curves over each other, the first on top, from 0 (or the least value below it) to the greatest.
/// Each line begins with its value; the whole is `width` characters wide.
pub fn draw(curves: &[Curve<'_>], width: usize, height: usize) -> Vec<String> {
    let all =
        || curves.iter().flat_map(|curve| curve.values.iter().flatten()).copied().filter(|v| v.is_finite());
    let (low, high) = (all().fold(0.0, f64::min), all().fold(f64::MIN_POSITIVE, f64::max));
    let plot = width.saturating_sub(AXIS).max(1);
    let mut cells = vec![(0u8, 0u8); plot * height];
    // The first curve is drawn last, so that its colour stays.
    for curve in curves.iter().rev() {
        for column in 0..plot * 2 {
            let Some(value) = value_at(curve.values, column, plot * 2) else { continue };
            let dots = height * 4;
            let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
            let from_top = ((1.0 - share) * (dots - 1) as f64).round() as usize;
            let cell = &mut cells[(from_top / 4) * plot + column / 2];
            *cell = (cell.0 | DOTS[column % 2][from_top % 4], curve.colour);
        }
    }
    let line = |(number, row): (usize, &[(u8, u8)])| {
        let label = match number {
            0 => format!("{high:>AXIS_TEXT$.1}"),
            _ if number + 1 == height => format!("{low:>AXIS_TEXT$.1}"),
            _ => " ".repeat(AXIS_TEXT),
        };
        let cells = row.iter().map(|(dots, number)| match char::from_u32(0x2800 + u32::from(*dots)) {
            Some(dots) if dots != '\u{2800}' => colour(&dots.to_string(), *number),
            _ => " ".to_owned(),
        });
        format!("{label} │{}", cells.collect::<String>())
    };
    cells.chunks(plot).enumerate().map(line).collect()
}

const AXIS_TEXT: usize = 7;
const AXIS: usize = AXIS_TEXT + 2;

/// Bits of the dots of a braille character: column, then line.
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// The value at a column, the values being stretched over all columns.
fn value_at(values: &[Option<f64>], column: usize, columns: usize) -> Option<f64> {
    let place = match values.len() {
        0 => return None,
        length if length >= columns => column * length / columns,
        length => column * (length - 1) / columns.max(2).saturating_sub(1),
    };
    values.get(place).copied().flatten().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_curve_goes_from_the_corner_below_to_the_one_above() {
        let values: Vec<Option<f64>> = (0..40).map(|n| Some(f64::from(n))).collect();
        let lines = draw(&[Curve { values: &values, colour: 2 }], 29, 5);
        assert_eq!(lines.len(), 5);
        assert!(lines[0].starts_with("   39.0 │") && lines[4].starts_with("    0.0 │"), "{lines:?}");
        assert!(lines[0].trim_end().ends_with("\x1b[0m") && lines[4].contains("│\x1b[32m"), "{lines:?}");
        assert!(lines[0].contains("│     "), "{lines:?}");
    }

    #[test]
    fn nothing_known_is_an_empty_plot() {
        let lines = draw(&[Curve { values: &[None, Some(f64::NAN)], colour: 1 }], 20, 2);
        assert!(lines.iter().all(|line| !line.contains('\x1b')), "{lines:?}");
        assert!(draw(&[], 0, 1).len() == 1);
    }
}
