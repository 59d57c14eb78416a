"""A fitted model as one file that is safe to load."""

import importlib.metadata
import json
import platform

from skdeep import _archive as archive
from skdeep._archive import ArchiveError
from skdeep._availability import optional
from skdeep._parameters import Boolean, OneOf, check_parameters
from skdeep._version import __version__
from skdeep.persistence import _steps as steps
from skdeep.persistence._onnx import exported
from skdeep.persistence._reference import reference_of
from skdeep.persistence._signature import find_signature
from skdeep.persistence._signature_check import check_signature
from skdeep.persistence._state import as_archive_error

_WEIGHTS, _ONNX, _REFERENCE = "weights.safetensors", "model.onnx", "reference.json"
_PACKAGES = ("numpy", "scikit-learn", "torch")


def save(model, path, X=None, *, onnx="auto"):
    """Save a fitted model as one file that runs no code when it is loaded.

    The file, a zip archive, holds the weights and arrays (safetensors), everything else
    as JSON, the other steps of a Pipeline (skops, with no type trusted but those of
    scikit-learn, numpy and scipy), the whole model as an ONNX graph, and a hash of each
    part. It takes the place of an older file in one step, or not at all.

    Parameters
    ----------
    model : DeepMLPClassifier, DeepCNNClassifier, DeepRNNClassifier or Pipeline
        Fitted. A Pipeline must end in one of the nets.

    path : str or path-like
        Of the file; its suffix is ``.skdeep`` by convention.

    X : array-like or data frame, default=None
        Rows as `model` takes them, such as its training data. Their statistics are
        kept for monitoring, their types tell what a server must accept, and the ONNX
        graph is checked on them. Of a net alone, all that is known without them.

    onnx : {"auto", True, False}, default="auto"
        Whether to store the ONNX graph, which servers need. "auto" stores it if the
        model can be exported, and the reason if it can't; True raises an error then.

    Raises
    ------
    TypeError
        If `model` is none of these, or something in it could only be rebuilt by running
        code: names it.

    See Also
    --------
    load : Reads the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from skdeep import DeepMLPClassifier
    >>> from skdeep.persistence import load, save
    >>> X, y = load_iris(return_X_y=True)
    >>> net = DeepMLPClassifier(max_iter=10, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(net, Path(folder) / "iris.skdeep")
    ...     loaded = load(Path(folder) / "iris.skdeep")
    >>> bool((loaded.predict_proba(X) == net.predict_proba(X)).all())
    True
    """
    check_parameters({"onnx": onnx}, {"onnx": [OneOf("auto"), Boolean()]})
    steps.check_savable(model)
    safetensors = optional("safetensors.numpy", "export")
    arrays, parts = {}, {}
    node = steps.describe(model, (), arrays, parts)
    signature = find_signature(model, X)
    first = {_WEIGHTS: safetensors.save(arrays)}
    if onnx is False:
        signature["onnx_error"] = "The model was saved with onnx=False."
    else:
        graph = exported(model, signature, X, must=onnx is True)
        first |= {} if graph is None else {_ONNX: graph}
    reference = reference_of(model, X)
    if reference is not None:
        parts[_REFERENCE] = json.dumps(reference).encode()
    config = {
        "skdeep_version": __version__,
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _PACKAGES},
        },
        "model": type(model).__name__,
        "signature": signature,
        "estimator": node,
    }
    archive.write(path, config, first | parts)


def load(path):
    """Load a model that `save` saved; runs no code that the file brings.

    Parameters
    ----------
    path : str or path-like
        Of the file.

    Returns
    -------
    model : DeepMLPClassifier, DeepCNNClassifier, DeepRNNClassifier or Pipeline
        As it was saved: parameters, fitted attributes and predictions, bit for bit.

    Raises
    ------
    ArchiveError
        A ValueError. The file is damaged, was changed, comes from a newer skdeep, or
        holds something that `save` never writes.

    See Also
    --------
    save : Writes the file, and has an example.
    """
    config, parts = archive.read(path)
    try:
        return _rebuilt(config, parts)
    except ArchiveError as error:
        raise ArchiveError(f"{path} was refused: {error}") from error
    except RecursionError as error:
        raise ArchiveError(f"{path} was refused: it is nested too deeply.") from error


def _rebuilt(config, parts):
    safetensors = optional("safetensors.numpy", "export")
    used = {_ONNX, _REFERENCE, _WEIGHTS}
    try:
        arrays = safetensors.load(parts[_WEIGHTS])
    except Exception as error:
        # The errors of safetensors have no base of their own but this.
        raise ArchiveError(f"its weights can't be read: {error}.") from error
    model = steps.rebuild(config.get("estimator"), arrays, used, parts)
    for name in sorted({*arrays, *parts} - used):
        raise ArchiveError(f"{name!r} belongs to no step.")
    try:
        steps.check_savable(model)
    except TypeError as error:
        raise ArchiveError(f"it holds no model: {error}") from error
    if config.get("model") != type(model).__name__:
        raise ArchiveError(f"it is not the {config.get('model')!r} that it says it is.")
    front, net = steps.unnest(model)
    # A tokenizer makes rows as long as it was told, whatever they are good for.
    if front and getattr(front[-1][1], "n_features_out_", None) not in (
        None,
        net.n_features_in_,
    ):
        raise ArchiveError("its tokens don't fit its net.")
    with as_archive_error():
        check_signature(config.get("signature"), model)
    return model
