"""One weight, one wave: the landscape, the neighborhood that Δ looks at, and how Δ falls."""

import matplotlib.pyplot as plt
import numpy as np

SIGMA = 0.15  # of the probe
GRID = np.linspace(0.4, 2.2, 400)
rng = np.random.default_rng(3)


def samples(n):
    """A sine whose frequency is the weight to be learned, with noise."""
    x = rng.uniform(0, 4, size=n)
    return x, np.sin(1.3 * x) + 0.4 * rng.standard_normal(n)


def losses(w, x, y):
    """Of every sample at every weight, (weights, samples)."""
    return (y - np.sin(np.multiply.outer(w, x))) ** 2


def train(x, y):
    """The weight of the lowest loss on the grid."""
    return GRID[losses(GRID, x, y).mean(axis=1).argmin()]


figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
x, y = samples(512)
x_next, y_next = samples(200)
for ax, k in zip(axes, (8, 64), strict=False):
    before = losses(GRID, x[:k], y[:k]).mean(axis=1)
    each = losses(GRID, x_next[:40], y_next[:40])
    after = before[:, None] + (each - before[:, None]) / (k + 1)
    center = train(x[:k], y[:k])
    density = np.exp(-((GRID - center) ** 2) / (2 * SIGMA**2))
    ax.fill_between(GRID, 0.35 * density, color="C2", alpha=0.25, label="probe p(w)")
    ax.plot(GRID, after, color="0.6", linewidth=0.6)
    ax.plot([], [], color="0.6", label="$L_{k+1}$, 40 possible samples")
    ax.plot(GRID, before, color="C0", linewidth=2, label="$L_k$")
    ax.plot(center, before.min(), "o", color="C3", label="center $w_k^*$")
    ax.set(title=f"k = {k} samples", xlabel="weight w", ylim=(0, 1.5))
axes[0].set_ylabel("loss")
axes[0].legend(loc="upper left", fontsize="x-small")

sizes = np.array([8, 16, 32, 64, 128, 256, 512])
deltas = np.empty((6, len(sizes)))
for repeat in range(len(deltas)):
    x, y = samples(512)
    for column, k in enumerate(sizes):
        w = train(x[:k], y[:k]) + SIGMA * rng.standard_normal(100)
        gaps = losses(w, x_next, y_next) - losses(w, x[:k], y[:k]).mean(axis=1, keepdims=True)
        deltas[repeat, column] = np.mean(gaps**2) / (k + 1) ** 2

mean = deltas.mean(axis=0)
slope, level = np.polyfit(np.log(sizes + 1), np.log(mean), 1)
threshold = 3e-5
size = np.exp((np.log(threshold) - level) / slope)
axes[2].loglog(sizes, deltas.T, color="0.7", linewidth=0.8)
axes[2].loglog(sizes, mean, "o", color="C0", label="Δ, mean of 6 repeats")
axes[2].loglog(sizes, np.exp(level) * (sizes + 1.0) ** slope, "C0", label="fitted decay")
axes[2].axhline(threshold, color="C3", linestyle="--", label="threshold")
axes[2].axvline(size, color="C3", linestyle=":", label=f"sufficient size {size:.0f}")
axes[2].set(title="how Δ falls", xlabel="size k", ylabel="Δ (loss²)")
axes[2].legend(fontsize="x-small")
