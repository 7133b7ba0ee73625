"""
A transformer on text
=====================

Claim: a small transformer that predicts the next character of Python's help texts is measured like
any other network. Between 1 000 and 4 000 sequences its Δ falls faster than 1/k², and one more
sequence moves the loss by less than a thousandth of it at the largest size.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from sufficiency import LandscapeSufficiencyEstimator
from sufficiency.datasets import load_text
from sufficiency.models import language_model

CONTEXT = 16

# %%
# A sample is a sequence of 16 characters, with the characters that follow each of them as target.
# Its loss is the mean over the positions, in nats per character. (The texts come with Python and
# differ between its versions, and so do the numbers below.)
X, y, vocabulary = load_text(context=CONTEXT)
chosen = np.random.default_rng(0).permutation(len(X))[:5000]
X, y = X[chosen], y[chosen]
print(f"{len(X)} sequences, {len(vocabulary)} characters: {''.join(vocabulary[i] for i in X[0])!r}")

# %%
# `language_model` is a plain skorch ``NeuralNet``. Unseen sequences come from the same texts as the
# others; to count texts instead, pass the text of every sequence as `groups`. Three sizes are too
# few to select the form of the decay, so it is set here.
net = language_model(
    len(vocabulary),
    CONTEXT,
    module__width=32,
    module__depth=1,
    optimizer=torch.optim.AdamW,
    optimizer__weight_decay=0.3,
    lr=1e-2,
    max_epochs=1,
)
est = LandscapeSufficiencyEstimator(
    net,
    sizes=[1000, 2000, 4000],
    n_repeats=3,
    n_draws=8,
    n_candidates=500,
    n_eval=500,
    min_steps=400,
    curve="power_law",
    refit=False,
    random_state=0,
    n_jobs=2,
).fit(X, y)

# %%
# There are two warnings, both true. After 400 steps some losses still fall: this is a short
# training, and Δ is that of a short training. And the noise hardly changes Δ: with this training,
# one could just as well use the trained weights alone (``delta_point``).
result = est.result_
columns = ["delta", "delta_point", "train_loss", "unseen_loss"]
print(result.to_frame().groupby("size")[columns].mean().to_string(float_format="{:.3g}".format))
print(f"best constant prediction: {result.constant_loss:.3g}")

# %%
verdict = est.verdict(3e-4, relative=True)
low, high = result.parameter_intervals("power_law")["alpha"]
print(verdict)
print(f"exponent of κ: 95 % interval {low:.2f} to {high:.2f}")

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.5), layout="constrained")
est.plot_delta(threshold=verdict.threshold, ax=left).ax_.legend(loc="lower left")
est.plot_learning_curve(ax=right)

# %%
# The claims, checked: the exponent's interval lies above 2, and so does the change at the largest
# size below a thousandth, three standard errors included.
assert low > 2
largest = est.deltas_[-1] + 3 * est.delta_stderr_[-1]
assert largest**0.5 < 1e-3 * result.table("unseen_loss")[:, -1].mean()
