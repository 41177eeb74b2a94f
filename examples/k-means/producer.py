"""Sends points to the topic `points`: four groups whose centres wander around a circle while they are sent."""

import argparse
import json
import math
import random
import time

from kafka import KafkaProducer

GROUPS = 4
RADIUS = 10
SPREAD = 1.0


def centre(group, progress):
    """Where the centre of a group is; over the whole stream the groups go half-way round."""
    angle = math.pi * progress + 2 * math.pi * group / GROUPS
    return RADIUS * math.cos(angle), RADIUS * math.sin(angle)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--events", type=int, default=20_000, help="how many points to send")
    parser.add_argument("--rate", type=float, default=0, help="points per second; 0: as fast as possible")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    producer = KafkaProducer(bootstrap_servers=args.bootstrap_servers, linger_ms=20)
    for number in range(args.events):
        group = rng.randrange(GROUPS)
        x, y = centre(group, number / args.events)
        # `group` is the truth, which the pipeline hands through without looking at it.
        point = {"id": number, "x": rng.gauss(x, SPREAD), "y": rng.gauss(y, SPREAD), "group": group}
        producer.send("points", key=str(number).encode(), value=json.dumps(point).encode())
        if args.rate:
            time.sleep(1 / args.rate)
    producer.flush()
    producer.close()
    print(f"sent {args.events} points to the topic points")


if __name__ == "__main__":
    main()
