import joblib
import pytest
import torch

from sufficiency._threads import limited_threads, threads_of_a_worker


@pytest.mark.parametrize(
    ("n_jobs", "cores", "expected"),
    [(None, 8, None), (1, 8, None), (2, 8, 4), (3, 8, 2), (8, 8, 1), (16, 8, 1)],
)
def test_workers_share_the_cores(monkeypatch, n_jobs, cores, expected):
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    assert threads_of_a_worker(n_jobs) == expected


@pytest.mark.parametrize(("limit", "inside"), [(3, 3), (None, 2)])
@pytest.mark.parametrize("error", [None, ZeroDivisionError])
def test_the_number_of_threads_is_restored(limit, inside, error):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with limited_threads(limit):
            assert torch.get_num_threads() == inside
            if error:
                raise error
    except ZeroDivisionError:
        pass
    finally:
        restored = torch.get_num_threads()
        torch.set_num_threads(before)
    assert restored == 2
