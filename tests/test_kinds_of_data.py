"""Data as they come: datasets, several inputs, tables. The same samples give the same bits."""

import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.helper import SliceDataset, SliceDict
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from sufficiency import LandscapeSufficiencyEstimator, per_sample_losses
from sufficiency.cells.cell import CELL_COLUMNS
from sufficiency.data.samples import Samples
from sufficiency.fit.plan import plan_fit
from sufficiency.fit.runner import measure_group
from sufficiency.landscape import loss_plane
from tests.helpers import Perceptron, classifier, labeled, measured, regressor

pytestmark = pytest.mark.filterwarnings("ignore::sufficiency.exceptions.SufficiencyWarning")

N = 60


class Items(Dataset):
    """Pairs that are made when they are read."""

    def __init__(self, X, y, kind=np.asarray):
        self.X, self.y, self.kind = X, y, kind

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.kind(self.X[i]), self.y[i]


class Joined(Perceptron):
    """The perceptron on two inputs by name."""

    def forward(self, first, rest):
        return super().forward(torch.cat([first, rest], 1))


class JoinedPair(Perceptron):
    """The perceptron on a pair of inputs."""

    def forward(self, X):
        return super().forward(torch.cat(list(X), 1))


def estimator(net, **params):
    settings = {"sizes": 2, "n_repeats": 1, "n_draws": 4, "min_steps": 0, "curve": "theory"}
    return LandscapeSufficiencyEstimator(net, **(settings | {"random_state": 0} | params))


COLUMNS = [name for name in CELL_COLUMNS if name not in ("fit_seconds", "probe_seconds")]


def numbers(est, *data):
    return est.fit(*data).result_.to_frame()[COLUMNS].to_numpy(dtype=float)


def named(X):
    return {"first": X[:, :1], "rest": X[:, 1:]}


def several(module):
    return classifier(module, module__n_outputs=3)


@pytest.fixture(scope="module")
def data():
    return labeled(N)


@pytest.fixture(scope="module")
def expected(data):
    """What arrays give; the other tests want the same bits."""
    return numbers(estimator(classifier()), *data)


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_dataset_gives_the_numbers_of_its_arrays(data, expected, kind):
    X, y = data
    est = estimator(classifier())
    np.testing.assert_array_equal(numbers(est, Items(X, y, kind), None), expected)
    assert not hasattr(est, "n_features_in_")
    plain = estimator(classifier()).fit(X, y)
    np.testing.assert_array_equal(est.predict(Items(X, y)), plain.predict(X))
    np.testing.assert_array_equal(est.predict_proba(Items(X, y)), plain.predict_proba(X))
    assert est.score(Items(X, y)) == plain.score(X, y)


def test_other_datasets(data, expected):
    X, y = data
    of_tensors = TensorDataset(torch.as_tensor(X), torch.as_tensor(y))
    np.testing.assert_array_equal(numbers(estimator(classifier()), of_tensors, None), expected)
    sliced = SliceDataset(Items(X, y))
    np.testing.assert_array_equal(numbers(estimator(classifier()), sliced, y), expected)
    with pytest.raises(TypeError, match="idx=1"):
        estimator(classifier()).fit(sliced)


def test_given_targets_replace_those_of_the_dataset(data, expected):
    X, y = data
    names = np.array(["a", "b", "c"])[y]
    est = estimator(classifier())
    np.testing.assert_array_equal(numbers(est, Items(X, np.zeros_like(y)), names), expected)
    assert set(est.predict(Items(X, y))) <= {"a", "b", "c"}
    np.testing.assert_array_equal(numbers(estimator(classifier()), Items(X, names), None), expected)


def test_a_loader_with_workers_and_a_collation_of_its_own(data, expected):
    calls = []

    def collate(batch):
        calls.append(len(batch))
        return torch.utils.data.default_collate(batch)

    np.testing.assert_array_equal(
        numbers(estimator(loading(collate)), Items(*data), None), expected
    )
    assert len(calls) > 10
    # arrays are collated by it, too
    calls.clear()
    scaled = classifier(iterator_valid__collate_fn=lambda b: (collate(b)[0] * 0, collate(b)[1]))
    X, y = data
    zeros = per_sample_losses(scaled.initialize(), X, y)
    np.testing.assert_array_equal(zeros, per_sample_losses(scaled, np.zeros_like(X), y))
    assert calls


def texts(X, y):
    return Items(X, y, lambda row: " ".join(f"{float(x)!r}" for x in row))


def boxed(X, y):
    return Items(X, y, lambda row: SimpleNamespace(row=row))


def _parsed(batch):
    rows = [[float(x) for x in text.split()] for text, _ in batch]
    return torch.tensor(rows), torch.tensor([int(target) for _, target in batch])


def _unboxed(batch):
    return torch.utils.data.default_collate([(box.row, target) for box, target in batch])


def loading(collate):
    return classifier(iterator_train__collate_fn=collate, iterator_valid__collate_fn=collate)


@pytest.mark.parametrize(("kind", "collate"), [(texts, _parsed), (boxed, _unboxed)])
def test_items_that_only_a_collation_of_the_users_own_can_stack(data, expected, kind, collate):
    est = estimator(loading(collate))
    np.testing.assert_array_equal(numbers(est, kind(*data), None), expected)
    assert est.predict(kind(*data)).shape == (N,)


def test_a_store_reads_texts_and_refuses_what_it_cannot_read(data, tmp_path):
    X, y = data
    net, params = loading(_parsed), {"store": tmp_path / "store"}
    first, again, other = (estimator(net, **params).fit(texts(X + c, y)) for c in (0, 0, 1))
    seconds = first.result_.table("fit_seconds")
    np.testing.assert_array_equal(again.result_.table("fit_seconds"), seconds)
    assert (other.result_.table("fit_seconds") != seconds).all()
    with pytest.raises(TypeError, match="`X` must be of a kind that a store can read, got items"):
        estimator(loading(_unboxed), **params).fit(boxed(X, y))


def test_own_unseen_datasets(data):
    X, y = data
    halves = slice(N // 2), slice(N // 2, None)
    seen, unseen = ((X[half], y[half]) for half in halves)
    a = estimator(classifier()).fit(*seen, None, *unseen)
    b = estimator(classifier()).fit(Items(*seen), X_unseen=Items(*unseen))
    np.testing.assert_array_equal(a.deltas_, b.deltas_)


def test_targets_of_a_regression_and_of_columns():
    X, y = measured(N)
    a = estimator(regressor()).fit(X, y)
    b = estimator(regressor()).fit(Items(X, y))
    # nets on arrays are trained together: float32 rounds otherwise
    np.testing.assert_allclose(a.deltas_, b.deltas_, rtol=1e-4)
    c = estimator(regressor()).fit(Items(X, y[:, 0].tolist()))
    np.testing.assert_array_equal(b.deltas_, c.deltas_)
    assert c.predict(Items(X, y)).shape == (N,)


@pytest.mark.parametrize("made", [dict, SliceDict])
def test_inputs_by_name(data, expected, made):
    X, y = data
    inputs = made(**named(X))
    est = estimator(several(Joined))
    np.testing.assert_array_equal(numbers(est, inputs, y), expected)
    np.testing.assert_array_equal(est.predict(inputs), est.predict(named(X)))


def test_a_tuple_of_inputs(data, expected):
    X, y = data
    inputs = tuple(named(X).values())
    est = estimator(several(JoinedPair))
    np.testing.assert_array_equal(numbers(est, inputs, y), expected)
    assert est.predict(inputs).shape == (N,)


def test_a_dataset_of_dicts(data, expected):
    X, y = data
    items = Items(X, y, lambda row: {"first": row[:1], "rest": row[1:]})
    np.testing.assert_array_equal(numbers(estimator(several(Joined)), items, None), expected)


def test_inputs_in_files(data, expected, tmp_path):
    X, y = data
    inputs = {}
    for name, part in named(X).items():
        np.save(tmp_path / f"{name}.npy", part)
        inputs[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    np.testing.assert_array_equal(numbers(estimator(several(Joined)), inputs, y), expected)


def test_frames_and_tensors(data, expected):
    X, y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    est = estimator(classifier())
    np.testing.assert_array_equal(numbers(est, frame, pd.Series(y)), expected)
    assert est.feature_names_in_.tolist() == ["a", "b", "c"]
    tensors = torch.as_tensor(X), torch.as_tensor(y)
    np.testing.assert_array_equal(numbers(estimator(classifier()), *tensors), expected)


def test_a_store_knows_datasets_and_dicts_by_their_content(data, tmp_path):
    X, y = data
    params = {"store": tmp_path / "store", "random_state": None}
    first = estimator(classifier(), **params).fit(Items(X, y))
    again = Items(X, y)
    second = estimator(classifier(), **params).fit(again)
    np.testing.assert_array_equal(first.deltas_, second.deltas_)
    other = estimator(classifier(), **params).fit(Items(X + 1, y))
    assert not np.array_equal(first.deltas_, other.deltas_)
    net = several(Joined)
    first = estimator(net, **params).fit(named(X), y)
    seconds = first.result_.table("fit_seconds")
    np.testing.assert_array_equal(
        estimator(net, **params).fit(named(X), y).result_.table("fit_seconds"), seconds
    )


@pytest.mark.parametrize("module", [Perceptron, Joined])
def test_datasets_and_dicts_can_be_sent_to_processes(data, expected, module):
    X, y = data
    inputs = {"X": Items(X, y)} if module is Perceptron else {"X": named(X), "y": y}
    plan = plan_fit(estimator(several(module)), **inputs)
    sent = pickle.loads(pickle.dumps((0, plan.tasks, plan.samples)))  # noqa: S301
    _, cells, *_ = measure_group(*sent, None, None, None)
    found = sorted((cell.size, cell.delta, cell.unseen_loss) for cell in cells)
    np.testing.assert_array_equal(found, expected[:, [1, 2, COLUMNS.index("unseen_loss")]])


def test_public_functions_take_them(data):
    X, y = data
    net = classifier().initialize()
    losses = per_sample_losses(net, X, y)
    np.testing.assert_array_equal(per_sample_losses(net, Items(X, y), y), losses)
    joined = several(Joined).initialize()
    joined.module_.load_state_dict(net.module_.state_dict())
    np.testing.assert_array_equal(per_sample_losses(joined, named(X), y), losses)
    directions = [{"out.weight": np.full((3, 5), c, np.float32)} for c in (0.1, -0.2)]
    planes = [
        loss_plane(some, inputs, y, *directions, [0.0, 1.0], [0.0, 1.0])
        for some, inputs in ((net, X), (joined, named(X)), (net, Items(X, y)))
    ]
    np.testing.assert_array_equal(planes[0], planes[1])
    np.testing.assert_array_equal(planes[0], planes[2])


class Stream(IterableDataset):
    def __iter__(self):
        yield from ()


class Unsized(Dataset):
    def __getitem__(self, i):
        return np.zeros(3, np.float32), 0


class Single(Items):
    def __getitem__(self, i):
        return self.X[i]


class Triple(Items):
    def __getitem__(self, i):
        return self.X[i], self.X[i], self.y[i]


class Augmented(Items):
    def __getitem__(self, i):
        return self.X[i] + torch.randn(3).numpy(), self.y[i]


class OftenAugmented(Items):
    def __getitem__(self, i):
        return self.X[i] + (i > 0) * torch.randn(3).numpy(), self.y[i]


class Ragged(Items):
    def __getitem__(self, i):
        return self.X[i][: 1 + i % 2], self.y[i]


@pytest.mark.parametrize(
    ("made", "error", "match"),
    [
        (lambda X, y: Stream(), TypeError, "length and items by index, got Stream"),
        (lambda X, y: Unsized(), TypeError, "length and items by index, got Unsized"),
        (Single, TypeError, r"pairs \(input, target\)"),
        (Triple, TypeError, "length 3; put several inputs into a dict"),
        (Augmented, ValueError, "augmentation into the module"),
        (lambda X, y: Items(np.where(X > 2.5, np.nan, X), y), ValueError, "infinity in item"),
        (OftenAugmented, ValueError, "augmentation into the module"),
        (Ragged, ValueError, "items of Ragged.*needs iterator_train__collate_fn"),
        (boxed, ValueError, "items of Items.*needs iterator_train__collate_fn"),
        (lambda X, y: Items(X.astype(float), y), ValueError, "items of a dataset are not cast"),
        (lambda X, y: Items(X, [None] * N), TypeError, "got NoneType; pass `y`"),
        (lambda X, y: Items(X, [[0], [0, 1]] * (N // 2)), ValueError, "one shape, got several"),
        (lambda X, y: Items(X[:0], y[:0]), ValueError, "Items of length 0"),
        (lambda X, y: Items(X[:1], y[:1]), ValueError, "at least 2 samples"),
    ],
)
def test_datasets_that_cannot_be_measured(data, made, error, match):
    with pytest.raises(error, match=match):
        estimator(classifier()).fit(made(*data))


@pytest.mark.parametrize(
    ("made", "match"),
    [
        (lambda X: {"first": X[:, :1], "rest": X[1:, 1:]}, "equally many samples in all"),
        (lambda X: {"first": X[:-1, :1], "rest": X[:-1, 1:]}, "equally many samples, found"),
        (lambda X: {"first": X[:, :1] * np.nan, "rest": X[:, 1:]}, r"X\['first'\] contains NaN"),
        (lambda X: {"first": X[:, :1].astype(str), "rest": X[:, 1:]}, "must be numeric"),
        (lambda X: {}, "equally many samples in all its inputs, got none"),
        (lambda X: {"first": X[:, :1], "second": X[:, 1:]}, "cannot compute losses"),
    ],
)
def test_inputs_by_name_that_do_not_fit(data, made, match):
    X, y = data
    with pytest.raises(ValueError, match=match):
        estimator(several(Joined)).fit(made(X), y)


@pytest.mark.parametrize("made", [lambda X: [X[:, :1], X[:, 1:]], lambda X: (X[:, 0], X[:, 1:])])
def test_several_inputs_that_are_no_tuple_of_tables(data, made):
    X, y = data
    with pytest.raises(ValueError, match="as a tuple of arrays with two axes or more"):
        estimator(several(JoinedPair)).fit(made(X), y)


def test_losses_of_a_pipeline_are_asked_of_its_net(data):
    X, y = data
    est = estimator(make_pipeline(StandardScaler(), classifier())).fit(X, y)
    with pytest.raises(TypeError, match=r"pass net\[-1\] and what net\[:-1\] makes of X"):
        per_sample_losses(est.net_, X, y)
    inputs = est.net_[:-1].transform(X)
    assert per_sample_losses(est.net_[-1], inputs.astype(np.float32), y).shape == (N,)


def test_own_unseen_data_may_be_of_another_kind(data):
    X, y = data
    halves = slice(N // 2), slice(N // 2, None)
    seen, unseen = ((X[half], y[half]) for half in halves)
    a = estimator(classifier()).fit(*seen, None, *unseen)
    b = estimator(classifier()).fit(*seen, None, Items(*unseen))
    np.testing.assert_array_equal(a.deltas_, b.deltas_)


def test_tables_are_sent_once_to_a_cluster(data):
    X, y = data
    table = pd.DataFrame(X).assign(text="a few more bytes")
    for inputs, least in ((table, X.nbytes), (sparse.csr_matrix(X), X.nbytes), (X, X.nbytes)):
        assert Samples(inputs, y, y).__sizeof__() >= least + 2 * y.nbytes


def test_nested_inputs_are_refused(data):
    X, y = data
    with pytest.raises(TypeError, match=r"must hold arrays, got dict as X\['in'\]"):
        estimator(several(Joined)).fit({"in": named(X)}, y)


def test_the_default_net_takes_a_single_array(data):
    X, y = data
    for inputs in (named(X), Items(X, y)):
        with pytest.raises(TypeError, match="None suits a single array"):
            estimator(None).fit(inputs, y)


def test_memory_is_halved_for_several_inputs_too(data, monkeypatch):
    X, y = data
    net = several(Joined).initialize()
    whole = per_sample_losses(net, named(X), y)
    calls = []

    def failing(forward):
        def limited(self, first, rest):
            calls.append(len(first))
            if len(first) > 16:
                raise torch.OutOfMemoryError
            return forward(self, first, rest)

        return limited

    monkeypatch.setattr("sufficiency.engine.loss_matrix.plan_blocks", _one_block)
    monkeypatch.setattr(Joined, "forward", failing(Joined.forward))
    np.testing.assert_allclose(per_sample_losses(net, named(X), y), whole, rtol=1e-6)
    assert max(calls) == N


def _one_block(net, X, y, **_):
    from sufficiency.engine.loss_matrix import BlockPlan

    return BlockPlan(1, len(y), vectorize=False)


def test_augmentation_in_the_module_is_fine(data):
    class Noisy(Perceptron):
        def forward(self, X):
            return super().forward(X + 0.1 * torch.randn_like(X) if self.training else X)

    est = estimator(classifier(Noisy, module__n_outputs=3)).fit(Items(*data))
    assert np.isfinite(est.deltas_).all()
