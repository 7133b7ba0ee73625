"""Nets and data of the benchmarks."""

import numpy as np
import torch
from skorch import NeuralNetClassifier
from torch import nn


def perceptron(n_inputs, width, depth, n_outputs=10):
    layers, size = [nn.Flatten()], n_inputs
    for _ in range(depth):
        layers += [nn.Linear(size, width), nn.ReLU()]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, n_outputs))


def convolutional(channels, depth, n_outputs=10):
    layers, size = [], 3
    for _ in range(depth):
        layers += [nn.Conv2d(size, channels, 3, padding=1), nn.ReLU()]
        size = channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(size, n_outputs))


def initialized(module):
    torch.manual_seed(0)
    return NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss).initialize()


def random_data(shape, n_classes=10):
    rng = np.random.default_rng(0)
    return rng.standard_normal(shape, dtype="float32"), rng.integers(0, n_classes, shape[0])
