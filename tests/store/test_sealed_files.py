"""The two kinds of files: what goes in comes out bit for bit, or is known to be damaged."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sufficiency.store.sealed_documents import DamagedFileError, parse_document, render_document
from sufficiency.store.sealed_files import parse_tensors, render_tensors

CONTENT = {
    "text": 'quotes " and ℓ, "sha256":"' + "0" * 64 + '"',
    "numbers": [0.1, -0.0, 1e-310, math.inf, -math.inf, 3, True, None],
    "nan": math.nan,
    "deep": {"sha256": "0" * 64, "size": np.int64(3), "delta": np.float64(0.3)},
}


def tensors():
    torch.manual_seed(0)
    matrix = torch.randn(4, 6)
    return {
        "module/matrix": matrix,
        "module/transposed": matrix.T,
        "module/part": matrix[1:3, ::2],
        "module/expanded": torch.ones(1).expand(5),
        "module/parameter": torch.nn.Parameter(torch.randn(2)),
        "module/0-d": torch.tensor(7),
        "module/empty": torch.zeros(0, 3),
        "module/nan": torch.tensor([math.nan, math.inf, -0.0]),
        "module/bf16": torch.randn(3).bfloat16(),
        "module/half": torch.randn(3).half(),
        "module/double": torch.randn(3).double(),
        "module/bool": torch.tensor([True, False]),
        "module/uint8": torch.tensor([1, 255], dtype=torch.uint8),
        "module/uint16": torch.tensor([1, 60000], dtype=torch.uint16),
        "module/complex": torch.tensor([[1 + 2j, 3j]]),
        "module/conj": torch.tensor([1 + 2j, 3j], dtype=torch.complex128).conj(),
        "module/float8": torch.randn(4).to(torch.float8_e4m3fn),
        "module/exotic empty": torch.zeros(0, dtype=torch.complex64),
        "module/exotic 0-d": torch.tensor(2j),
    }


DOCUMENT = render_document("kind 1", "key", CONTENT)
TENSORS = render_tensors("kind 1", "key", tensors(), CONTENT)
PARSERS = {
    "document": (DOCUMENT, parse_document),
    "tensors": (TENSORS, parse_tensors),
}


def same(a: object, b: object) -> bool:
    """Equality that knows NaN and -0.0."""
    return repr(a) == repr(b)


def test_documents_come_back():
    content = parse_document(DOCUMENT, "kind 1", "key")
    plain = CONTENT | {"deep": {"sha256": "0" * 64, "size": 3, "delta": 0.3}}
    assert same(content, plain)
    # strict JSON, for any other reader
    json.loads(DOCUMENT, parse_constant=pytest.fail)


def test_tensors_come_back_bit_for_bit():
    found, content = parse_tensors(TENSORS, "kind 1", "key")
    assert same(content["nan"], math.nan)
    assert content["text"] == CONTENT["text"]
    assert found.keys() == tensors().keys()
    for name, tensor in tensors().items():
        assert found[name].dtype == tensor.dtype, name
        assert found[name].shape == tensor.shape, name
        flat = [t.detach().resolve_conj().contiguous().reshape(-1) for t in (found[name], tensor)]
        a, b = (t.view(torch.uint8).tolist() for t in flat)
        assert a == b, name


def test_tensors_are_a_safetensors_file(tmp_path):
    import safetensors.torch

    (tmp_path / "a.safetensors").write_bytes(TENSORS)
    found = safetensors.torch.load_file(tmp_path / "a.safetensors")
    assert torch.equal(found["module/matrix"], tensors()["module/matrix"])


def test_sparse_tensors_are_refused():
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        render_tensors("kind 1", "key", {"a": torch.eye(3).to_sparse()}, {})


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(("kind", "key"), [("kind 2", "key"), ("kind 1", "another key")])
def test_whole_files_of_another_place_are_recognised(name, kind, key):
    data, parse = PARSERS[name]
    parse(data, "kind 1", "key")
    with pytest.raises(DamagedFileError, match=r"instead of"):
        parse(data, kind, key)


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\xff", b"8" * 100, bytes(100)])
def test_strange_files_are_damaged(name, data):
    _, parse = PARSERS[name]
    with pytest.raises(DamagedFileError):
        parse(data, "kind 1", "key")


def test_each_kind_refuses_the_other():
    with pytest.raises(DamagedFileError):
        parse_tensors(DOCUMENT, "kind 1", "key")
    with pytest.raises(DamagedFileError):
        parse_document(TENSORS, "kind 1", "key")


@st.composite
def damages(draw: st.DrawFn, length: int) -> tuple[str, int, int, bytes]:
    """How to damage a file of some length."""
    how = draw(st.sampled_from(["flip", "cut", "remove", "insert", "overwrite", "append"]))
    start = draw(st.integers(0, length - 1))
    extent = draw(st.integers(1, 64))
    return how, start, extent, draw(st.binary(min_size=1, max_size=64))


def damage(data: bytes, how: str, start: int, extent: int, noise: bytes) -> bytes:
    if how == "flip":
        flipped = bytes([data[start] ^ (1 << extent % 8)])
        return data[:start] + flipped + data[start + 1 :]
    return {
        "cut": data[:start],
        "remove": data[:start] + data[start + extent :],
        "insert": data[:start] + noise + data[start:],
        "overwrite": data[:start] + noise + data[start + len(noise) :],
        "append": data + noise,
    }[how]


# the same examples in every run, and no clock
steady = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@steady
@given(damages(len(DOCUMENT)))
@example(("append", 0, 1, b"\n"))
@example(("append", 0, 1, b" "))
def test_damaged_documents_are_never_trusted(how):
    damaged = damage(DOCUMENT, *how)
    if damaged != DOCUMENT:
        with pytest.raises(DamagedFileError):
            parse_document(damaged, "kind 1", "key")


@steady
@given(damages(len(TENSORS)))
def test_damaged_tensors_are_never_trusted(how):
    damaged = damage(TENSORS, *how)
    if damaged != TENSORS:
        with pytest.raises(DamagedFileError):
            parse_tensors(damaged, "kind 1", "key")


def test_every_bit_of_a_header_counts():
    """Names, shapes, offsets and spaces: the checksum is one of the file, not of its meaning."""
    end = 8 + int.from_bytes(TENSORS[:8], "little")
    for i in range(8 * 8, 8 * end, 7):
        damaged = bytearray(TENSORS)
        damaged[i // 8] ^= 1 << i % 8
        with pytest.raises(DamagedFileError):
            parse_tensors(bytes(damaged), "kind 1", "key")
