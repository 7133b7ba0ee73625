"""
Choosing a threshold
====================

Claim: a threshold in units of the loss and the same one as a share of the loss give the same size.
"Ten percent more samples" is a different question from "one more sample": if either may move the
loss by 2 % of itself, the former needs several times the data.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_friedman1
from skorch import NeuralNetRegressor

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.models import MLP

X, y = make_friedman1(n_samples=3000, noise=2.0, random_state=0)
net = NeuralNetRegressor(
    MLP,
    module__n_inputs=10,
    module__n_outputs=1,
    module__width=64,
    module__depth=2,
    optimizer=torch.optim.AdamW,
    optimizer__weight_decay=0.1,
    lr=3e-3,
    batch_size=64,
    max_epochs=5,
    iterator_train__shuffle=True,
)
est = LandscapeSufficiencyEstimator(
    net, sizes=6, n_draws=16, min_steps=400, refit=False, random_state=0
).fit(X, y)
result = est.result_

# %%
# Where do we stand?
# ------------------
# The measurement needs no threshold; ask as often as you like. What would more data change now,
# with all 3 000 samples, and what would it cost to halve that change?
table = result.suggest_thresholds()
print(table.to_string(float_format="{:.2g}".format))

# %%
# One threshold, in two units
# ---------------------------
# "One more sample may move the loss by one percent of it." The loss is the mean over unseen samples
# at the largest size, a mean squared error here; Δ is the square of its change.
loss = result.table("unseen_loss")[:, -1].mean()
relative = est.predict_sufficient_size(0.01, relative=True)
absolute = est.predict_sufficient_size((0.01 * loss) ** 2)
print(f"loss {loss:.3g}: {relative} samples, or {absolute}")

# %%
# Many samples at once
# --------------------
# Data rarely come one at a time. ``growth=0.1`` asks what a tenth more would change together. At a
# fixed share this falls far more slowly than Δ, so a threshold for one sample cannot be used for
# many.
one = est.verdict(0.02, relative=True)
tenth = est.verdict(0.02, relative=True, growth=0.1)
print(one, tenth, sep="\n\n")

# %%
# A verdict that says no
# ----------------------
# A threshold far below what was measured gets an answer as well, but not one to plan with. A
# program checks the status:
strict = est.verdict(0.001, relative=True, growth=0.1)
print(strict.status, strict.interval)

# %%
# Left: the thresholds of 1 % and 2 % for one more sample. Right: the loss.
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
est.plot_delta(threshold=(0.01 * loss) ** 2, ax=left)
left.axhline((0.02 * loss) ** 2, color="C3", linewidth=1, linestyle="--", label="2 % of the loss")
left.legend()
est.plot_learning_curve(ax=right)

# %%
# The claims, checked: both readings agree (to rounding), and the intervals of one and of many
# samples do not touch.
assert abs(relative - absolute) <= 1
assert tenth.status == "reached"
assert tenth.interval[0] > one.interval[1]
assert strict.status in ("extrapolated", "not_identifiable")
