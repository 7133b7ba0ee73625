"""
Finding label errors
====================

Claim: if 36 of the 1 797 digits get a wrong label, most of the first 36 that a fit ranks are wrong.
Nothing is trained for that beyond what answers how many samples are enough.
"""

import numpy as np
from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator

digits = load_digits()
rng = np.random.default_rng(0)
wrong = rng.choice(len(digits.target), size=36, replace=False)
labels = digits.target.copy()
labels[wrong] = (labels[wrong] + rng.integers(1, 10, size=36)) % 10

est = LandscapeSufficiencyEstimator(sizes=6, n_draws=8, refit=False, random_state=0)
est.fit(digits.images, labels)

# %%
# Samples by their loss at networks that have not seen them, the largest first. Δ hangs on few of
# them: see the column ``share``, which is NaN for samples that were never candidates.
samples = est.result_.samples()
samples["wrong"] = np.isin(samples.index, wrong)
print(samples.head(12).to_string(float_format="{:.3g}".format))

# %%
# Left: how concentrated Δ is. Right: the first twelve, with the label they have and, where it
# differs, the one that the networks predict.
display = est.plot_samples()

# %%
# What would the answer be if the first 36 were no candidates? Nothing is trained again.
suspects = samples.index[:36]
candidates = samples.index[samples["share"].notna()]
without = est.result_.without(np.intersect1d(suspects, candidates))
print(f"sufficient for Δ ≤ 1e-6: {est.predict_sufficient_size(1e-6)} digits")
print(f"without the suspects:   {without.predict_sufficient_size(1e-6)}")

# %%
# The claim, checked:
found = samples["wrong"].head(36).sum()
print(f"{found} of the first 36 are wrong, {samples['wrong'].head(72).sum()} of the first 72")
assert found >= 30
