"""Writes drift.json: what River's detectors find on streams that any implementation can make for itself.

Run: pip install river; python3 drift.py > drift.json

Each stream is a list of parts. A part has `events` numbers; each is `1 if unit() < share else 0` where the part has a
`share`, and otherwise `offset + scale * number()`. See generate.py for the generator.
"""

import json
import sys

import river
from river import drift
from river.drift.binary import hddm_w
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
        for at, value in enumerate(stream(**STREAMS[name])):
            if window.update(value):
                changes.append(at)
            if at % 97 == 96:
                states.append([window.get_width(), window.get_total(), window.get_variance()])
        cases.append(dict(stream=name, delta=delta, clock=clock, changes=changes, states=states))
    return cases


def places(detector, values):
    """Where the detector reports a drift, and how many numbers it warns for in all."""
    drifts, warnings = [], 0
    for at, value in enumerate(values):
        detector.update(value)
        warnings += getattr(detector, "warning_detected", False) and not detector.drift_detected
        if detector.drift_detected:
            drifts.append(at)
    return dict(drifts=drifts, warnings=warnings)


def page_hinkley():
    cases = []
    for name, threshold, delta, mode in [
        ("errors", 20.0, 0.005, "both"), ("errors", 50.0, 0.005, "both"), ("errors", 20.0, 0.01, "up"),
        ("numbers", 50.0, 0.005, "both"), ("numbers", 50.0, 0.05, "down"),
    ]:
        detector = drift.PageHinkley(threshold=threshold, delta=delta, mode=mode)
        found = places(detector, stream(**STREAMS[name]))
        cases.append(dict(stream=name, threshold=threshold, delta=delta, mode=mode, **found))
    return cases


def binary(make, settings):
    return [dict(**setting, **places(make(**setting), stream(**ERRORS))) for setting in settings]


class SampleInfo(hddm_w.SampleInfo):
    """River decays the bound of a sample's first number; MOA's is 1 there, as the weight of that number is."""

    def update(self, x):
        first = not self._is_init
        super().update(x)
        if first:
            self._ibc = 1.0


hddm_w.SampleInfo = SampleInfo


STREAMS = dict(errors=ERRORS, numbers=NUMBERS)
golden = dict(
    made_with=dict(python=sys.version.split()[0], river=river.__version__),
    streams=STREAMS,
    adwin=adwin(),
    page_hinkley=page_hinkley(),
    ddm=binary(drift.binary.DDM, [dict(), dict(warm_start=100, warning_threshold=1.5, drift_threshold=2.5)]),
    eddm=binary(drift.binary.EDDM, [dict(), dict(alpha=0.8, beta=0.75)]),
    hddm_a=binary(drift.binary.HDDMA, [dict(), dict(two_sided_test=True), dict(drift_confidence=1e-5, warning_confidence=0.01)]),
    hddm_w=binary(drift.binary.HDDMW, [dict(), dict(two_sided_test=True), dict(lambda_val=0.01)]),
)
json.dump(golden, sys.stdout, indent=1)
print()
