"""River's recommenders over MovieLens-100k, for references.toml: `reco.py ml-100k.inter.gz`, with River 0.26.

Ratings in the order of time (equal times as in the file), predictions clipped to 1..5, each before its rating is learnt.
"""

import gzip
import math
import sys

from river import facto, optim, reco, stats


class Mean:
    """The mean of all ratings so far."""

    def __init__(self):
        self.mean = stats.Mean()

    def predict(self, user, item):
        return self.mean.get()

    def learn(self, user, item, rating):
        self.mean.update(rating)


class Reco:
    """A model of users and items."""

    def __init__(self, model):
        self.model = model

    def predict(self, user, item):
        return self.model.predict_one(user, item)

    def learn(self, user, item, rating):
        self.model.learn_one(user, item, y=rating)


class Facto:
    """A factorisation machine of two categories."""

    def __init__(self, model):
        self.model = model

    def predict(self, user, item):
        return self.model.predict_one({"user": user, "item": item})

    def learn(self, user, item, rating):
        self.model.learn_one({"user": user, "item": item}, rating)


# The settings of River's own example of matrix factorisation, and of its examples of factorisation machines.
mf = dict(
    bias_optimizer=optim.SGD(0.025),
    latent_optimizer=optim.SGD(0.05),
    weight_initializer=optim.initializers.Zeros(),
    latent_initializer=optim.initializers.Normal(mu=0.0, sigma=0.1, seed=73),
)
fm = dict(
    weight_optimizer=optim.SGD(0.025),
    latent_optimizer=optim.SGD(0.05),
    intercept=3,
    latent_initializer=optim.initializers.Normal(mu=0.0, sigma=0.05, seed=73),
)
models = {
    "mean": lambda: Mean(),
    "baseline": lambda: Reco(
        reco.Baseline(optimizer=optim.SGD(0.025), initializer=optim.initializers.Zeros())
    ),
    "biased_matrix_factorization": lambda: Reco(reco.BiasedMF(n_factors=10, l2_bias=0.0, l2_latent=0.0, **mf)),
    "factorization_machine": lambda: Facto(facto.FMRegressor(n_factors=10, seed=73, **fm)),
    "field_aware_factorization_machine": lambda: Facto(facto.FFMRegressor(n_factors=8, seed=73, **fm)),
}

with gzip.open(sys.argv[1], "rt") as file:
    next(file)
    rows = [line.split("\t") for line in file]
rows.sort(key=lambda row: float(row[3]))
wanted = sys.argv[2:] or list(models)
for name in wanted:
    model = models[name]()
    squares = absolute = 0.0
    for user, item, rating, _ in rows:
        rating = float(rating)
        error = min(max(model.predict(user, item), 1.0), 5.0) - rating
        squares += error * error
        absolute += abs(error)
        model.learn(user, item, rating)
    print(f"{name}: rmse {math.sqrt(squares / len(rows)):.4f}, mae {absolute / len(rows):.4f}", flush=True)
