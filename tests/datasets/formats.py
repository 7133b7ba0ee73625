"""Small image collections in the files that the real ones come in."""

import gzip
import hashlib
import struct
import tarfile
from pathlib import Path

import numpy as np

N_TRAIN, N_TEST = 5, 3  # images in a file


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def python2_pickle(value) -> bytes:
    """
    `value` as Python 2 pickled it with protocol 2, as CIFAR's authors did.

    Byte strings where Python 3 would write text, and NumPy's names and flags of that time.
    """
    return b"\x80\x02" + _opcodes(value) + b"."


def _opcodes(value) -> bytes:
    if isinstance(value, str):
        text = value.encode("latin1")
        return b"U" + bytes([len(text)]) + text
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
    if isinstance(value, list):
        return b"](" + b"".join(map(_opcodes, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(_opcodes(k) + _opcodes(v) for k, v in value.items()) + b"u"
    assert isinstance(value, np.ndarray)
    assert value.dtype == np.uint8
    height, width = map(_opcodes, value.shape)
    minus_one = b"J\xff\xff\xff\xff"
    empty = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
    dtype += b"(K\x03U\x01|NNN" + minus_one + minus_one + b"K\x00tb"
    data = b"T" + struct.pack("<i", value.size) + value.tobytes()
    return empty + b"(K\x01" + height + width + b"\x86" + dtype + b"\x89" + data + b"tb"


class Cifar:
    """CIFAR-10 or CIFAR-100 with a few random images a batch."""

    def __init__(self, factory, monkeypatch, rng) -> None:
        self.factory, self.rng = factory, rng
        self.monkeypatch = monkeypatch
        self.fine = factory.__name__ == "CIFAR100"
        self.names = [f"class {i}" for i in range(100 if self.fine else 10)]
        self.images, self.labels = {}, {}

    def write(self, root: Path) -> Path:
        """Write all files, and have torchvision expect their checksums; returns the folder."""
        folder = root / self.factory.base_folder
        folder.mkdir(parents=True)
        lists = {"train_list": N_TRAIN, "test_list": N_TEST}
        for attribute, n in lists.items():
            entries = []
            for name, _ in getattr(self.factory, attribute):
                (folder / name).write_bytes(python2_pickle(self._batch(name, n)))
                entries.append([name, md5(folder / name)])
            self.monkeypatch.setattr(self.factory, attribute, entries)
        meta = dict(self.factory.meta)
        path = folder / meta["filename"]
        path.write_bytes(python2_pickle({meta["key"]: self.names, "num_vis": 3072}))
        self.monkeypatch.setattr(self.factory, "meta", meta | {"md5": md5(path)})
        return folder

    def pack(self, root: Path) -> Path:
        """Replace the folder by its archive."""
        folder, archive = root / self.factory.base_folder, root / self.factory.filename
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(folder, arcname=folder.name)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        self.monkeypatch.setattr(self.factory, "tgz_md5", md5(archive))
        return archive

    def _batch(self, name: str, n: int) -> dict:
        pixels = self.rng.integers(0, 256, (n, 3072), dtype=np.uint8)
        labels = self.rng.integers(0, len(self.names), n).tolist()
        self.images[name], self.labels[name] = pixels, labels
        batch = {"batch_label": name, "data": pixels, "filenames": [f"{i}.png" for i in range(n)]}
        if self.fine:
            return batch | {"fine_labels": labels, "coarse_labels": [0] * n}
        return batch | {"labels": labels}

    def expected(self, train: bool) -> tuple[np.ndarray, np.ndarray]:
        """Pixels 0 … 255 and labels, from the format's description: red, green, blue, by rows."""
        batches = self.factory.train_list if train else self.factory.test_list
        pixels = np.concatenate([self.images[name] for name, _ in batches])
        red, green, blue = (pixels[:, i * 1024 : (i + 1) * 1024] for i in range(3))
        X = np.stack([c.reshape(-1, 32, 32) for c in (red, green, blue)], axis=1)
        return X, np.concatenate([self.labels[name] for name, _ in batches])


class Idx:
    """MNIST or FashionMNIST with a few random images."""

    def __init__(self, factory, monkeypatch, rng) -> None:
        self.factory, self.rng = factory, rng
        self.monkeypatch = monkeypatch
        self.images, self.labels = {}, {}

    def write(self, root: Path) -> Path:
        """Write the four files uncompressed; returns their folder."""
        folder = root / self.factory.__name__ / "raw"
        folder.mkdir(parents=True)
        for part, n in (("train", N_TRAIN), ("t10k", N_TEST)):
            images = self.rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
            labels = self.rng.integers(0, 10, n, dtype=np.uint8)
            write_idx(folder / f"{part}-images-idx3-ubyte", images)
            write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
            self.images[part], self.labels[part] = images, labels
        return folder

    def pack(self, root: Path) -> Path:
        """Replace the files by compressed ones; returns one of them."""
        folder = root / self.factory.__name__ / "raw"
        resources = []
        for path in sorted(folder.iterdir()):
            archive = path.with_name(path.name + ".gz")
            archive.write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
            resources.append((archive.name, md5(archive)))
        self.monkeypatch.setattr(self.factory, "resources", resources)
        return archive

    def expected(self, train: bool) -> tuple[np.ndarray, np.ndarray]:
        part = "train" if train else "t10k"
        return self.images[part][:, None], self.labels[part]


def write_idx(path: Path, values: np.ndarray) -> None:
    """Two zeros, 8 for unsigned bytes, the number of axes, their lengths big-endian, the bytes."""
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}i", *values.shape)
    path.write_bytes(header + values.tobytes())
