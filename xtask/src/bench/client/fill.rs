//! Writes events of 161 bytes into a topic: a number, ten features, and a label that is linear in them plus noise.

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use std::io::Write;
use std::time::Duration;

const FEATURES: usize = 10;
const WEIGHTS: [f64; FEATURES] = [1.5, -2.0, 3.0, 0.5, -1.0, 2.5, -0.5, 1.0, -3.0, 2.0];
const NOISE: f64 = 0.1;

/// Writes the events; the topic is made by the broker if it is not there.
pub fn run(bootstrap: &str, topic: &str, events: u64, seed: u64) -> anyhow::Result<()> {
    let producer: ThreadedProducer<_> = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("linger.ms", "20")
        .set("batch.size", "1000000")
        .set("batch.num.messages", "100000")
        .set("queue.buffering.max.messages", "500000")
        .set("delivery.report.only.error", "true")
        .create()?;
    let mut generator = Generator { state: seed };
    let mut value = Vec::with_capacity(161);
    for id in 0..events {
        value.clear();
        generator.event(id, &mut value)?;
        loop {
            match producer.send(BaseRecord::<(), _>::to(topic).partition(0).payload(&value)) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(error.into()),
            }
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}

/// Prints the events, one a line.
pub fn print(events: u64, seed: u64) -> anyhow::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut generator = Generator { state: seed };
    let mut value = Vec::with_capacity(162);
    for id in 0..events {
        value.clear();
        generator.event(id, &mut value)?;
        value.push(b'\n');
        out.write_all(&value)?;
    }
    Ok(out.flush()?)
}

/// SplitMix64: short, good enough, the same everywhere.
struct Generator {
    state: u64,
}

impl Generator {
    /// A number from -1 to 1.
    fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    fn event(&mut self, id: u64, out: &mut Vec<u8>) -> std::io::Result<()> {
        write!(out, "{{\"id\":{}", 1_000_000 + id)?;
        let mut label = 5.0;
        for (place, weight) in WEIGHTS.iter().enumerate() {
            let value = self.uniform();
            label += weight * value;
            write!(out, ",\"x{place}\":{}", fixed(value, 7))?;
        }
        label += NOISE * self.uniform();
        write!(out, ",\"label\":{}}}", fixed(label, 8))
    }
}

/// The number in decimals, as many as fit into this width.
fn fixed(value: f64, width: usize) -> String {
    let whole = (value.abs() as u64).to_string().len();
    let sign = usize::from(value.is_sign_negative());
    let text = format!("{value:.*}", width.saturating_sub(sign + whole + 1));
    // Rounding to a whole number can take one digit more than the number itself: 9.9999.
    text.chars().take(width).collect()
}
