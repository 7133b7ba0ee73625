"""A function of tensors as the list of torch's operations that it makes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.fx import Graph, GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

aten = torch.ops.aten


class UnknownTensorError(RuntimeError):
    """A tensor took part whose origin was not seen."""


class _Recorder(TorchDispatchMode):
    """Appends every operation below autograd and vmap to a graph."""

    def __init__(self) -> None:
        super().__init__()
        self.graph, self.constants = Graph(), torch.nn.Module()
        # tensors stay alive, so that nothing else gets their address
        self.known: dict[int, tuple[Node, Tensor]] = {}
        self.storages: set[int] = set()
        self.unchanged: list[tuple[Node, Node]] = []

    def learn(self, tensor: Tensor, node: Node) -> None:
        """Remember where a tensor comes from."""
        self.known[id(tensor)] = node, tensor
        self.storages.add(tensor.untyped_storage().data_ptr())

    def node_of(self, value: Any) -> Any:
        """What stands for a value in the graph; numbers stand for themselves."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self.known:
            if value.numel() and value.untyped_storage().data_ptr() in self.storages:
                raise UnknownTensorError("a tensor of the function has an unknown origin")
            # it was there before: no function of the arguments
            name = f"constant_{len(self.known)}"
            self.constants.register_buffer(name, value)
            self.learn(value, self.graph.get_attr(name))
        return self.known[id(value)][0]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run and append an operation."""
        kwargs = kwargs or {}
        nodes = tree_map(self.node_of, (args, kwargs))
        result = func(*args, **kwargs)
        if args and not func._schema.is_mutable and _same_place(args[0], result):
            self.learn(result, nodes[0][0])
            return result
        node = self.graph.call_function(func, *nodes)
        if func is aten.mul.Scalar and args[1] == 1 and result.dtype == args[0].dtype:
            # β·bias + x·W of a linear layer under vmap, β = 1
            self.unchanged.append((node, nodes[0][0]))
        if isinstance(result, Tensor):
            self.learn(result, node)
        elif isinstance(result, (tuple, list)):
            for i, part in enumerate(result):
                if isinstance(part, Tensor):
                    self.learn(part, self.graph.call_function(lambda t, i: t[i], (node, i)))
        return result


def _same_place(first: Any, second: Any) -> bool:
    """Whether two tensors are the same memory in the same form."""
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return False
    return (first.data_ptr(), first.dtype, first.shape, first.stride()) == (
        second.data_ptr(),
        second.dtype,
        second.shape,
        second.stride(),
    ) and first.numel() > 0


def _changes_in_place(node: Node) -> bool:
    return isinstance(node.target, OpOverload) and node.target._schema.is_mutable


def _changes_something(node: Node) -> bool:
    return node.op != "call_function" or _changes_in_place(node)


def recorded(function: Callable[..., Any], *arguments: Any) -> tuple[Callable[..., Any], Any]:
    """
    The function for arguments of these shapes, and its result for these.

    What runs later are the recorded operations alone, in their order and in place where they were,
    without Python's part of modules, vmap and autograd.
    """
    recorder = _Recorder()
    leaves, _ = tree_flatten(arguments)
    for number, leaf in enumerate(leaves):
        recorder.learn(leaf, recorder.graph.placeholder(f"argument_{number}"))
    with recorder:
        result = function(*arguments)
    recorder.graph.output(tree_map(recorder.node_of, result))
    # what is changed in place needs memory of its own
    if not any(map(_changes_in_place, recorder.graph.nodes)):
        for node, same in recorder.unchanged:
            node.replace_all_uses_with(same)
    recorder.graph.eliminate_dead_code(is_impure_node=_changes_something)
    run = GraphModule(recorder.constants, recorder.graph)
    return lambda *others: run(*tree_flatten(others)[0]), result
