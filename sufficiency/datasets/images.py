"""The image collections of the paper and its companions, read by torchvision."""

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sufficiency._files import new_directory

Root = str | os.PathLike[str] | None
Images = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]
MmapMode = Literal["r", "c"] | None

_HOME_VARIABLE = "SUFFICIENCY_DATA"
_HOME = Path("~") / "sufficiency_data"
_BLOCK = 1000  # images


def load_cifar10(
    root: Root = None,
    *,
    train: bool = True,
    download: bool = False,
    as_dataset: bool = False,
    mmap_mode: MmapMode = None,
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
    mmap_mode : {None, "r", "c"}, default=None
        Whether X is a memory map, as of :func:`numpy.load`, of a copy in single precision that
        the first call writes into the folder of the files; None is an array in memory.

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
    ValueError
        If `mmap_mode` is none of these, or comes with `as_dataset`.

    References
    ----------
    Krizhevsky 2009: Learning multiple layers of features from tiny images.
    https://www.cs.toronto.edu/~kriz/cifar.html
    """
    return _load("CIFAR-10", root, train, download, as_dataset, mmap_mode)


def load_cifar100(
    root: Root = None,
    *,
    train: bool = True,
    download: bool = False,
    as_dataset: bool = False,
    mmap_mode: MmapMode = None,
) -> Images | Any:
    """
    CIFAR-100: as many color images as CIFAR-10 has, in 100 classes.

    Parameters
    ----------
    root, train, download, as_dataset, mmap_mode
        As in :func:`load_cifar10`, with ``cifar-100-python`` and ``cifar-100-python.tar.gz``.

    Returns
    -------
    X, y : (n, 3, 32, 32) float32 and (n,) int64
        As in :func:`load_cifar10`; fine labels, 0 to 99.

    Raises
    ------
    FileNotFoundError, OSError
        As in :func:`load_cifar10`.

    References
    ----------
    As for :func:`load_cifar10`.
    """
    return _load("CIFAR-100", root, train, download, as_dataset, mmap_mode)


def load_mnist(
    root: Root = None,
    *,
    train: bool = True,
    download: bool = False,
    as_dataset: bool = False,
    mmap_mode: MmapMode = None,
) -> Images | Any:
    """
    MNIST: 60 000 handwritten digits for training and 10 000 for testing.

    The training part as an array takes 188 MB.

    Parameters
    ----------
    root : path, optional
        Folder with the four IDX files in ``MNIST/raw``, as they are or compressed
        (``train-images-idx3-ubyte`` or ``train-images-idx3-ubyte.gz``, …). None: as in
        :func:`load_cifar10`.
    train, download, as_dataset, mmap_mode
        As in :func:`load_cifar10`.

    Returns
    -------
    X : (n, 1, 28, 28) float32
        Shades of gray from 0 (background) to 1.
    y : (n,) int64
        Digits, 0 to 9.

    Raises
    ------
    FileNotFoundError, OSError
        As in :func:`load_cifar10`. Of files that are not compressed there is no published MD5;
        that they fit together is checked.

    References
    ----------
    LeCun, Bottou, Bengio, Haffner 1998: Gradient-based learning applied to document recognition.
    """
    return _load("MNIST", root, train, download, as_dataset, mmap_mode)


def load_fashion_mnist(
    root: Root = None,
    *,
    train: bool = True,
    download: bool = False,
    as_dataset: bool = False,
    mmap_mode: MmapMode = None,
) -> Images | Any:
    """
    FashionMNIST: 60 000 photographs of clothes for training and 10 000 for testing.

    Parameters
    ----------
    root, train, download, as_dataset, mmap_mode
        As in :func:`load_mnist`, in ``FashionMNIST/raw``.

    Returns
    -------
    X, y : (n, 1, 28, 28) float32 and (n,) int64
        As in :func:`load_mnist`; kinds of clothes, 0 to 9.

    Raises
    ------
    FileNotFoundError, OSError
        As in :func:`load_mnist`.

    References
    ----------
    Xiao, Rasul, Vollgraf 2017: Fashion-MNIST, a novel image dataset for benchmarking machine
    learning algorithms. https://github.com/zalandoresearch/fashion-mnist
    """
    return _load("FashionMNIST", root, train, download, as_dataset, mmap_mode)


def _load(
    name: str, root: Root, train: bool, download: bool, as_dataset: bool, mmap_mode: MmapMode
) -> Images | Any:
    from torchvision import datasets

    if mmap_mode not in (None, "r", "c"):
        raise ValueError(f"`mmap_mode` must be None, 'r' or 'c', got {mmap_mode!r}")
    if as_dataset and mmap_mode:
        raise ValueError("`mmap_mode` is for arrays; leave it out, or as_dataset=False")
    source = _file_set(name, getattr(datasets, name.replace("-", "")), root)
    dataset = _open(source, train=train, download=download)
    y = np.asarray(dataset.targets, dtype=np.int64)
    if len(y) != len(dataset.data) or y.max(initial=0) >= len(dataset.classes):
        reason = f"{len(y)} labels up to {y.max()} for {len(dataset.data)} images"
        raise OSError(_damaged(source, reason))
    if as_dataset:
        return dataset
    images = np.asarray(dataset.data)  # 0 … 255, channels last or absent
    channels = images.transpose(0, 3, 1, 2) if images.ndim == 4 else images[:, None]
    if mmap_mode is None:
        X = channels.astype(np.float32, order="C")
        X /= 255  # in place: the arrays are large
        return X, y
    return np.load(_float32_file(source, train, channels), mmap_mode=mmap_mode), y


def _float32_file(source: "_FileSet", train: bool, channels: npt.NDArray[np.uint8]) -> Path:
    """The images in single precision, written if they are not there or older than their files."""
    files = list(source.files)
    folder = files[0].parent / f"float32-{'train' if train else 'test'}"
    path = folder / "X.npy"
    if not path.is_file() or path.stat().st_mtime < max(f.stat().st_mtime for f in files):
        with new_directory(folder) as making:
            out = np.lib.format.open_memmap(making / path.name, "w+", np.float32, channels.shape)
            for start in range(0, len(out), _BLOCK):
                block = slice(start, start + _BLOCK)
                np.divide(channels[block], 255, out[block], dtype=np.float32)
            out.flush()
    return path


@dataclass(frozen=True)
class _FileSet:
    """Files that a torchvision data set reads, and the archives that it unpacks them from."""

    name: str
    factory: Any  # the torchvision class
    root: Path  # the folder that it is given
    files: dict[Path, str | None]  # MD5, None where nobody has published one
    archives: dict[Path, str]  # MD5
    url: str  # of the archives

    def missing(self) -> list[Path]:
        """Files that are not there."""
        return [path for path in self.files if not path.is_file()]


def _file_set(name: str, factory: Any, root: Root) -> _FileSet:
    if root is not None and not isinstance(root, (str, os.PathLike)):
        raise TypeError(f"`root` must be None or the path of a folder, got {root!r}")
    home = Path(root or os.environ.get(_HOME_VARIABLE) or _HOME).expanduser()
    files: dict[Path, str | None]
    if hasattr(factory, "base_folder"):  # CIFAR: pickled batches from one archive
        folder, meta = home / factory.base_folder, factory.meta
        listed = [*factory.train_list, *factory.test_list, (meta["filename"], meta["md5"])]
        files = {folder / file: md5 for file, md5 in listed}
        archives, url = {home / factory.filename: factory.tgz_md5}, factory.url
    else:  # MNIST: IDX files, each compressed on its own
        folder = home / factory.__name__ / "raw"
        archives, url = {folder / file: md5 for file, md5 in factory.resources}, factory.mirrors[0]
        files = dict.fromkeys(path.with_suffix("") for path in archives)
    return _FileSet(name, factory, home, files, archives, url)


def _open(source: _FileSet, *, train: bool, download: bool) -> Any:
    """Read a data set by torchvision, which unpacks files where only their archives are there."""
    from torchvision.transforms import ToTensor

    if not download and (missing := source.missing()):
        if not all(archive.is_file() for archive in source.archives):
            raise FileNotFoundError(_not_there(source, missing))
        _check_intact(source.name, source.archives)
        # with all archives there and intact torchvision only unpacks them
        download = True
    try:
        with warnings.catch_warnings():
            # NumPy warns of CIFAR's old pickles, Python of torchvision's call of tarfile
            warnings.simplefilter("ignore", np.exceptions.VisibleDeprecationWarning)
            warnings.simplefilter("ignore", DeprecationWarning)
            return source.factory(
                str(source.root), train=train, transform=ToTensor(), download=download
            )
    except Exception as error:
        if missing := source.missing():
            reason = f"{_not_there(source, missing)}. The download failed: {error}"
            raise FileNotFoundError(reason) from error
        _check_intact(source.name, source.files)
        if isinstance(error, OSError):
            raise
        raise OSError(_damaged(source, str(error))) from error


def _damaged(source: _FileSet, reason: str) -> str:
    """Message for files that are there but cannot be used."""
    folder = next(iter(source.files)).parent
    return (
        f"{source.name} cannot be read from {folder}: {reason or 'a file is damaged'}; "
        f"delete {_listed(source.files)} and what they were unpacked from, and get them anew"
    )


def _not_there(source: _FileSet, missing: list[Path]) -> str:
    folder, here = (next(iter(paths)).parent for paths in (source.files, source.archives))
    return (
        f"{source.name} is not in {folder}: missing {_listed(missing)}. Place them there, "
        f"or place {_listed(source.archives)} in {here}, to be unpacked at the next call. They "
        f"come from {source.url}. With download=True they are fetched; another folder is named by "
        f"`root` or by ${_HOME_VARIABLE}"
    )


def _check_intact(name: str, checksums: Mapping[Path, str | None]) -> None:
    """Refuse files whose MD5 is not the published one."""
    from torchvision.datasets.utils import check_integrity

    for path, md5 in checksums.items():
        if md5 is not None and not check_integrity(path, md5):
            raise OSError(
                f"{path} is damaged: its MD5 is not {md5}, which {name} was published with; "
                "delete it and get it anew"
            )


def _listed(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in paths)
