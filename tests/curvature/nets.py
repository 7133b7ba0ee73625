"""Small nets of every kind in double precision, and Hessians of their losses without autograd."""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from sufficiency.training.train_net import train_net


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 3))

    def forward(self, X):
        return self.layers(X)


class SmallConv(nn.Module):
    """Batch norm with running statistics and dropout; smooth, for finite differences."""

    def __init__(self, norm=lambda: nn.BatchNorm2d(2)):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 2, 3), norm(), nn.Tanh(), nn.Dropout(0.5), nn.Flatten(), nn.Linear(8, 3)
        )

    def forward(self, X):
        return self.layers(X.reshape(-1, 1, 4, 4))


class SmallTransformer(nn.Module):
    """One encoder layer; GELU, since finite differences do not like the corner of a ReLU."""

    def __init__(self, width=4, n_tokens=4):
        super().__init__()
        self.n_tokens = n_tokens
        self.embed = nn.Linear(16 // n_tokens, width)
        layer = nn.TransformerEncoderLayer(
            width, 2, 4, dropout=0.1, activation="gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, X):
        tokens = self.embed(X.reshape(len(X), self.n_tokens, -1))
        return self.head(self.encoder(tokens).mean(1))


class GroupNormConv(SmallConv):
    """Group norm has no forward-mode rule."""

    def __init__(self):
        super().__init__(lambda: nn.GroupNorm(2, 2))


class SmallRecurrent(nn.Module):
    """vmap has no rule for LSTM."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 2, batch_first=True)
        self.head = nn.Linear(2, 3)

    def forward(self, X):
        return self.head(self.lstm(X.reshape(len(X), 4, 4))[0][:, -1])


N_FEATURES = {Perceptron: 5}
KINDS = [Perceptron, SmallConv, SmallTransformer]
ALL_KINDS = [*KINDS, GroupNormConv, SmallRecurrent]


def make_data(kind, n, seed=0):
    rng = np.random.default_rng(seed)
    width = N_FEATURES.get(kind, 16)
    X = rng.normal(size=(n, width))
    y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] + 0.5 * rng.normal(size=n) > 0)
    return X, y


def trained_net(kind, X, y, *, steps=200, seed=0, **params):
    """A classifier in float64 after some optimizer steps; left in training mode."""
    net = NeuralNetClassifier(
        kind,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.01,
        batch_size=32,
        max_epochs=max(1, round(steps / max(1, -(-len(X) // 32)))),
        train_split=None,
        verbose=0,
        **params,
    )
    torch.set_default_dtype(torch.float64)
    try:
        net = train_net(
            net, X, y, None, center="last", min_steps=0, seed=seed, n_classes=3, verbose=0
        ).net
    finally:
        torch.set_default_dtype(torch.float32)
    net.module_.train()
    return net


def losses_of_vectors(net, X, y, block=2000):
    """Function (M, N) flat weights → (M, n) losses: functional calls, no derivative anywhere."""
    module = net.module_
    shapes = {n: p.shape for n, p in module.named_parameters() if p.requires_grad}
    sizes = [shape.numel() for shape in shapes.values()]
    X, y = torch.as_tensor(X), torch.as_tensor(y)

    def losses(flat):
        parts = flat.split(sizes)
        named = {n: p.reshape(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}
        output = functional_call(module, named, (X,))
        return nn.functional.cross_entropy(output, y, reduction="none")

    def evaluate(vectors):
        module.eval()
        fused = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            # the fused attention kernel has no batching rule
            with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
                rows = torch.as_tensor(np.atleast_2d(vectors)).split(block)
                try:
                    return torch.cat([vmap(losses)(part) for part in rows]).numpy()
                except RuntimeError:
                    return torch.stack([losses(row) for part in rows for row in part]).numpy()
        finally:
            torch.backends.mha.set_fastpath_enabled(fused)
            module.train()

    return evaluate


def center_of(net):
    return np.concatenate(
        [p.detach().numpy().ravel() for p in net.module_.parameters() if p.requires_grad]
    )


def difference_gradients(evaluate, w, h=1e-5):
    """(n, N) gradients by central differences of loss values."""
    steps = h * np.eye(len(w))
    return ((evaluate(w + steps) - evaluate(w - steps)) / (2 * h)).T


def difference_hessians(evaluate, w, h=1e-3):
    """
    (n, N, N) Hessians by fourth-order central differences of loss values.

    For f along e_i + e_j and e_i − e_j: second derivatives d₊, d₋ and H_ij = (d₊ − d₋)/4.
    """
    n_weights = len(w)
    i, j = np.triu_indices(n_weights)
    basis = np.eye(n_weights)
    center = evaluate(w)

    def second(directions):
        def at(t):
            return evaluate(w + t * h * directions)

        return (16 * (at(1) + at(-1)) - (at(2) + at(-2)) - 30 * center) / (12 * h**2)

    entries = (second(basis[i] + basis[j]) - second(basis[i] - basis[j])) / 4
    hessians = np.empty((center.shape[1], n_weights, n_weights))
    hessians[:, i, j] = hessians[:, j, i] = entries.T
    return hessians
