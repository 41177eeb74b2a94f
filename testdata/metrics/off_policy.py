"""Off-policy estimates by numpy's own formulas, for off_policy.json: `python off_policy.py > off_policy.json`."""

import json

import numpy as np

random = np.random.default_rng(7)
events = []
for _ in range(60):
    logged = random.dirichlet(np.ones(3)) * 0.7 + 0.1
    target = random.dirichlet(np.ones(3))
    model = random.uniform(0, 1, 3)
    action = int(random.choice(3, p=logged / logged.sum()))
    reward = float(random.integers(0, 2))
    numbers = (target[action] / logged[action], reward, target @ model, model[action])
    events.append([round(float(number), 6) for number in numbers])
weight, reward, direct, predicted = np.array(events).T
print(
    json.dumps(
        {
            "made_by": f"off_policy.py with numpy {np.__version__}",
            "events": events,
            "ips": np.mean(weight * reward),
            "snips": np.sum(weight * reward) / np.sum(weight),
            "direct": np.mean(direct),
            "doubly_robust": np.mean(direct + weight * (reward - predicted)),
        },
        indent=1,
    )
)
