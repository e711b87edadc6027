import pytest

from bnnplan.models.errors import FileError, InputError
from bnnplan.models.load import DEFAULT, open_network
from bnnplan.models.network_file import save_network
from bnnplan.models.zoo import build, default_network


def test_zoo_names():
    assert open_network(DEFAULT) == default_network()
    assert open_network("btc-mlp") == build("btc-mlp")


def test_network_files(tmp_path):
    save_network(build("hep-fashion", seed=3), tmp_path / "mine.bnn")
    assert open_network(tmp_path / "mine.bnn") == build("hep-fashion", seed=3)


@pytest.mark.parametrize("name", ["missing.bnn", "missing.onnx", "missing.onnx.gz"])
def test_missing_files(tmp_path, name):
    with pytest.raises(FileError, match="missing"):
        open_network(tmp_path / name)


def test_other_files_and_names(tmp_path):
    (tmp_path / "model.h5").write_bytes(b"")
    with pytest.raises(InputError, match=r"must end in \.bnn, \.onnx, \.onnx\.gz"):
        open_network(tmp_path / "model.h5")
    with pytest.raises(InputError, match=r"did you mean 'quicknet'.*btc-vgg16.*or give a \.bnn"):
        open_network("quiknet")
