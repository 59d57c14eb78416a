"""A fitted module as plain data, and back."""

import pickle

import numpy as np
import pytest
import torch

from skdeep._module_state import pack, unpack
from skdeep.modules import allocate, build, initialize

SHARED = {
    "n_outputs": 3,
    "hidden_layer_sizes": (4,),
    "activation": "relu",
    "normalization": "batch",
    "dropout": 0.1,
    "standardize": True,
}
CNN = {
    "architecture": "residual",
    "n_filters": (3,),
    "depth": 1,
    "kernel_size": ((3, 3),),
    "stride": 1,
    "pool_size": 2,
    "pooling": "flatten",
}
RNN = {
    "architecture": "lstm_fcn",
    "vocabulary_size": None,
    "embedding_dim": 4,
    "patch_size": 1,
    "n_filters": (3, 3, 3),
    "cell_type": "lstm",
    "hidden_size": 5,
    "n_layers": 2,
    "bidirectional": True,
    "pooling": "attention",
}
NETS = [
    ("MLP", {"input_shape": (6,), **SHARED}),
    ("CNN", {"input_shape": (2, 6), **CNN, **SHARED}),
    ("CNN", {"input_shape": (1, 4, 4), **CNN, **SHARED}),
    ("RNN", {"input_shape": (5, 2), **RNN, **SHARED}),
]


def make_module(name, config, dtype=torch.float64):
    module = allocate(build(name, config), dtype)
    initialize(module, torch.Generator().manual_seed(0), "relu")
    x = torch.randn(20, *config["input_shape"], dtype=dtype)
    module.standardizer.update(x, torch.ones(20))
    module.train()(x)
    return module.eval(), x


@pytest.mark.parametrize(("name", "config"), NETS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_module_comes_back_through_a_pickle(name, config, dtype):
    module, x = make_module(name, config, dtype)
    state = pickle.loads(pickle.dumps(pack(module)))
    back = unpack(state)
    assert type(back) is type(module)
    assert back.config == module.config
    assert not back.training
    assert back.dtype == dtype
    with torch.no_grad():
        assert torch.equal(back(x), module(x))


@pytest.mark.parametrize(("name", "config"), NETS)
def test_packed_state_holds_no_torch_object(name, config):
    module, _ = make_module(name, config)
    state = pack(module)
    assert all(type(array) is np.ndarray for array in state["weights"].values())
    assert b"torch" not in pickle.dumps(state)


def test_unpacked_module_shares_no_memory():
    module, x = make_module(*NETS[0])
    state = pack(module)
    before = {name: array.copy() for name, array in state["weights"].items()}
    back = unpack(state)
    for tensor in back.state_dict().values():
        tensor.add_(1)
    for name, array in state["weights"].items():
        np.testing.assert_array_equal(array, before[name])
    with torch.no_grad():
        assert not torch.equal(back(x), module(x))


def test_unpacking_takes_read_only_arrays():
    """As memory-mapped files give them."""
    module, x = make_module(*NETS[0])
    state = pack(module)
    for array in state["weights"].values():
        array.flags.writeable = False
    assert torch.equal(unpack(state)(x), module(x))


def test_a_state_can_name_no_other_class():
    state = pack(make_module(*NETS[0])[0])
    with pytest.raises(KeyError, match="Popen"):
        unpack({**state, "class": "Popen"})
