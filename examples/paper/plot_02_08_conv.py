"""
Figures 2 and 8: batch norm and dropout in convolutional nets
=============================================================

**The paper**: batch norm narrows the landscape around the trained weights, and dropout on top of
it widens it again (figure 2). At the validation-optimal weights (figure 8), both together are
sharper than the plain net.

**Here** both are confirmed: at the validation-optimal weights, batch norm makes the loss rise
several times as fast as in the plain net; dropout on top of it undoes most of that, and the result
is still sharper than the plain net. At the last weights the net with both is about as wide as the
plain one.
"""

from functools import partial

from paper_setup import (
    command_line,
    compare_variants,
    draw_variants,
    noisy_digits,
    print_ratios,
    save_figures,
    train_variants,
)

from sufficiency.models import convnet_classifier

SEEDS, DIRECTIONS, PLANE_SAMPLES = range(4), 8, 200
get_data = noisy_digits
net_settings = {
    "in_channels": 1,
    "module__image_size": 8,
    "module__channels": 16,
    "max_epochs": 15,
    "lr": 1e-3,
}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from paper_setup import cifar10

    get_data, PLANE_SAMPLES = partial(cifar10, arguments.root), 5000
    net_settings = {"in_channels": 3, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# Three nets for every seed: plain, with batch norm, and with dropout (0.2; the paper names no rate)
# on top. Each is kept twice, with its last weights and with those of its best epoch.
rises, nets = train_variants(
    partial(convnet_classifier, n_outputs=10, **net_settings), get_data, SEEDS, DIRECTIONS
)

# %%
# The landscapes of the first seed, on its training samples. Every direction has the norm of the
# net's own weights, filter by filter, so that a coordinate is a relative distance. First figure 2,
# around the last weights:
first = get_data(SEEDS[0])
_ = draw_variants(nets["last"], first, PLANE_SAMPLES, "Figure 2: last epoch")

# %%
# Figure 8, around the validation-optimal weights:
_ = draw_variants(nets["best"], first, PLANE_SAMPLES, "Figure 8: best epoch")

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
if get_data is noisy_digits:
    narrowed, stderr = ratios["best"]["batch norm / neither"]
    assert narrowed > 3 * stderr
    widened, stderr = ratios["best"]["dropout + batch norm / batch norm"]
    assert widened < -3 * stderr
    both, stderr = ratios["best"]["dropout + batch norm / neither"]
    assert both > 3 * stderr
