"""Sends 50,000 real flights: departures to the topic `departures`, landings to the topic `landings`.

Both are written in the order in which they happened, so a landing comes after its departure. The time of an event
is a field of it. The records' own timestamps are left alone: with those of 2013 Kafka's retention would delete
them within minutes.
"""

import argparse
import csv
import datetime
import gzip
import json
import pathlib

from kafka import KafkaProducer

FLIGHTS = pathlib.Path(__file__).with_name("flights-2013.csv.gz")


def iso(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def events(flight):
    """The departure of a flight, and its landing if it took place, each as (time, topic, key, value)."""
    scheduled = datetime.datetime.strptime(flight["scheduled"], "%Y-%m-%dT%H:%M:%SZ")
    key = f"{flight['carrier']}{flight['flight']}-{flight['origin']}-{flight['scheduled']}"
    # A flight that never left is announced at its scheduled time, without a delay.
    dep_delay = int(flight["dep_delay"]) if flight["dep_delay"] else None
    departed = scheduled + datetime.timedelta(minutes=dep_delay or 0)
    yield departed, "departures", key, {
        "id": key,
        "time": iso(departed),
        "carrier": flight["carrier"],
        "flight": int(flight["flight"]),
        "origin": flight["origin"],
        "dest": flight["dest"],
        "distance": int(flight["distance"]),
        "scheduled": flight["scheduled"],
        "scheduled_minutes": int(flight["scheduled_minutes"]),
        "hour": scheduled.hour,
        "dep_delay": dep_delay,
    }
    if flight["arr_delay"]:
        arr_delay = int(flight["arr_delay"])
        landed = scheduled + datetime.timedelta(minutes=int(flight["scheduled_minutes"]) + arr_delay)
        yield landed, "landings", key, {"id": key, "time": iso(landed), "arr_delay": arr_delay}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default="localhost:9092")
    parser.add_argument("--flights", type=int, default=50_000, help="how many flights to send")
    args = parser.parse_args()

    with gzip.open(FLIGHTS, "rt", newline="") as file:
        flights = [flight for flight, _ in zip(csv.DictReader(file), range(args.flights))]
    history = [event for flight in flights for event in events(flight)]
    history.sort(key=lambda event: event[0])

    producer = KafkaProducer(bootstrap_servers=args.bootstrap_servers, linger_ms=20)
    sent = {"departures": 0, "landings": 0}
    for _, topic, key, value in history:
        producer.send(topic, key=key.encode(), value=json.dumps(value).encode())
        sent[topic] += 1
    producer.flush()
    producer.close()
    print(f"sent {sent['departures']} departures and {sent['landings']} landings")


if __name__ == "__main__":
    main()
