"""
How many handwritten digits would have been enough?
===================================================

Claim: of scikit-learn's 1 797 digits, several hundred settle the loss landscape of a small
perceptron to Δ ≤ 10⁻⁶; that is, from then on one more digit moves its loss by about a thousandth
or less (root mean square).
"""

import argparse

from sklearn.datasets import load_digits

from sufficiency import LandscapeSufficiencyEstimator

# sphinx_gallery_start_ignore
parser = argparse.ArgumentParser(description="How many handwritten digits would have been enough?")
parser.add_argument("--output", help="write the figure to this file")
arguments = parser.parse_known_args()[0]
# sphinx_gallery_end_ignore
THRESHOLD = 1e-6

X, y = load_digits(return_X_y=True)
estimator = LandscapeSufficiencyEstimator(random_state=0, n_jobs=-1, verbose=1).fit(X, y)

# %%
# Every size was trained four times. Δ is the mean squared change of the loss when one unseen digit
# is added; loss and accuracy are measured on unseen digits as well.
table = estimator.result_.to_frame().groupby("size")[["unseen_loss", "unseen_score"]].mean()
table.insert(0, "delta", estimator.deltas_)
table.insert(1, "s.e.", estimator.delta_stderr_)
print(table.to_string(float_format="{:.3g}".format))

# %%
# The fitted decay, inverted at the threshold:
size = estimator.predict_sufficient_size(THRESHOLD)
print(f"\nΔ stays at or below {THRESHOLD:g} from {size} digits on (of {len(y)}).")

display = estimator.plot_delta(threshold=THRESHOLD)
if arguments.output:
    display.figure_.savefig(arguments.output, dpi=150)
    print(f"The figure is in {arguments.output}.")

# %%
# The claim, checked:
assert 300 < size < len(y)
