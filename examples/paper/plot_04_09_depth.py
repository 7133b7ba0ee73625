"""
Figures 4 and 9: depth
======================

**The paper**: deeper convolutional nets have significantly wider landscapes and a more complex
geometry, where nets of two layers are nearly parabolic (figure 4); at the validation-optimal
weights deeper nets have "stronger boundary effects and more complex curvature" (figure 9).

**Here** the opposite holds for the width: at an equal relative distance the loss rises faster in
deeper nets, at both kinds of weights. The shapes get less parabolic with depth on average, but by
no more than two or three standard errors, here as with the six seeds of
``docs/studies/findings_landscape.py``.
"""

import numpy as np
from paper_setup import (
    command_line,
    log_ratio,
    mean_and_stderr,
    misfit,
    noisy_digits,
    print_ratios,
    save_figures,
    train,
)

from sufficiency.landscape import landscape_slice, width_measures
from sufficiency.models import convnet_classifier
from sufficiency.plotting import LandscapeComparisonDisplay, LandscapeDisplay

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
    from functools import partial

    from paper_setup import cifar10

    get_data, PLANE_SAMPLES = partial(cifar10, arguments.root), 5000
    net_settings = {"in_channels": 3, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# How wide: the rise of the loss at a relative distance of 0.1, averaged over directions. How
# parabolic: the share of the variance over a plane to the relative distance 1 that no quadratic
# explains.
DEPTHS = (2, 4, 6)
rises = {center: {depth: [] for depth in DEPTHS} for center in ("last", "best")}
misfits = {center: {depth: [] for depth in DEPTHS} for center in ("last", "best")}
planes = {center: [] for center in ("last", "best")}
grid = np.linspace(-1, 1, 13)
for seed in SEEDS:
    data = get_data(seed)
    for depth in DEPTHS:
        net = convnet_classifier(n_outputs=10, module__depth=depth, **net_settings)
        for center, trained in train(net, data, seed).items():
            measured = width_measures(
                trained, data.X, data.y, n_directions=DIRECTIONS, curvature=False
            )
            plane = landscape_slice(
                trained, data.X, data.y, size=PLANE_SAMPLES, grid=grid, random_state=seed
            )
            rises[center][depth].append(measured.rise)
            misfits[center][depth].append(misfit(plane))
            planes[center].append(LandscapeDisplay(plane))

# %%
# The landscapes of the first seed. Coordinates are relative distances, filter by filter. Figure
# 4, around the last weights:
titles = [f"{depth} layers" for depth in DEPTHS]
figure_4 = LandscapeComparisonDisplay(planes["last"][: len(DEPTHS)], titles).plot(log=True)
_ = figure_4.figure_.suptitle("Figure 4: last epoch")

# %%
# Figure 9, around the validation-optimal weights:
figure_9 = LandscapeComparisonDisplay(planes["best"][: len(DEPTHS)], titles).plot(log=True)
_ = figure_9.figure_.suptitle("Figure 9: best epoch")

# %%
# Compared within each seed:
ratios, shapes = {}, {}
for center in ("last", "best"):
    of, shape = rises[center], misfits[center]
    ratios[center] = {f"{d} / 2 layers": log_ratio(of[d], of[2]) for d in DEPTHS[1:]}
    title = f"ratio of rises around {center} weights, over {len(SEEDS)} seeds (± 1 s.e.):"
    print_ratios(title, ratios[center])
    shapes[center] = {f"{d} / 2 layers": log_ratio(shape[d], shape[2]) for d in DEPTHS[1:]}
    print_ratios("  and of the shares that no quadratic explains:", shapes[center])
    for depth in DEPTHS:
        mean, stderr = mean_and_stderr(shape[depth])
        print(f"  that share with {depth} layers: {mean:.3f} ± {stderr:.3f}")
# sphinx_gallery_start_ignore
save_figures(arguments.output)
# sphinx_gallery_end_ignore

# %%
# The claims, checked with a margin of two standard errors:
if get_data is noisy_digits:
    for center in ("last", "best"):
        narrower, stderr = ratios[center]["6 / 2 layers"]
        assert narrower > 2 * stderr
