"""Series of different length brought to one."""

import torch


def stretch(x, present):
    """Stretch each series over its padding, by linear interpolation.

    Parameters
    ----------
    x : Tensor of shape (n_samples, channels, length)

    present : Tensor of bool, of the shape of `x`
        False at padding, which stands at the end.

    Returns
    -------
    stretched : Tensor of the shape of `x`
    """
    if present.all():
        return x
    steps = torch.arange(x.shape[2], device=x.device)
    last = (present.any(1, keepdim=True) * steps).amax(2, keepdim=True)
    # Whole numbers divide without rounding, so a long series stays as it is.
    place = steps * last.to(x.dtype) / max(1, x.shape[2] - 1)
    before = place.floor().long()
    after = torch.minimum(before + 1, last)
    share = place - before
    early, late = (x.gather(2, at.expand_as(x)) for at in (before, after))
    return early + share * (late - early)
