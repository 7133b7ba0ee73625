"""Gaussian noise along the directions of the largest curvature."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator

from sufficiency.curvature import top_eigenpairs
from sufficiency.curvature.derivatives import unflatten
from sufficiency.curvature.operators import linear_operator
from sufficiency.probes.base import BaseProbe, Weights, layer_scales
from sufficiency.probes.gaussian import GaussianSampler


@dataclass(repr=False, eq=False)
class CurvatureSubspace(BaseProbe):
    """
    w = w* + Σ_d z_d τ_d u_d with z ~ N(0, σ²I): the top Hessian eigenvectors at the center.

    The u_d are the `dim` orthonormal eigenvectors of the largest absolute eigenvalues of the
    Hessian of the training loss. They are found anew at every center by products of the
    Hessian with vectors, which cost some passes through the training samples.

    Parameters
    ----------
    dim : int, default=10
        Number of eigenvectors, from 1 to the number of disturbed weights.
    sigma : float, default=0.2
        σ ≥ 0; relative with ``scale="layer"``, else in units of weights.
    scale : {"layer", "absolute"}, default="layer"
        "layer": τ_d² = Σ_n u_dn² s_n², where s_n is the root mean square of the tensor that weight
        n belongs to. Every direction is disturbed as much as :class:`IsotropicGaussian` of the
        same σ disturbs it. "absolute": τ_d = 1.
    parameters : str, sequence of str or callable, optional
        Disturb only these, along the eigenvectors of their block of the Hessian; see
        :class:`BaseProbe`.

    Raises
    ------
    ValueError
        If an argument is out of range; when prepared, without a Hessian or with fewer weights
        than `dim`.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from scipy.sparse.linalg import aslinearoperator
    >>> from sufficiency.probes import CurvatureSubspace
    >>> hessian = aslinearoperator(np.diag([1.0, 9.0, -3.0]))
    >>> sample = CurvatureSubspace(2).prepare({"w": torch.zeros(3) + 1}, hessian)
    >>> w = sample(torch.Generator().manual_seed(0))["w"]
    >>> bool(w[0] == 1), bool(w[1] != 1), bool(w[2] != 1)
    (True, True, True)
    """

    dim: int = 10
    sigma: float = 0.2
    scale: str = "layer"

    needs_hessian: ClassVar[bool] = True
    _checked: ClassVar = ("dim", "sigma", "scale")

    def _prepare(
        self, chosen: Weights, *, center: Weights, hessian: Any, seed: int
    ) -> GaussianSampler:
        count = sum(tensor.numel() for tensor in chosen.values())
        if hessian is None:
            raise ValueError(
                "`hessian` must be a LinearOperator for CurvatureSubspace, got None; pass the "
                "Hessian of the training loss at the center"
            )
        if self.dim > count:
            raise ValueError(
                f"`dim` must be <= {count}, the number of disturbed weights, got {self.dim}"
            )
        pairs = top_eigenpairs(_block(hessian, center, chosen), self.dim, random_state=seed)
        return GaussianSampler(chosen, factor=self._factor(pairs.vectors, chosen))

    def _factor(self, vectors: npt.NDArray, chosen: Weights) -> Weights:
        """σ τ_d u_d by name, each (dim, *shape)."""
        scales = layer_scales(chosen, self.scale)
        rows = torch.as_tensor(np.ascontiguousarray(vectors.T))
        parts = rows.split([tensor.numel() for tensor in chosen.values()], dim=1)
        squares = [
            part.square().sum(1) * scales[name].double().square().to(part.device)
            for name, part in zip(chosen, parts, strict=True)
        ]
        reach = self.sigma * torch.stack(squares).sum(0).sqrt()
        return unflatten(reach[:, None] * rows, chosen)


def _block(hessian: LinearOperator, center: Weights, chosen: Weights) -> LinearOperator:
    """The Hessian's block of the chosen parameters."""
    if len(chosen) == len(center):
        return hessian
    kept = np.concatenate([np.full(t.numel(), name in chosen) for name, t in center.items()])

    def multiply(columns: npt.NDArray) -> npt.NDArray:
        whole = np.zeros((len(kept), columns.shape[1]), dtype=hessian.dtype)
        whole[kept] = columns
        return np.asarray(hessian @ whole)[kept]

    size = int(kept.sum())
    return linear_operator((size, size), hessian.dtype, multiply)
