"""Occlusion: what the output loses without a part."""

import numpy as np
import pytest
from inspection.explained import case_of, outputs
from numpy.testing import assert_allclose
from small_nets import X as WINES

from skdeep.inspection import occlusion


def lost(net, X, hidden, codes):
    return outputs(net, X, codes) - outputs(net, hidden, codes)


def explained(case, **options):
    net, X, _ = case_of(case)
    result = occlusion(net, X, **options)
    return net, X, result, np.searchsorted(net.classes_, result.target)


@pytest.mark.parametrize("case", ["table", "pair", "members"])
def test_columns(case):
    net, X, result, codes = explained(case, baseline="zero")
    hidden = X.copy()
    hidden[:, 3] = 0
    assert_allclose(result.attributions[:, 3], lost(net, X, hidden, codes), atol=1e-9)


def test_categories_and_missing_numbers():
    net, X, result, codes = explained("categories", baseline="mean")
    for j, name in ((4, "few"), (5, "many")):
        hidden = X.assign(**{name: None})
        assert_allclose(
            result.attributions[:, j], lost(net, X, hidden, codes), atol=1e-9
        )
    assert X["b"].isna().any()
    filled = X.assign(b=np.nanmean(case_of_categories()["b"]))
    assert_allclose(
        result.attributions[:, 1], lost(net, X, filled, codes), rtol=1e-6, atol=1e-9
    )


def case_of_categories():
    from inspection.explained import table_of_categories

    return table_of_categories()


def test_patches_of_images_and_rows_as_baseline():
    background = case_of("images")[2][:2]
    net, X, result, codes = explained("images", baseline=background, window=4, stride=4)
    for top in (0, 4):
        hidden = [X.reshape(-1, 8, 8).copy() for _ in background]
        for image, row in zip(hidden, background, strict=True):
            image[:, top : top + 4, :4] = row.reshape(8, 8)[top : top + 4, :4]
        expected = np.mean(
            [lost(net, X, h.reshape(5, 64), codes) for h in hidden], axis=0
        )
        patch = result.attributions.reshape(5, 8, 8)[:, top : top + 4, :4]
        assert_allclose(patch, np.tile(expected[:, None, None], (4, 4)), atol=1e-9)


@pytest.mark.parametrize(("case", "axis"), [("steps", 1), ("series", 2)])
def test_time_steps_and_channels(case, axis):
    net, X, result, codes = explained(case, baseline="zero", window=2, stride=2)
    steps, hidden = X.reshape(5, 8, 8), X.reshape(5, 8, 8).copy()
    np.moveaxis(hidden, axis, 0)[2:4] = 0
    expected = lost(net, X, hidden.reshape(X.shape), codes)
    got = np.moveaxis(result.attributions.reshape(5, 8, 8), axis, 0)[2:4]
    assert_allclose(got, np.tile(expected[:, None], (2, 1, 8)), atol=1e-9)
    net, X, result, codes = explained(
        case, baseline="zero", window=1, stride=1, by_channel=True
    )
    hidden = steps.copy()
    hidden[:, 3, 4] = 0
    expected = lost(net, X, hidden.reshape(X.shape), codes)
    got = result.attributions.reshape(5, 8, 8)[:, 3, 4]
    assert_allclose(got, expected, atol=1e-9)


def test_tokens_become_unknown_ones():
    net, X, result, codes = explained("tokens")
    hidden = X.copy()
    hidden[:, 2] = 1
    assert_allclose(result.attributions[:, 2], lost(net, X, hidden, codes), atol=1e-6)
    # Rounding may depend on the place in a batch.
    assert_allclose(result.attributions[X == 0], 0, atol=1e-6)


def test_windows_that_do_not_fit():
    net = case_of("images")[0]
    rule = "`window` must be an integer, or one for each axis, of at least 1"
    for window in (0, 9, (2,), 1.5, (2, 2, 2)):
        with pytest.raises(ValueError, match=rule):
            occlusion(net, np.zeros((1, 64)), window=window)
    with pytest.raises(ValueError, match=r"`stride` must be .* at most"):
        occlusion(case_of("table")[0], WINES[:1], stride=2)
