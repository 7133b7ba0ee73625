"""Files that torchvision reads: where they belong, and what is missing or damaged."""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["FileSet", "cifar_files", "idx_files", "open_dataset"]

_HOME_VARIABLE = "SUFFICIENCY_DATA"
_HOME = Path("~") / "sufficiency_data"


@dataclass(frozen=True)
class FileSet:
    """
    What a torchvision data set needs on disk.

    `factory` is the torchvision class and `root` the folder that it is given. `files` are those
    that it reads, with their MD5, or None where nobody has published one; `archives` those that
    it unpacks them from, which come from `url`.
    """

    name: str
    factory: Any
    root: Path
    files: dict[Path, str | None]
    archives: dict[Path, str]
    url: str

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return next(iter(self.files)).parent

    def missing(self) -> list[Path]:
        """Files that are not there."""
        return [path for path in self.files if not path.is_file()]


def data_home(root: str | os.PathLike[str] | None) -> Path:
    """`root`, else the folder that the environment names, else one in the user's home."""
    if root is not None and not isinstance(root, (str, os.PathLike)):
        raise TypeError(f"`root` must be None or the path of a folder, got {root!r}")
    return Path(root or os.environ.get(_HOME_VARIABLE) or _HOME).expanduser()


def cifar_files(name: str, factory: Any, root: str | os.PathLike[str] | None) -> FileSet:
    """Files of CIFAR-10 or CIFAR-100: pickled batches from one archive."""
    home = data_home(root)
    folder = home / factory.base_folder
    lists = [*factory.train_list, *factory.test_list]
    files = {folder / file: md5 for file, md5 in lists}
    files[folder / factory.meta["filename"]] = factory.meta["md5"]
    archives = {home / factory.filename: factory.tgz_md5}
    return FileSet(name, factory, home, files, archives, factory.url)


def idx_files(name: str, factory: Any, root: str | os.PathLike[str] | None) -> FileSet:
    """Files of MNIST or FashionMNIST: four IDX files, each compressed on its own."""
    home = data_home(root)
    folder = home / factory.__name__ / "raw"
    archives = {folder / file: md5 for file, md5 in factory.resources}
    files = dict.fromkeys(path.with_suffix("") for path in archives)
    return FileSet(name, factory, home, files, archives, factory.mirrors[0])


def open_dataset(source: FileSet, *, train: bool, download: bool) -> Any:
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
        raise OSError(damaged(source, str(error))) from error


def damaged(source: FileSet, reason: str) -> str:
    """Message for files that are there but cannot be used."""
    return (
        f"{source.name} cannot be read from {source.folder}: {reason or 'a file is damaged'}; "
        f"delete {_listed(source.files)} and what they were unpacked from, and get them anew"
    )


def _not_there(source: FileSet, missing: list[Path]) -> str:
    here = next(iter(source.archives)).parent
    return (
        f"{source.name} is not in {source.folder}: missing {_listed(missing)}. Place them there, "
        f"or place {_listed(source.archives)} in {here}, to be unpacked at the next call. They "
        f"come from {source.url}. With download=True they are fetched; another folder is named by "
        f"`root` or by ${_HOME_VARIABLE}"
    )


def _check_intact(name: str, checksums: dict[Path, str] | dict[Path, str | None]) -> None:
    """Refuse files whose MD5 is not the published one."""
    from torchvision.datasets.utils import check_integrity

    for path, md5 in checksums.items():
        if md5 is not None and not check_integrity(path, md5):
            raise OSError(
                f"{path} is damaged: its MD5 is not {md5}, which {name} was published with; "
                "delete it and get it anew"
            )


def _listed(paths: Any) -> str:
    return ", ".join(path.name for path in paths)
