"""An estimator on some of scikit-learn's digits, and three kinds of nets for it."""

from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from sufficiency import LandscapeSufficiencyEstimator
from tests.oracles import MLP


class BatchNormConv(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Tanh(), nn.Flatten()
        )
        self.head = nn.Linear(4 * 64, 10)

    def forward(self, X):
        return self.head(self.layers(X.reshape(-1, 1, 8, 8)))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 8)
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 10)

    def forward(self, X):
        return self.head(self.encoder(self.embed(X.reshape(-1, 8, 8))).mean(1))


class Perceptron(MLP):
    def __init__(self):
        super().__init__(n_inputs=64, n_outputs=10)


NETS = [Perceptron, BatchNormConv, Transformer]


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:240] / 16, y[:240]


def estimator(module=Perceptron, **kwargs):
    net = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        lr=0.1,
        max_epochs=20,
        batch_size=32,
        iterator_train__shuffle=True,
        verbose=0,
    )
    defaults = {"sizes": [60, 90, 120], "n_repeats": 2, "n_draws": 8, "n_candidates": 40}
    defaults |= {"min_steps": 0, "curve": "theory", "random_state": 0, "refit": False}
    return LandscapeSufficiencyEstimator(net, **{**defaults, **kwargs})
