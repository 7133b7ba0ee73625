"""The estimator: checks, the order of things, and delegation."""

import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin
from sklearn.pipeline import Pipeline
from sklearn.utils import Tags, get_tags

from sufficiency._random import child_seed
from sufficiency._threads import limited_threads, threads_of_a_worker
from sufficiency.cells.cell import train_on
from sufficiency.data.checks import as_floating, check_fit_input
from sufficiency.delegation import DelegatesToNet, DelegatesToResult
from sufficiency.fit.parameters import check_parameters
from sufficiency.fit.plan import Plan, make_scorer, plan_fit, root_seed
from sufficiency.fit.previews import Previews, result_of
from sufficiency.fit.runner import run_cells
from sufficiency.nets.default_net import default_net
from sufficiency.nets.predictor import Predictor
from sufficiency.nets.skorch_nets import split_net
from sufficiency.probes import Probe
from sufficiency.sizing.diagnostics import check_failures, warn_of_doubts
from sufficiency.store import FitStore, Store
from sufficiency.training.settings import FitSettings
from sufficiency.training.transformers import fit_on, pipeline_of

if TYPE_CHECKING:
    from skorch import NeuralNet

__all__ = ["LandscapeSufficiencyEstimator"]

logger = logging.getLogger(__name__)

# What a fit sets, and a new one starts without.
_FITTED = {"result_", "sizes_", "deltas_", "delta_stderr_", "curve_", "net_", "classes_"}
_FITTED |= {"_predictor", "_transformers", "_probe", "_some_samples", "_scorer"}


class LandscapeSufficiencyEstimator(
    DelegatesToResult, DelegatesToNet, Previews, MetaEstimatorMixin, BaseEstimator
):
    """
    How many samples are enough for a network, measured on its loss landscape.

    The net is trained on growing nested subsets of the data. Around every trained center w_k*,
    weights w are drawn from a probe, and Δ says how much the empirical loss L_k still moves when
    one unseen sample is added:

        Δ_{k+1} = E_w (L_{k+1}(w) − L_k(w))² = E_w (ℓ_{k+1}(w) − L_k(w))²/(k+1)²

    The decay of Δ over k is fitted and inverted at a threshold. Δ is conditional on the training
    recipe of the net, and an untrained net passes any threshold: look at the losses in
    ``result_.to_frame()`` and at the warnings.

    Parameters
    ----------
    net : skorch NeuralNet or Pipeline, optional
        Unfitted net; it is never changed. Every training starts from fresh weights, also where
        the module is an instance. A scikit-learn pipeline that ends in a net: its transformers
        are fitted anew for every training, on what the net is trained on. None: a small
        perceptron for tables, classifier or regressor by the type of y.
    sizes : int or sequence, default=8
        An int: that many sizes, geometric from min(max(n_fit/32, 10·n_classes, 20), n_fit/2) to
        n_fit, the samples left after candidates and validation. Floats in (0, 1]: fractions of
        n_fit. Ints: counts. Strictly increasing.
    n_repeats : int, default=4
        Independent orderings of the data, each with its own candidates and seeds.
    n_draws : int or "auto", default=32
        Weight draws around each center. "auto": pairs of draws and their mirror images, until
        the draws' part of the standard error is below 5 % of Δ or there are 256.
    n_eval : int, optional
        Training samples, at random, whose losses are taken at every draw, with the exact
        correction for those left out. None: all. It saves time where a net is trained on many
        more samples than there are candidates; the mean square (``order=2``) only.
    n_candidates : int, optional
        Unseen samples, each of which could be the next one. None: min(1000, n // 5). 1 is the
        paper's procedure, with an estimate that is useless for a single size.
    probe : {"isotropic", "random_subspace", "curvature"} or Probe, default="isotropic"
        Distribution of the weights around a center; more of them, and how to write your own, in
        :mod:`sufficiency.probes`.
    sigma : float, optional
        Scale of the probe. None: its default ("isotropic": 0.2 of each tensor's root mean
        square). An error with a Probe object, which carries its own.
    order : {1, 2}, default=2
        2: mean square, in loss². 1: mean absolute value, in loss.
    method : {"monte_carlo", "gaussian_moment"}, default="monte_carlo"
        Average over weight draws, or the closed form of the quadratic model around the center
        (order 2, Gaussian probes, nets with second derivatives; `n_draws` then counts random
        vectors for the traces).
    train : {"each_size", "once"}, default="each_size"
        A net for every size, which a decision about data needs, or one net on everything, off
        which all sizes are read: the paper's figures.
    center : {"last", "best"}, default="last"
        Centers are the weights after training, or those of the lowest validation loss (a tenth
        of the samples then validates).
    min_steps : int, default=500
        Small subsets get more epochs, to this many optimizer steps. 0: the net's epochs as they
        are.
    curve : {"auto", "theory", "power_law", "transient"}, default="auto"
        Decay family; "auto" compares their forecasts.
    scoring : str, callable or None, default=None
        Score on the unseen candidates, as in scikit-learn. None: the net's own.
    refit : bool, default=True
        Train ``net_`` on all data afterwards, for ``predict`` and ``score``.
    store : str or path-like, optional
        Directory of finished cells and trained nets, new or used before, also by several
        processes at once. A run that was cut off goes on there, and another probe, `sigma`,
        `order` or `n_draws` trains nothing again; the numbers are those of a fit without it.
    n_jobs : int, optional
        Cells measured in parallel, through joblib.
    random_state : int, RandomState instance or None, default=None
        An int gives the same numbers, bit for bit, in every run. None with a `store`: the seed is
        drawn once for the same net and data, and kept there.
    verbose : int, default=0
        1: a progress bar with the time left. 2: the nets print as well.

    Attributes
    ----------
    result_ : SufficiencyResult
        Everything that was measured; answers without the net.
    sizes_ : ndarray of int64, shape (m,)
        Measured sizes.
    deltas_ : ndarray of float64, shape (m,)
        Mean Δ over repeats, in loss² (order 2) or loss (order 1).
    delta_stderr_ : ndarray of float64, shape (m,)
        Its standard error.
    curve_ : FittedCurve
        The fitted decay.
    net_ : NeuralNet or Pipeline
        Fitted on all data; with ``refit=True``.
    classes_ : ndarray, shape (C,)
        Sorted labels; classification only.
    n_features_in_ : int
        Features seen in ``fit``; if X was a table.
    feature_names_in_ : ndarray of str
        Their names, if X had names.

    Notes
    -----
    In a pipeline, steps before this estimator see all samples, candidates included. Unsupervised
    ones such as a scaler do little harm; supervised ones leak: make them steps of `net`.

    References
    ----------
    Kiselev, Meshkov, Grabovoy: Robust Convergence of Loss Landscapes through Distributional
    Averaging.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sufficiency import LandscapeSufficiencyEstimator
    >>> X, y = load_iris(return_X_y=True)
    >>> est = LandscapeSufficiencyEstimator(sizes=3, n_repeats=2, curve="theory", random_state=0)
    >>> est.fit(X, y).sizes_
    array([ 30,  60, 120])
    >>> est.predict_sufficient_size([1e-3, 1e-4]).shape
    (2,)
    """

    def __init__(
        self,
        net: "NeuralNet | Pipeline | None" = None,
        *,
        sizes: int | Sequence[float] = 8,
        n_repeats: int = 4,
        n_draws: int | str = 32,
        n_eval: int | None = None,
        n_candidates: int | None = None,
        probe: str | Probe = "isotropic",
        sigma: float | None = None,
        order: int = 2,
        method: str = "monte_carlo",
        train: str = "each_size",
        center: str = "last",
        min_steps: int = 500,
        curve: str = "auto",
        scoring: str | Callable[..., float] | None = None,
        refit: bool = True,
        store: str | PathLike[str] | None = None,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.net = net
        self.sizes = sizes
        self.n_repeats = n_repeats
        self.n_draws = n_draws
        self.n_eval = n_eval
        self.n_candidates = n_candidates
        self.probe = probe
        self.sigma = sigma
        self.order = order
        self.method = method
        self.train = train
        self.center = center
        self.min_steps = min_steps
        self.curve = curve
        self.scoring = scoring
        self.refit = refit
        self.store = store
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Any,
        y: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        X_unseen: Any = None,
        y_unseen: npt.ArrayLike | None = None,
    ) -> "LandscapeSufficiencyEstimator":
        """
        Train, probe and fit the decay.

        Parameters
        ----------
        X : array-like of shape (n, …), dict or tuple of arrays, or Dataset
            Inputs. Several of them reach the module as skorch hands them over; a torch dataset
            gives pairs of input and target. With a pipeline, whatever its transformers take.
        y : array-like of shape (n,) or (n, …), optional
            Targets: labels of any kind, or numbers. None: those of the dataset.
        groups : array-like of shape (n,), optional
            No group is divided between training, candidates and validation.
        X_unseen, y_unseen : like X and y, optional
            Own candidates in place of reserved ones; then all of X can be trained on.

        Returns
        -------
        LandscapeSufficiencyEstimator
            Itself.

        Raises
        ------
        ValueError, TypeError
            For input that makes no sense, before any training.
        KeyboardInterrupt
            With a `store`, after a log message that says how to go on; SIGTERM is taken for it.

        Warns
        -----
        NotSettledWarning, InertProbeWarning, HeavyTailWarning
            Reasons to doubt the result.
        QuadraticModelWarning
            The same, for ``method="gaussian_moment"``.
        CellFailedWarning
            Trainings that came to nothing and are left out.
        StoreWarning
            If the store is damaged, or full; the result is complete nevertheless.
        """
        for name in [name for name in vars(self) if name in _FITTED]:
            delattr(self, name)
        recipe, plan = self._prepare(X, y, groups, X_unseen, y_unseen, self.store)
        if not plan.vectorize:
            text = "vmap does not take this net; its draws are evaluated one by one, more slowly"
            warnings.warn(text, UserWarning, stacklevel=2)
        self._scorer = recipe.scorer
        if plan.codec.classes is not None:
            self.classes_ = plan.codec.classes
        with plan.memory.interruptible(plan.splits) if plan.memory else nullcontext():
            self._measure(recipe, plan)
            if self.refit:
                self._refit(recipe, plan)
        return self

    def _prepare(
        self,
        X: Any,
        y: Any,
        groups: Any,
        X_unseen: Any,
        y_unseen: Any,
        directory: Any = None,
        read_only: bool = False,
    ) -> tuple[FitSettings, Plan]:
        """Check everything and decide what is going to be done."""
        params = self.get_params(deep=False)
        given, transformers = (None, None) if self.net is None else split_net(self.net)
        probe = check_parameters(params)
        X, y, groups, unseen = check_fit_input(
            self, X, y, groups, X_unseen, y_unseen, raw=transformers is not None
        )
        if given is None:
            X, unseen = as_floating(X), unseen and (as_floating(unseen[0]), unseen[1])
        net = default_net(X, y) if given is None else given
        scorer = make_scorer(net, self.scoring)
        store = None if directory is None else Store(directory, read_only=read_only)
        root = root_seed(self.random_state, store, net, X, y, transformers)
        plan = plan_fit(net, transformers, X, y, groups, unseen, params, probe, root)
        recipe = FitSettings(
            net=net,
            transformers=transformers,
            codec=plan.codec,
            probe=probe,
            scorer=scorer,
            root=root,
            n_draws=self.n_draws,
            n_eval=self.n_eval,
            order=self.order,
            center=self.center,
            min_steps=self.min_steps,
            method=self.method,
            train=self.train,
            vectorize=plan.vectorize,
            verbose=self.verbose,
        )
        if store is not None:
            plan = replace(plan, memory=FitStore.of(store, recipe, plan.samples, plan.unseen))
        return recipe, plan

    def _measure(self, recipe: FitSettings, plan: Plan) -> None:
        """Run the cells and set what follows from them."""
        cells = run_cells(
            recipe,
            plan.splits,
            plan.samples,
            plan.unseen,
            trained_samples=plan.trained_samples,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            memory=plan.memory,
        )
        self.result_ = result_of(cells, recipe, plan, self.curve)
        check_failures(self.result_)
        self.sizes_ = self.result_.sizes
        self.deltas_ = self.result_.deltas
        self.delta_stderr_ = self.result_.delta_stderr
        self.curve_ = self.result_.curve
        warn_of_doubts(self.result_)

    def _refit(self, recipe: FitSettings, plan: Plan) -> None:
        """Train on all data, unless it is known."""
        split, samples, memory = plan.splits.refit, plan.samples, plan.memory
        trainer = memory.trainer(split.order, split.validation) if memory else train_on
        seed = child_seed(recipe.root, "refit")
        parts = [samples.take(split.order), samples.take(split.validation)]
        with limited_threads(threads_of_a_worker(self.n_jobs)):
            fitted, (train, held_out) = fit_on(recipe, seed, *parts)
            net = trainer(recipe, train, held_out, seed).net
        piped = isinstance(self.net, Pipeline)
        self.net_ = pipeline_of(self.net, fitted, net) if piped else net
        logger.info("refit: %d samples", len(split.order))
        self._predictor = Predictor(net, plan.codec)
        self._transformers = fitted
        self._probe, self._some_samples = recipe.probe, plan.some_samples
        if fitted is not None:
            self._some_samples = train.take(slice(len(plan.some_samples.y)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "result_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        if isinstance(self.net, BaseEstimator):
            of_net = get_tags(self.net)
            tags.estimator_type = of_net.estimator_type
            tags.classifier_tags = of_net.classifier_tags
            tags.regressor_tags = of_net.regressor_tags
            tags.target_tags.multi_output = of_net.target_tags.multi_output
            if isinstance(self.net, Pipeline):
                tags.input_tags = of_net.input_tags
        return tags
