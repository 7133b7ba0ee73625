"""The steps of a pipeline before its net: fitted in every cell, on what the cell trains on."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch import NeuralNet

from sufficiency._random import child_seed, isolated_rng
from sufficiency.data.rows import as_inputs, map_arrays, n_rows
from sufficiency.data.samples import Samples
from sufficiency.exceptions import InvalidParameterError
from sufficiency.nets.targets import cast_inputs


@dataclass(frozen=True, eq=False)
class FittedTransformers:
    """Transformers that are fitted on one subset of the samples."""

    pipeline: Pipeline
    dtype: torch.dtype  # of the net's parameters
    casts: bool  # whether the output has to be converted for the net
    seed: int  # for transformers that draw random numbers when they are applied

    def inputs(self, X: Any) -> Any:
        """Inputs for the net, of as many samples."""
        return as_net_inputs(self.pipeline.transform(X), self.dtype, n_rows(X))

    def __call__(self, samples: Samples) -> Samples:
        """The same samples as the net sees them; no samples stay as they are."""
        if len(samples.y) == 0:
            return samples
        # another seed than for the fit, which may have drawn for the training samples
        with isolated_rng(child_seed(self.seed, "candidates")):
            return replace(samples, X=self.inputs(samples.X))


def fit_transformers(
    transformers: Pipeline, train: Samples, dtype: torch.dtype, seed: int
) -> tuple[FittedTransformers, Samples]:
    """Fit a copy of the transformers as ``Pipeline.fit`` does, by ``fit_transform``."""
    copy = clone(transformers)
    with isolated_rng(seed):
        values = copy.fit_transform(train.X, train.y)
    X = as_net_inputs(values, dtype, len(train.y))
    fitted = FittedTransformers(copy, dtype, _dtypes(values) != _dtypes(X), seed)
    return fitted, Samples(X, train.encoded, train.y)


def _dtypes(X: Any) -> Any:
    """Of all arrays; None for what is no array yet."""
    return None if isinstance(X, list) else map_arrays(X, lambda part: getattr(part, "dtype", None))


def pipeline_of(given: Pipeline, fitted: FittedTransformers | None, net: NeuralNet) -> Pipeline:
    """A fitted pipeline, to be used without the estimator."""
    steps = [] if fitted is None else list(fitted.pipeline.steps)
    if fitted is not None and fitted.casts:
        cast = FunctionTransformer(partial(as_net_inputs, dtype=fitted.dtype)).fit([[0.0]])
        # whatever scikit-learn is set to put out, the net takes arrays
        name, taken = "cast", {step for step, _ in given.steps}
        while name in taken:
            name += "_"
        steps.append((name, cast.set_output(transform="default")))
    return Pipeline([*steps, (given.steps[-1][0], net)])


def as_net_inputs(values: Any, dtype: torch.dtype, count: int | None = None) -> Any:
    """What transformers put out, as arrays for the net; None: of any number of samples."""
    if sparse.issparse(values):
        raise InvalidParameterError(
            "net",
            "has transformers that put out a sparse matrix, which no net takes; set "
            "sparse_output=False, or reduce it (TruncatedSVD) before the net",
        )
    X = as_inputs(values)
    if count is not None and n_rows(X) != count:
        raise InvalidParameterError(
            "net",
            f"has transformers that make {n_rows(X)} samples of {count}; resampling belongs "
            "before the fit",
        )
    return cast_inputs(map_arrays(X, _numeric), dtype)


def _numeric(values: npt.NDArray) -> npt.NDArray:
    """Numbers, all finite."""
    problem = None
    if values.dtype.kind == "O":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            problem = f"what is no number ({error}); encode it, for instance with OneHotEncoder"
    elif values.dtype.kind not in "fiub":
        problem = f"values of dtype {values.dtype}; encode them, for instance with OneHotEncoder"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        problem = "NaN or infinity; add an imputer, for instance SimpleImputer"
    if problem:
        raise InvalidParameterError("net", f"has transformers that put out {problem}")
    return np.require(values, requirements="W")
