"""Writes golden.json: the metrics of crate `learn` as scikit-learn computes them.

    pip install scikit-learn==1.9.1 numpy==2.4.6
    python generate.py

Each case is a stream of labels and predictions. After some numbers of events (`after`) it holds the metrics of the model
and of the baselines, over all events so far and over the last `window`. null: not defined.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.cluster import KMeans

warnings.simplefilter("ignore")  # scikit-learn warns where a metric is not defined; here it is null

EVENTS = 230
WINDOW = 60
MOMENTS = [0, 1, 2, 3, WINDOW - 1, WINDOW, WINDOW + 1, 2 * WINDOW, EVENTS]


def number(value):
    return float(value) if np.isfinite(value) else None


# Each of the three: labels and predictions of the same events, oldest first.


def regression_metrics(labels, predictions):
    if len(labels) == 0:
        return {"mae": None, "rmse": None, "r2": None}
    # Not defined for equal labels; scikit-learn's mean of them may be a bit off them, and its R2 then any number.
    alike = (labels == labels[0]).all()
    return {
        "mae": number(metrics.mean_absolute_error(labels, predictions)),
        "rmse": number(metrics.root_mean_squared_error(labels, predictions)),
        "r2": None if alike else number(metrics.r2_score(labels, predictions)),
    }


def classification_metrics(labels, scores, classes, positive):
    """`classes`: how many are known at that moment."""
    names = ["accuracy", "log_loss", "roc_auc", "f1", "kappa"]
    if len(labels) == 0:
        return dict.fromkeys(names)
    predicted = scores.argmax(axis=1)
    out = {
        "accuracy": number(metrics.accuracy_score(labels, predicted)),
        "log_loss": 0.0,
        "roc_auc": None,
        "kappa": number(metrics.cohen_kappa_score(labels, predicted)),
    }
    if classes > 1:  # scikit-learn refuses one class; a sure prediction of the only class loses nothing
        clipped = np.clip(scores, 1e-15, 1 - 1e-15)
        out["log_loss"] = number(metrics.log_loss(labels, y_proba=clipped[:, :classes], labels=range(classes)))
    if classes <= 2:
        truth = labels == positive
        if truth.any() and not truth.all():
            out["roc_auc"] = number(metrics.roc_auc_score(truth, scores[:, positive]))
        out["f1"] = None
        if truth.any() or (predicted == positive).any():
            out["f1"] = number(metrics.f1_score(truth, predicted == positive))
    else:
        out["f1"] = number(metrics.f1_score(labels, predicted, average="macro"))
    return {name: out[name] for name in names}


def clustering_metrics(own, second):
    if len(own) == 0:
        return {"mean_distance": None, "mean_squared_distance": None, "silhouette": None}
    a, b = own[np.isfinite(second)], second[np.isfinite(second)]
    silhouette = np.divide(b - a, np.maximum(a, b), out=np.zeros_like(a), where=np.maximum(a, b) > 0)
    return {
        "mean_distance": number(own.mean()),
        "mean_squared_distance": number((own**2).mean()),
        "silhouette": number(silhouette.mean()) if len(silhouette) else None,
    }


def moments(events, everyone, score):
    """`score(who, begin, end)` after each moment, overall and of the window."""
    return [
        {
            "events": end,
            "metrics": {
                who: {"overall": score(who, 0, end), "window": score(who, max(0, end - WINDOW), end)}
                for who in everyone
            },
        }
        for end in MOMENTS
        if end <= events
    ]


def regression_case(name, labels, predictions):
    labels, predictions = np.array(labels, float), np.array(predictions, float)
    everyone = {
        "model": predictions,
        "last_value": np.array([labels[i - 1] if i else 0.0 for i in range(len(labels))]),
        "mean": np.array([labels[:i].mean() if i else 0.0 for i in range(len(labels))]),
    }

    def score(who, begin, end):
        return regression_metrics(labels[begin:end], everyone[who][begin:end])

    after = moments(len(labels), everyone, score)
    return {
        "name": name,
        "window": WINDOW,
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "after": after,
    }


def classification_case(name, labels, scores, positive=1, tolerance=1e-9):
    """All classes are known to the model from the beginning. The overall ROC AUC is binned: `tolerance` is the model's,
    and 1e-9 where it has few distinct scores."""
    labels, scores = np.array(labels), np.array(scores, float)
    events, classes = scores.shape
    shares = np.array([np.bincount(labels[:i], minlength=classes) / i if i else np.ones(classes) / classes
                       for i in range(events)])
    last = np.array([np.eye(classes)[labels[i - 1]] if i else np.ones(classes) / classes for i in range(events)])
    everyone = {"model": scores, "majority_class": shares, "last_class": last}

    def score(who, begin, end):
        return classification_metrics(labels[begin:end], everyone[who][begin:end], classes, positive)

    return {
        "name": name,
        "window": WINDOW,
        "positive": positive,
        "binned_tolerance": {"model": tolerance, "majority_class": 5e-2, "last_class": 1e-9},
        "labels": labels.tolist(),
        "scores": scores.tolist(),
        "after": moments(events, everyone, score),
    }


def clustering_case(name, own, second):
    def score(_, begin, end):
        return clustering_metrics(own[begin:end], second[begin:end])

    return {
        "name": name,
        "window": WINDOW,
        "distances": own.tolist(),
        "second_distances": [number(distance) for distance in second],
        "after": moments(len(own), ["model"], score),
    }


def regression_cases(random):
    walk = np.round(np.cumsum(random.normal(size=EVENTS)), 6)
    noise = np.round(random.normal(size=EVENTS), 6)
    outlier = walk.copy()
    outlier[40] = 1e9
    return [
        regression_case("noisy", walk, walk + 0.3 * noise),
        regression_case("worse than the mean", noise, 3 - noise),
        regression_case("far from zero", 1e6 + walk, 1e6 + walk + noise),
        regression_case("an outlier that leaves the window", outlier, np.round(walk + noise, 6)),
        regression_case("perfect", walk, walk),
        regression_case("constant prediction", walk, np.full(EVENTS, 0.7)),
        regression_case("constant label", np.full(EVENTS, 0.1), noise),
        regression_case("constant label, perfect", np.full(EVENTS, 0.1), np.full(EVENTS, 0.1)),
        regression_case("constant from the middle on", np.where(np.arange(EVENTS) < 100, walk, 2.5), noise),
    ]


def binary(probability):
    return np.stack([1 - probability, probability], axis=1)


def binary_cases(random):
    logits = random.normal(size=EVENTS)
    labels = (random.random(EVENTS) < 1 / (1 + np.exp(-logits))).astype(int)
    scores = np.round(1 / (1 + np.exp(-logits - 0.5 * random.normal(size=EVENTS))), 6)
    runs = (np.arange(EVENTS) // 90 % 2).astype(int)
    rare = (random.random(EVENTS) < 0.03).astype(int)
    return [
        classification_case("binary", labels, binary(scores), tolerance=2e-3),
        classification_case("binary, positive class 0", labels, binary(scores), positive=0, tolerance=2e-3),
        classification_case("binary, ties", labels, binary(np.round(scores, 1))),
        classification_case("binary, runs of one class", runs, binary(scores), tolerance=2e-3),
        classification_case("binary, rare positives", rare, binary(0.02 * scores), tolerance=2e-3),
        classification_case("binary, perfect", labels, binary(labels.astype(float))),
        classification_case("binary, always wrong", labels, binary(1 - labels.astype(float))),
        classification_case("binary, constant score", labels, binary(np.full(EVENTS, 0.3))),
        classification_case("binary, only negatives", np.zeros(EVENTS, int), binary(scores)),
        classification_case("binary, only negatives, perfect", np.zeros(EVENTS, int), binary(np.zeros(EVENTS))),
        classification_case("binary, only positives", np.ones(EVENTS, int), binary(scores)),
    ]


def five_class_cases(random):
    labels = random.choice(5, size=EVENTS, p=[0.5, 0.25, 0.15, 0.08, 0.02])
    logits = random.normal(size=(EVENTS, 5)) + 1.5 * np.eye(5)[labels]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    tied = np.eye(5)[labels] * 0.2 + np.eye(5)[(labels + random.integers(0, 2, EVENTS)) % 5] * 0.2 + 0.12
    tied = np.round(tied, 2)
    runs = (np.arange(EVENTS) // 70 % 5).astype(int)
    return [
        classification_case("five classes", labels, scores),
        classification_case("five classes, ties", labels, tied),
        classification_case("five classes, runs of one class", runs, scores),
        classification_case("five classes, perfect", labels, np.eye(5)[labels]),
        classification_case("five classes, constant", labels, np.tile([0.1, 0.2, 0.4, 0.2, 0.1], (EVENTS, 1))),
        classification_case("five classes, only one occurs", np.full(EVENTS, 3), scores),
    ]


def clustering_cases(random):
    centres = random.normal(scale=4, size=(4, 3))
    points = centres[random.integers(0, 4, EVENTS)] + random.normal(size=(EVENTS, 3))
    model = KMeans(4, n_init=1, random_state=1).fit(points)
    distances = np.sort(model.transform(points), axis=1)
    own, second = distances[:, 0], distances[:, 1]
    assert np.isclose((own**2).mean(), model.inertia_ / EVENTS)
    equal = np.where(np.arange(EVENTS) % 3 == 0, 0.0, own)
    return [
        clustering_case("k-means", own, second),
        clustering_case("one cluster", own, np.full(EVENTS, np.nan)),
        clustering_case("a second cluster later", own, np.where(np.arange(EVENTS) < 70, np.nan, second)),
        clustering_case("on both centres", equal, np.where(equal == 0, 0.0, second)),
    ]


def main():
    random = np.random.default_rng(20240501)
    golden = {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "regression": regression_cases(random),
        "classification": binary_cases(random) + five_class_cases(random),
        "clustering": clustering_cases(random),
    }
    path = pathlib.Path(__file__).with_name("golden.json")
    path.write_text(json.dumps(golden, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")


main()
