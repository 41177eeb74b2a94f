"""The way that Python users go: confluent-kafka and River, exactly once by transactions written by hand.

river_way.py BOOTSTRAP TOPIC OUTPUT GROUP EVENTS scaled|unscaled
"""

import sys
import time

import orjson
from confluent_kafka import Consumer, Producer, TopicPartition
from river import linear_model, preprocessing

COMMIT_INTERVAL = 0.1


def main():
    bootstrap, topic, output, group, events, scaling = sys.argv[1:]
    events = int(events)
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": group,
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.init_transactions()
    consumer.subscribe([topic])
    model = linear_model.LinearRegression()
    if scaling == "scaled":
        model = preprocessing.StandardScaler() | model
    names = [f"x{place}" for place in range(10)]

    position = 0
    producer.begin_transaction()
    begun, count = time.monotonic(), 0
    while position < events:
        for message in consumer.consume(1000, timeout=0.02):
            if message.error():
                raise SystemExit(message.error())
            event = orjson.loads(message.value())
            features = {name: event[name] for name in names}
            prediction = model.predict_one(features)
            model.learn_one(features, event["label"])
            producer.produce(output, orjson.dumps({"id": event["id"], "prediction": prediction}))
            position, count = message.offset() + 1, count + 1
        producer.poll(0)
        if count and (position >= events or time.monotonic() - begun >= COMMIT_INTERVAL):
            offsets = [TopicPartition(topic, 0, position)]
            producer.send_offsets_to_transaction(offsets, consumer.consumer_group_metadata())
            producer.commit_transaction()
            producer.begin_transaction()
            begun, count = time.monotonic(), 0
    producer.abort_transaction()
    consumer.close()


if __name__ == "__main__":
    main()
