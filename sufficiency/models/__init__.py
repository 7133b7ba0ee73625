"""The paper's networks, a small language model, and unfitted nets with the paper's training."""

from sufficiency.models.feedforward import MLP, ConvNet
from sufficiency.models.skorch_nets import convnet_classifier, language_model, mlp_classifier
from sufficiency.models.transformer import Transformer

__all__ = [
    "MLP",
    "ConvNet",
    "Transformer",
    "convnet_classifier",
    "language_model",
    "mlp_classifier",
]
