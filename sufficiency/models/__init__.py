"""The paper's networks, a small language model, and unfitted nets with the paper's training."""

from sufficiency.models.classifiers import convnet_classifier, language_model, mlp_classifier
from sufficiency.models.networks import MLP, ConvNet, Transformer

__all__ = [
    "MLP",
    "ConvNet",
    "Transformer",
    "convnet_classifier",
    "language_model",
    "mlp_classifier",
]
