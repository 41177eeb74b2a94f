"""Writes bayes.json: what scikit-learn and River predict by naive Bayes, event by event.

Run: pip install river==0.26.1 scikit-learn==1.9.1 numpy; python3 bayes.py > bayes.json

Events come from SplitMix64, as in generate.py: feature f of event e is a function of `number()` alone.
"""

import json
import math

import numpy
import river
import sklearn
from river import naive_bayes
from sklearn.naive_bayes import BernoulliNB, CategoricalNB, GaussianNB, MultinomialNB

MASK = (1 << 64) - 1


class Random:
    """As in generate.py."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        mixed = self.state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        return mixed ^ (mixed >> 31)

    def number(self):
        return (self.next() >> 11) / float(1 << 52) - 1.0


FEATURES, CLASSES, EVENTS = 5, 3, 300


def stream(seed, kind):
    """The class by `next() % 3`, then each feature by `number()`."""
    random = Random(seed)
    rows, labels = [], []
    for _ in range(EVENTS):
        label = random.next() % CLASSES
        row = []
        for feature in range(FEATURES):
            value = random.number() + 0.3 * ((label + feature) % CLASSES)
            if kind == "numbers":
                row.append(value * 10.0 ** (feature - 2))
            elif kind == "counts":
                row.append(float(max(0, math.floor(3.0 * value))))
            elif kind == "flags":
                row.append(float(value > 0.3))
            else:
                row.append(int(math.floor(2.0 * value + 2.0)))
        rows.append(row)
        labels.append(label)
    return rows, labels


def prequential_river(model, rows, labels):
    """The probabilities before each of the last 50 events."""
    answers = []
    for event, (row, label) in enumerate(zip(rows, labels)):
        named = dict(enumerate(row))
        if event >= EVENTS - 50:
            scores = model.predict_proba_one(named)
            answers.append([scores[label] for label in range(CLASSES)])
        model.learn_one(named, label)
    return answers


def last_sklearn(model, rows, labels):
    """The probabilities of the last 50 events after all the others."""
    rows, labels = numpy.array(rows), numpy.array(labels)
    model.fit(rows[:-50], labels[:-50])
    return model.predict_proba(rows[-50:]).tolist()


def main():
    numbers, counts, flags = (stream(11, kind) for kind in ("numbers", "counts", "flags"))
    categories = stream(11, "categories")
    print(json.dumps(dict(
        versions=dict(river=river.__version__, sklearn=sklearn.__version__, numpy=numpy.__version__),
        gaussian_river=prequential_river(naive_bayes.GaussianNB(), *numbers),
        gaussian_sklearn=last_sklearn(GaussianNB(var_smoothing=0.0), *numbers),
        multinomial_river=prequential_river(naive_bayes.MultinomialNB(), *counts),
        multinomial_sklearn=last_sklearn(MultinomialNB(), *counts),
        bernoulli_river=prequential_river(naive_bayes.BernoulliNB(), *flags),
        bernoulli_sklearn=last_sklearn(BernoulliNB(), *flags),
        categorical_sklearn=last_sklearn(CategoricalNB(), *categories),
    )))


main()
