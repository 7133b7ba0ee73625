"""
A settled landscape is not a finished network
=============================================

Claim: on MNIST-1D a small convolutional network meets "one more sample moves the loss by at most a
thousandth of it" with two or three thousand curves. More of them still make the loss a good deal
smaller. Δ and the loss answer different questions.
"""

import matplotlib.pyplot as plt
import numpy as np
from mnist1d_net import convolutional_net, curves

from sufficiency import LandscapeSufficiencyEstimator

# %%
# The curves are procedural, and the network has three convolutions and a linear layer; both are in
# :download:`mnist1d_net.py </../examples/mnist1d_net.py>`, next to this script.
X, y = curves(9000)

# %%
# A thousand curves are few for this network: if it were trained to the end, it would be worse than
# guessing on unseen ones. With ``center="best"``, the centers are the weights with the lowest
# validation loss.
est = LandscapeSufficiencyEstimator(
    convolutional_net(),
    sizes=[700, 1000, 1400, 2000, 4000, 7000],
    n_repeats=4,
    n_draws=8,
    n_candidates=1000,
    n_eval=1000,
    center="best",
    min_steps=600,
    refit=False,
    random_state=0,
    n_jobs=2,
).fit(X, y)
result = est.result_
table = result.to_frame().groupby("size")[["delta", "delta_point", "unseen_loss", "unseen_score"]]
print(table.mean().to_string(float_format="{:.3g}".format))

# %%
verdict = est.verdict(1e-3, relative=True)
print(verdict)

# %%
# What does the loss do there? From the measured size that is closest to the answer to the largest:
sizes, losses = est.sizes_, result.table("unseen_loss")
near = np.abs(np.log(sizes / verdict.size)).argmin()
saved = 1 - losses[:, -1] / losses[:, near]
stderr = saved.std(ddof=1) / len(saved) ** 0.5
print(f"from {sizes[near]} to {sizes[-1]}: {saved.mean():.0%} ± {stderr:.0%} of the loss saved")

# %%
# The effect of many samples at once is a different question. Twice as many would still move the
# landscape by several percent of the loss (last row), a hundred times as much as one sample does:
print(result.suggest_thresholds().to_string(float_format="{:.2g}".format))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
est.plot_delta(threshold=verdict.threshold, ax=left)
est.plot_learning_curve(ax=right)

# %%
# The claim, checked, with three standard errors over repeats:
assert verdict.status == "reached"
assert saved.mean() > 3 * stderr
