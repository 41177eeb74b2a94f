"""Sends events (x1, x2, x3, y) to the topic `numbers`; y is linear in the rest, plus noise.

The features have very different scales, on purpose: the model has to cope with them as they are.
"""

import argparse
import json
import random
import time

from kafka import KafkaProducer

NOISE = 0.5


def event(number, rng):
    x1, x2, x3 = rng.uniform(-1, 1), rng.uniform(0, 100), rng.gauss(1000, 200)
    y = 3 * x1 - 0.2 * x2 + 0.01 * x3 + 7 + rng.gauss(0, NOISE)
    return {"id": number, "x1": x1, "x2": x2, "x3": x3, "y": y}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--events", type=int, default=20_000, help="how many events to send")
    parser.add_argument("--rate", type=float, default=0, help="events per second; 0: as fast as possible")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    producer = KafkaProducer(bootstrap_servers=args.bootstrap_servers, linger_ms=20)
    for number in range(args.events):
        producer.send("numbers", key=str(number).encode(), value=json.dumps(event(number, rng)).encode())
        if args.rate:
            time.sleep(1 / args.rate)
    producer.flush()
    producer.close()
    print(f"sent {args.events} events to the topic numbers")


if __name__ == "__main__":
    main()
