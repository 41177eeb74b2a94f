//! What a lane has written, as it is compared: without the time of writing, topic by topic, partition by partition.

use crate::log::{NewRecord, Place, Stored, Topic, View};
use crate::world::World;
use std::collections::BTreeMap;
use std::fmt;
use streamfold_engine::lane::MODEL_HEADER;
use streamfold_engine::plan::{METRICS, PREDICTIONS};
use streamfold_flow::record::Headers;

/// A record of an output.
#[derive(PartialEq)]
struct Output {
    /// Of predictions only: other records have the time of writing.
    timestamp_ms: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

/// Everything that one lane has written.
#[derive(Default)]
pub(super) struct Written(BTreeMap<Place, Vec<Output>>);

impl Written {
    /// What the world's lane has written under `read_committed`.
    pub(super) fn by(world: &World, lane: u32) -> Self {
        let mut written = Written::default();
        for place in world.log.places().filter(|place| matches!(place.topic, Topic::Output(_))) {
            for stored in
                world.log.stored(place, 0, View::Committed).filter(|stored| lane_of(stored) == Some(lane))
            {
                let Stored { timestamp_ms, key, value, headers, .. } = stored.clone();
                written.push(place, NewRecord { timestamp_ms: Some(timestamp_ms), key, value, headers });
            }
        }
        written
    }

    /// Adds a record.
    pub(super) fn push(&mut self, place: Place, record: NewRecord) {
        let NewRecord { timestamp_ms, key, value, headers } = record;
        let timestamp_ms = timestamp_ms.filter(|_| place.topic == Topic::Output(PREDICTIONS));
        let value = match place.topic {
            Topic::Output(METRICS) => value.map(without_time),
            _ => value,
        };
        self.0.entry(place).or_default().push(Output { timestamp_ms, key, value, headers });
    }

    /// The first record that is not where it should be in what was found, where others may lie between those that should be
    /// there; in words.
    pub(super) fn missing_in(&self, found: &Written) -> Option<String> {
        self.0.iter().find_map(|(place, here)| {
            let mut there = found.0.get(place).map_or(&[][..], Vec::as_slice).iter();
            let at = here.iter().position(|output| !there.any(|other| other == output))?;
            Some(format!("{:?} as number {at} of {place:?}, which is not there in this order", here[at]))
        })
    }

    /// The first difference to what was found, in words.
    pub(super) fn difference(&self, found: &Written) -> Option<String> {
        let places = self.0.keys().chain(found.0.keys());
        places.filter_map(|place| self.difference_at(*place, found)).next()
    }

    fn difference_at(&self, place: Place, found: &Written) -> Option<String> {
        let here = self.0.get(&place).map_or(&[][..], Vec::as_slice);
        let there = found.0.get(&place).map_or(&[][..], Vec::as_slice);
        let at = (0..here.len().max(there.len())).find(|at| here.get(*at) != there.get(*at))?;
        Some(format!("{:?} as number {at} of {place:?}, but {:?} is there", here.get(at), there.get(at)))
    }
}

/// A metrics record names stream time; while its lane is too full to follow the clock, that is not what it was.
fn without_time(value: Vec<u8>) -> Vec<u8> {
    let rest = value.windows(7).position(|window| window == b",\"lane\"");
    rest.map_or(value.clone(), |at| value[at..].to_vec())
}

fn lane_of(stored: &Stored) -> Option<u32> {
    let headers = stored.record().headers;
    let lane = headers.get(MODEL_HEADER).or_else(|| headers.get("__connect.errors.task.id"))?;
    std::str::from_utf8(lane).ok()?.split('/').next()?.parse().ok()
}

/// An output as people read it.
impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|b| String::from_utf8_lossy(b).into_owned());
        let headers = Headers::from_encoded(&self.headers);
        write!(f, "[{:?} {:?} {:?} {headers:?}]", self.timestamp_ms, text(&self.key), text(&self.value))
    }
}
