"""Writes golden.json: what NumPy and scikit-learn find on streams that any implementation can make for itself.

Run: pip install numpy scikit-learn; python3 generate.py > golden.json

The streams come from SplitMix64 (`Random`), so that the file holds results, not data. `number()` is uniform on
[-1, 1); `noise()` is the sum of three such numbers (mean 0, deviation 1).
"""

import json
import sys

import numpy
import sklearn
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.preprocessing import StandardScaler

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

    def number(self):
        return (self.next() >> 11) / float(1 << 52) - 1.0

    def noise(self):
        first = self.number()
        second = self.number()
        return first + second + self.number()


def regression_stream(seed, events, scales, offsets, weights, intercept, noise):
    """Each row: features `offset + scale * number()`, then the noise of the target."""
    random = Random(seed)
    rows, targets = [], []
    for _ in range(events):
        clear = [random.number() for _ in scales]
        rows.append([o + s * c for o, s, c in zip(offsets, scales, clear)])
        target = intercept
        for weight, value in zip(weights, clear):
            target += weight * value
        targets.append(target + noise * random.noise())
    return numpy.array(rows), numpy.array(targets)


def linear_regression():
    stream = dict(
        seed=1, events=10_000, noise=1000.0, intercept=1e6,
        scales=[1e-3, 1e6, 1.0, 20.0, 1e3, 1e-2, 5e5, 7.0, 1e2, 0.3],
        offsets=[0.5, -3e6, 10.0, 0.0, 5e4, 0.0, 1e6, -7.0, 1e2, 273.0],
        weights=[3000.0, -2000.0, 500.0, 0.0, 1500.0, -700.0, 2500.0, 100.0, 0.0, -1200.0],
    )
    rows, targets = regression_stream(**stream)
    scaler = StandardScaler().fit(rows)
    model = LinearRegression().fit(scaler.transform(rows), targets)
    tail = len(rows) * 3 // 4
    residuals = (targets - model.predict(scaler.transform(rows)))[tail:]
    spread = targets[tail:] - targets[tail:].mean()
    return dict(
        stream=stream,
        deviations=list(scaler.scale_),
        coefficients=list(model.coef_ / scaler.scale_),
        r_squared_last_quarter=1 - float(residuals @ residuals / (spread @ spread)),
    )


def weighted_ridge(rows, targets, event_weights, ridge):
    """Exact least squares: the augmented system, its columns scaled, by orthogonal decomposition."""
    root = numpy.sqrt(event_weights)[:, None]
    size = rows.shape[1]
    top = numpy.hstack([root, rows * root])
    below = numpy.hstack([numpy.zeros((size, 1)), numpy.diag(numpy.sqrt(ridge))])
    matrix = numpy.vstack([top, below])
    scale = numpy.sqrt((matrix * matrix).sum(axis=0))
    right = numpy.concatenate([targets * root[:, 0], numpy.zeros(size)])
    return numpy.linalg.lstsq(matrix / scale, right, rcond=None)[0] / scale


def recursive_least_squares():
    cases = []
    for forgetting, ridge in [(1.0, 1e-6), (1.0, 10.0), (0.98, 1e-3)]:
        stream = dict(
            seed=2, events=300, noise=0.5, intercept=40.0,
            scales=[1e-3, 1e5, 1.0, 20.0, 1e3], offsets=[0.0, 2e5, 0.0, -5.0, 0.0],
            weights=[3.0, -2.0, 0.5, 0.0, 1.5],
        )
        rows, targets = regression_stream(**stream)
        size = len(stream["scales"])
        penalty = numpy.full(size, ridge)
        solutions = {}
        for event in range(1, len(rows) + 1):
            penalty *= forgetting
            if event % size == 0:
                penalty += (1 - forgetting**size) * ridge
            if event in (5, 20, 300):
                weights = forgetting ** numpy.arange(event - 1, -1, -1)
                solutions[event] = list(weighted_ridge(rows[:event], targets[:event], weights, penalty))
        cases.append(dict(stream=stream, forgetting=forgetting, ridge=ridge, solutions=solutions))
    return cases


def standard_scaler():
    stream = dict(
        seed=3, events=200, noise=0.0, intercept=0.0,
        scales=[1e-3, 1e6, 1.0], offsets=[0.0, -3e6, 10.0], weights=[0.0, 0.0, 0.0],
    )
    rows, _ = regression_stream(**stream)
    scaler = StandardScaler()
    for row in rows:
        scaler.partial_fit(row[None, :])
    return dict(stream=stream, last_row=list(scaler.transform(rows[-1:])[0]))


def classes_stream(seed, events, features, classes):
    """Features `scale * number()`; the class is the largest of `classes` noisy weighted sums."""
    random = Random(seed)
    weights = [[2.0 * random.number() for _ in range(features)] for _ in range(classes)]
    scales = [10.0 ** (feature % 5 - 2) for feature in range(features)]
    rows, labels = [], []
    for _ in range(events):
        clear = [random.number() for _ in range(features)]
        sums = []
        for of_class in weights:
            total = 0.0
            for weight, value in zip(of_class, clear):
                total += weight * value
            sums.append(total + 0.5 * random.noise())
        rows.append([s * c for s, c in zip(scales, clear)])
        labels.append(max(range(classes), key=lambda c: sums[c]))
    return numpy.array(rows), numpy.array(labels)


def classification():
    cases = []
    for classes in (2, 5):
        stream = dict(seed=4, events=10_000, features=8, classes=classes)
        rows, labels = classes_stream(**stream)
        half = len(rows) // 2
        scaler = StandardScaler().fit(rows[:half])
        model = LogisticRegression(C=1e4, max_iter=1000).fit(scaler.transform(rows[:half]), labels[:half])
        scores = model.predict_proba(scaler.transform(rows[half:]))
        cases.append(dict(
            stream=stream,
            accuracy_second_half=accuracy_score(labels[half:], scores.argmax(axis=1)),
            log_loss_second_half=log_loss(labels[half:], scores, labels=range(classes)),
        ))
    return cases


def blobs_stream(seed, events, features, clusters):
    """Centres `10 * number()`; each event is a centre (by `next() % clusters`) plus `noise()` on each feature."""
    random = Random(seed)
    centres = [[10.0 * random.number() for _ in range(features)] for _ in range(clusters)]
    rows = []
    for _ in range(events):
        centre = centres[random.next() % clusters]
        rows.append([value + random.noise() for value in centre])
    return numpy.array(rows)


def k_means():
    cases = []
    for seed in range(8):
        stream = dict(seed=seed, events=5000, features=3, clusters=5)
        rows = blobs_stream(**stream)
        model = KMeans(5, n_init=20, random_state=0).fit(rows)
        cases.append(dict(stream=stream, mean_squared_distance=model.inertia_ / len(rows)))
    return cases


golden = dict(
    made_with=dict(python=sys.version.split()[0], numpy=numpy.__version__, scikit_learn=sklearn.__version__),
    linear_regression=linear_regression(),
    recursive_least_squares=recursive_least_squares(),
    standard_scaler=standard_scaler(),
    classification=classification(),
    k_means=k_means(),
)
print(json.dumps(golden, indent=1))
