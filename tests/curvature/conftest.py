"""One trained net of each kind, with dense derivatives of ten samples from loss values alone."""

from types import SimpleNamespace

import pytest

from tests.curvature.nets import (
    KINDS,
    center_of,
    difference_gradients,
    difference_hessians,
    losses_of_vectors,
    make_data,
    trained_net,
)


@pytest.fixture(scope="session", params=KINDS, ids=lambda kind: kind.__name__)
def dense(request):
    X, y = make_data(request.param, 40)
    net = trained_net(request.param, X, y)
    X, y = X[:10], y[:10]
    evaluate, w = losses_of_vectors(net, X, y), center_of(net)
    return SimpleNamespace(
        net=net,
        X=X,
        y=y,
        w=w,
        losses=evaluate(w)[0],
        gradients=difference_gradients(evaluate, w),
        hessians=difference_hessians(evaluate, w),
    )
