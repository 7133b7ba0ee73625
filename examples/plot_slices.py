"""
Enough for every group?
=======================

Claim: a tenth of the digits comes from a noisy scanner. As many digits as are enough on average are
not enough for these, and the verdict names them.
"""

import numpy as np
from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
old = rng.random(len(y)) < 0.1
X[old] += rng.normal(scale=5.0, size=(old.sum(), 64))  # pixels are 0 to 16
scanner = np.where(old, "old", "new")

est = LandscapeSufficiencyEstimator(sizes=6, n_draws=8, refit=False, random_state=0)
est.fit(X, y, slices={"scanner": scanner})

# %%
# The classes are slices without asking. The worst slice is the first panel.
display = est.plot_slices()

# %%
# At the largest size, by slice:
table = est.result_.by_slice().xs(est.sizes_[-1], level="size")
print(table.to_string(float_format="{:.3g}".format))

# %%
# The verdict on all digits names the slice that needs most, if chance does not explain it.
verdict = est.verdict(2e-6)
print(verdict)

# %%
# And the slice itself answers every question. Its sizes count all digits, in the proportions of
# this data set: 900 digits are 90 of the old scanner.
print(est.result_.slice("scanner=old").verdict(2e-6))

# %%
# The claim, checked:
assert verdict.neediest.name == "scanner=old"
assert verdict.neediest.estimate.size > verdict.size
