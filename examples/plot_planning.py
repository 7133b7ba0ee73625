"""
Collecting in rounds
====================

Claim: a team that measures after every round of labeling need not buy for the worst case. On
scikit-learn's digits, of which it pretends to have only the first 300, three rounds are planned
with fewer samples on average than a single purchase with the same risk.
"""

import tempfile

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.utils import shuffle

from sufficiency import Campaign, LandscapeSufficiencyEstimator

TARGET, ROUNDS = 0.96, 3
X, y = shuffle(*load_digits(return_X_y=True), random_state=0)


def measure(n):
    """What can be measured with the first n digits."""
    est = LandscapeSufficiencyEstimator(
        sizes=6, n_repeats=3, n_draws=8, min_steps=300, refit=False, random_state=0
    )
    return est.fit(X[:n], y[:n]).result_


# %%
# A campaign keeps the results in a directory of its own.
folder = tempfile.TemporaryDirectory()
campaign = Campaign(folder.name).add(measure(300))
first, at_once = campaign.plan(TARGET, rounds=ROUNDS), campaign.plan(TARGET, rounds=1)
print(first, at_once, sep="\n\n")

# %%
# The rounds on the distribution of the number that is needed:
campaign.results[0].plot_plan(TARGET, rounds=ROUNDS)

# %%
# Label that many, measure again, and plan again, until the target is met or the rounds are over (or
# the digits, of which there are 1,797):
for left in range(ROUNDS, 0, -1):
    n = min(len(y), int(campaign.plan(TARGET, rounds=left).totals[0]))
    last = campaign.add(measure(n)).results[-1].measurements
    print(f"{n} digits: accuracy {last.at_largest('score'):.3f} with {last.largest} of them")
    if last.at_largest("score") >= TARGET or n == len(y):
        break

# %%
# What did the earlier rounds expect of the later ones? The table is what a team should look at
# before it trusts the next forecast; a campaign widens that by the misses so far.
record = campaign.track_record()
print(record.to_string(index=False, float_format="{:.3g}".format))
campaign.plot_track_record()
plt.show()

# %%
# The claim, checked:
assert first.expected_total < at_once.expected_total
assert campaign.results[-1].measurements.at_largest("score") >= TARGET
folder.cleanup()
