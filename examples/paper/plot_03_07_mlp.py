"""
Figures 3 and 7: batch norm and dropout in perceptrons
======================================================

**The paper**: with batch norm and dropout together the landscape around the last weights is the
widest, more clearly than in convolutional nets (figure 3). At the validation-optimal weights
(figure 7) batch norm narrows and dropout widens.

**Here** both are confirmed. At the last weights, batch norm alone already widens, because the net
then fits its samples almost perfectly, and a loss near zero hardly moves; with dropout the
landscape is the widest. At the validation-optimal weights, before the samples are fitted
completely, batch norm narrows and dropout on top of it widens.
"""

from functools import partial

from paper_setup import (
    command_line,
    compare_variants,
    draw_variants,
    mnist1d,
    print_ratios,
    save_figures,
    train_variants,
)

from sufficiency.models import mlp_classifier

SEEDS, DIRECTIONS, PLANE_SAMPLES = range(4), 8, 200
get_data = mnist1d
net_settings = {"n_inputs": 40, "max_epochs": 30, "lr": 1e-3}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from paper_setup import cifar10

    get_data, PLANE_SAMPLES = partial(cifar10, arguments.root), 5000
    net_settings = {"n_inputs": 3 * 32 * 32, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# Three nets for every seed: plain, with batch norm, and with dropout (0.2; the paper names no rate)
# on top. Each is kept twice, with its last weights and with those of its best epoch.
rises, nets = train_variants(
    partial(mlp_classifier, n_outputs=10, **net_settings), get_data, SEEDS, DIRECTIONS
)

# %%
# The landscapes of the first seed, on its training samples. Every direction has the norm of the
# net's own weights, filter by filter, so that a coordinate is a relative distance. First figure 3,
# around the last weights:
first = get_data(SEEDS[0])
_ = draw_variants(nets["last"], first, PLANE_SAMPLES, "Figure 3: last epoch")

# %%
# Figure 7, around the validation-optimal weights:
_ = draw_variants(nets["best"], first, PLANE_SAMPLES, "Figure 7: best epoch")

# %%
# A picture of one plane is not a measurement. The rise of the loss at a relative distance of 0.1,
# averaged over directions, compared within each seed:
ratios = {center: compare_variants(by_name) for center, by_name in rises.items()}
for center, compared in ratios.items():
    title = f"ratio of rises around {center} weights, over {len(SEEDS)} seeds (± 1 s.e.):"
    print_ratios(title, compared)
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
