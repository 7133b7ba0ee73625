import argparse
import enum
import functools
import itertools
import json
import linecache
import math
import operator
import os
import sys
import threading
import types
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from sklearn.metrics import get_scorer, make_scorer
from skorch import NeuralNetClassifier
from skorch.callbacks import Checkpoint, EarlyStopping, EpochScoring, LRScheduler, ProgressBar
from torch import nn

from sufficiency.nets.predictor import Predictor
from sufficiency.probes import (
    CurvatureSubspace,
    DiagonalGaussian,
    IsotropicGaussian,
    LowRankGaussian,
    PointMass,
    RandomSubspace,
    StudentT,
    UniformSphere,
)
from sufficiency.store import code_syntax
from sufficiency.store.configurations import content_of, content_of_net
from sufficiency.store.fingerprints import digest
from tests.helpers import Perceptron, classifier

LOCK = threading.Lock()
NUMBERS = itertools.count()


def of(value) -> str:
    return digest(content_of(value, "value"))


def of_net(net) -> str:
    return digest(content_of_net(net))


def as_script(text: str, *, readable=True, compiler=compile, **namespace) -> dict:
    """What a notebook (or, not readable, a plain prompt) defines: no module that is imported."""
    namespace = {"__name__": "__main__", "nn": nn, "torch": torch} | namespace
    name = f"<cell {next(NUMBERS)}>"
    if readable:
        # as IPython does
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compiler(text, name, "exec"), namespace)
    return namespace


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Config:
    width: int = 3
    kinds: dict = field(default_factory=dict)


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


class Loop:
    def __init__(self):
        self.itself = self


def plain_function(x, factor=2.0, *, shift=1.0):
    return x * factor + shift


# Every two of them must differ, and each be the same whenever it is made.
VALUES = {
    "none": lambda: None,
    "true": lambda: True,
    "one": lambda: 1,
    "float": lambda: 1.0,
    "large": lambda: 10**30,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "minus zero": lambda: -0.0,
    "text": lambda: "1",
    "bytes": lambda: b"1",
    "complex": lambda: 1j,
    "list": lambda: [1, 2],
    "tuple": lambda: (1, 2),
    "order": lambda: [2, 1],
    "set": lambda: {1, 2},
    "frozenset": lambda: frozenset({1, 2}),
    "dict": lambda: {"a": 1, "b": 2},
    "dict with numbers": lambda: {1: 1, 2: 2},
    "ordered": lambda: OrderedDict(a=1, b=2),
    "ordered otherwise": lambda: OrderedDict(b=2, a=1),
    "range": lambda: range(3),
    "slice": lambda: slice(3),
    "path": lambda: Path("a") / "b",
    "ellipsis": lambda: ...,
    "array": lambda: np.arange(3),
    "float array": lambda: np.arange(3.0),
    "objects": lambda: np.array(["a", None], dtype=object),
    "float32": lambda: np.float32(0.1),
    "tensor": lambda: torch.arange(3),
    "float tensor": lambda: torch.arange(3.0),
    "dtype": lambda: torch.float32,
    "other dtype": lambda: torch.float64,
    "numpy dtype": lambda: np.dtype("f4"),
    "device": lambda: torch.device("cpu"),
    "other device": lambda: torch.device("cuda", 1),
    "size": lambda: torch.Size([1, 2]),
    "generator": lambda: torch.Generator().manual_seed(0),
    "other generator": lambda: torch.Generator().manual_seed(1),
    "random state": lambda: np.random.RandomState(0),
    "other random state": lambda: np.random.RandomState(1),
    "rng": lambda: np.random.default_rng(0),
    "enum": lambda: Color.RED,
    "other member": lambda: Color.BLUE,
    "dataclass": Config,
    "other dataclass": lambda: Config(4),
    "slots": lambda: Slotted(1),
    "other slots": lambda: Slotted(2),
    "namespace": lambda: types.SimpleNamespace(a=1),
    "arguments": lambda: argparse.Namespace(a=1),
    "loop": Loop,
    "class": lambda: Config,
    "library class": lambda: nn.Linear,
    "other library class": lambda: nn.Conv2d,
    "function": lambda: plain_function,
    "library function": lambda: nn.functional.relu,
    "other library function": lambda: nn.functional.gelu,
    "built-in": lambda: print,
    "built-in of torch": lambda: torch.tanh,
    "other built-in of torch": lambda: torch.sin,
    "bound built-in": lambda: [1].append,
    "other bound built-in": lambda: [2].append,
    "ufunc": lambda: np.tanh,
    "method": lambda: Config(3).__repr__,
    "other method": lambda: Config(4).__repr__,
    "partial": lambda: functools.partial(plain_function, factor=3.0),
    "other partial": lambda: functools.partial(plain_function, factor=4.0),
    "lambda": lambda: lambda x: x + 1,
    "other lambda": lambda: lambda x: x + 2,
    "cached": lambda: functools.lru_cache(plain_function),
    "module": lambda: operator,
    "module instance": lambda: nn.Sequential(nn.ReLU(), nn.Flatten()),
    "other module instance": lambda: nn.Sequential(nn.Flatten(), nn.ReLU()),
    "scorer": lambda: get_scorer("accuracy"),
    "other scorer": lambda: get_scorer("neg_log_loss"),
    "made scorer": lambda: make_scorer(lambda y, p: float((y == p).mean())),
    "predictor's score": lambda: Predictor.score,
    "callback": lambda: EarlyStopping(patience=3),
    "other callback": lambda: EarlyStopping(patience=4),
    "scheduler": lambda: LRScheduler("StepLR", step_size=3),
    "other scheduler": lambda: LRScheduler("StepLR", step_size=4),
    "scoring": lambda: EpochScoring("accuracy"),
    "checkpoint": lambda: Checkpoint(monitor=None),
    "progress": ProgressBar,
    "point mass": PointMass,
    "isotropic": IsotropicGaussian,
    "wider": lambda: IsotropicGaussian(0.3),
    "some parameters": lambda: IsotropicGaussian(parameters="head.*"),
    "chosen parameters": lambda: IsotropicGaussian(parameters=lambda name: "head" in name),
    "diagonal": lambda: DiagonalGaussian({"w": np.ones(3)}),
    "other diagonal": lambda: DiagonalGaussian({"w": 2 * np.ones(3)}),
    "low rank": lambda: LowRankGaussian({"w": np.ones((2, 3))}),
    "subspace": lambda: RandomSubspace(3),
    "curvature": lambda: CurvatureSubspace(3),
    "sphere": UniformSphere,
    "student": StudentT,
}


def test_equal_values_have_one_content_and_others_another():
    digests = {}
    for name, make in VALUES.items():
        text = json.dumps(content_of(make(), "value"))
        assert text == json.dumps(content_of(make(), "value")), name
        assert " at 0x" not in text, name
        digests.setdefault(text, []).append(name)
    assert [names for names in digests.values() if len(names) > 1] == []


def test_dictionaries_have_no_order():
    assert of({"a": 1, "b": 2}) == of({"b": 2, "a": 1})
    assert of({1: "a", "b": 2}) == of({"b": 2, 1: "a"})
    first, second = (lambda x: x), (lambda x: -x)
    assert of({"a": first, "b": second}) == of({"b": second, "a": first})


def test_numbers_of_numpy_are_numbers():
    assert of(np.float64(0.1)) == of(0.1)
    assert of(np.int64(3)) == of(3)
    assert of(np.bool_(True)) == of(True)


BASE = """
def scale():
    return 2.0

UNUSED = 1
WIDTH = 3

class Net(nn.Module):
    "A net."

    activation = torch.tanh

    def __init__(self, n=4):
        super().__init__()
        self.layer = nn.Linear(WIDTH, n)

    def forward(self, X):
        return scale() * self.activation(self.layer(X))
"""


def of_base(old="", new="", **how) -> str:
    assert old in BASE
    return of(as_script(BASE.replace(old, new) if old else BASE, **how)["Net"])


@pytest.mark.parametrize("readable", [True, False])
def test_what_a_class_does_belongs_to_it(readable):
    plain = of_base(readable=readable)
    assert of_base(readable=readable) == plain
    for old, new in [
        ("scale() * self", "3 * self"),
        ("n=4", "n=5"),
        ("super().__init__()\n", "super().__init__(); self.x = 1\n"),
        ("activation = torch.tanh", "activation = torch.relu"),
        ("return 2.0", "return 3.0"),  # in a function that forward calls
        ("WIDTH = 3", "WIDTH = 4"),  # a constant that __init__ uses
        ("nn.Module", "nn.Sequential"),
        ("def forward", "def forwards"),
    ]:
        assert of_base(old, new, readable=readable) != plain, new


@pytest.mark.parametrize("readable", [True, False])
def test_what_does_not_matter_is_left_out(readable):
    plain = of_base(readable=readable)
    for old, new in [
        ("UNUSED = 1", "UNUSED = 2"),
        ('"A net."', '"Another text."'),
        ("\nWIDTH", "\n\n\n# a comment\nWIDTH"),
        ("def forward(self, X)", "def forward(self, X: torch.Tensor) -> torch.Tensor"),
        ("scale() * self", "scale()  *  self"),
    ]:
        assert of_base(old, new, readable=readable) == plain, new
    if readable:
        assert of_base("def scale():\n", "def scale():\n    'Two.'\n") == plain


def test_modules_of_packages_are_known_by_their_release():
    content = content_of(nn.Linear, "value")
    assert content["library"] == "torch.nn.modules.linear.Linear"
    assert content["version"] == torch.__version__
    assert len(content["file"]) == 64


def test_an_installed_package_that_was_changed_is_another_one(tmp_path, monkeypatch):
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    found = []
    for value in (1, 2):
        (folder / "installed_package.py").write_text(f"class Thing:\n    value = {value}\n")
        sys.modules.pop("installed_package", None)
        code_syntax.library_of.cache_clear()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            import installed_package
        finally:
            sys.dont_write_bytecode = before
        assert content_of(installed_package.Thing, "value")["library"] == "installed_package.Thing"
        found.append(of(installed_package.Thing))
    del sys.modules["installed_package"]
    assert found[0] != found[1]


def test_decorated_methods_are_seen_through():
    template = """
class Net(nn.Module):
    @torch.no_grad()
    def forward(self, X):
        return X + {value}

    @property
    def shape(self):
        return {value}

    @staticmethod
    def of():
        return {value}
"""
    one, two, again = (of(as_script(template.format(value=v))["Net"]) for v in (1, 2, 1))
    assert one == again
    assert one != two
    for part in ("no_grad", "property", "staticmethod"):
        lines = template.split("\n")
        where = next(i for i, line in enumerate(lines) if part in line) + 2
        lines[where] = lines[where].replace("{value}", "9")
        other = of(as_script("\n".join(lines).format(value=1))["Net"])
        assert other != one, part


def test_recursive_code_ends():
    source = """
def even(n):
    return n == 0 or odd(n - 1)

def odd(n):
    return n != 0 and even(n - 1)

class Tree:
    def __init__(self):
        self.children = [Tree() for _ in range(0)]

    kind = property(lambda self: Tree)

def local():
    def inner(n):
        return inner(n - 1) if n else 0
    return inner
"""
    one, two = as_script(source), as_script(source)
    for name in ("even", "odd", "Tree", "local"):
        assert of(one[name]) == of(two[name])
    assert of(one["local"]()) == of(two["local"]())
    changed = as_script(source.replace("n != 0", "n > 0"))
    assert of(changed["even"]) != of(one["even"])


def test_what_code_merely_uses_may_be_without_content():
    """A lock or a file beside the class: nothing of its numbers, and no reason to refuse it."""
    source = """
class Net(nn.Module):
    lock = lock

    def forward(self, X):
        with LOCK:
            print(X, file=LOG)
        return X
"""

    def make():
        lock = threading.Lock()
        return as_script(source, lock=lock, LOCK=lock, LOG=sys.stdout)["Net"]

    assert of(make()) == of(make())


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (threading.Lock(), "value"),
        ([1, {"a": threading.Lock()}], r"value\[1\]\.a"),
        (functools.partial(print, file=sys.__stdout__), "value"),
        (types.SimpleNamespace(log=(i for i in range(3))), r"value.*log"),
        (lambda x, log=LOCK: x, "value"),
    ],
)
def test_what_has_no_content_is_refused_by_name(value, where):
    with pytest.raises(TypeError, match=rf"`store` must know .* got {where}.*__reduce__"):
        content_of(value, "value")


def test_files_in_a_closure_are_refused():
    with open(os.devnull) as log, pytest.raises(TypeError, match="TextIOWrapper"):
        content_of(lambda x: print(x, file=log), "value")


# What a user may give a net, one change at a time.
class Counting(NeuralNetClassifier):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        return super().get_loss(y_pred, y_true, *args, **kwargs)


class OwnCallback(EarlyStopping):
    seen: ClassVar[list] = []


NETS = {
    "lr": {"lr": 0.2},
    "epochs": {"max_epochs": 4},
    "batch size": {"batch_size": 3},
    "optimizer": {"optimizer": torch.optim.Adam},
    "optimizer's parameter": {"optimizer__momentum": 0.9},
    "group": {"optimizer__param_groups": [("hidden*", {"lr": 0.3})]},
    "criterion": {"criterion": nn.MultiMarginLoss},
    "criterion's parameter": {"criterion__label_smoothing": 0.1},
    "criterion's weights": {"criterion__weight": torch.tensor([1.0, 2.0, 3.0])},
    "other weights": {"criterion__weight": torch.tensor([1.0, 2.0, 4.0])},
    "module's parameter": {"module__dropout": 0.5},
    "shuffle": {"iterator_train__shuffle": True},
    "workers": {"iterator_train__num_workers": 2},
    "callback": {"callbacks": [EarlyStopping("train_loss")]},
    "callback's parameter": {"callbacks": [EarlyStopping("train_loss", patience=2)]},
    "named callback": {"callbacks": [("stop", EarlyStopping("train_loss"))]},
    "own callback": {"callbacks": [OwnCallback("train_loss")]},
    "no printing": {"callbacks__print_log": None},
    "device": {"device": "cuda"},
    "compile": {"compile": True},
    "classes": {"classes": [0, 1, 2]},
}


def test_every_setting_of_a_net_matters():
    digests = {of_net(classifier(**NETS[name])) for name in NETS}
    digests.add(of_net(classifier()))
    digests.add(of_net(classifier(Perceptron, module__n_outputs=3, module__batch_norm=True)))
    settings = {"module__n_outputs": 3, "criterion": nn.CrossEntropyLoss, "verbose": 0}
    digests.add(of_net(NeuralNetClassifier(Perceptron, **settings, lr=0.1, max_epochs=3)))
    digests.add(of_net(Counting(Perceptron, **settings, lr=0.1, max_epochs=3)))
    # the third is the first, written otherwise
    assert len(digests) == len(NETS) + 3


def test_what_has_no_effect_on_training_does_not_matter():
    plain = of_net(classifier())
    assert of_net(classifier(verbose=1)) == plain
    assert of_net(classifier(train_split=None)) == plain
    net = classifier()
    net.initialize()
    assert of_net(net) == plain


def test_the_order_of_keywords_does_not_matter():
    settings = {"module__n_outputs": 3, "optimizer__momentum": 0.9, "lr": 0.1, "max_epochs": 2}
    nets = [
        NeuralNetClassifier(Perceptron, **dict(items))
        for items in (settings.items(), reversed(settings.items()))
    ]
    assert of_net(nets[0]) == of_net(nets[1])


def instance(seed, frozen=False, scale=1.0, **changes):
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
    module[0].requires_grad_(not frozen)
    module[1].running_mean.fill_(scale)
    for name, value in changes.items():
        setattr(module, name, value)
    return module


def test_trainable_weights_of_an_instance_do_not_matter_all_else_does():
    plain = of_net(classifier(instance(0)))
    assert of_net(classifier(instance(1))) == plain
    others = [
        instance(0, frozen=True),
        instance(1, frozen=True),
        instance(0, scale=2.0),
        instance(0, note="an attribute"),
        nn.Sequential(*instance(0), nn.ReLU()),
        instance(0).double(),
    ]
    assert len({of_net(classifier(module)) for module in others} - {plain}) == len(others)


def test_a_net_without_content_is_refused():
    net = classifier(callbacks=[ProgressBar(postfix_keys=[threading.Lock()])])
    with pytest.raises(TypeError, match=r"got net\.callbacks\[0\].*postfix_keys.*instance of lock"):
        content_of_net(net)


def own_module(value):
    module = types.ModuleType("own_helpers")
    exec(f"def scale():\n    return {value}\n", vars(module))
    module.constant = value
    return module


def closure(held):
    return lambda x: x + held


def hooked(value):
    module = instance(0)
    module.register_forward_hook(lambda module, args, output: output * value)
    return classifier(module)


DOUBLE = """
class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx, X):
        return {value} * X

    @staticmethod
    def backward(ctx, grad):
        return {value} * grad

def use(X):
    return Double.apply(X)
"""


def using(text, **namespace):
    return as_script(f"f = lambda x: {text}", **namespace)["f"]


USING = {
    "a function of an own module": lambda v: using("h.scale() * x", h=own_module(v)),
    "a constant of an own module": lambda v: using("h.constant * x", h=own_module(v)),
    "a partial": lambda v: using("g(x)", g=functools.partial(torch.softmax, dim=v)),
    "a dtype": lambda v: using("x.to(D)", D=[torch.half, torch.float][v - 1]),
    "options": lambda v: using("x * options.v", options=argparse.Namespace(v=v)),
    "a closure": closure,
    "an array in a closure": lambda v: closure(np.full(3, v)),
    "a default": lambda v: as_script(f"def f(x, y={v}): pass")["f"],
    "a keyword's default": lambda v: as_script(f"def f(x, *, y={v}): pass")["f"],
    "an own operation of autograd": lambda v: as_script(DOUBLE.format(value=v))["use"],
    "an operator that torch defines": lambda v: as_script(
        f"class Net(nn.Module):\n    __call__ = torch.{['relu', 'tanh'][v - 1]}"
    )["Net"],
    "a hook": hooked,
    "weights of a criterion": lambda v: classifier(
        criterion=nn.CrossEntropyLoss(weight=torch.ones(3) * v)
    ),
}


@pytest.mark.parametrize("name", USING)
def test_what_a_thing_uses_matters(name):
    one, two, again = (of(USING[name](value)) for value in (1, 2, 1))
    assert one == again
    assert one != two
