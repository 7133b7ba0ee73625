"""A net that cannot be trained or probed as planned is refused before any training."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy.typing as npt
import torch
from skorch import NeuralNet

from sufficiency._random import isolated_rng
from sufficiency.curvature import hessian_operator
from sufficiency.data.rows import map_arrays
from sufficiency.data.samples import Samples
from sufficiency.deltas import gaussian_moment_delta
from sufficiency.exceptions import InvalidParameterError, UnsupportedNetError
from sufficiency.nets.losses import LossFunction, check_losses, failed, sample_blocks
from sufficiency.nets.skorch_nets import has_scheduler, training_batch_size
from sufficiency.nets.targets import TargetCodec
from sufficiency.probes import BaseProbe, Probe, check_probe
from sufficiency.probes.base import prepare_probe
from sufficiency.probes.draws import ProbeDraws
from sufficiency.training.train_net import initialized_net, planned_epochs


def check_module(untrained: NeuralNet) -> None:
    """Refuse modules that torch does not evaluate at other weights, and complex weights."""
    if any(isinstance(part, torch.jit.ScriptModule) for part in untrained.module_.modules()):
        raise UnsupportedNetError(
            "`net` holds a torch.jit.ScriptModule, which torch evaluates at no other weights than "
            "its own; pass the module's class instead of what torch.jit makes of it"
        )
    of_complex = [n for n, p in untrained.module_.named_parameters() if p.is_complex()]
    if of_complex:
        raise UnsupportedNetError(
            f"`net` must have real parameters, got complex ones {of_complex[:5]}; keep real and "
            "imaginary parts in one real parameter, and let `forward` put them together "
            "(torch.view_as_complex)"
        )


def check_training_step(
    net: NeuralNet, few: Samples, seed: int, n_classes: int | None = None
) -> None:
    """Refuse a net that does not learn from a batch as it will be asked to, by trying it."""
    copy, output = initialized_net(net, seed, n_classes), None
    x, y = next(sample_blocks(copy, few.X, few.encoded, len(few.y)))
    try:
        with isolated_rng(seed):
            copy.module_.train()
            output = copy.infer(x)
            copy.train_step_single((x, y))
    except Exception as error:
        raise failed("make a training step on", few.X, few.encoded, output, error) from error


def check_batches(net: NeuralNet, few: Samples, sizes: Iterable[int], seed: int) -> None:
    """Refuse sizes that make no batch, or a last one that batch norm cannot be trained on."""
    batch = training_batch_size(net)
    drop_last = net.get_params_for("iterator_train").get("drop_last")
    without = [size for size in sizes if drop_last and size < batch]
    if without:
        raise UnsupportedNetError(
            f"`net` leaves out incomplete batches (iterator_train__drop_last=True) and makes no "
            f"batch of {batch} from {without} samples, so that nothing would be trained; set a "
            "smaller batch_size, or larger `sizes`"
        )
    bad = [size for size in sizes if batch > 1 and size % batch == 1]
    if not bad or drop_last:
        return
    copy = initialized_net(net, seed)
    copy.module_.train()
    one = few.take(slice(1))
    try:
        with isolated_rng(seed), torch.no_grad():
            copy.infer(next(sample_blocks(copy, one.X, one.encoded, 1))[0])
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UnsupportedNetError(
            f"`net` has batch norm and its epochs at the sizes {bad} end in a batch of one sample "
            f"(batch_size={batch}), which has no variance; set iterator_train__drop_last=True"
        ) from error


def check_probe_fits(untrained: NeuralNet, probe: Probe, method: str, few: Samples) -> None:
    """Prepare the probe once, at untrained weights."""
    center = LossFunction(untrained).center()
    if not center:
        raise UnsupportedNetError("`net` must have trainable parameters, got none; unfreeze some")
    if not isinstance(probe, BaseProbe):
        check_probe(probe, center)
    make_hessian = partial(hessian_operator, untrained, few.X, few.encoded)
    sampler = prepare_probe(probe, center, make_hessian)
    device = next(iter(center.values())).device
    if not ProbeDraws(sampler, [0], device).block(0, 1):
        raise InvalidParameterError(
            "probe", f"must disturb some parameters, got {probe!r}, which has no names"
        )
    if method == "gaussian_moment":
        # the smallest closed form that there is: it asks for what the whole one asks for
        two = few.take(slice(2))
        gaussian_moment_delta(
            untrained, two.X, two.encoded, two.X, two.encoded, sampler, n_probes=3
        )


def check_scheduler(
    untrained: NeuralNet, steps: Callable[[int], int], sizes: list[int], min_steps: int
) -> None:
    """Warn where `min_steps` outruns a learning-rate schedule."""
    if not has_scheduler(untrained):
        return
    raised = [
        size
        for size in sizes
        if planned_epochs(untrained, steps(size), min_steps) > untrained.max_epochs
    ]
    if raised:
        warnings.warn(
            f"`min_steps`={min_steps} raises the epochs at the sizes {raised}, and the net's "
            "learning-rate schedule was made for fewer; set min_steps=0 or a schedule by steps",
            UserWarning,
            stacklevel=5,
        )


def check_shapes(first: Samples, other: Samples) -> None:
    """Refuse transformers that give inputs of another shape after other samples."""
    shapes = [map_arrays(some.X, lambda values: values.shape[1:]) for some in (first, other)]
    if shapes[0] != shapes[1]:
        raise InvalidParameterError(
            "net",
            f"has transformers that give inputs of shape {shapes[0]} after "
            f"{len(first.y)} samples and {shapes[1]} after {len(other.y)} others, and a net "
            "takes one shape only; fix what they learn from the data (`categories`, "
            "`n_components`, `vocabulary`)",
        )


def fit_columns(untrained: NeuralNet, codec: TargetCodec, X: Any, y: npt.NDArray) -> TargetCodec:
    """Leave 1-D regression targets flat where the net's output is flat; of a few samples."""
    if not codec.column:
        return codec
    flat = replace(codec, column=False)
    try:
        check_losses(untrained, X, flat.encode(y))
    except ValueError:
        return codec
    return flat
