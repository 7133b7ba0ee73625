import sys

import pytest

from sufficiency.datasets import load_randhie, make_mnist1d


@pytest.mark.parametrize(
    ("loader", "module"), [(make_mnist1d, "mnist1d"), (load_randhie, "statsmodels")]
)
def test_a_missing_library_is_named_with_the_remedy(loader, module, monkeypatch):
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError) as caught:
        loader()
    message = str(caught.value)
    assert message.startswith(f"`{loader.__name__}` needs a library that cannot be imported")
    assert module in message
    assert 'pip install "sufficiency[datasets]"' in message
    assert caught.value.name.partition(".")[0] == module
