"""The estimator: checks, the order of things, and delegation."""

import functools
import logging
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from os import PathLike
from types import MethodType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import ClassifierTags, RegressorTags, Tags, get_tags
from sklearn.utils.validation import check_is_fitted

from sufficiency._random import RandomState, seed_from
from sufficiency._threads import limited_threads, threads_of_a_worker
from sufficiency._warnings import EachOnce
from sufficiency.cells.around_center import unit_draws
from sufficiency.cells.cell import Cell
from sufficiency.data.checks import as_floating, check_inputs, check_targets
from sufficiency.data.images import as_images
from sufficiency.data.rows import check_lengths
from sufficiency.data.torch_datasets import DatasetRows, is_dataset
from sufficiency.exceptions import CellFailedWarning, DivergedTrainingError
from sufficiency.fit.cost import CostEstimate, estimate_cost
from sufficiency.fit.parameter_checks import refuse_arguments
from sufficiency.fit.plan import Plan, plan_fit
from sufficiency.fit.runner import run_cells, with_missing
from sufficiency.nets.default_net import is_built_in
from sufficiency.nets.predictor import Predictor
from sufficiency.nets.skorch_nets import skorch_net
from sufficiency.plotting import DeltaCurveDisplay
from sufficiency.probes import Probe
from sufficiency.result import SufficiencyResult
from sufficiency.sizing.caveats import check_failures, run_caveats, warn_of_caveats
from sufficiency.theory.bound_constants import BoundConstants, measure_constants
from sufficiency.training.centers import FailedTraining, centers
from sufficiency.training.transformers import pipeline_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from skorch import NeuralNet

logger = logging.getLogger(__name__)

# Samples whose inputs a result keeps, if they are images.
_IMAGES = 12
# What a fit sets, and a new one starts without.
_FITTED = {"result_", "sizes_", "deltas_", "delta_stderr_", "curve_", "net_", "classes_"}
_FITTED |= {"_predictor", "_transformers", "_probe", "_some_samples", "_scorer"}


P = ParamSpec("P")
T = TypeVar("T")


def _of_result(
    method: Callable[Concatenate[SufficiencyResult, P], T],
) -> Callable[Concatenate["LandscapeSufficiencyEstimator", P], T]:
    """The same method of ``result_``."""

    @functools.wraps(method)
    def delegate(self: "LandscapeSufficiencyEstimator", /, *args: P.args, **kwargs: P.kwargs) -> T:
        check_is_fitted(self, "result_")
        return method(self.result_, *args, **kwargs)

    delegate.__qualname__ = f"LandscapeSufficiencyEstimator.{method.__name__}"
    return delegate


class _OfNet:
    """A method that is there if the net, fitted or to be fitted, has it; else an error says why."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self.method = method

    def __get__(self, estimator: Any, owner: object = None) -> Any:
        if estimator is None:
            return self.method
        _check_net_has(estimator, self.method.__name__)
        return MethodType(self.method, estimator)


def _check_net_has(estimator: "LandscapeSufficiencyEstimator", method: str) -> None:
    if not estimator.refit:
        raise AttributeError(
            f"`{method}` needs the net that refit=True trains on all data, and this estimator has "
            "refit=False; fit again with refit=True"
        )
    net = getattr(estimator, "net_", estimator.net)
    if method == "predict_proba" and is_regressor(estimator):
        raise AttributeError("a regressor has no predict_proba")
    if is_built_in(net) or (method == "score" and estimator.scoring is not None):
        return
    getattr(net, method)


class LandscapeSufficiencyEstimator(MetaEstimatorMixin, BaseEstimator):
    """
    How many samples are enough for a network, measured on its loss landscape.

    The net is trained on growing nested subsets of the data. Around every trained center w_k*,
    weights w are drawn from a probe, and Δ says how much the empirical loss L_k still moves when
    one unseen sample is added:

        Δ_{k+1} = E_w (L_{k+1}(w) − L_k(w))² = E_w (ℓ_{k+1}(w) − L_k(w))²/(k+1)²

    The decay of Δ over k is fitted and inverted at a threshold. Δ depends on how the net is
    trained, and an untrained net passes any threshold: look at the losses in ``result_.to_frame()``
    and at the warnings.

    Parameters
    ----------
    net : skorch NeuralNet or Pipeline, "classifier", "regressor" or None, default=None
        Unfitted net, or a scikit-learn pipeline that ends in one; its transformers are then fitted
        for every training, on the samples of that training. It is never modified. Every training
        starts from fresh weights, even if the module is an instance. None: a small perceptron for
        tabular data, a classifier or regressor depending on y. What has to know which before the
        fit, such as stratified cross-validation or a VotingClassifier, needs a net, or the built-in
        one by its kind: "classifier" or "regressor".
    sizes : int or sequence, default=8
        An int: that many sizes, geometric from min(max(n_fit/32, 10·n_classes, 20), n_fit/2) to
        n_fit, the samples left after candidates and validation. Floats in (0, 1]: fractions of
        n_fit. Ints: counts. Strictly increasing.
    n_repeats : int, default=4
        Independent orderings of the data, each with its own candidates and seeds.
    n_draws : int or "auto", default=32
        Weight draws around each center. "auto": pairs of draws and their mirror images, until their
        contribution to the standard error is below 5 % of Δ or there are 256.
    n_eval : int, "auto" or None, default="auto"
        Number of random training samples whose losses are evaluated at every draw, with the exact
        correction for the others; only for the mean square (``order=2``). "auto": so many that all
        draws take at most a fifth of the arithmetic of the training, and at least 100; the column
        `n_eval` of the frame says how many. None: all.
    n_candidates : int, optional
        Unseen samples, each of which could be the next one. None: min(1000, n // 5). 1 is the
        paper's procedure, whose estimate is useless for a single size.
    probe : {"isotropic", "random_subspace", "curvature"} or Probe, default="isotropic"
        Distribution of the weights around a center; :mod:`sufficiency.probes` has more of them and
        describes how to write your own.
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
        One net for every size, which a decision about data needs, or a single net trained on
        everything and used for all sizes, as in the paper's figures.
    center : {"last", "best"}, default="last"
        Centers are the weights after training, or those with the lowest validation loss (a tenth of
        the samples is then used for validation).
    min_steps : int, default=500
        Small subsets get more epochs, up to this many optimizer steps. 0: the net's own epochs.
    curve : {"auto", "theory", "power_law", "transient"}, default="auto"
        Decay family; "auto" compares their forecasts.
    scoring : str, callable or None, default=None
        Score on the unseen candidates, as in scikit-learn. None: the net's own.
    refit : bool, default=True
        Train ``net_`` on all data afterwards, for ``predict`` and ``score``.
    store : str or path-like, optional
        Directory that keeps finished cells and trained nets; it may exist already, and several
        processes may use it at once. An interrupted run continues from there, and a different
        probe, `sigma`, `order` or `n_draws` trains nothing again. The numbers are the same as
        without a store.
    train_together : "auto" or False, default="auto"
        "auto": small nets are trained several at once, with stacked weights, where the net, its
        optimizer and callbacks allow it; the centers are those of nets trained one by one, up to
        rounding. ``result_.settings["training"]`` says how many, or why one at a time. False: one
        at a time.
    n_jobs : int, optional
        Cells measured in parallel, through joblib; nets that are trained together stay together.
    random_state : int, RandomState instance or None, default=None
        An int gives the same numbers, bit for bit, in every run. None with a `store`: a seed is
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
        Number of features seen in ``fit``, if X was a table.
    feature_names_in_ : ndarray of str
        Their names, if X had names.

    Notes
    -----
    In a pipeline, steps before this estimator see all samples, candidates included. Unsupervised
    steps such as a scaler do little harm; supervised ones leak, so make them steps of `net`.

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
        net: "NeuralNet | Pipeline | str | None" = None,
        *,
        sizes: int | Sequence[float] = 8,
        n_repeats: int = 4,
        n_draws: int | str = 32,
        n_eval: int | str | None = "auto",
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
        train_together: str | bool = "auto",
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
        self.train_together = train_together
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
        slices: Any = None,
        **refused: Any,
    ) -> "LandscapeSufficiencyEstimator":
        """
        Train, probe and fit the decay.

        Parameters
        ----------
        X : array-like of shape (n, …), dict or tuple of arrays, or Dataset
            Inputs. Several inputs are passed to the module as in skorch; a torch dataset yields
            pairs of input and target. With a pipeline, whatever its transformers accept.
        y : array-like of shape (n,) or (n, …), optional
            Targets: labels of any kind, or numbers. None: those of the dataset.
        groups : array-like of shape (n,), optional
            No group is divided between training, candidates and validation.
        X_unseen, y_unseen : like X and y, optional
            Your own candidates; nothing is then set aside, and all of X can be trained on.
        slices : array-like of shape (n,), or DataFrame or dict of such columns, optional
            What each sample belongs to (a site, a language, ...), by which ``result_`` also
            answers: one partition, or several. Of the rows of `X_unseen` where that is given. For
            a classifier the classes are slices without asking.
        **refused
            `sample_weight`, which meta-estimators may pass, is refused with the reason unless it is
            None, and any other name as Python does.

        Returns
        -------
        LandscapeSufficiencyEstimator
            Itself.

        Raises
        ------
        ValueError, TypeError
            If an argument is invalid, before any training.
        KeyboardInterrupt
            If interrupted with a `store`, after a log message that says how to continue; SIGTERM
            has the same effect.

        Warns
        -----
        NotSettledWarning, InertProbeWarning, HeavyTailWarning
            If the result means less than it seems to.
        QuadraticModelWarning
            The same, for ``method="gaussian_moment"``.
        CellFailedWarning
            If cells failed and are left out.
        StoreWarning
            If the store is damaged or full; the result is complete all the same.
        """
        refuse_arguments(refused)
        for name in [name for name in vars(self) if name in _FITTED]:
            delattr(self, name)
        once = EachOnce()
        with once:
            plan = plan_fit(self, X, y, groups, X_unseen, y_unseen, slices, directory=self.store)
        settings = plan.settings
        if not settings.vectorize:
            text = "vmap does not take this net; its draws are evaluated one by one, more slowly"
            warnings.warn(text, UserWarning, stacklevel=2)
        self._scorer = settings.scorer
        if settings.codec.classes is not None:
            self.classes_ = settings.codec.classes
        with once, plan.store.interruptible(plan.tasks) if plan.store else nullcontext():
            self._measure(plan)
            if self.refit:
                self._refit(plan)
        return self

    def _measure(self, plan: Plan) -> None:
        """Run the cells and set what follows from them."""
        if plan.store:
            plan.store.announce(plan.tasks, self._result(with_missing([], plan), plan).save)
        cells = run_cells(plan, n_jobs=self.n_jobs, verbose=self.verbose)
        self.result_ = self._result(cells, plan)
        if any(cell.unseen for cell in cells):
            top = self.result_.samples(_IMAGES).index.to_numpy()
            images = as_images((plan.samples if plan.unseen is None else plan.unseen).X, top)
            self.result_ = replace(self.result_, images=images)
        check_failures(self.result_.measurements)
        warn_of_caveats(run_caveats(self.result_.measurements))
        self.sizes_ = self.result_.sizes
        self.deltas_ = self.result_.deltas
        self.delta_stderr_ = self.result_.delta_stderr
        self.curve_ = self.result_.curve

    def _refit(self, plan: Plan) -> None:
        """Train on all data, unless it is known."""
        task = plan.refit_task
        with limited_threads(threads_of_a_worker(self.n_jobs)):
            [(_, center)] = centers([task], plan.samples, plan.store)
        if isinstance(center, FailedTraining):
            raise DivergedTrainingError(center.reason)
        net, fitted = center.net, center.transformers
        self.net_ = pipeline_of(self.net, fitted, net) if isinstance(self.net, Pipeline) else net
        logger.info("refit: %d samples", task.size)
        codec, some = plan.settings.codec.in_own_unit(net), plan.some_samples
        self._predictor = Predictor(net, codec)
        self._transformers = fitted
        if fitted is not None:
            some = center.train.take(slice(len(some.y)))
        if codec is not plan.settings.codec:
            some = replace(some, encoded=codec.encode(some.y))
        self._probe, self._some_samples = plan.settings.probe, some

    def _result(self, cells: Iterable[Cell], plan: Plan) -> SufficiencyResult:
        return SufficiencyResult(
            cells=tuple(cells),
            order=self.order,
            family=self.curve,
            n_samples=len(plan.samples.y),
            n_candidates=plan.n_unseen,
            disjoint_candidates=plan.splits.disjoint_candidates,
            own_unseen=plan.unseen is not None,
            constant_loss=plan.constant_loss,
            settings=plan.settings.record,
            n_copies=plan.n_copies,
            target_column=plan.target_column,
            slices=(plan.samples if plan.unseen is None else plan.unseen).slices,
        )

    def estimate_cost(
        self,
        X: Any,
        y: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        X_unseen: Any = None,
        y_unseen: npt.ArrayLike | None = None,
        slices: Any = None,
    ) -> CostEstimate:
        """
        Predict duration and memory of ``fit`` on these data, by timing one small cell.

        With `n_jobs`, all workers measure it at the same time; starting them is not part of the
        prediction.

        Parameters
        ----------
        X, y, groups, X_unseen, y_unseen, slices
            As in :meth:`fit`, with the same errors.

        Returns
        -------
        CostEstimate
            Print it, or use its numbers, which are those of a fit with an empty `store`. The
            estimator is not changed, except for the number and the names of features.
        """
        with EachOnce():
            plan = plan_fit(self, X, y, groups, X_unseen, y_unseen, slices)
            return estimate_cost(plan, self.n_jobs, self.refit)

    def finished_result(
        self,
        X: Any,
        y: npt.ArrayLike | None = None,
        groups: npt.ArrayLike | None = None,
        X_unseen: Any = None,
        y_unseen: npt.ArrayLike | None = None,
        slices: Any = None,
    ) -> SufficiencyResult:
        """
        Result of the finished cells that the `store` holds of a running or interrupted fit.

        Nothing is trained, measured or written, and the estimator is not changed, except for the
        number and the names of features.

        Parameters
        ----------
        X, y, groups, X_unseen, y_unseen, slices
            As given to that :meth:`fit`.

        Returns
        -------
        SufficiencyResult
            Cells that are missing count as failed; fewer repeats make wider intervals.

        Raises
        ------
        ValueError
            Without a `store`, and with finished cells of fewer than two sizes.

        Warns
        -----
        CellFailedWarning
            How many cells are missing.
        """
        if self.store is None:
            raise ValueError("`store` must be the directory of a fit to look into, got None")
        given = (X, y, groups, X_unseen, y_unseen, slices)
        plan = plan_fit(self, *given, directory=self.store, read_only=True)
        finished = [] if plan.store is None else plan.store.finished(plan.tasks)
        result = self._result(with_missing(finished, plan), plan)
        n_cells = len(result.cells)
        told = f"{len(finished)} of {n_cells} cells are finished and kept in {str(self.store)!r}"
        if np.isfinite(result.deltas).sum() < 2:
            raise ValueError(f"{told}, which must be cells of two sizes at least; go on with `fit`")
        if len(finished) < n_cells:
            warnings.warn(f"{told}; the others are left out", CellFailedWarning, stacklevel=2)
        return result

    def plot_delta(
        self,
        threshold: float | None = None,
        ax: "Axes | None" = None,
        *,
        show_bound: bool = False,
    ) -> DeltaCurveDisplay:
        """
        Draw Δ against the training size.

        Parameters
        ----------
        threshold : float, optional
            Its line and the sufficient size are marked.
        ax : matplotlib Axes, optional
            Where to draw; None: a new figure.
        show_bound : bool, default=False
            Draw the bound of Δ, and Theorem 1's bound of its curvature term, with constants
            looked up on 64 samples at ``net_``: lower estimates. Needs ``refit=True``, a
            Gaussian probe and a net with second derivatives.

        Returns
        -------
        DeltaCurveDisplay
        """
        check_is_fitted(self, "result_")
        return DeltaCurveDisplay.from_estimator(
            self, threshold=threshold, ax=ax, show_bound=show_bound
        )

    predict_sufficient_size = _of_result(SufficiencyResult.predict_sufficient_size)
    sufficient_size_interval = _of_result(SufficiencyResult.sufficient_size_interval)
    verdict = _of_result(SufficiencyResult.verdict)
    verdict_for_target = _of_result(SufficiencyResult.verdict_for_target)
    predict_size_for_loss = _of_result(SufficiencyResult.predict_size_for_loss)
    predict_size_for_score = _of_result(SufficiencyResult.predict_size_for_score)
    estimate_for_target = _of_result(SufficiencyResult.estimate_for_target)
    plan = _of_result(SufficiencyResult.plan)
    delta_interval = _of_result(SufficiencyResult.delta_interval)
    parameter_intervals = _of_result(SufficiencyResult.parameter_intervals)
    suggest_thresholds = _of_result(SufficiencyResult.suggest_thresholds)
    plot_learning_curve = _of_result(SufficiencyResult.plot_learning_curve)
    plot_plan = _of_result(SufficiencyResult.plot_plan)
    plot_samples = _of_result(SufficiencyResult.plot_samples)
    plot_slices = _of_result(SufficiencyResult.plot_slices)
    report = _of_result(SufficiencyResult.report)
    explore = _of_result(SufficiencyResult.explore)

    def _check_has_net(self) -> None:
        check_is_fitted(self, "result_")
        if not hasattr(self, "net_"):
            raise NotFittedError("`net_` is not fitted with refit=False; fit with refit=True")

    def unit_draws(
        self, n_draws: int, random_state: RandomState = 0
    ) -> tuple[dict[str, Any], float]:
        """
        Draws of the estimator's probe around ``net_``, for own experiments.

        Parameters
        ----------
        n_draws : int
            How many.
        random_state : int, RandomState instance or None, default=0
            Of the draws.

        Returns
        -------
        dict of tensors, float
            Stacked draws by parameter name, and the probe's `sigma` (1 if it has none).
        """
        self._check_has_net()
        seed = seed_from(random_state)
        return unit_draws(skorch_net(self.net_), self._probe, self._some_samples, n_draws, seed)

    def bound_constants(self) -> BoundConstants:
        """
        Constants of the paper's bounds: maxima over 64 of the samples at ``net_``.

        Returns
        -------
        BoundConstants
            Underestimates, since only a few samples are used.

        Raises
        ------
        NotFittedError
            Without a ``net_``.
        TypeError
            If the probe is not Gaussian.
        ValueError
            If it is not centered, or for order 1, where there is no bound.
        """
        self._check_has_net()
        if self.result_.order != 2:
            raise ValueError("`order` must be 2 for a bound, got 1; the bounds are about squares")
        return measure_constants(skorch_net(self.net_), self._probe, self._some_samples)

    @_OfNet
    def predict(self, X: Any) -> npt.NDArray:
        """Predictions of ``net_``: labels, or values in the shape of y."""
        return self._fitted_predictor().predict(self._check_input(X))

    @_OfNet
    def predict_proba(self, X: Any) -> npt.NDArray:
        """(n, C) probabilities of ``net_``, in the order of ``classes_``."""
        return self._fitted_predictor().predict_proba(self._check_input(X))

    @_OfNet
    def score(self, X: Any, y: npt.ArrayLike | None = None) -> float:
        """Score of ``net_`` by `scoring`, or the net's own."""
        predictor = self._fitted_predictor()
        if y is None and is_dataset(X):
            y = DatasetRows(X).own_targets()
        X, y = self._check_input(X), check_targets(y, "y")
        check_lengths(X, y)
        if self._scorer is None:
            raise AttributeError(f"{type(self.net_).__name__} has no score; set `scoring`")
        return float(self._scorer(predictor, X, y))

    def _fitted_predictor(self) -> Predictor:
        check_is_fitted(self, "net_")
        return self._predictor

    def _check_input(self, X: Any) -> Any:
        X = check_inputs(self, X, reset=False, raw=self._transformers is not None)
        if self._transformers is not None:
            return self._transformers.inputs(X)
        return self._predictor.cast(as_floating(X) if is_built_in(self.net) else X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "result_")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = self.random_state is None
        # without a net the kind of the estimator follows from y, that is from the fitted one
        net = getattr(self, "net_", self.net)
        if isinstance(net, str):
            tags.estimator_type = net
            tags.classifier_tags, tags.regressor_tags = ClassifierTags(), RegressorTags()
        if isinstance(net, BaseEstimator):
            of_net = get_tags(net)
            tags.estimator_type = of_net.estimator_type
            tags.classifier_tags = of_net.classifier_tags
            tags.regressor_tags = of_net.regressor_tags
            tags.target_tags.multi_output = of_net.target_tags.multi_output
            if isinstance(self.net, Pipeline):
                tags.input_tags = of_net.input_tags
        return tags
