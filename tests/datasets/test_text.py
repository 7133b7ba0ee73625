from pydoc_data.topics import topics

import numpy as np
import pytest

from sufficiency.datasets import load_text


def decoded(codes, vocabulary):
    return "".join(vocabulary[code] for code in codes)


@pytest.fixture(scope="module")
def text():
    return "\n\n".join(topics[name].strip() for name in sorted(topics))


@pytest.mark.parametrize(("context", "step"), [(64, None), (16, 16), (10, 7), (5, 20)])
def test_windows_are_slices_of_the_text(text, context, step):
    X, y, vocabulary = load_text(context, step=step)
    stride = step or context
    # as many as have a character after their last one
    starts = [i for i in range(0, len(text), stride) if i + context + 1 <= len(text)]
    assert X.shape == y.shape == (len(starts), context)
    assert X.dtype == y.dtype == np.int64
    for row in (0, 1, len(X) // 2, len(X) - 1):
        start = starts[row]
        assert decoded(X[row], vocabulary) == text[start : start + context]
        assert decoded(y[row], vocabulary) == text[start + 1 : start + context + 1]


def test_nothing_is_predicted_twice_by_default(text):
    X, y, vocabulary = load_text(32)
    assert decoded(X.ravel(), vocabulary) == text[: X.size]
    assert decoded(y.ravel(), vocabulary) == text[1 : y.size + 1]


def test_vocabulary_is_what_occurs(text):
    X, _, vocabulary = load_text(1)
    assert vocabulary == "".join(sorted(set(text)))
    assert X.min() == 0
    assert X.max() == len(vocabulary) - 1


def test_arrays_share_no_memory():
    X, y, _ = load_text(8)
    X[:] = 0
    assert y.any()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`context` must be >= 1, got 0"):
        load_text(0)
    with pytest.raises(ValueError, match="`step` must be >= 1, got 0"):
        load_text(step=0)
    with pytest.raises(ValueError, match=r"`context` must be < \d+, the length of the whole text"):
        load_text(10**9)
