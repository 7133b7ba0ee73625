"""
Figure 1(b): what Δ averages
============================

**The paper**: Δ is a Monte Carlo estimate of the squared difference of two losses, (L_{k+1} −
L_k)², under a Gaussian p(w) around a minimum.

**Here** the squared difference is drawn over a plane through a trained perceptron, with and
without p(w). The integral of the product over that plane and a Monte Carlo average over draws
from p(w) are the same number.
"""

import matplotlib.pyplot as plt
import numpy as np
from paper_setup import command_line, mnist1d, save_figures, train

from sufficiency import per_sample_losses
from sufficiency.landscape import RandomDirections, change_slice
from sufficiency.models import mlp_classifier
from sufficiency.plotting import LandscapeChangeDisplay

SIGMA, SIZE, DRAWS = 0.2, 400, 400
get_data = mnist1d
net_settings = {"n_inputs": 40, "max_epochs": 15, "lr": 1e-3}
# sphinx_gallery_start_ignore
arguments = command_line()
if arguments.full:
    from functools import partial

    from paper_setup import cifar10

    get_data, SIZE = partial(cifar10, arguments.root), 4000
    net_settings = {"n_inputs": 3 * 32 * 32, "max_epochs": 20, "device": "cuda"}
# sphinx_gallery_end_ignore

# %%
# The net of section 5.4 at its validation-optimal weights; what is added is one unseen sample.
data = get_data(0)
net = mlp_classifier(n_outputs=10, module__batch_norm=True, module__dropout=0.2, **net_settings)
net = train(net, data, 0)["best"]
X = np.concatenate([data.X[:SIZE], data.X_valid[:1]])
y = np.concatenate([data.y[:SIZE], data.y_valid[:1]])

directions = RandomDirections().around(net)
plane = change_slice(net, X, y, sigma=SIGMA, directions=directions, shuffle=False)
figure, axes = plt.subplots(
    1, 2, figsize=(12, 5), layout="constrained", subplot_kw={"projection": "3d"}
)
for ax, weighted in zip(axes, (False, True), strict=True):
    display = LandscapeChangeDisplay(plane, squared=True, weighted=weighted)
    display.plot(ax, kind="surface")

# %%
# The integral over the plane, to 3σ, beside the mean over draws of w = w* + αu + βv with normal α
# and β:
step = np.diff(plane.alphas)[0] * np.diff(plane.betas)[0]
integral = plane.values(squared=True, weighted=True).sum() * step
inside = plane.density.sum() * step

rng = np.random.default_rng(0)
coordinates = SIGMA * rng.standard_normal((DRAWS, 2))
center = {name: w.detach().cpu().numpy() for name, w in net.module_.named_parameters()}
weights = {
    name: center[name]
    + np.multiply.outer(coordinates[:, 0], directions.u[name].cpu().numpy())
    + np.multiply.outer(coordinates[:, 1], directions.v[name].cpu().numpy())
    for name in directions.u
}
losses = per_sample_losses(net, X, y, weights=weights)
increments = (losses[:, -1] - losses[:, :-1].mean(axis=1)) / (SIZE + 1)
# what lies beyond the drawn plane is cut off there, too
drawn = (np.abs(coordinates) <= 3 * SIGMA).all(axis=1)
squares = np.where(drawn, increments**2, 0.0)
mean, stderr = squares.mean(), squares.std(ddof=1) / np.sqrt(DRAWS)
print(f"p(w) inside the plane: {inside:.4f}")
print(f"integral over the plane: {integral:.3g} loss²")
print(f"Monte Carlo, {DRAWS} draws: {mean:.3g} ± {stderr:.1g} loss²")
# sphinx_gallery_start_ignore
save_figures(arguments.output)
# sphinx_gallery_end_ignore

# %%
# The claim, checked: within four standard errors, and 2 % for the grid.
if get_data is mnist1d:
    assert abs(integral - mean) < 4 * stderr + 0.02 * integral
