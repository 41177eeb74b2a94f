"""Golden numbers of LinUCB with disjoint models: A = I + sum x x', theta = A^-1 b, by solving anew for each event.

Made with numpy 2.4.6 (any version gives the same to 1e-12): python bandit.py > bandit.json
"""

import json

import numpy as np

rng = np.random.default_rng(1)
actions, size = 3, 4
a = [np.eye(size) for _ in range(actions)]
b = [np.zeros(size) for _ in range(actions)]
events = []
for _ in range(60):
    context = rng.normal(size=size - 1).round(3)
    x = np.append(context, 1.0)
    means = [float(x @ np.linalg.solve(a[k], b[k])) for k in range(actions)]
    variances = [float(x @ np.linalg.solve(a[k], x)) for k in range(actions)]
    action = int(rng.integers(actions))
    reward = round(float(context[action] + 0.1 * rng.normal()), 3)
    events.append(
        {"context": context.tolist(), "means": means, "variances": variances, "action": action, "reward": reward}
    )
    a[action] += np.outer(x, x)
    b[action] += reward * x
print(json.dumps({"events": events}))
