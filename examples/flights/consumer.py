"""Joins the predictions with the landings and says how far off they were, beside the plainest guess: that a flight
arrives as late as it left. Then what streamfold itself says, beside the naive baselines that it carries along.
"""

import argparse
import json

from kafka import KafkaConsumer


def read(topic, args):
    """All records of a topic, as (key, value)."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=args.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        # Only what was committed: each prediction once, whatever crashed meanwhile.
        isolation_level="read_committed",
        consumer_timeout_ms=int(args.wait * 1000),
    )
    for record in consumer:
        yield record.key.decode(), json.loads(record.value)
    consumer.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--wait", type=float, default=5, help="seconds without a record after which a topic is at its end")
    args = parser.parse_args()

    landings = {key: value["arr_delay"] for key, value in read("landings", args)}
    predicted, landed, model, naive = 0, 0, 0.0, 0.0
    for key, answer in read("flights-predicted", args):
        predicted += 1
        if key in landings:
            landed += 1
            model += abs(answer["prediction"] - landings[key])
            naive += abs((answer["dep_delay"] or 0) - landings[key])
    if not landed:
        raise SystemExit("no predictions came")
    print(f"{predicted} flights predicted, {landed} of them landed")
    print(f"mean absolute error in minutes: {model / landed:.3f}; as late as it left: {naive / landed:.3f}")

    metrics = None
    for _, metrics in read("flights-metrics", args):
        pass
    for who in ("model", "mean", "last_value"):
        print(f"streamfold says after {metrics['scored']} labels, {who}: {metrics[who]['mae']:.3f}")


if __name__ == "__main__":
    main()
