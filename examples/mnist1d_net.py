"""The data and the net that two scripts of this folder share."""

import numpy as np
import numpy.typing as npt
import torch
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency.datasets import make_mnist1d


def curves(n_samples: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """MNIST-1D: curves of 40 points in one channel, and which of ten shapes each of them has."""
    X, y = make_mnist1d(n_samples, random_state=0)
    return X[:, None], y


class Conv1d(nn.Sequential):
    """Three convolutions of stride 2 on the 40 points of a curve."""

    def __init__(self, channels: int = 16):
        super().__init__(
            nn.Conv1d(1, channels, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(5 * channels, 10),
        )


def convolutional_net() -> NeuralNetClassifier:
    """With its training settings; one epoch, since `min_steps` decides how long it is trained."""
    return NeuralNetClassifier(
        Conv1d,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=0.1,
        lr=5e-3,
        batch_size=64,
        max_epochs=1,
        iterator_train__shuffle=True,
    )
