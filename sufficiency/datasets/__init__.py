"""
Data sets as arrays, for examples and studies.

Every loader returns ``(X, y)``; :func:`load_text` returns the vocabulary as a third, without which
its numbers have no meaning. Nothing is downloaded unless ``download=True``.
"""

from sufficiency.datasets.images import load_cifar10, load_cifar100, load_fashion_mnist, load_mnist
from sufficiency.datasets.packaged import load_digits, load_randhie, load_text, make_mnist1d

__all__ = [
    "load_cifar10",
    "load_cifar100",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "load_randhie",
    "load_text",
    "make_mnist1d",
]
