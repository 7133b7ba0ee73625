"""
Figures 3 and 7: batch norm and dropout in perceptrons
======================================================

**The paper**: with batch norm and dropout together the landscape around the last weights is the
widest, more clearly than in convolutional nets (figure 3). At the validation-optimal weights
(figure 7) batch norm narrows and dropout widens.

**Here** both come out. At the last weights batch norm alone widens already, for it lets the net
fit its samples nearly without loss, where the loss hardly moves; with dropout the landscape is
the widest. At the validation-optimal weights, where nothing is fitted to the end, batch norm
narrows and dropout on top of it widens.
"""

import numpy as np
from paper_setup import command_line, log_ratio, mnist1d, print_ratios, save_figures, train

from sufficiency.landscape import width_measures
from sufficiency.models import mlp_classifier
from sufficiency.plotting import LandscapeComparisonDisplay

SEEDS, DIRECTIONS, PLANE_SAMPLES = range(4), 8, 200
get_data = mnist1d
net_settings = {"n_inputs": 40, "max_epochs": 30, "lr": 1e-3}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from functools import partial

    from paper_setup import cifar10

    get_data, PLANE_SAMPLES = partial(cifar10, arguments.root), 5000
    net_settings = {"n_inputs": 3 * 32 * 32, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# The three nets of the paper's figures. The paper names no dropout rate; here it is 0.2.
VARIANTS = {
    "dropout + batch norm": {"module__batch_norm": True, "module__dropout": 0.2},
    "batch norm": {"module__batch_norm": True},
    "neither": {},
}
rises = {center: {name: [] for name in VARIANTS} for center in ("last", "best")}
shown = {center: {} for center in ("last", "best")}
for seed in SEEDS:
    data = get_data(seed)
    for name, options in VARIANTS.items():
        net = mlp_classifier(n_outputs=10, **net_settings, **options)
        for center, trained in train(net, data, seed).items():
            measured = width_measures(
                trained, data.X, data.y, n_directions=DIRECTIONS, curvature=False
            )
            rises[center][name].append(measured.rise)
            shown[center].setdefault(name, trained)

# %%
# The landscapes of the first seed, on its training samples. Every direction has the norm of the
# net's own weights, filter by filter, so that a coordinate is a relative distance: batch norm
# makes the loss independent of the scale of the weights before it, and an absolute distance would
# say nothing. First figure 3, around the last weights:
first = get_data(SEEDS[0])
plane = {
    "norm": "relative",
    "size": PLANE_SAMPLES,
    "alphas": np.linspace(-0.5, 0.5, 15),
    "betas": np.linspace(-0.5, 0.5, 15),
    "log": True,
}
figure_3 = LandscapeComparisonDisplay.from_estimators(shown["last"], first.X, first.y, **plane)
_ = figure_3.figure_.suptitle("Figure 3: last epoch")

# %%
# Figure 7, around the validation-optimal weights:
figure_7 = LandscapeComparisonDisplay.from_estimators(shown["best"], first.X, first.y, **plane)
_ = figure_7.figure_.suptitle("Figure 7: best epoch")

# %%
# A picture of one plane is no measurement. The rise of the loss at a relative distance of 0.1, a
# mean over directions, compared within each seed:
ratios = {}
for center, by_name in rises.items():
    ratios[center] = {
        "batch norm / neither": log_ratio(by_name["batch norm"], by_name["neither"]),
        "dropout + batch norm / batch norm": log_ratio(
            by_name["dropout + batch norm"], by_name["batch norm"]
        ),
        "dropout + batch norm / neither": log_ratio(
            by_name["dropout + batch norm"], by_name["neither"]
        ),
    }
    title = f"ratio of rises around {center} weights, over {len(SEEDS)} seeds (± 1 s.e.):"
    print_ratios(title, ratios[center])
# sphinx_gallery_start_ignore
save_figures(arguments.output)
# sphinx_gallery_end_ignore

# %%
# The claims, checked with a margin of three standard errors:
if get_data is mnist1d:
    widest, stderr = ratios["last"]["dropout + batch norm / neither"]
    assert widest < -3 * stderr
    narrowed, stderr = ratios["best"]["batch norm / neither"]
    assert narrowed > 3 * stderr
    widened, stderr = ratios["best"]["dropout + batch norm / batch norm"]
    assert widened < -3 * stderr
