"""Writes linear.json: what River's optimisers, passive-aggressive and ALMA learners predict, event by event, and
FTRL-proximal written from its paper.

Run: pip install river==0.26.1; python3 linear.py > linear.json

Events come from SplitMix64, as in generate.py. River's intercept has an optimiser of its own, so that here the
intercept is a feature that is always 1. River's FTRL predicts with the weights of one step before; it is not compared.
"""

import json
import math

import river
from river import linear_model, optim

MASK = (1 << 64) - 1
FEATURES, EVENTS, COMPARED = 4, 400, 40


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


def stream():
    """Features `number()`; the target is 2 a - b + 0.5 + 0.3 `number()`, its class whether that is above 0.5."""
    random = Random(21)
    for _ in range(EVENTS):
        row = {feature: random.number() for feature in range(FEATURES)}
        target = 2.0 * row[0] - row[1] + 0.5 + 0.3 * random.number()
        yield {**row, "one": 1.0}, target


def regression(model):
    answers = []
    for row, target in stream():
        answers.append(model.predict_one(row))
        model.learn_one(row, target)
    return answers[-COMPARED:]


def classification(model):
    answers = []
    for row, target in stream():
        answers.append(model.predict_proba_one(row)[True])
        model.learn_one(row, target > 0.5)
    return answers[-COMPARED:]


class Ftrl:
    """Algorithm 1 of McMahan and others (KDD 2013), word for word; the intercept is not pulled."""

    def __init__(self, logistic, alpha=0.1, beta=1.0, l1=1.0, l2=0.5):
        self.logistic, self.alpha, self.beta, self.l1, self.l2 = logistic, alpha, beta, l1, l2
        self.z, self.n = {}, {}

    def weight(self, feature):
        z, n = self.z.get(feature, 0.0), self.n.get(feature, 0.0)
        l1, l2 = (0.0, 0.0) if feature == "one" else (self.l1, self.l2)
        if abs(z) <= l1:
            return 0.0
        sign = 1.0 if z > 0 else -1.0
        return -(z - sign * l1) / ((self.beta + math.sqrt(n)) / self.alpha + l2)

    def predict_one(self, row):
        value = sum(self.weight(feature) * x for feature, x in row.items())
        return 1.0 / (1.0 + math.exp(-value)) if self.logistic else value

    def predict_proba_one(self, row):
        return {True: self.predict_one(row)}

    def learn_one(self, row, target):
        error = self.predict_one(row) - float(target)
        weights = {feature: self.weight(feature) for feature in row}
        for feature, x in row.items():
            g = error * x
            n = self.n.get(feature, 0.0)
            sigma = (math.sqrt(n + g * g) - math.sqrt(n)) / self.alpha
            self.z[feature] = self.z.get(feature, 0.0) + g - sigma * weights[feature]
            self.n[feature] = n + g * g


def linear(optimizer, loss=None):
    return linear_model.LinearRegression(
        optimizer=optimizer, loss=loss or optim.losses.Squared(), intercept_lr=0.0, l2=0.0)


def logistic(optimizer):
    return linear_model.LogisticRegression(optimizer=optimizer, intercept_lr=0.0)


print(json.dumps(dict(
    versions=dict(river=river.__version__),
    regression=dict(
        sgd=regression(linear(optim.SGD(0.1))),
        adagrad=regression(linear(optim.AdaGrad(0.1))),
        adam=regression(linear(optim.Adam(0.1))),
    ),
    classification=dict(
        sgd=classification(logistic(optim.SGD(0.1))),
        adagrad=classification(logistic(optim.AdaGrad(0.1))),
        adam=classification(logistic(optim.Adam(0.1))),
    ),
    alma=classification(linear_model.ALMAClassifier()),
    ftrl=dict(regression=regression(Ftrl(False)), classification=classification(Ftrl(True))),
    margin=dict(
        pa=classification(linear_model.PAClassifier(mode=0, learn_intercept=False)),
        pa_1=classification(linear_model.PAClassifier(C=0.01, mode=1, learn_intercept=False)),
        pa_2=classification(linear_model.PAClassifier(C=0.01, mode=2, learn_intercept=False)),
    ),
)))
