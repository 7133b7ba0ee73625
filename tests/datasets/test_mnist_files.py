"""The original files of MNIST, where `make data` has put them: every byte, read by hand."""

import numpy as np
import pytest

from sufficiency.datasets import load_mnist


@pytest.mark.parametrize(("train", "part", "n"), [(True, "train", 60_000), (False, "t10k", 10_000)])
def test_every_byte_is_read(mnist_files, train, part, n):
    # after a header of 16 bytes, or 8: the pixels row by row, and a byte for each label
    pixels = np.fromfile(mnist_files / f"{part}-images-idx3-ubyte", dtype=np.uint8, offset=16)
    labels = np.fromfile(mnist_files / f"{part}-labels-idx1-ubyte", dtype=np.uint8, offset=8)
    X, y = load_mnist(train=train, mmap_mode="r")
    assert X.shape == (n, 1, 28, 28)
    assert pixels.size == X.size
    np.testing.assert_array_equal(y, labels)
    # one division, rounded once: a table of its 256 results, in blocks
    table = (np.arange(256) / 255).astype(np.float32)
    for rows, bytes_ in zip(np.array_split(X, 20), np.array_split(pixels, 20), strict=True):
        np.testing.assert_array_equal(rows.ravel(), table[bytes_])


def test_the_digits_are_as_frequent_as_published(mnist_files):
    # LeCun, Bottou, Bengio, Haffner 1998: the counts of the digits 0 to 9 in the training files
    published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(load_mnist(mmap_mode="r")[1]), published)
