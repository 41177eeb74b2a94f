"""Writes synthetic.json: what River's generators give on average, over 200,000 events.

Run: pip install river numpy; python3 synthetic.py > synthetic.json

For each case: the shares of the classes, or mean and deviation of the target; and mean and deviation of each numeric
feature. Agrawal's classes 0 and 1 change places in River's first six rules; its fifth and tenth rules are other ones there.
"""

import json
import sys
from itertools import islice

import numpy
import river
from river.datasets import synth

EVENTS = 200_000


def moments(values):
    return [float(numpy.mean(values)), float(numpy.std(values))]


def case(generator, stream, given, numeric, swap=False, regression=False):
    rows = list(islice(stream, EVENTS))
    labels = numpy.array([float(y) for _, y in rows])
    features = [moments([x[name] for x, _ in rows]) for name in numeric]
    if regression:
        return dict(generator=generator, given=given, target=moments(labels), features=features)
    shares = [float((labels == c).mean()) for c in range(int(labels.max()) + 1)]
    return dict(generator=generator, given=given, shares=shares[::-1] if swap else shares, features=features)


AGRAWAL = ["salary", "commission", "age"]
cases = [
    *[case("sea", synth.SEA(variant=v, seed=1, noise=n), dict(concept=v, noise=n), [0, 1, 2]) for v in range(4) for n in (0.0, 0.1)],
    *[case("stagger", synth.STAGGER(v, seed=1), dict(concept=v), []) for v in range(3)],
    *[case("sine", synth.Sine(v, seed=1), dict(concept=v), [0, 1]) for v in range(4)],
    *[case("mixed", synth.Mixed(v, seed=1), dict(concept=v), [2, 3]) for v in range(2)],
    *[case("agrawal", synth.Agrawal(v, seed=1, perturbation=p), dict(concept=v, perturbation=p), AGRAWAL, swap=v < 6)
      for v in (0, 1, 2, 3, 5, 6, 7, 8) for p in (0.0, 0.05)],
    case("led", synth.LED(seed=1, noise_percentage=0.1, irrelevant_features=True), dict(), []),
    case("hyperplane", synth.Hyperplane(seed=1, noise_percentage=0.0), dict(noise=0.0), list(range(10))),
    case("friedman", synth.Friedman(seed=1), dict(), list(range(10)), regression=True),
    *[case("friedman", synth.FriedmanDrift("gra", (0, EVENTS + 1), seed=1), dict(concept=1), [], regression=True)],
]
json.dump(dict(made_with=dict(python=sys.version.split()[0], river=river.__version__), events=EVENTS, cases=cases), sys.stdout, indent=1)
print()
