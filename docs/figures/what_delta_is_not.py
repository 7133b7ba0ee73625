"""Three wrong readings of Δ, tried on least squares and on logistic regression."""

import matplotlib.pyplot as plt
import numpy as np

SIGMA, REPEATS, DRAWS = 0.05, 40, 20
SIZES = np.array([32, 64, 128, 256, 512, 1024])
rng = np.random.default_rng(0)


def samples(n, degree):
    """A curve with noise, and powers of x up to a degree to fit it with."""
    x = rng.uniform(-1, 1, size=n)
    return np.vander(x, degree + 1), np.sin(4 * x) + 0.2 * rng.standard_normal(n)


def squared(w, A, y):
    """Losses of every sample at every weight, (weights, samples)."""
    return (y - w @ A.T) ** 2


def measure(degree):
    """Δ, the same for as many samples again, and the unseen loss: means over repeats."""
    found = np.zeros((3, len(SIZES)))
    for _ in range(REPEATS):
        A, y = samples(SIZES[-1], degree)
        A_next, y_next = samples(1024, degree)
        for column, k in enumerate(SIZES):
            center = np.linalg.lstsq(A[:k], y[:k])[0]
            w = center + SIGMA * rng.standard_normal((DRAWS, degree + 1))
            mean = squared(w, A[:k], y[:k]).mean(axis=1)
            unseen = squared(w, A_next, y_next)
            one = np.mean((unseen - mean[:, None]) ** 2) / (k + 1) ** 2
            many = np.mean((unseen[:, :k].mean(axis=1) - mean) ** 2) / 4
            loss = squared(center[None], A_next, y_next).mean()
            found[:, column] += np.array([one, many, loss]) / REPEATS
    return found


figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")

for degree, color, name in ((1, "C1", "a straight line"), (7, "C0", "a polynomial")):
    one, many, loss = measure(degree)
    axes[0].loglog(SIZES, one**0.5, "o-", color=color, label=f"{name}: √Δ")
    axes[0].loglog(SIZES, loss, "--", color=color, label=f"{name}: unseen loss")
axes[0].set(title="not an error rate", xlabel="size k", ylabel="loss", ylim=(2e-6, 1))
axes[0].legend(fontsize="x-small")

axes[1].loglog(SIZES, one**0.5, "o-", label="one more sample: √Δ")
axes[1].loglog(SIZES, many**0.5, "s-", label="twice as many samples")
axes[1].set(title="not what many samples change", xlabel="size k", ylabel="RMS change of the loss")
axes[1].legend(fontsize="x-small")

k, steps = 100, np.unique(np.geomspace(1, 2000, 40).astype(int))
X = rng.standard_normal((k + 1000, 5))
labels = np.sign(X @ np.ones(5) + rng.standard_normal(len(X)))
signed, w = X * labels[:, None], np.zeros(5)
deltas, losses = [], []
for step in range(steps[-1] + 1):
    if step in steps:
        draws = w + SIGMA * np.sqrt(np.mean(w**2)) * rng.standard_normal((200, 5))
        each = np.logaddexp(0, -draws @ signed.T)
        gaps = each[:, k:] - each[:, :k].mean(axis=1, keepdims=True)
        deltas.append(np.mean(gaps**2) / (k + 1) ** 2)
        losses.append(np.logaddexp(0, -signed[k:] @ w).mean())
    slopes = 1 / (1 + np.exp(signed[:k] @ w))
    w = w + 0.01 * (signed[:k] * slopes[:, None]).mean(axis=0)
axes[2].loglog(steps, np.sqrt(deltas), "o-", markersize=4, label="√Δ at k = 100")
axes[2].loglog(steps, losses, "C3--", label="unseen loss")
axes[2].set(title="nothing without a training", xlabel="steps of the training", ylabel="loss")
axes[2].legend(fontsize="x-small")
