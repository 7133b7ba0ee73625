"""
In a pipeline: what leaks, and what does not
============================================

Claim: a scaler before the estimator does no measurable harm, and a network that needs one is worse
without it. A step that uses the targets does harm: on pure noise, where nothing can be learned, it
makes unseen samples look predictable. As a step of `net` it does not.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator


class Perceptron(nn.Sequential):
    """It takes its inputs as they come."""

    def __init__(self, n_inputs=30, width=32):
        super().__init__(nn.Linear(n_inputs, width), nn.ReLU(), nn.Linear(width, 2))


net = NeuralNetClassifier(
    Perceptron,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.AdamW,
    lr=1e-2,
    batch_size=32,
    max_epochs=1,
    iterator_train__shuffle=True,
)
est = LandscapeSufficiencyEstimator(
    net, sizes=[60, 150, 400], sigma=0.5, min_steps=300, refit=False, random_state=0
)

# %%
# A scaler
# --------
# The columns of these data have very different scales. The pipeline standardizes them, using all
# samples that it is given, and the estimator is its last step. (The warnings: nearly all of these
# patients are easy, and Δ is about the few that are not.)
X, y = load_breast_cancer(return_X_y=True)
pipeline = make_pipeline(StandardScaler(), est).fit(X, y)
scaled = pipeline[-1].result_

# %%
# Did the estimator's unseen candidates leak through the scaler? Here they cannot: separate
# candidates are scaled with the statistics of the other samples.
X_rest, X_own, y_rest, y_own = train_test_split(X, y, test_size=113, stratify=y, random_state=0)
scaler = StandardScaler().fit(X_rest)
apart = est.fit(
    scaler.transform(X_rest), y_rest, X_unseen=scaler.transform(X_own), y_unseen=y_own
).result_

# %%
# And without a scaler:
raw = est.fit(X, y).result_


def summary(result):
    """Unseen score at the largest size, with its standard error over repeats."""
    scores = result.table("unseen_score")[:, -1]
    return scores.mean(), scores.std(ddof=1) / len(scores) ** 0.5


for name, result in {"scaled": scaled, "scaled apart": apart, "raw": raw}.items():
    print(f"{name:12}: accuracy {summary(result)[0]:.3f} ± {summary(result)[1]:.3f}")

# %%
# The 113 candidates of the second run differ from those of the first; their choice alone changes
# the accuracy by 0.015 (one standard error). Beyond that, scaling with all inputs has no visible
# effect. (The other warning: for candidates as easy as these, the noise of the probe adds little.)

# %%
# A step that uses the targets
# ----------------------------
# 2 000 columns of noise, and targets that are also noise: no network can be right more than half of
# the time. The 30 columns that agree best with all targets agree with those of the candidates as
# well. The warnings are right: on noise, a network *is* no better than a constant.
rng = np.random.default_rng(0)
X_noise, y_noise = rng.standard_normal((500, 2000)), rng.permutation(np.repeat([0, 1], 250))
leaking = make_pipeline(SelectKBest(k=30), est).fit(X_noise, y_noise)[-1].result_

# %%
# As a step of `net`, the selection is repeated for every training, on its samples only.
inside = clone(est).set_params(net=make_pipeline(SelectKBest(k=30), net))
honest = inside.fit(X_noise, y_noise).result_

for name, result in {"leaking": leaking, "honest": honest}.items():
    print(f"{name:8}: accuracy {summary(result)[0]:.3f} ± {summary(result)[1]:.3f}")

# %%
# Left: Δ of the first data with and without the scaler. Right: the score on "unseen" noise.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
for name, result in {"scaled": scaled, "scaled apart": apart, "raw": raw}.items():
    left.errorbar(result.sizes, result.deltas, result.delta_stderr, marker="o", label=name)
left.set(xscale="log", yscale="log", xlabel="training size k (samples)", ylabel="Δ (loss²)")
left.legend(title="breast cancer")
for name, result in {"leaking": leaking, "honest": honest}.items():
    scores = result.table("unseen_score")
    error = scores.std(axis=0, ddof=1) / len(scores) ** 0.5
    right.errorbar(result.sizes, scores.mean(axis=0), error, marker="s", label=name)
right.axhline(0.5, color="0.5", linewidth=1, linestyle=":", label="chance")
right.set(xscale="log", xlabel="training size k (samples)", ylabel="accuracy on unseen samples")
right.legend(title="noise, SelectKBest")

# %%
# The claims, checked, to three standard errors of the scaler's gain and four of the leak. The
# honest run has four times 100 different candidates; their score has a standard error of 0.025.
chance = (0.25 / (4 * honest.n_candidates)) ** 0.5
assert honest.disjoint_candidates
gain = (scaled.table("unseen_score") - raw.table("unseen_score")).mean(axis=1)
print(f"gain of the scaler over all sizes: {gain.mean():.3f} ± {gain.std(ddof=1) / 2:.3f}")
assert gain.mean() > 3 * gain.std(ddof=1) / len(gain) ** 0.5
assert summary(leaking)[0] - 4 * summary(leaking)[1] > 0.5
assert abs(summary(honest)[0] - 0.5) < 3 * chance
