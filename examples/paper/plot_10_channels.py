"""
Figure 10: hidden channels
==========================

**The paper**: the more channels, the wider the landscape, in neighborhoods of equal norm; it
adds that "fixed-norm comparisons introduce dimensionality biases".

**Here** it is confirmed in both senses of "equal": more channels are wider at an equal distance,
and, by less, at an equal share of each net's own weights. So it is not only a matter of dimensions.
"""

import numpy as np
from paper_setup import command_line, log_ratio, noisy_digits, print_ratios, save_figures, train

from sufficiency.landscape import width_measures
from sufficiency.models import convnet_classifier
from sufficiency.plotting import LandscapeComparisonDisplay

SEEDS, DIRECTIONS, PLANE_SAMPLES = range(3), 8, 200
CHANNELS = (8, 16, 32)
get_data = noisy_digits
net_settings = {"in_channels": 1, "module__image_size": 8, "max_epochs": 15, "lr": 1e-3}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from functools import partial

    from paper_setup import cifar10

    get_data, PLANE_SAMPLES = partial(cifar10, arguments.root), 5000
    CHANNELS = (16, 32, 64, 128)
    net_settings = {"in_channels": 3, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# A net with more channels has longer weights, so that one distance is a smaller share of them. Both
# senses of "equal" are measured, around the validation-optimal weights: the same distance for all
# nets, a tenth of the weights' norm in the narrowest net; and a tenth of each net's own norm.
rises = {reading: {c: [] for c in CHANNELS} for reading in ("equal norm", "relative")}
shown = {}
for seed in SEEDS:
    data = get_data(seed)
    distance = None
    for channels in CHANNELS:
        net = convnet_classifier(n_outputs=10, module__channels=channels, **net_settings)
        trained = train(net, data, seed)["best"]
        shown.setdefault(f"{channels} channels", trained)
        measure = {"n_directions": DIRECTIONS, "curvature": False}
        relative = width_measures(trained, data.X, data.y, radius=0.1, **measure)
        distance = distance or 0.1 * relative.norm
        equal = width_measures(trained, data.X, data.y, radius=distance / relative.norm, **measure)
        rises["equal norm"][channels].append(equal.rise)
        rises["relative"][channels].append(relative.rise)

# %%
# The first seed in neighborhoods of equal norm, as in the paper:
first = get_data(SEEDS[0])
plane = {"size": PLANE_SAMPLES, "grid": np.linspace(-1, 1, 15), "log": True}
equal = LandscapeComparisonDisplay.from_estimators(shown, first.X, first.y, **plane)
_ = equal.figure_.suptitle("Figure 10: neighborhoods of equal norm, best epoch")

# %%
# And relative to each net's own weights:
relative = LandscapeComparisonDisplay.from_estimators(
    shown, first.X, first.y, norm="relative", **plane
)
_ = relative.figure_.suptitle("Relative to each net's own norm, best epoch")

# %%
# The rises in numbers, compared within each seed:
least, most = CHANNELS[0], CHANNELS[-1]
ratios = {}
for reading, by_channels in rises.items():
    ratios[reading] = {
        f"{c} / {least} channels": log_ratio(by_channels[c], by_channels[least])
        for c in CHANNELS[1:]
    }
    print_ratios(f"ratio of rises, {reading}, {len(SEEDS)} seeds (± 1 s.e.):", ratios[reading])
# sphinx_gallery_start_ignore
save_figures(arguments.output)
# sphinx_gallery_end_ignore

# %%
# The claim, checked in both senses with a margin of three standard errors:
if get_data is noisy_digits:
    for reading in ratios:
        wider, stderr = ratios[reading][f"{most} / {least} channels"]
        assert wider < -3 * stderr
