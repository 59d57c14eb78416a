"""Models as a tree of steps: our own, pipelines, and what skops can store."""

import importlib
import io
import zipfile

import sklearn.pipeline
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skdeep import _archive as archive
from skdeep._archive import ArchiveError
from skdeep._availability import optional
from skdeep.persistence import _state as state
from skdeep.persistence._plain import NotPlainError, decode, encode
from skdeep.persistence._registry import NETS, name_of

# Beside its steps.
_PIPELINE_PARAMETERS = ("memory", "transform_input", "verbose")
# What skops packs tightly inside, sparse matrices, may grow to this and no more.
_LARGEST = 2**30
# Imputers keep one. skops reads it off an empty array, which runs nothing.
_HARMLESS = ["numpy.dtype"]


def pipeline_class(name):
    """Class of a pipeline by its full name; None if it is no known one."""
    if name == "sklearn.pipeline.Pipeline":
        return sklearn.pipeline.Pipeline
    if name == "imblearn.pipeline.Pipeline":
        try:
            return importlib.import_module("imblearn.pipeline").Pipeline
        except ImportError:
            raise ImportError(
                "This model is a pipeline of imbalanced-learn, which is not installed. "
                "Install it with: pip install 'skdeep[imbalance]'"
            ) from None
    return None


def is_pipeline(model):
    """Whether it is a Pipeline of scikit-learn or imbalanced-learn itself."""
    full_name = f"{type(model).__module__}.{type(model).__name__}"
    return full_name.endswith("pipeline.Pipeline") and (
        pipeline_class(full_name) is type(model)
    )


def check_savable(model):
    """Refuse anything but a fitted net, or a Pipeline that ends in one."""
    if is_pipeline(model):
        if not model.steps:
            raise TypeError("`model` must have steps. Got an empty Pipeline.")
        check_savable(model.steps[-1][1])
    elif name_of(model) in NETS:
        check_is_fitted(model)
    else:
        raise TypeError(
            f"`model` must be {', '.join(NETS)} or a Pipeline that ends in one of them."
            f" Got {type(model).__name__}{_advice(model)}."
        )


def _advice(model):
    if hasattr(model, "best_estimator_"):
        return "; save its `best_estimator_`"
    if hasattr(model, "estimator"):
        return (
            "; save the net that it wraps, or use joblib for files that only you load"
        )
    return ""


def describe(model, where, arrays, parts):
    """Put a model into plain data, arrays and parts.

    Parameters
    ----------
    model : estimator

    where : tuple of str
        Path of the step.

    arrays : dict
        Gets arrays by name.

    parts : dict
        Gets the parts that skops writes, by name.

    Returns
    -------
    node : dict
    """
    if model is None or isinstance(model, str):
        return {"kind": "constant", "value": model}
    if name_of(model):
        return state.describe(model, where, arrays)
    if is_pipeline(model):
        return _describe_pipeline(model, where, arrays, parts)
    name = f"steps/{len(parts):02}.skops"
    parts[name] = _by_skops(model, where)
    return {"kind": "skops", "part": name}


def _describe_pipeline(model, where, arrays, parts):
    parameters = {}
    for name in _PIPELINE_PARAMETERS:
        try:
            value = getattr(model, name)
            parameters[name] = encode(value, (*where, name), arrays)
        except NotPlainError as error:
            raise TypeError(
                f"`{name}` of a Pipeline must be plain data. Got {error.value!r}; set "
                "it with set_params first."
            ) from error
    return {
        "kind": "pipeline",
        "class": f"{type(model).__module__}.{type(model).__name__}",
        "parameters": parameters,
        "steps": [
            [name, describe(step, (*where, name), arrays, parts)]
            for name, step in model.steps
        ],
    }


def _by_skops(step, where):
    skops = optional("skops.io", "export")
    sampler = hasattr(step, "fit_resample")
    what = (
        "samplers have no part in predictions: leave it out, with Pipeline([step for "
        "step in model.steps if not hasattr(step[1], 'fit_resample')])"
        if sampler
        else "leave it to what is done before the model, take a step of scikit-learn's "
        "without it, or use joblib for files that only you load"
    )
    try:
        data = skops.dumps(step)
        types = skops.get_untrusted_types(data=data)
    except Exception as error:
        # Any class may have its own way to refuse to be stored.
        raise TypeError(
            f"The step {'/'.join(where)!r}, {type(step).__name__}, can't be stored "
            f"without running code when it is loaded: {error}; {what}."
        ) from error
    types = sorted(set(types) - set(_HARMLESS))
    if types:
        raise TypeError(
            f"The step {'/'.join(where)!r}, {type(step).__name__}, must hold nothing "
            "but what skops trusts, for loading anything else may run code. Got "
            f"{', '.join(types)}; {what}."
        )
    return data


def rebuild(node, arrays, used, parts):
    """Rebuild what `describe` returned.

    Parameters
    ----------
    node : dict
        From a file that anyone may have written.

    arrays : dict
        Name to ndarray.

    used : set
        Gets the names of arrays and parts that occur.

    parts : dict
        Name to bytes.

    Returns
    -------
    model : estimator

    Raises
    ------
    ArchiveError
        If it is no such model.
    """
    kind = node.get("kind") if isinstance(node, dict) else None
    if kind == "ours":
        return state.rebuild(node, arrays, used)
    if kind == "constant" and node.get("value") in (None, "passthrough"):
        return node["value"]
    if kind == "skops" and isinstance(node.get("part"), str):
        return _from_skops(node["part"], used, parts)
    if kind == "pipeline":
        return _rebuild_pipeline(node, arrays, used, parts)
    raise ArchiveError(f"it holds no step: {str(node)[:80]}.")


def _rebuild_pipeline(node, arrays, used, parts):
    cls = pipeline_class(node.get("class"))
    parameters, pairs = node.get("parameters"), node.get("steps")
    if cls is None or not isinstance(parameters, dict) or not isinstance(pairs, list):
        raise ArchiveError(f"it holds no pipeline: {str(node)[:80]}.")
    if parameters.keys() != set(_PIPELINE_PARAMETERS):
        raise ArchiveError(f"a pipeline has no parameters {sorted(parameters)}.")
    steps = []
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ArchiveError("the steps of a pipeline must have names.")
        steps.append((pair[0], rebuild(pair[1], arrays, used, parts)))
    try:
        return cls(steps, **decode(parameters, arrays, used))
    except state.MISFITS as error:
        raise ArchiveError(f"it holds no pipeline: {error}.") from error


def _from_skops(name, used, parts):
    skops = optional("skops.io", "export")
    if name not in parts:
        raise ArchiveError(f"the step {name!r} is missing.")
    used.add(name)
    _check_size(parts[name], name)
    try:
        step = skops.loads(parts[name], trusted=_HARMLESS)
    except Exception as error:
        # skops says in many ways that it didn't write this.
        raise ArchiveError(f"the step {name!r} was refused by skops: {error}") from (
            error
        )
    if not isinstance(step, BaseEstimator):
        raise ArchiveError(f"the step {name!r} is no estimator of scikit-learn's.")
    return step


def _check_size(data, name):
    """Refuse what takes much more memory than its file."""
    stored = archive.unzipped(data)
    for member, content in stored.items():
        if member.endswith(".npz"):
            try:
                with zipfile.ZipFile(io.BytesIO(content)) as file:
                    size = sum(entry.file_size for entry in file.infolist())
            except archive.BROKEN as error:
                raise ArchiveError(f"the step {name!r} is damaged: {error}") from error
            if size > _LARGEST:
                raise ArchiveError(f"the step {name!r} is far larger than its file.")


def unnest(model):
    """Split a model into what acts on rows before the net, and the net.

    Parameters
    ----------
    model : estimator
        As `check_savable` has it.

    Returns
    -------
    front : list of (str, transformer)
        Steps of nested pipelines too, without samplers and without what does nothing.

    net : estimator
    """
    *front, (_, net) = _unnested("", model)
    return front, net


def _unnested(name, model):
    """Names and steps, all that nothing is inside of."""
    if is_pipeline(model):
        return [
            pair
            for key, step in model.steps
            for pair in _unnested(f"{name}/{key}" if name else key, step)
        ]
    if model is None or isinstance(model, str) or hasattr(model, "fit_resample"):
        return []
    return [(name, model)]
