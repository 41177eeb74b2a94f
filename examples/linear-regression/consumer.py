"""Prints the predictions as they come, each beside the truth, and how far off the last thousand were."""

import argparse
import collections
import json

from kafka import KafkaConsumer


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--events", type=int, default=20_000, help="end after so many predictions")
    parser.add_argument("--wait", type=float, default=60, help="end when none has come for so many seconds")
    args = parser.parse_args()

    consumer = KafkaConsumer(
        "numbers-predicted",
        bootstrap_servers=args.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        # Only what was committed: each prediction once, whatever crashed meanwhile.
        isolation_level="read_committed",
        consumer_timeout_ms=int(args.wait * 1000),
    )
    count, errors = 0, collections.deque(maxlen=1000)
    for record in consumer:
        answer = json.loads(record.value)
        count += 1
        errors.append(abs(answer["prediction"] - answer["y"]))
        if count % 1000 == 0:
            print(f"event {answer['id']}: predicted {answer['prediction']:.3f}, was {answer['y']:.3f}")
        if count == args.events:
            break
    consumer.close()
    if not errors:
        raise SystemExit("no predictions came")
    print(f"{count} predictions; mean absolute error of the last {len(errors)}: {sum(errors) / len(errors):.4f}")


if __name__ == "__main__":
    main()
