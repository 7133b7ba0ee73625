"""Text as sequences of characters, for language models."""

import numpy as np
import numpy.typing as npt

from sufficiency._validation import check_integer

__all__ = ["load_text"]


def load_text(
    context: int = 64, *, step: int | None = None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], str]:
    """
    Python's own help texts, cut into sequences of characters with the characters that follow.

    They come with every Python (``help("topics")``, in English) and **differ between its
    versions**: 465 000 characters with 3.11, 511 000 with 3.13. The topics are joined in the order
    of their names.

    Parameters
    ----------
    context : int, default=64
        Characters of a sequence.
    step : int, optional
        Characters between the beginnings of two sequences. None is `context`: sequences do not
        overlap, and every character is predicted at most once. A smaller step gives more samples,
        which share text, so that unseen ones have been seen in part.

    Returns
    -------
    X : (n, context) int64
        Characters, as positions in `vocabulary`. Neighbors in the text are neighbors here.
    y : (n, context) int64
        The character after each of `X`.
    vocabulary : str
        All characters that occur, sorted.

    Raises
    ------
    TypeError, ValueError
        If `context` or `step` is no integer or out of range.

    Examples
    --------
    >>> X, y, vocabulary = load_text(context=16)
    >>> X.shape == y.shape, X.shape[1], len(vocabulary) > 90
    (True, 16, True)
    >>> bool((X[:, 1:] == y[:, :-1]).all())
    True
    """
    context = check_integer("context", context, 1)
    step = context if step is None else check_integer("step", step, 1)
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    if context >= len(text):
        raise ValueError(
            f"`context` must be < {len(text)}, the length of the whole text, got {context}"
        )
    characters, codes = np.unique(np.array(list(text)), return_inverse=True)
    windows = np.lib.stride_tricks.sliding_window_view(codes.astype(np.int64), context + 1)[::step]
    return windows[:, :-1].copy(), windows[:, 1:].copy(), "".join(characters)
