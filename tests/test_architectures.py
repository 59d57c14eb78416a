"""What the names of convolutional architectures stand for."""

import numpy as np
import pytest
from torch import nn

from skdeep import DeepCNNClassifier
from skdeep._architectures import PRESETS, resolve
from skdeep.modules import build

AUTO = dict.fromkeys(
    ("n_filters", "depth", "kernel_size", "stride", "pool_size", "pooling"), "auto"
)
REST = {
    "n_outputs": 3,
    "hidden_layer_sizes": (),
    "activation": "relu",
    "normalization": "batch",
    "dropout": 0.0,
    "standardize": True,
}


def resolved(architecture, chosen, size, member=0):
    chosen = {"architecture": architecture, "augmentation": None, **chosen}
    return resolve(chosen, size, member)


def net(architecture, shape, **chosen):
    config = resolved(architecture, {**AUTO, **chosen}, shape[1:])
    return build("CNN", {"input_shape": shape, **config, **REST})


def convolutions(module):
    kinds = (nn.Conv1d, nn.Conv2d)
    found = [layer for layer in module.features.modules() if isinstance(layer, kinds)]
    return [(c.out_channels, c.kernel_size[0]) for c in found]


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (1, 8, 8), (3, 100, 3)])
@pytest.mark.parametrize("architecture", PRESETS)
def test_every_name_takes_every_shape(architecture, shape):
    if architecture == "rocket" and len(shape) == 3:
        with pytest.raises(ValueError, match=r"'inception'\] for images. Got 'rocket'"):
            net(architecture, shape)
        return
    assert convolutions(net(architecture, shape))


@pytest.mark.parametrize("shape", [(1, 40), (1, 8, 8)])
def test_pooling_is_what_was_asked_for(shape):
    pools = {
        kind: net("auto", shape, pooling=kind).pool
        for kind in ("mean", "max", "flatten")
    }
    assert isinstance(pools["mean"][1], nn.AdaptiveAvgPool1d)
    assert isinstance(pools["max"][1], nn.MaxPool1d)
    assert isinstance(pools["flatten"], nn.Flatten)
    automatic = "flatten" if len(shape) == 3 else "mean"
    assert repr(net("auto", shape).pool) == repr(pools[automatic])


def test_fcn_is_that_of_wang_et_al():
    fcn = net("fcn", (1, 100))
    assert convolutions(fcn) == [(128, 8), (256, 5), (128, 3)]
    assert not any(isinstance(layer, nn.MaxPool1d) for layer in fcn.modules())


def test_resnet_is_that_of_wang_et_al():
    found = convolutions(net("resnet", (1, 100)))
    blocks = [(n, k) for n in (64, 128, 128) for k in (8, 5, 3)]
    assert [c for c in found if c[1] > 1] == blocks
    # Shortcuts where the width changes.
    assert [c for c in found if c[1] == 1] == [(64, 1), (128, 1)]


def test_inception_is_that_of_ismail_fawaz_et_al():
    found = convolutions(net("inception", (1, 100)))
    widths = [width for width in found if width[1] > 1]
    assert widths == [(32, 40), (32, 20), (32, 10)] * 6


def test_long_input_is_read_in_strides():
    for shape, stride in (((1, 500), 1), ((1, 1500), 3), ((1, 80, 80), 1)):
        assert resolved("auto", AUTO, shape[1:])["stride"] == stride
    assert resolved("auto", {**AUTO, "stride": 2}, (500,))["stride"] == 2


def test_members_for_series_are_nets_of_four_kinds_in_turns():
    narrow, wide, plain, *random, again = (
        resolved("auto", AUTO, (50,), member) for member in range(6)
    )
    assert narrow["kernel_size"][0] == (7, 5, 3)
    assert wide["kernel_size"][0] == (15, 9, 5)
    assert [net["architecture"] for net in (narrow, wide)] == ["residual", "residual"]
    assert plain["kernel_size"] == ((8,), (5,), (3,))
    for net in random:
        assert (net["architecture"], net["n_filters"]) == ("rocket", (1024,))
        assert net["kernel_size"] == ((9,),)
    assert [net["stretch"] for net in random] == [False, True]
    nets = (narrow, wide, plain, *random)
    assert [net["differences"] for net in nets] == [False, True, False, False, False]
    assert again == narrow
    augmented = {**AUTO, "augmentation": "shift"}
    assert resolved("auto", augmented, (50,), 3) == narrow
    chosen = {**AUTO, "n_filters": 4, "depth": 2, "pool_size": 1}
    for member in range(3):
        net = resolved("auto", chosen, (50,), member)
        assert (net["n_filters"], net["depth"], net["pool_size"]) == ((4,), 2, 1)
    for name, chosen, size in (
        ("auto", AUTO, (8, 8)),
        ("auto", {**AUTO, "kernel_size": 5}, (50,)),
        ("fcn", AUTO, (50,)),
    ):
        assert resolved(name, chosen, size, 1) == resolved(name, chosen, size, 0)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("augmentation", "shift", "`augmentation` must be None with architecture"),
        ("n_filters", (8, 8), "`n_filters` must be one integer with architecture"),
        ("kernel_size", 8, "`kernel_size` must be one odd integer from 3 on with"),
        ("kernel_size", 1, "`kernel_size` must be one odd integer"),
        ("kernel_size", [9, 7], "`kernel_size` must be one odd integer"),
    ],
)
def test_what_random_kernels_can_t_be(name, value, message):
    net = DeepCNNClassifier(architecture="rocket", **{name: value})
    with pytest.raises(ValueError, match=message):
        net.fit(np.ones((4, 50)), [0, 1, 0, 1])


def test_small_images_have_single_convolutions():
    for size, depth in (((8, 8), 1), ((15, 40), 1), ((16, 16), 2), ((28, 28), 2)):
        assert resolved("auto", AUTO, size)["depth"] == depth
    assert resolved("auto", {**AUTO, "depth": 3}, (8, 8))["depth"] == 3
    assert resolved("inception", AUTO, (8, 8))["depth"] == 3


@pytest.mark.parametrize(
    ("architecture", "kernel_size", "expected"),
    [
        ("plain", 7, ((7,), (7,))),
        ("plain", [7, 3], ((7,), (3,))),
        ("plain", "auto", ((5,), (5,))),
        ("fcn", "auto", ((8,), (5,))),
        ("residual", 7, ((7, 7), (7, 7))),
        ("residual", (7, 5, 3), ((7, 5, 3), (7, 5, 3))),
        ("resnet", "auto", ((8, 5, 3), (8, 5, 3))),
        ("inception", 40, ((40, 20, 10), (40, 20, 10))),
        ("inception", 1, ((1, 1, 1), (1, 1, 1))),
        ("inception", (5, 3), ((5, 3), (5, 3))),
    ],
)
def test_kernels_of_two_stages(architecture, kernel_size, expected):
    chosen = {**AUTO, "n_filters": (4, 6), "kernel_size": kernel_size}
    assert resolved(architecture, chosen, (50,))["kernel_size"] == expected


def test_stages_beyond_those_of_the_name_are_like_its_last_one():
    chosen = {**AUTO, "n_filters": (4, 4, 4, 4)}
    assert resolved("fcn", chosen, (50,))["kernel_size"] == ((8,), (5,), (3,), (3,))


def test_as_many_kernels_as_stages():
    chosen = {**AUTO, "n_filters": (4, 6, 8), "kernel_size": (3, 5)}
    with pytest.raises(
        ValueError, match=r"`kernel_size` must be .* 3 stages.*\(3, 5\)"
    ):
        resolved("plain", chosen, (50,))


def test_sizes_may_be_arrays():
    chosen = {**AUTO, "n_filters": np.array([4, 4]), "kernel_size": np.array([5, 3])}
    config = resolved("plain", chosen, (50,))
    assert config["n_filters"] == (4, 4)
    assert config["kernel_size"] == ((5,), (3,))
