"""What the first layer of a net does to the scale of its input."""

from torch import nn

from skdeep.modules.robust import RobustStandardizer
from skdeep.modules.sample import SampleStandardizer
from skdeep.modules.standardizer import InputStandardizer, MissingToZero


def standardizer(standardize, input_shape, channel_axis, fill_missing=False):
    """Build the first layer of a net: of a kind, statistics per channel, or nothing."""
    if standardize == "robust":
        return RobustStandardizer(*input_shape)
    if standardize == "sample":
        return SampleStandardizer(input_shape, channel_axis)
    if standardize:
        return InputStandardizer(input_shape, channel_axis, fill_missing)
    return MissingToZero() if fill_missing else nn.Identity()
