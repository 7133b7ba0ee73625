"""From a skorch net to a pure function: weights and samples in, one loss a sample out."""

import copy
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import is_classifier
from skorch import NeuralNet
from skorch.dataset import Dataset, unpack_data
from skorch.utils import to_device
from torch import Tensor, nn
from torch.func import functional_call

from sufficiency._random import isolated_rng
from sufficiency.data.rows import form_of, is_arrays, map_arrays, take_rows
from sufficiency.data.torch_datasets import DatasetRows
from sufficiency.exceptions import UnsupportedNetError
from sufficiency.nets.outputs import HOW_TO_CAST, check_output, how_to_choose
from sufficiency.nets.skorch_nets import cuts_only, evaluation_mode, is_binary, module_dtype

Weights = dict[str, Tensor]

# Why a dataset may fail where its arrays would not.
_OF_A_DATASET = (
    "; the items of a dataset are not cast, give them the dtype of the parameters, and what cannot "
    "be stacked needs iterator_train__collate_fn and iterator_valid__collate_fn"
)


class LossFunction:
    """
    Per-sample losses of an initialized net as a function of its weights.

    The value for sample i is the criterion's ``reduction="none"`` value, mean over extra output
    dimensions, after whatever the net's ``get_loss`` does before it (NeuralNetClassifier takes
    the logarithm for NLLLoss). ``infer`` and ``get_loss`` of the net itself are called, so that
    subclasses are respected. Buffers (batch-norm statistics) stay as they are. The net is shared,
    not copied: call inside :func:`evaluation_mode`, or with `training` in training mode.
    """

    def __init__(self, net: NeuralNet, *, training: bool = False) -> None:
        if list(net._modules) != ["module"]:
            raise UnsupportedNetError(
                f"`net` must have one module, got {list(net._modules)}; make them parts of one"
            )
        self.net = net
        self._caller = _Caller(net, training)

    def center(self) -> Weights:
        """The net's trainable parameters, detached, by name."""
        return {
            name: parameter.detach()
            for name, parameter in self.net.module_.named_parameters()
            if parameter.requires_grad
        }

    def __call__(self, weights: Mapping[str, Tensor], x: object, y: Tensor) -> Tensor:
        """Losses of a block of samples."""
        named = {f"module.{name}": tensor for name, tensor in weights.items()}
        return functional_call(self._caller, named, (x, y))


class _Caller(nn.Module):
    """The net's forward pass and loss as a module, which functional_call can give weights."""

    def __init__(self, net: NeuralNet, training: bool) -> None:
        super().__init__()
        self.for_training = training
        criterion = copy.copy(net.criterion_)
        if not hasattr(criterion, "reduction"):
            raise UnsupportedNetError(
                f"`net` has the criterion {type(criterion).__name__}, which has no per-sample "
                "form; give it a `reduction` attribute that accepts 'none', as torch's have"
            )
        criterion.reduction = "none"
        # A twin that shares module and settings: the user's net keeps its own criterion. Copying
        # through copy.copy would serialize the weights, since skorch pickles them.
        twin = object.__new__(type(net))
        twin.__dict__.update(net.__dict__, criterion_=criterion)
        self.module = net.module_
        # past nn.Module.__setattr__, which would register what it finds to be a module
        self.__dict__["_net"] = twin

    def forward(self, x: object, y: Tensor) -> Tensor:
        net: NeuralNet = self.__dict__["_net"]
        losses: Tensor = net.get_loss(net.infer(x), y, X=x, training=self.for_training)
        return losses.flatten(1).mean(1) if losses.ndim > 1 else losses


def sample_blocks(
    net: NeuralNet, X: Any, y: npt.NDArray, block: int
) -> Iterator[tuple[Any, Tensor]]:
    """
    Samples in order, on the net's device, in blocks.

    Plain arrays, and items of datasets, are cut directly. A dataset class or a loader of the
    user's is used as the net would use it, and then decides the size of its batches.
    """
    if isinstance(X, DatasetRows):
        X = X.with_targets(y)
    items, arrays = isinstance(X, DatasetRows), net.dataset is Dataset and is_arrays(X)
    if cuts_only(net, "iterator_valid") and (items or arrays):
        for start in range(0, len(y), block):
            part = slice(start, start + block)
            x = X.batch(part) if items else take_rows(X, part)
            x = to_device(x, net.device) if items else as_tensors(x, net.device)
            yield x, _tensor(y[part], net.device)
        return
    # a loader takes a seed from the global generator even when it does not shuffle
    with isolated_rng(0):
        batches = iter(net.get_iterator(net.get_dataset(X, y), training=False))
    for batch in batches:
        yield to_device(unpack_data(batch), net.device)


def as_tensors(X: Any, device: Any) -> Any:
    """Tensors in the containers that collation makes: of tuples it makes lists."""
    collated = map_arrays(X, lambda values: _tensor(np.asarray(values), device))
    return list(collated) if isinstance(collated, tuple) else collated


def _tensor(values: npt.NDArray, device: Any) -> Tensor:
    # torch shares memory and refuses to do so with what must not be written
    tensor = torch.as_tensor(np.require(values, requirements="W"))
    if device is not None and torch.device(device).type == "cuda":
        # from pinned memory the copy runs beside the computation
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def check_losses(net: NeuralNet, X: Any, y: npt.NDArray, n_classes: int | None = None) -> None:
    """Refuse a net whose losses are not a mean over samples."""
    function, output = LossFunction(net), None
    check_criterion(net, y)
    with evaluation_mode(net), torch.no_grad(), warnings.catch_warnings():
        # torch only warns where a prediction and a target of different shapes broadcast
        warnings.filterwarnings("error", message="Using a target size")
        try:
            x_block, y_block = next(sample_blocks(net, X, y, len(y)))
            n = len(y_block)
            output = net.infer(x_block)
            if n_classes is not None and is_classifier(net) and not is_binary(net):
                _check_output(output, n_classes)
            check_output(net, output)
            losses = function({}, x_block, y_block)
            reduced = net.get_loss(output, y_block, X=x_block, training=False)
            again = function({}, x_block, y_block)
            first = slice(n - n // 2)
            half = function({}, take_rows(x_block, first), y_block[first])
        except UnsupportedNetError:
            raise
        except Exception as error:
            more = _OF_A_DATASET if isinstance(X, DatasetRows) else ""
            more += HOW_TO_CAST if module_dtype(net) == torch.bfloat16 else ""
            raise failed("compute losses for", X, y, output, f"{error}{more}") from error
    if tuple(losses.shape) != (n,):
        raise UnsupportedNetError(
            f"`net` must give one loss a sample with reduction='none', got shape "
            f"{tuple(losses.shape)} for {n} samples; the criterion or get_loss ignores "
            "`reduction`: where the module computes a mean itself, let it return its outputs and "
            "the criterion compute their loss"
        )
    tolerance = 1e3 * rounding(net, losses)
    mean = losses.double().mean()
    equal_unless = {
        "is random in evaluation mode, so that its loss is no function of its weights; "
        "switch the randomness off with `self.training`": (losses, again),
        f"gives a sample a loss that depends on the other samples of the batch; "
        f"{_why_of_batch(net, output, y_block)}": (losses[: len(half)], half),
        f"has a loss of {reduced.item():g} on {n} samples whose mean per-sample loss is "
        f"{mean.item():g}; remove class weights, ignore_index, reduction='sum' and anything "
        "nonlinear in get_loss": (mean, reduced.double()),
    }
    for problem, (a, b) in equal_unless.items():
        if not torch.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise UnsupportedNetError(f"`net` {problem}")


def failed(
    what: str, X: Any, y: npt.NDArray, output: object, problem: object
) -> UnsupportedNetError:
    """What a net cannot do with these data; an output that is no tensor is the likeliest reason."""
    return UnsupportedNetError(
        f"`net` cannot {what} X of {form_of(X)} with targets of shape {tuple(y.shape)} and dtype "
        f"{y.dtype}: {how_to_choose(output) or problem}"
    )


def _why_of_batch(net: NeuralNet, output: object, y: Tensor) -> str:
    """What may tie the samples of a batch together, and the remedy."""
    without = [
        name
        for name, part in net.module_.named_modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is None
    ]
    if without:
        return (
            f"its batch norm {without} keeps no running statistics; set track_running_stats=True, "
            "or use GroupNorm"
        )
    return (
        f"output has {_shape(output)} and target {_shape(y)}, make them equal if they broadcast; "
        "else normalize by statistics that are fixed in evaluation mode"
    )


def rounding(net: NeuralNet, losses: Tensor) -> float:
    """Of losses, which are no finer than single precision where the net computes in it."""
    coarse = losses.dtype == torch.float64 and module_dtype(net) != torch.float64
    return torch.finfo(torch.float32 if coarse else losses.dtype).eps


def _shape(output: object) -> str:
    return f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else "no shape"


def _check_output(output: object, n_classes: int) -> None:
    if isinstance(output, Tensor) and (output.ndim < 2 or output.shape[1] != n_classes):
        raise UnsupportedNetError(
            f"`net` must have one output for each of the {n_classes} classes of y, got an output "
            f"of {_shape(output)}; change the last layer"
        )


def representative(y: npt.NDArray, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Indices of some random samples, of every class one where targets are classes."""
    order = rng.permutation(len(y))
    chosen = order[:count]
    if y.ndim == 1 and y.dtype.kind in "iu":
        firsts = order[np.unique(y[order], return_index=True)[1]]
        chosen = np.concatenate([firsts[:64], chosen])
    return np.unique(chosen)


def check_mean_of_losses(net: NeuralNet, X: Any, y: npt.NDArray) -> None:
    """Refuse a net whose loss is no mean over samples; losses are computed for a few of them."""
    check_criterion(net, y)
    some = representative(y, 8, np.random.default_rng(0))
    check_losses(net, take_rows(X, some), y[some])


def check_criterion(net: NeuralNet, y: npt.NDArray) -> None:
    """Refuse weights of classes, and targets that are ignored."""
    weight = getattr(net.criterion_, "weight", None)
    if isinstance(net.criterion_, (nn.CrossEntropyLoss, nn.NLLLoss)) and (
        weight is not None and bool((weight != 1).any())
    ):
        raise UnsupportedNetError(
            "`net` has class weights in its criterion, so that its loss is no mean over samples; "
            "remove class weights, and balance the classes by sampling if that is the aim"
        )
    ignored = getattr(net.criterion_, "ignore_index", None)
    if ignored is not None and y.dtype.kind in "iu" and (y == ignored).any():
        raise UnsupportedNetError(
            f"`net` ignores targets equal to {ignored} (the criterion's ignore_index), so that its "
            "loss is no mean over samples; leave these samples out or mask them in the criterion"
        )
