import sys

import numpy as np
import pytest
from networks import chain

from bnnplan.backends.reference import evaluate
from bnnplan.models.errors import UnsupportedError
from bnnplan.planner.execution.runner import check_feeds
from bnnplan.planner.peers import OnnxRuntimePeer
from bnnplan.planner.profiling.oracle import random_feeds


def test_the_peer_computes_the_same_for_every_input():
    pytest.importorskip("onnxruntime")
    network = chain()
    peer = OnnxRuntimePeer(network, 1)
    for seed in range(3):
        feeds = random_feeds(network, 1, seed)
        (got,) = peer.run_encoded(check_feeds(network, feeds, 1))
        np.testing.assert_allclose(got, evaluate(network, feeds)["logits"], rtol=1e-5)


def test_a_missing_onnxruntime_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'bnnplan\[onnxruntime\]'"):
        OnnxRuntimePeer(chain(), 1)
