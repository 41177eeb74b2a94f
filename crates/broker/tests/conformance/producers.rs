//! Idempotent producers: each record once and in order, whatever is sent again.

use crate::bare::{Client, batch};
use crate::support::{on_both, take};
use kafka_protocol::ResponseError;
use rdkafka::Offset;

const IDEMPOTENT: [(&str, &str); 3] =
    [("enable.idempotence", "true"), ("linger.ms", "1"), ("batch.num.messages", "50")];

#[test]
fn eight_at_a_time_into_one_partition() {
    on_both(|stage| {
        let topic = stage.topic("eight", 1, &[]);
        std::thread::scope(|scope| {
            for who in 0..8 {
                let topic = &topic;
                scope.spawn(move || {
                    let sender = stage.producer(&IDEMPOTENT);
                    (0..1_000).for_each(|number| sender.send(topic, &format!("{who} {number}")));
                    assert!(sender.flush().iter().all(Result::is_ok));
                });
            }
        });
        let mut next = [0; 8];
        for (place, (_, offset, value)) in
            take(&stage.reader(&topic, Offset::Beginning, &[]), 8_000).into_iter().enumerate()
        {
            assert_eq!(offset, place as i64, "no gap");
            let (who, number) = value.split_once(' ').unwrap();
            let next = &mut next[who.parse::<usize>().unwrap()];
            assert_eq!(number.parse(), Ok(*next), "in order");
            *next += 1;
        }
    });
}

#[test]
fn a_batch_sent_again_answers_where_it_lies() {
    on_both(|stage| {
        let topic = stage.topic("again", 1, &[]);
        // Who reads waits until the partition has its leader; a bare client would not.
        assert!(stage.values(&topic, true).is_empty());
        let mut client = Client::connect(stage.broker.bootstrap().parse().unwrap());
        let producer = client.init_producer(None, 60_000);
        let first = batch(&["a", "b"], producer, 0);
        assert_eq!(client.produce(&topic, first.clone()), (0, 0));
        assert_eq!(client.produce(&topic, batch(&["c"], producer, 2)), (0, 2));
        assert_eq!(client.produce(&topic, first), (0, 0));
        let gap = client.produce(&topic, batch(&["e"], producer, 4)).0;
        assert_eq!(gap, ResponseError::OutOfOrderSequenceNumber.code());
        assert_eq!(client.produce(&topic, batch(&["d"], producer, 3)), (0, 3));
        assert_eq!(stage.values(&topic, true), ["a", "b", "c", "d"]);
    });
}
