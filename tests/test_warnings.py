"""A warning is read once, whatever libraries do to the filters, and from whichever process."""

import threading
import warnings

import pytest

from sufficiency._warnings import EachOnce, listener, relay


def mutter(text="old", times=3):
    for _ in range(times):
        with warnings.catch_warnings():  # makes Python forget what it has shown
            warnings.simplefilter("always")
            warnings.warn(text, UserWarning, stacklevel=1)


@pytest.fixture
def heard():
    """What is shown."""
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        yield shown


def test_python_alone_would_repeat_it(heard):
    mutter()
    assert len(heard) == 3


def test_each_is_shown_once_and_the_context_can_be_entered_again(heard):
    once = EachOnce()
    for _ in range(2):
        with once:
            mutter()
            mutter("older")
    assert [str(it.message) for it in heard] == ["old", "older"]
    assert {it.filename for it in heard} == {__file__}


def test_another_context_begins_anew_and_nothing_is_left_behind(heard):
    before = warnings.showwarning
    for _ in range(2):
        with EachOnce():
            mutter()
    with pytest.raises(RuntimeError), EachOnce():
        raise RuntimeError
    mutter()
    assert len(heard) == 5
    assert warnings.showwarning is before


def test_what_threads_of_a_worker_hear_is_shown_elsewhere(heard):
    class Own(UserWarning):
        pass

    Own.__module__ = "__main__"  # a class that only the worker may know
    before, barrier = warnings.showwarning, threading.Barrier(2)

    def work():
        with listener:
            barrier.wait()
            mutter()
            barrier.wait()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with listener:
        warnings.warn("own", Own, stacklevel=1)
    assert warnings.showwarning is before
    taken = listener.taken()
    assert [(text, kind) for text, kind, *_ in taken] == [
        ("old", UserWarning),
        ("own", UserWarning),
    ]
    assert listener.taken() == []
    assert heard == []
    relay(taken)
    assert [str(it.message) for it in heard] == ["old", "own"]
    assert heard[0].filename == __file__
