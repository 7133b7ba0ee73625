import numpy as np
import pytest

from sufficiency.data.candidates import default_n_candidates
from sufficiency.data.splits import (
    make_splits,
    resolve_sizes,
    stratification,
)

BASIC = {"sizes": 4, "n_repeats": 3, "n_candidates": 20, "root": 0}


def parts(split):
    return split.order, split.candidates, split.validation


@pytest.fixture
def classes() -> np.ndarray:
    """Three classes of 60, 30 and 10 samples, sorted as data sets on disk often are."""
    return np.repeat([0, 1, 2], [60, 30, 10])


@pytest.fixture
def groups(rng) -> np.ndarray:
    """Groups of 1 to 6 samples, named by strings, 100 samples."""
    counts = [1, 2, 3, 4, 5, 6] * 4 + [4] * 4
    return rng.permutation(np.repeat([f"patient {i}" for i in range(len(counts))], counts))


@pytest.mark.parametrize("reserve_validation", [False, True])
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("stratified", [False, True])
def test_every_sample_has_one_place_in_a_repeat(
    classes, groups, grouped, stratified, reserve_validation
):
    ladder = make_splits(
        100,
        **BASIC,
        strata=classes if stratified else None,
        groups=groups if grouped else None,
        reserve_validation=reserve_validation,
    )
    assert len(ladder.repeats) == 3
    for split in ladder.repeats:
        assert sorted(np.concatenate(parts(split))) == list(range(100))
        assert ladder.sizes[-1] <= len(split.order)
        if grouped:
            assert len(split.candidates) >= 20
            assert len(split.validation) >= 10 * reserve_validation
            names = [set(groups[part]) for part in parts(split)]
            assert sum(map(len, names)) == len(set.union(*names))
        else:
            assert len(split.candidates) == 20
            assert len(split.validation) == 10 * reserve_validation


@pytest.mark.parametrize("stratified", [False, True])
def test_folds_are_disjoint_while_they_fit(classes, stratified):
    strata = classes if stratified else None
    for n_repeats, disjoint in ((5, True), (6, False)):
        ladder = make_splits(
            100, sizes=4, n_repeats=n_repeats, n_candidates=20, root=0, strata=strata
        )
        pooled = np.concatenate([split.candidates for split in ladder.repeats])
        assert (len(set(pooled)) == len(pooled)) == disjoint
        assert ladder.disjoint_candidates == disjoint


def test_folds_of_groups_are_disjoint_while_they_fit():
    groups = np.arange(100) // 5
    for n_repeats, disjoint in ((5, True), (6, False)):
        ladder = make_splits(
            100, sizes=4, n_repeats=n_repeats, n_candidates=20, root=0, groups=groups
        )
        pooled = np.concatenate([split.candidates for split in ladder.repeats])
        assert all(len(split.candidates) == 20 for split in ladder.repeats)
        assert (len(set(pooled)) == len(pooled)) == disjoint
        assert ladder.disjoint_candidates == disjoint


def test_a_fold_of_groups_is_no_larger_than_it_has_to_be(groups):
    # without its last group, of 6 samples at most, it would have had less than 20
    ladder = make_splits(100, **BASIC, groups=groups)
    assert all(20 <= len(split.candidates) < 20 + 6 for split in ladder.repeats)


def test_own_candidates_reserve_nothing():
    ladder = make_splits(100, **(BASIC | {"n_candidates": 0}))
    assert all(len(split.order) == 100 for split in ladder.repeats)
    assert all(len(split.candidates) == 0 for split in ladder.repeats)
    assert not ladder.disjoint_candidates
    assert ladder.sizes[-1] == 100


def test_the_root_seed_decides_everything(classes):
    same = [make_splits(100, **BASIC, strata=classes) for _ in range(2)]
    other = make_splits(100, **(BASIC | {"root": 1}), strata=classes)
    for a, b, c in zip(*(ladder.repeats for ladder in (*same, other)), strict=True):
        for x, y in zip(parts(a), parts(b), strict=True):
            np.testing.assert_array_equal(x, y)
        assert not np.array_equal(a.order, c.order)
        assert not np.array_equal(a.candidates, c.candidates)


def test_repeats_have_orders_of_their_own():
    ladder = make_splits(100, **(BASIC | {"n_candidates": 0}))
    first, second, third = (split.order for split in ladder.repeats)
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_more_repeats_leave_the_others_orders_as_they_are():
    few, many = (make_splits(100, sizes=4, n_repeats=r, n_candidates=20, root=0) for r in (2, 5))
    for a, b in zip(few.repeats, many.repeats, strict=False):
        np.testing.assert_array_equal(a.order, b.order)
        np.testing.assert_array_equal(a.candidates, b.candidates)


def test_any_stretch_of_an_order_is_proportional_to_within_its_bound(rng):
    counts = np.array([200, 90, 31, 7, 2])
    strata = rng.permutation(np.repeat(np.arange(5), counts))
    ladder = make_splits(
        330, sizes=4, n_repeats=4, n_candidates=60, root=3, strata=strata, reserve_validation=True
    )
    for split in ladder.repeats:
        order = np.concatenate([split.order, split.validation])
        counts = np.bincount(strata[order], minlength=5)
        # Class c has its samples at equal distances 1/n_c, so that a stretch of length t holds
        # n_c·t + e_c of them with |e_c| < 1. A stretch of k samples has k = n·t + Σ e_d, hence
        # holds k·s_c + (1 − s_c)·e_c − s_c·Σ_{d≠c} e_d: off by less than 1 + s_c·(C − 2).
        shares = counts / len(order)
        bound = 1 + shares * (5 - 2)
        held = np.cumsum(np.eye(5)[strata[order]], axis=0)
        expected = np.arange(1, len(order) + 1)[:, None] * shares
        assert (np.abs(held - expected) < bound).all()
        validation = np.bincount(strata[split.validation], minlength=5)
        assert (np.abs(validation - len(split.validation) * shares) < bound).all()
    # the candidate folds are stretches of one order of everything
    shares = np.bincount(strata) / 330
    for split in ladder.repeats:
        held = np.bincount(strata[split.candidates], minlength=5)
        assert (np.abs(held - 60 * shares) < 1 + shares * 3).all()


def test_overlapping_folds_are_stratified_too(classes):
    ladder = make_splits(100, sizes=4, n_repeats=6, n_candidates=20, root=0, strata=classes)
    shares = np.array([0.6, 0.3, 0.1])
    for split in ladder.repeats:
        held = np.bincount(classes[split.candidates], minlength=3)
        assert (np.abs(held - 20 * shares) < 1 + shares).all()


def test_stratification_favors_no_sample_of_a_class():
    # 300 repeats, a fold of 10 candidates from 100 samples: each sample is one with p = 0.1, so
    # that its count has mean 30 and s.d. √(300·0.09) = 5.2. Over 100 samples the sum of squared
    # standardized deviations is about χ² with 99 degrees of freedom; 4 s.d. are 4·√198 = 56.
    strata = np.repeat([0, 1], [70, 30])
    counts = np.zeros(100)
    for root in range(300):
        ladder = make_splits(100, sizes=2, n_repeats=1, n_candidates=10, root=root, strata=strata)
        counts[ladder.repeats[0].candidates] += 1
    assert ((counts - 30) ** 2).sum() / 27 < 99 + 56
    # places in the order are no more favorable to early samples: correlation of 300·90 pairs
    first = np.array(
        [
            make_splits(100, sizes=2, n_repeats=1, n_candidates=10, root=root, strata=strata)
            .repeats[0]
            .order[:9]
            for root in range(300)
        ]
    )
    in_class = np.where(first < 70, first / 69, (first - 70) / 29)
    # uniform on [0, 1]: s.d. 0.29; 2 700 values, 4 s.e. are 0.023
    assert abs(in_class.mean() - 0.5) < 0.023


def test_unstratified_data_sorted_by_a_target_are_shuffled():
    # sample numbers are uniform on 0…999: the mean of 100 has s.e. 289/√100 = 29, 4 s.e. are 116
    ladder = make_splits(1000, sizes=[100, 200], n_repeats=3, n_candidates=100, root=0)
    for split in ladder.repeats:
        assert abs(split.order[:100].mean() - 499.5) < 116
        assert abs(split.candidates.mean() - 499.5) < 116
        # neighbors in a shuffled order are as far apart as any two: 333 on average
        assert np.abs(np.diff(split.order)).mean() > 250


def test_groups_and_their_members_are_shuffled():
    groups = np.arange(400) // 4
    for split in make_splits(400, **BASIC, groups=groups).repeats:
        met = list(dict.fromkeys(groups[split.order]))
        assert met != sorted(met)
        # a whole group stands together, in any of 4! orders
        blocks = split.order.reshape(-1, 4)
        assert (groups[blocks] == groups[blocks][:, :1]).all()
        assert len({tuple(np.argsort(block)) for block in blocks}) > 10


def test_a_group_that_the_cut_would_divide_validates_as_a_whole():
    groups = np.repeat(np.arange(10), 10)  # a tenth is one group; 15 % would divide one
    uneven = np.repeat(np.arange(7), [15] * 6 + [10])
    for names in (groups, uneven):
        for root in range(10):
            ladder = make_splits(
                100,
                sizes=2,
                n_repeats=1,
                n_candidates=10,
                root=root,
                groups=names,
                reserve_validation=True,
            )
            split = ladder.repeats[0]
            assert not set(names[split.order]) & set(names[split.validation])
            assert 10 <= len(split.validation) < 10 + 15


def test_validation_is_a_tenth_rounded_up():
    split = make_splits(95, **BASIC, reserve_validation=True).repeats[0]
    assert len(split.validation) == 10


@pytest.mark.parametrize(
    ("n_fit", "n_classes", "smallest"),
    [
        (10_000, 0, 312),  # n_fit/32 = 312.5
        (400, 0, 20),
        (400, 5, 50),  # ten of each class
        (400, 100, 200),  # never more than half
        (30, 0, 15),
        (3, 0, 1),
    ],
)
def test_geometric_sizes_run_from_the_documented_smallest_to_everything(n_fit, n_classes, smallest):
    sizes = resolve_sizes(2, n_fit, n_classes, n_fit, "nothing")
    assert sizes.tolist() == [smallest, n_fit]
    assert sizes.dtype == np.int64


def test_geometric_sizes_have_equal_ratios():
    sizes = resolve_sizes(8, 20_000, 0, 20_000, "nothing")
    exact = 625 * 32 ** (np.arange(8) / 7)
    assert sizes.tolist() == [round(size) for size in exact]


@pytest.mark.parametrize("n_fit", [2, 3, 5, 8, 9, 12, 17, 40, 100])
def test_geometric_sizes_stay_distinct_where_samples_are_few(n_fit):
    for wanted in range(2, n_fit + 1):
        sizes = resolve_sizes(wanted, n_fit, 0, n_fit, "nothing")
        assert len(sizes) == wanted
        assert (np.diff(sizes) > 0).all()
        assert sizes[0] >= 1
        assert sizes[-1] == n_fit


def test_fractions_and_counts_are_taken_as_they_are():
    # 0.29·100 is 28.999999999999996 in floating point
    assert resolve_sizes([0.1, 0.29, 1.0], 100, 0, 130, "30").tolist() == [10, 29, 100]
    assert resolve_sizes(np.linspace(0.5, 1, 3), 9, 0, 9, "0").tolist() == [4, 6, 9]
    assert resolve_sizes((5, np.int64(70)), 100, 0, 130, "30").tolist() == [5, 70]
    assert resolve_sizes(range(10, 40, 10), 100, 0, 130, "30").tolist() == [10, 20, 30]
    assert resolve_sizes(np.int32(2), 64, 0, 64, "0").tolist() == [20, 64]


RULE = "`sizes` must be an integer >= 2, a sequence of fractions in (0, 1] or of counts"


@pytest.mark.parametrize(
    ("sizes", "error", "told"),
    [
        (1, ValueError, ["`sizes` must be >= 2, got 1"]),
        (-3, ValueError, ["`sizes` must be >= 2, got -3"]),
        (
            81,
            ValueError,
            [
                "`sizes` must be <= 80, the samples to train on, got 81",
                "20 candidates leave 80",
                "pass more",
            ],
        ),
        ("8", TypeError, [RULE, "got '8'"]),
        (None, TypeError, [RULE, "got None"]),
        (True, TypeError, [RULE, "got True"]),
        (8.0, TypeError, [RULE, "got 8.0"]),
        ([], ValueError, ["`sizes` must hold at least 2 sizes, got []"]),
        ([10], ValueError, ["`sizes` must hold at least 2 sizes, got [10]"]),
        ([10, 0.5], TypeError, [RULE, "all of one kind, got [10, 0.5]"]),
        ([True, False], TypeError, [RULE, "all of one kind"]),
        (["a", "b"], TypeError, [RULE, "all of one kind"]),
        ([[10, 20], [30, 40]], TypeError, [RULE, "all of one kind"]),
        ([0.5, 1.5], ValueError, [RULE, "fractions must lie in (0, 1], got [0.5, 1.5]"]),
        ([0.0, 0.5], ValueError, [RULE, "fractions must lie in (0, 1], got [0.0, 0.5]"]),
        ([0.5, np.nan], ValueError, [RULE, "fractions must lie in (0, 1]"]),
        ([10, 81], ValueError, ["between 1 and 80, got 10 to 81", "leave 80", "fewer"]),
        ([0, 10], ValueError, ["`sizes` must lie between 1 and 80, got 0 to 10"]),
        ([0.001, 0.5], ValueError, ["`sizes` must lie between 1 and 80, got 0 to 40"]),
        ([20, 10], ValueError, ["strictly increasing, got [20, 10]", "sort them"]),
        ([10, 10], ValueError, ["strictly increasing, got [10, 10]", "drop duplicates"]),
        ([0.5, 0.501], ValueError, ["strictly increasing, got [40, 40]", "drop duplicates"]),
    ],
)
def test_bad_sizes_are_answered_with_parameter_rule_value_and_remedy(sizes, error, told):
    with pytest.raises(error) as caught:
        make_splits(100, **(BASIC | {"sizes": sizes}))
    for words in told:
        assert words in str(caught.value)


def test_too_few_samples_are_counted_with_what_is_reserved():
    told = "12 samples less 5 candidates and 2 for validation leave 5"
    with pytest.raises(ValueError, match=told):
        make_splits(12, sizes=8, n_repeats=1, n_candidates=5, root=0, reserve_validation=True)
    with pytest.raises(ValueError, match="1 sample less 1 candidates leave 0"):
        make_splits(1, sizes=2, n_repeats=1, n_candidates=1, root=0)


def test_one_group_leaves_nothing_and_the_message_counts_right():
    with pytest.raises(ValueError, match="100 samples less 100 candidates leave 0"):
        make_splits(100, **BASIC, groups=np.zeros(100))


@pytest.mark.parametrize(
    ("n", "expected"), [(1, 1), (4, 1), (10, 2), (1797, 359), (5_000, 1000), (10**6, 1000)]
)
def test_default_number_of_candidates(n, expected):
    assert default_n_candidates(n) == expected


def test_a_class_with_a_single_sample_leaves_subsets_unstratified():
    with pytest.warns(UserWarning, match="1 of 3 classes have a single sample.*merge rare"):
        assert stratification(np.array([0, 0, 1, 1, 2])) is None


def test_classes_of_two_or_more_are_strata():
    y = np.array([0, 0, 1, 1])
    assert stratification(y) is y


def test_the_refit_takes_everything_in_a_shuffled_stratified_order():
    y = np.repeat([0, 1, 2], 40)
    refit = make_splits(120, sizes=3, n_repeats=2, n_candidates=20, root=1, strata=y).refit
    assert sorted(refit.order) == list(range(120))
    assert len(refit.candidates) == len(refit.validation) == 0
    # systematic sampling: a stretch of 30 has 10 of each class, give or take one
    assert np.abs(np.bincount(y[refit.order[:30]]) - 10).max() <= 1


def test_the_refit_reserves_validation_without_dividing_groups():
    groups = np.arange(120) // 7
    plan = {"sizes": 3, "n_repeats": 2, "n_candidates": 20, "reserve_validation": True}
    refit = make_splits(120, groups=groups, root=1, **plan).refit
    assert sorted(np.concatenate([refit.order, refit.validation])) == list(range(120))
    assert len(refit.validation) >= 12
    assert not set(groups[refit.order]) & set(groups[refit.validation])
    other = make_splits(120, groups=groups, root=2, **plan).refit
    assert refit.order.tolist() != other.order.tolist()
