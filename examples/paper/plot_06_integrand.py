"""
Figure 6: the integrand of Δ for growing k
==========================================

**The paper**: as k grows with p(w) unchanged, (L_{k+1} − L_k)² p(w) smooths out, and "local
behavior becomes increasingly dominant".

**Here** it decreases as 1/k² and keeps its shape: the share of the integrand within one σ of the
center is the same at all k, within its error. Around one net this must be so. Over orders of the
samples the expectation of (L_{k+1} − L_k)² is S²(w)/(k(k+1)) at every w, so that k is only a
factor. What changes from picture to picture is the one sample that is added.
"""

import numpy as np
from paper_setup import command_line, mean_and_stderr, mnist1d, save_figures, train

from sufficiency.landscape import RandomDirections, change_slice
from sufficiency.models import mlp_classifier
from sufficiency.plotting import LandscapeComparisonDisplay

SIGMA, SIZES, ORDERS = 0.2, (25, 100, 400), 40
get_data = mnist1d
net_settings = {"n_inputs": 40, "max_epochs": 15, "lr": 1e-3}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from functools import partial

    from paper_setup import cifar10

    get_data, SIZES = partial(cifar10, arguments.root), (500, 2000, 8000)
    net_settings = {"n_inputs": 3 * 32 * 32, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# The net of section 5.4 at its validation-optimal weights. First the square, as in the paper's
# text:
data = get_data(0)
net = mlp_classifier(n_outputs=10, module__batch_norm=True, module__dropout=0.2, **net_settings)
net = train(net, data, 0)["best"]
directions = RandomDirections().around(net)
settings = {"sigma": SIGMA, "directions": directions}
fine = np.linspace(-3, 3, 17) * SIGMA
pictures = settings | {"grid": fine, "log": True}
_ = LandscapeComparisonDisplay.from_sizes(net, data.X, data.y, SIZES, squared=True, **pictures)

# %%
# Then with its sign, as in the caption of figure 6:
_ = LandscapeComparisonDisplay.from_sizes(net, data.X, data.y, SIZES, **pictures)

# %%
# Many orders of the samples in place of one, each with its own next sample. The integral of the
# mean over orders, times k(k+1), and the share of it within one σ of the center:
grid = np.linspace(-3, 3, 13) * SIGMA
near = np.add.outer(grid**2, grid**2) <= SIGMA**2
inside, total = {}, {}
for size in SIZES:
    squares = np.array(
        [
            change_slice(
                net, data.X, data.y, size=size, grid=grid, random_state=order, **settings
            ).values(squared=True, weighted=True)
            for order in range(ORDERS)
        ]
    )
    scale = size * (size + 1) * np.diff(grid)[0] ** 2
    total[size] = scale * squares.sum(axis=(1, 2))
    inside[size] = scale * squares[:, near].sum(axis=1)


def share_and_stderr(part, whole):
    """Of a ratio of means over orders, to first order."""
    share = part.mean() / whole.mean()
    return share, mean_and_stderr((part - share * whole) / whole.mean())[1]


shares = {}
for size in SIZES:
    mean, stderr = mean_and_stderr(total[size])
    shares[size] = share_and_stderr(inside[size], total[size])
    print(f"k = {size:>5,}: k(k+1)Δ = {mean:.3g} ± {stderr:.1g} loss², ", end="")
    print("within one σ: {:.3f} ± {:.3f}".format(*shares[size]))
# sphinx_gallery_start_ignore
save_figures(arguments.output)
# sphinx_gallery_end_ignore

# %%
# The claim, checked: both stay the same within four standard errors, while k² grows 256-fold.
if get_data is mnist1d:
    first, last = SIZES[0], SIZES[-1]
    a, b = mean_and_stderr(total[first]), mean_and_stderr(total[last])
    assert abs(a[0] - b[0]) < 4 * np.hypot(a[1], b[1])
    a, b = shares[first], shares[last]
    assert abs(a[0] - b[0]) < 4 * np.hypot(a[1], b[1])
