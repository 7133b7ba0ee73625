"""
Data that are more than enough
==============================

Claim: of the 20 190 person-years of the RAND Health Insurance Experiment, a small network that
predicts visits to a doctor needs one or two thousand. From there on one more sample moves its
loss by less than a thousandth of that loss, and the loss itself hardly falls any more.
"""

import matplotlib.pyplot as plt
import torch
from skorch import NeuralNetRegressor
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.datasets import load_randhie

X, y = load_randhie()


class Regressor(nn.Sequential):
    """The first layer standardizes the columns, by what the training samples show."""

    def __init__(self, width=32):
        super().__init__(
            nn.BatchNorm1d(9, affine=False),
            nn.Linear(9, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, 1),
        )


net = NeuralNetRegressor(
    Regressor,
    optimizer=torch.optim.AdamW,
    optimizer__weight_decay=0.1,
    lr=1e-3,
    batch_size=64,
    max_epochs=1,
    iterator_train__shuffle=True,
    iterator_train__drop_last=True,
)

# %%
# One epoch, but at least `min_steps` steps: all sizes are trained equally long. `n_eval` takes the
# training loss at the draws from a thousand samples instead of all, with the exact correction.
est = LandscapeSufficiencyEstimator(
    net,
    sizes=[250, 500, 1000, 2000, 4000, 8000, 16000],
    n_candidates=4000,
    n_draws=16,
    n_eval=1000,
    sigma=0.5,
    min_steps=600,
    refit=False,
    random_state=0,
).fit(X, y)

# %%
# The warning is true for these data: nine columns explain a tenth of the variance, so no network
# gets far below 0.9 times the loss of a constant prediction. There is nothing more to learn; the
# training was not too short, since the loss levels off.
result = est.result_
grouped = result.to_frame().groupby("size")
table = grouped[["unseen_loss", "unseen_score"]].mean()
table["loss s.e."] = grouped["unseen_loss"].sem()
kappa_sq = (est.sizes_ + 1.0) ** 2
table.insert(0, "κ²Δ", kappa_sq * est.deltas_)
table.insert(1, "κ²Δ s.e.", kappa_sq * est.delta_stderr_)
print(table.to_string(float_format="{:.3g}".format))

# %%
# The numerator κ²Δ falls up to about a thousand samples and is then constant: from there on Δ falls
# as 1/k², only because each sample counts less. The network has learned what it can.
verdict = est.verdict(1e-3, relative=True)
print(verdict)

# %%
# One more sample is a small change. What about twice as many? The last row shows that they would
# move the landscape by less than one percent of the loss.
print(result.suggest_thresholds().to_string(float_format="{:.2g}".format))

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
est.plot_delta(threshold=verdict.threshold, ax=left)
est.plot_learning_curve(ax=right)

# %%
# The claims, checked: the interval of the size ends within a fifth of the data, and eight times as
# many samples as 2 000 reduce the loss by less than 5 %, by more than three standard errors.
assert verdict.status == "reached"
assert verdict.interval[1] < len(y) / 5
losses = result.table("unseen_loss")
saved = 1 - losses[:, -1] / losses[:, 3]
print(f"loss saved: {saved.mean():.3f} ± {saved.std(ddof=1) / len(saved) ** 0.5:.3f}")
assert saved.mean() + 3 * saved.std(ddof=1) / len(saved) ** 0.5 < 0.05
