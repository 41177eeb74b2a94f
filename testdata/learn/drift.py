"""Writes drift.json: what River's detectors find on streams that any implementation can make for itself.

Run: pip install river; python3 drift.py > drift.json

Each stream is a list of parts. A part has `events` numbers; each is `1 if unit() < share else 0` where the part has a
`share`, and otherwise `offset + scale * number()`. See generate.py for the generator.
"""

import json
import sys

import river
from river._river_rust.drift import AdaptiveWindowing

MASK = (1 << 64) - 1


class Random:
    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def unit(self):
        return (self.next() >> 11) / float(1 << 53)

    def number(self):
        return (self.next() >> 11) / float(1 << 52) - 1.0


def stream(seed, parts):
    random = Random(seed)
    for part in parts:
        for _ in range(part["events"]):
            if "share" in part:
                yield 1 if random.unit() < part["share"] else 0
            else:
                yield part["offset"] + part["scale"] * random.number()


ERRORS = dict(seed=1, parts=[
    dict(events=1500, share=0.3), dict(events=1500, share=0.5), dict(events=1500, share=0.1),
    dict(events=1500, share=0.15), dict(events=1500, share=0.4),
])
NUMBERS = dict(seed=2, parts=[
    dict(events=1000, offset=0.0, scale=1.0), dict(events=1000, offset=0.5, scale=1.0),
    dict(events=1000, offset=0.3, scale=0.1), dict(events=1000, offset=50.0, scale=20.0),
])


def adwin():
    """The window itself: River's detector forgets it after a change, as neither the paper nor MOA does."""
    cases = []
    for name, delta, clock in [("errors", 0.002, 32), ("errors", 0.05, 1), ("numbers", 0.002, 32), ("numbers", 1e-5, 7)]:
        window = AdaptiveWindowing(delta=delta, clock=clock, max_buckets=5, min_window_length=5, grace_period=10)
        changes, states = [], []
        for at, value in enumerate(stream(**(ERRORS if name == "errors" else NUMBERS))):
            if window.update(value):
                changes.append(at)
            if at % 97 == 96:
                states.append([window.get_width(), window.get_total(), window.get_variance()])
        cases.append(dict(stream=name, delta=delta, clock=clock, changes=changes, states=states))
    return cases


golden = dict(
    made_with=dict(python=sys.version.split()[0], river=river.__version__),
    streams=dict(errors=ERRORS, numbers=NUMBERS),
    adwin=adwin(),
)
json.dump(golden, sys.stdout, indent=1)
print()
