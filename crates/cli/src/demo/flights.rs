//! The flights of examples/flights, as records of two topics in the order in which things happened.

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read;
use streamfold_flow::schema::TimeNotation;
use streamfold_formats::time;

/// In the binary itself, so that the demo runs wherever it is started.
static FLIGHTS: &[u8] = include_bytes!("../../../../examples/flights/flights-2013.csv.gz");

/// Place of the departures among the topics.
pub const DEPARTURES: u16 = 0;
/// Place of the landings.
pub const LANDINGS: u16 = 1;

const MINUTE_MS: i64 = 60_000;

/// A record to be sent.
pub struct Happening {
    pub time_ms: i64,
    pub topic: u16,
    pub key: String,
    pub value: String,
}

/// Everything that happened, and for each flight that landed how late it was, in minutes.
pub struct History {
    pub happenings: Vec<Happening>,
    pub delays: BTreeMap<String, f64>,
}

/// Reads the first flights, by scheduled departure.
pub fn history(flights: usize) -> Result<History> {
    let mut text = String::new();
    GzDecoder::new(FLIGHTS).read_to_string(&mut text).context("the flights in the binary cannot be read")?;
    let mut history = History { happenings: Vec::new(), delays: BTreeMap::new() };
    for line in text.lines().skip(1).take(flights) {
        add(&mut history, line).with_context(|| format!("a flight in the binary cannot be read: {line}"))?;
    }
    // What happened at the same time stays in the order of the flights.
    history.happenings.sort_by_key(|happening| happening.time_ms);
    Ok(history)
}

/// The columns are scheduled, scheduled_minutes, carrier, flight, origin, dest, distance, dep_delay, arr_delay.
fn add(history: &mut History, line: &str) -> Option<()> {
    let cells: Vec<&str> = line.split(',').collect();
    let [scheduled, minutes, carrier, flight, origin, dest, distance, dep_delay, arr_delay] = cells[..]
    else {
        return None;
    };
    let scheduled_ms = time::parse(TimeNotation::Rfc3339, scheduled).ok()?;
    let whole = |text: &str| text.parse::<i64>().ok();
    let minutes = whole(minutes)?;
    let key = format!("{carrier}{flight}-{origin}-{scheduled}");
    // A flight that never left is announced at its scheduled time, without a delay.
    let delay = whole(dep_delay);
    let departed_ms = scheduled_ms + delay.unwrap_or(0) * MINUTE_MS;
    let departure = json!({
        "id": key, "time": departed_ms, "carrier": carrier, "flight": whole(flight)?, "origin": origin, "dest": dest,
        "distance": whole(distance)?, "scheduled_minutes": minutes, "hour": scheduled_ms / (60 * MINUTE_MS) % 24,
        "dep_delay": delay,
    });
    let happening = |time_ms, topic, value: serde_json::Value| Happening {
        time_ms,
        topic,
        key: key.clone(),
        value: value.to_string(),
    };
    history.happenings.push(happening(departed_ms, DEPARTURES, departure));
    if let Some(delay) = whole(arr_delay) {
        let landed_ms = scheduled_ms + (minutes + delay) * MINUTE_MS;
        let landing = json!({ "id": key, "time": landed_ms, "arr_delay": delay });
        history.happenings.push(happening(landed_ms, LANDINGS, landing));
        history.delays.insert(key.clone(), delay as f64);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_flights_are_in_the_binary_in_the_order_of_time() {
        let history = history(usize::MAX).unwrap();
        let departures = history.happenings.iter().filter(|happening| happening.topic == DEPARTURES).count();
        assert_eq!(departures, 50_000);
        assert_eq!(history.happenings.len() - departures, history.delays.len());
        assert!(history.happenings.windows(2).all(|pair| pair[0].time_ms <= pair[1].time_ms));
        assert_eq!(history.delays["UA1545-EWR-2013-01-01T10:15:00Z"], 11.0);
    }
}
