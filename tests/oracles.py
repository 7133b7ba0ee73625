"""Slow, plain twins of what the package computes, written without it."""

import copy

import numpy as np
import torch
from torch import nn


def naive_losses(module, criterion, weights, X, y, transform=lambda output: output):
    """(M, n) losses: copy the module for every draw, load the weights, one sample at a time."""
    n_draws = len(next(iter(weights.values())))
    rows = []
    for t in range(n_draws):
        twin = copy.deepcopy(module).eval()
        with torch.no_grad():
            for name, parameter in twin.named_parameters():
                if name in weights:
                    parameter.copy_(torch.as_tensor(weights[name][t]))
            row = []
            for i in range(len(X)):
                output = transform(twin(torch.as_tensor(X[i : i + 1])))
                row.append(float(criterion(output, torch.as_tensor(y[i : i + 1]))))
        rows.append(row)
    return np.array(rows)


def naive_crossed_variance(terms):
    """Two-way random effects by explicit sums (no interaction replicate)."""
    n_rows, n_columns = terms.shape
    grand = sum(terms[t, j] for t in range(n_rows) for j in range(n_columns)) / terms.size
    row = [sum(terms[t]) / n_columns for t in range(n_rows)]
    column = [sum(terms[:, j]) / n_rows for j in range(n_columns)]
    ms_rows = n_columns * sum((r - grand) ** 2 for r in row) / (n_rows - 1)
    ms_columns = n_rows * sum((c - grand) ** 2 for c in column) / (n_columns - 1)
    ss_rest = sum(
        (terms[t, j] - row[t] - column[j] + grand) ** 2
        for t in range(n_rows)
        for j in range(n_columns)
    )
    ms_rest = ss_rest / ((n_rows - 1) * (n_columns - 1))
    return (ms_rows + ms_columns - ms_rest) / terms.size


def gaussian_moment(a, g, A, sigma):
    """E (a + gᵀz + ½ zᵀAz)² for z ~ N(0, σ²I), math.md "Closed forms", dense."""
    trace, trace_sq = np.trace(A), np.trace(A @ A)
    return a**2 + a * sigma**2 * trace + sigma**2 * g @ g + sigma**4 / 4 * (trace**2 + 2 * trace_sq)


class ConvNet(nn.Module):
    """Convolution, batch norm, dropout: what evaluation mode has to hold still."""

    def __init__(self, n_outputs=3):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Linear(4 * 6 * 6, n_outputs)

    def forward(self, X):
        return self.head(self.features(X).flatten(1))


class MLP(nn.Module):
    def __init__(self, n_inputs=5, n_outputs=3, softmax=False):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_inputs, 8), nn.Tanh(), nn.Linear(8, n_outputs))
        self.softmax = softmax

    def forward(self, X):
        output = self.layers(X)
        return output.softmax(-1) if self.softmax else output


class Recurrent(nn.Module):
    """vmap has no rule for LSTM."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 4, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, X):
        return self.head(self.lstm(X[:, None])[0][:, -1])


class Branching(nn.Module):
    """A branch on data, which vmap cannot follow."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 3)

    def forward(self, X):
        output = self.head(X)
        return output if output.sum() > 0 else 2 * output


def naive_plane(module, criterion, u, v, alphas, betas, X, y):
    """Mean losses at w + αu + βv, one point and one sample after the other."""
    center = {name: p.detach().numpy() for name, p in module.named_parameters()}
    plane = np.empty((len(alphas), len(betas)))
    for i, alpha in enumerate(alphas):
        for j, beta in enumerate(betas):
            point = {
                name: (w + alpha * np.asarray(u.get(name, 0)) + beta * np.asarray(v.get(name, 0)))
                for name, w in center.items()
            }
            weights = {name: w[None] for name, w in point.items()}
            plane[i, j] = naive_losses(module, criterion, weights, X, y).mean()
    return plane
