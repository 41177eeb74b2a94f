"""Golden numbers of the forecasters: Holt-Winters of statsmodels and River, SNARIMAX of River.

Made with statsmodels 0.15.0, River 0.26.1, numpy 2.4.6: python forecast.py > forecast.json

River starts an additive season with the quotients that are right for a multiplicative one, so seasons are compared with
River's only where they are multiplicative; statsmodels starts from what it is given. River's SNARIMAX gets a regressor
that solves ridge regression anew for each event, intercept not shrunk.
"""

import json

import numpy as np
from river import base, time_series
from statsmodels.tsa.holtwinters import ExponentialSmoothing

rng = np.random.default_rng(3)
STEPS, SEASON, HORIZON = 60, 6, 9
time = np.arange(STEPS)
season = np.array([1.3, 0.9, 0.7, 1.1, 1.2, 0.8])
series = ((100 + 2 * time) * season[time % SEASON] + 5 * rng.normal(size=STEPS)).round(3)
cause = rng.integers(0, 3, size=STEPS + HORIZON).astype(float)
caused = [20.0]
for step in range(1, STEPS):
    caused.append(5 + 0.6 * caused[-1] + 3 * cause[step] + rng.normal())
caused = np.array(caused).round(3)


def river(given):
    model = time_series.HoltWinters(**given)
    for value in series:
        model.learn_one(float(value))
    return model.forecast(HORIZON)


def statsmodels(alpha, beta, gamma, phi, kind):
    first = series[:SEASON]
    level = first.mean()
    model = ExponentialSmoothing(
        series[SEASON:],
        trend="add",
        damped_trend=True,
        seasonal=kind,
        seasonal_periods=SEASON,
        initialization_method="known",
        initial_level=level,
        initial_trend=(first[-1] - first[0]) / (SEASON - 1),
        initial_seasonal=first - level if kind == "add" else first / level,
    )
    fit = model.fit(
        smoothing_level=alpha, smoothing_trend=beta, smoothing_seasonal=gamma, damping_trend=phi, optimized=False
    )
    # From a whole season on it leaves out what the last value taught the season.
    return fit.forecast(SEASON - 1).tolist()


class Ridge(base.Regressor):
    def __init__(self, ridge):
        self.ridge = ridge
        self.rows, self.targets, self.weights = [], [], None

    def names(self):
        return sorted({name for row in self.rows for name in row})

    def predict_one(self, x):
        if not self.rows:
            return 0.0
        names = self.names()
        if self.weights is None:
            rows = np.array([[1.0] + [row.get(name, 0.0) for name in names] for row in self.rows])
            shrunk = np.diag([0.0] + [self.ridge] * len(names))
            self.weights = np.linalg.solve(rows.T @ rows + shrunk, rows.T @ np.array(self.targets))
        return float(self.weights @ np.array([1.0] + [x.get(name, 0.0) for name in names]))

    def learn_one(self, x, y):
        self.rows.append(x)
        self.targets.append(y)
        self.weights = None


def snarimax(orders, exogenous):
    values = caused if exogenous else series
    model = time_series.SNARIMAX(**orders, regressor=Ridge(1.0))
    for step, value in enumerate(values):
        model.learn_one(float(value), {"cause": cause[step]} if exogenous else None)
    rows = [{"cause": value} for value in cause[STEPS:]] if exogenous else None
    return model.forecast(HORIZON, rows)


cases = {"series": series.tolist(), "caused": caused.tolist(), "cause": cause.tolist()}
cases["holt_winters"] = [
    {"by": "River", "level_smoothing": 0.4, "trend_smoothing": 0.0, "forecast": river({"alpha": 0.4})},
    {"by": "River", "level_smoothing": 0.4, "trend_smoothing": 0.2, "forecast": river({"alpha": 0.4, "beta": 0.2})},
    {
        "by": "River",
        "season_steps": SEASON,
        "season": "multiplicative",
        "level_smoothing": 0.3,
        "trend_smoothing": 0.1,
        "season_smoothing": 0.6,
        "forecast": river({"alpha": 0.3, "beta": 0.1, "gamma": 0.6, "seasonality": SEASON, "multiplicative": True}),
    },
] + [
    {
        "by": "statsmodels",
        "season_steps": SEASON,
        "season": word,
        "level_smoothing": 0.3,
        "trend_smoothing": 0.15,
        "season_smoothing": 0.4,
        "damping": 0.9,
        "forecast": statsmodels(0.3, 0.15, 0.4, 0.9, kind),
    }
    for word, kind in [("additive", "add"), ("multiplicative", "mul")]
]
cases["snarimax"] = [
    {
        "autoregressive_order": orders["p"],
        "difference_order": orders["d"],
        "moving_average_order": orders["q"],
        "season_steps": orders.get("m", 1),
        "seasonal_autoregressive_order": orders.get("sp", 0),
        "seasonal_difference_order": orders.get("sd", 0),
        "seasonal_moving_average_order": orders.get("sq", 0),
        "exogenous": exogenous,
        "forecast": snarimax(orders, exogenous),
    }
    for orders, exogenous in [
        ({"p": 2, "d": 0, "q": 1}, True),
        ({"p": 1, "d": 1, "q": 2}, False),
        ({"p": 2, "d": 1, "q": 1, "m": SEASON, "sp": 1, "sd": 1, "sq": 1}, False),
    ]
]
print(json.dumps(cases, indent=1))
