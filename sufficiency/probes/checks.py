"""Whether an object keeps the promises of a probe."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from scipy.sparse import diags_array
from scipy.sparse.linalg import aslinearoperator

from sufficiency.probes.base import Probe, Sampler, Weights, prepare_probe, seeded_generator


def check_probe(probe: Probe, center: Weights, *, hessian: Any = None) -> None:
    """
    Check that a probe does what the estimator relies on, for your own tests.

    Draws have the center's names, shapes, dtypes and device and are finite; they depend on their
    seed and on nothing else (the order in which they are made, the global generators); directions
    depend on theirs; the center is not changed. What cannot be checked is the distribution.

    Parameters
    ----------
    probe : Probe
        To be checked.
    center : dict of tensors
        Parameters by name to prepare it for, such as
        ``{n: p.detach() for n, p in module.named_parameters()}``.
    hessian : scipy LinearOperator, optional
        (N, N), for a probe that needs it. None: one with the eigenvalues 1 … N.

    Raises
    ------
    TypeError
        If `probe` has no `prepare`, or it returns nothing that can be called.
    ValueError
        With all the promises that are not kept, and the remedy.

    Examples
    --------
    >>> import torch
    >>> from sufficiency.probes import check_probe
    >>> class Careless:
    ...     def prepare(self, center):
    ...         return lambda generator: {n: w + torch.randn(w.shape) for n, w in center.items()}
    >>> check_probe(Careless(), {"weight": torch.ones(3)})
    Traceback (most recent call last):
        ...
    ValueError: `probe` must keep the promises of a probe, got Careless(...), which does not:
    - a seed gives another draw the second time; take random numbers from `generator` alone
    - it uses torch's global generator; pass `generator=generator` to every random function
    """
    if isinstance(probe, type) or not isinstance(probe, Probe):
        raise TypeError(
            f"`probe` must be an object with a `prepare` method, got {probe!r}; see "
            "sufficiency.probes.Probe"
        )
    if hessian is None:
        count = sum(tensor.numel() for tensor in center.values())
        hessian = aslinearoperator(diags_array(np.arange(1.0, count + 1)))
    state = torch.get_rng_state()
    given = {name: tensor.clone() for name, tensor in center.items()}
    try:
        sampler = prepare_probe(probe, center, lambda: hessian, random_state=7)
        twin = prepare_probe(probe, center, lambda: hessian, random_state=7)
        if not callable(sampler):
            raise TypeError(
                f"`prepare` must return a callable, got {sampler!r}; it takes a torch.Generator "
                "and returns a dict of tensors"
            )
        faults = list(_faults(sampler, twin, center))
        if not torch.equal(state, torch.get_rng_state()):
            faults.append(
                "it uses torch's global generator; pass `generator=generator` to every random "
                "function"
            )
        if not _same(given, center):
            faults.append("the center is changed; make new tensors instead of writing into it")
    finally:
        torch.set_rng_state(state)
    if faults:
        listed = "".join(f"\n- {fault}" for fault in faults)
        raise ValueError(
            f"`probe` must keep the promises of a probe, got {type(probe).__name__}(...), which "
            f"does not:{listed}"
        )


def _faults(sampler: Sampler, twin: Sampler, center: Weights) -> Iterator[str]:
    device = next(iter(center.values())).device
    first = sampler(seeded_generator(1, device))
    if not isinstance(first, dict) or not first:
        yield f"a draw is {first!r}; return a dict of tensors by parameter name, not empty"
        return
    if wrong := list(_wrong_tensors(first, center)):
        yield from wrong
        return
    kept = {name: tensor.clone() for name, tensor in first.items()}
    other = sampler(seeded_generator(2, device))
    if set(other) != set(first):
        yield "draws have different names; leave out a parameter in all draws or in none"
        return
    if not _same(first, kept):
        yield "a draw changes when the next is made; return new tensors every time"
    if not _same(sampler(seeded_generator(1, device)), kept):
        yield (
            "a seed gives another draw the second time; take random numbers from `generator` alone"
        )
    elif not _same(twin(seeded_generator(1, device)), kept):
        yield (
            "prepared again with the same `random_state`, it gives another draw; make directions "
            "from the `random_state` of `prepare`"
        )


def _wrong_tensors(draw: Weights, center: Weights) -> Iterator[str]:
    if unknown := set(draw) - set(center):
        yield f"a draw has the names {sorted(unknown)}; the center's are {sorted(center)}"
        return
    for name, tensor in draw.items():
        expected = center[name]
        for what in ("shape", "dtype", "device"):
            own, wanted = getattr(tensor, what), getattr(expected, what)
            if own != wanted:
                yield f"{name!r} has the {what} {own}; make it the center's, {wanted}"
        if tensor.requires_grad:
            yield f"{name!r} requires a gradient; detach it"
        if tensor.device == expected.device and not tensor.isfinite().all():
            yield f"{name!r} is not finite; the cell would fail"


def _same(a: Weights, b: Weights) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
