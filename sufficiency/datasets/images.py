"""The image collections of the paper and its companions, read by torchvision."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from sufficiency.datasets.files import FileSet, cifar_files, damaged, idx_files, open_dataset

__all__ = ["load_cifar10", "load_cifar100", "load_fashion_mnist", "load_mnist"]

Root = str | os.PathLike[str] | None
Images = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def load_cifar10(
    root: Root = None, *, train: bool = True, download: bool = False, as_dataset: bool = False
) -> Images | Any:
    """
    CIFAR-10, the data of the paper: 50 000 color images for training and 10 000 for testing.

    The training part as an array takes 614 MB.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``cifar-10-batches-py``, or ``cifar-10-python.tar.gz``, which is then
        unpacked. None is the environment's ``SUFFICIENCY_DATA``, else ``~/sufficiency_data``.
    train : bool, default=True
        The training images or the test images.
    download : bool, default=False
        Whether missing files are fetched from the collection's own site.
    as_dataset : bool, default=False
        Whether to return torchvision's data set instead, whose samples are the same tensors and
        labels, made one by one; its attribute ``transform`` may be replaced and ``classes`` holds
        the names of the labels.

    Returns
    -------
    X : (n, 3, 32, 32) float32
        Red, green and blue from 0 to 1. The paper names no scaling; ``2 * X - 1`` is that of its
        released code.
    y : (n,) int64
        Labels, 0 to 9.

    Raises
    ------
    FileNotFoundError
        If files are missing; it says which, where they belong and how to get them.
    OSError
        If a file's MD5 is not the published one, or it cannot be read.

    References
    ----------
    Krizhevsky 2009: Learning multiple layers of features from tiny images.
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    from torchvision.datasets import CIFAR10

    source = cifar_files("CIFAR-10", CIFAR10, root)
    return _load(source, train=train, download=download, as_dataset=as_dataset)


def load_cifar100(
    root: Root = None, *, train: bool = True, download: bool = False, as_dataset: bool = False
) -> Images | Any:
    """
    CIFAR-100: 50 000 color images of 100 classes for training and 10 000 for testing.

    The training part as an array takes 614 MB.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``cifar-100-python``, or ``cifar-100-python.tar.gz``, which is then
        unpacked. None is the environment's ``SUFFICIENCY_DATA``, else ``~/sufficiency_data``.
    train, download, as_dataset : bool
        As in :func:`load_cifar10`.

    Returns
    -------
    X : (n, 3, 32, 32) float32
        Red, green and blue from 0 to 1.
    y : (n,) int64
        Fine labels, 0 to 99.

    Raises
    ------
    FileNotFoundError, OSError
        As in :func:`load_cifar10`.

    References
    ----------
    Krizhevsky 2009: Learning multiple layers of features from tiny images.
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    from torchvision.datasets import CIFAR100

    source = cifar_files("CIFAR-100", CIFAR100, root)
    return _load(source, train=train, download=download, as_dataset=as_dataset)


def load_mnist(
    root: Root = None, *, train: bool = True, download: bool = False, as_dataset: bool = False
) -> Images | Any:
    """
    MNIST: 60 000 handwritten digits for training and 10 000 for testing.

    The training part as an array takes 188 MB.

    Parameters
    ----------
    root : path, optional
        Folder with the four IDX files in ``MNIST/raw``, as they are or compressed
        (``train-images-idx3-ubyte`` or ``train-images-idx3-ubyte.gz``, …). None is the
        environment's ``SUFFICIENCY_DATA``, else ``~/sufficiency_data``.
    train, download, as_dataset : bool
        As in :func:`load_cifar10`.

    Returns
    -------
    X : (n, 1, 28, 28) float32
        Shades of gray from 0 (background) to 1.
    y : (n,) int64
        Digits, 0 to 9.

    Raises
    ------
    FileNotFoundError
        If files are missing; it says which, where they belong and how to get them.
    OSError
        If a compressed file's MD5 is not the published one, or a file cannot be read. Of files
        that are not compressed there is no published MD5; that they fit together is checked.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner 1998: Gradient-based learning applied to document recognition.
    """
    from torchvision.datasets import MNIST

    source = idx_files("MNIST", MNIST, root)
    return _load(source, train=train, download=download, as_dataset=as_dataset)


def load_fashion_mnist(
    root: Root = None, *, train: bool = True, download: bool = False, as_dataset: bool = False
) -> Images | Any:
    """
    FashionMNIST: 60 000 photographs of clothes for training and 10 000 for testing.

    The training part as an array takes 188 MB.

    Parameters
    ----------
    root : path, optional
        Folder with the four IDX files in ``FashionMNIST/raw``, as they are or compressed, as for
        :func:`load_mnist`.
    train, download, as_dataset : bool
        As in :func:`load_cifar10`.

    Returns
    -------
    X : (n, 1, 28, 28) float32
        Shades of gray from 0 (background) to 1.
    y : (n,) int64
        Kinds of clothes, 0 to 9.

    Raises
    ------
    FileNotFoundError, OSError
        As in :func:`load_mnist`.

    References
    ----------
    Xiao, Rasul, Vollgraf 2017: Fashion-MNIST, a novel image dataset for benchmarking machine
    learning algorithms. https://github.com/zalandoresearch/fashion-mnist
    """
    from torchvision.datasets import FashionMNIST

    source = idx_files("FashionMNIST", FashionMNIST, root)
    return _load(source, train=train, download=download, as_dataset=as_dataset)


def _load(source: FileSet, *, train: bool, download: bool, as_dataset: bool) -> Images | Any:
    dataset = open_dataset(source, train=train, download=download)
    y = np.asarray(dataset.targets, dtype=np.int64)
    if len(y) != len(dataset.data) or y.max(initial=0) >= len(dataset.classes):
        reason = f"{len(y)} labels up to {y.max()} for {len(dataset.data)} images"
        raise OSError(damaged(source, reason))
    return dataset if as_dataset else (_pixels(np.asarray(dataset.data)), y)


def _pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Images of 0 … 255, channels last or absent, as 0 … 1, channels first."""
    channels = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images[:, None]
    X = channels.astype(np.float32, order="C")
    X /= 255  # in place: the arrays are large
    return X
