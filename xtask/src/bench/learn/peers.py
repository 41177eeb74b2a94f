"""One model of River, scikit-learn or Vowpal Wabbit, event by event: predict, then learn.

peers.py DATA EVENTS ALGORITHM

DATA has 20 features, a target and a class of each event as little-endian floats. Prints one line of JSON. The features are in memory in
the shape that the library takes (dicts for River, arrays for scikit-learn, its own examples for Vowpal Wabbit) before the clock starts.
"""

import array
import json
import sys
import time

FEATURES = 20
# A slow model is stopped, and measured by what it did until then.
SECONDS_MAX = 10.0


def read(path, events):
    values = array.array("d")
    with open(path, "rb") as file:
        values.frombytes(file.read(events * (FEATURES + 2) * 8))
    width = FEATURES + 2
    rows = [values[at : at + FEATURES].tolist() for at in range(0, len(values), width)]
    targets = values[FEATURES::width].tolist()
    classes = [int(value) for value in values[FEATURES + 1 :: width]]
    return rows, targets, classes


def river_model(name):
    from river import anomaly, cluster, ensemble, forest, linear_model, naive_bayes, neighbors, preprocessing, tree

    return {
        "linear": lambda: linear_model.LinearRegression(),
        "scaled_linear": lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
        "logistic": lambda: linear_model.LogisticRegression(),
        "naive_bayes": lambda: naive_bayes.GaussianNB(),
        "hoeffding_tree": lambda: tree.HoeffdingTreeClassifier(),
        "adaptive_random_forest": lambda: forest.ARFClassifier(n_models=10, seed=1),
        "leveraging_bagging": lambda: ensemble.LeveragingBaggingClassifier(tree.HoeffdingTreeClassifier(), n_models=10, seed=1),
        "k_means": lambda: cluster.KMeans(n_clusters=10, seed=1),
        "half_space_trees": lambda: anomaly.HalfSpaceTrees(n_trees=25, height=15, window_size=250, seed=1),
        "k_nearest_neighbors": lambda: neighbors.KNNClassifier(
            n_neighbors=10, engine=neighbors.LazySearch(window_size=1000)
        ),
    }[name]()


def river(name, rows, targets, classes):
    model = river_model(name)
    names = [f"x{at}" for at in range(FEATURES)]
    rows = [dict(zip(names, row)) for row in rows]
    predict = getattr(model, "score_one" if name == "half_space_trees" else "predict_one")
    if name in ("k_means", "half_space_trees"):
        labels = [None] * len(rows)
        learn = lambda row, _: model.learn_one(row)
    else:
        labels = targets if "linear" in name else classes
        learn = model.learn_one
        if name in ("logistic", "naive_bayes", "hoeffding_tree", "adaptive_random_forest", "leveraging_bagging"):
            predict = model.predict_proba_one
    return timed(rows, labels, predict, learn)


def sklearn(name, rows, targets, classes):
    import numpy as np
    from sklearn import cluster, linear_model, naive_bayes

    rows = [np.array([row]) for row in rows]
    if name == "k_means":
        model = cluster.MiniBatchKMeans(n_clusters=10, random_state=1, batch_size=1, n_init=1)
        model.partial_fit(np.concatenate(rows[:100]))
        return timed(rows, targets, model.predict, lambda row, _: model.partial_fit(row))
    if name == "sgd_regressor":
        model = linear_model.SGDRegressor(random_state=1)
        model.partial_fit(rows[0], [targets[0]])
        labels = [np.array([target]) for target in targets]
        return timed(rows, labels, model.predict, model.partial_fit)
    model = naive_bayes.GaussianNB() if name == "naive_bayes" else linear_model.SGDClassifier(loss="log_loss", random_state=1)
    model.partial_fit(rows[0], [classes[0]], classes=[0, 1])
    labels = [np.array([label]) for label in classes]
    return timed(rows, labels, model.predict_proba, model.partial_fit)


def vw(name, rows, targets, classes):
    import vowpalwabbit

    logistic = name == "logistic"
    model = vowpalwabbit.Workspace("--quiet" + (" --loss_function logistic" if logistic else ""))
    labels = [2 * label - 1 for label in classes] if logistic else targets
    examples = [
        model.example(f"{label} | " + " ".join(f"x{at}:{value}" for at, value in enumerate(row)))
        for label, row in zip(labels, rows)
    ]
    # Its learn predicts first and says so: one call is both.
    return timed(examples, labels, lambda example: None, lambda example, _: model.learn(example))


def timed(rows, labels, predict, learn):
    begin = time.perf_counter()
    done = 0
    for row, label in zip(rows, labels):
        predict(row)
        learn(row, label)
        done += 1
        if done % 100 == 0 and time.perf_counter() - begin > SECONDS_MAX:
            break
    return done / (time.perf_counter() - begin)


def main():
    path, events, algorithm = sys.argv[1:]
    library, name = algorithm.split("_", 1)
    # Vowpal Wabbit's parsed examples are large.
    events = min(int(events), 100_000)
    speed = {"river": river, "sklearn": sklearn, "vw": vw}[library](name, *read(path, events))
    print(json.dumps({"events_per_second": speed}))


main()
