"""Prints how well the clusters follow the groups: for each thousand points, the share that lies in the cluster
which holds most of their group."""

import argparse
import collections
import json

from kafka import KafkaConsumer


def purity(answers):
    """Share of the points whose group is the most frequent one of their cluster."""
    clusters = collections.defaultdict(collections.Counter)
    for answer in answers:
        clusters[answer["prediction"]][answer["group"]] += 1
    return sum(groups.most_common(1)[0][1] for groups in clusters.values()) / len(answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--events", type=int, default=20_000, help="end after so many answers")
    parser.add_argument("--wait", type=float, default=60, help="end when none has come for so many seconds")
    args = parser.parse_args()

    consumer = KafkaConsumer(
        "points-clustered",
        bootstrap_servers=args.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        group_id=None,
        isolation_level="read_committed",
        consumer_timeout_ms=int(args.wait * 1000),
    )
    count, last = 0, []
    for record in consumer:
        last.append(json.loads(record.value))
        count += 1
        if len(last) == 1000:
            distance = sum(answer["distance"] for answer in last) / len(last)
            clusters = len({answer["prediction"] for answer in last})
            print(f"{count} points: purity {purity(last):.4f}, {clusters} clusters, mean distance {distance:.3f}")
            last = []
        if count == args.events:
            break
    consumer.close()
    if not count:
        raise SystemExit("no answers came")


if __name__ == "__main__":
    main()
