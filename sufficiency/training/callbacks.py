"""Events of a training reach the callbacks that listen, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from skorch import NeuralNet
from skorch.callbacks import Callback, PrintLog


def _listens(callback: Any, event: str) -> bool:
    """Whether the callback does anything at this event; what is no Callback may."""
    if not isinstance(callback, Callback) or event in vars(callback):
        return True
    return getattr(type(callback), event, None) is not getattr(Callback, event, None)


def _is_mute(net: NeuralNet, callback: Any) -> bool:
    """Even where it prints nothing, skorch's log makes its table at every epoch."""
    return type(callback) is PrintLog and callback.sink is print and not net.verbose


@contextmanager
def only_listeners(net: NeuralNet) -> Iterator[None]:
    """
    Within this context an event costs nothing for callbacks that ignore it.

    skorch calls every callback at every batch. A net with a ``notify`` of its own is left alone.
    """
    if type(net).notify is not NeuralNet.notify or "notify" in vars(net):
        yield
        return
    known: dict[str, tuple[list[Any], list[Any]]] = {}

    def listeners(event: str) -> list[Any]:
        present = [callback for _, callback in net.callbacks_]
        if event not in known or known[event][0] != present:
            known[event] = (present, [c for c in present if _listens(c, event)])
        return known[event][1]

    def notify(event: str, **kwargs: Any) -> None:
        getattr(net, event)(net, **kwargs)
        for callback in listeners(event):
            if not _is_mute(net, callback):
                getattr(callback, event)(net, **kwargs)

    # past the net's own __setattr__, which looks for modules in what it is given
    vars(net)["notify"] = notify
    try:
        yield
    finally:
        del vars(net)["notify"]
