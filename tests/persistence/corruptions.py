"""Archives that somebody has tampered with, and what must not happen to their readers.

Hashes are made right again wherever they would be the only thing to find out.
"""

import copy
import io
import json
import sys
import zipfile
from contextlib import contextmanager

import numpy as np
import safetensors.numpy

from skdeep import _archive as archive

WEIGHTS = "weights.safetensors"
STRANGE = [
    None,
    True,
    -1,
    0,
    10**9,
    2**70,
    0.5,
    1e308,
    "",
    "os.system",
    "../x",
    [],
    [[]],
    {},
    {"$tuple": [1, 2, 3]},
    {"$array": "none"},
    {"$float": "nan"},
    {"$scalar": ["<f8", "x"]},
    {"$scalar": ["<U999999999", "x"]},
    {"$values": ["<U999999999", [2], ["a", "b"]]},
    {"$values": ["|O", [10**12], [1]]},
    {"$pickle": "gASVKQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAtlY2hvIGhlbGxvlIWUUpQu"},
    {"kind": "skops", "part": "steps/00.skops"},
]


def corrupt(path, target, rng):
    """Write a damaged or forged copy of an archive; returns what was done."""
    name = rng.choice(list(_WAYS))
    done = _WAYS[name](path, target, rng)
    return f"{name}: {done}"


def rewrite(target, config, parts):
    """Write whatever it is, with hashes that are right."""
    config = {k: v for k, v in config.items() if k != "parts"}
    archive.write(target, config, parts)


def _flip(data, rng):
    data = bytearray(data)
    places = rng.integers(len(data), size=rng.integers(1, 9))
    for place in places:
        data[place] ^= 1 << rng.integers(8)
    return bytes(data), places.tolist()


def _flip_bytes(path, target, rng):
    data, places = _flip(path.read_bytes(), rng)
    target.write_bytes(data)
    return places


def _truncate(path, target, rng):
    data = path.read_bytes()
    n = int(rng.integers(len(data)))
    target.write_bytes(data[:n] + rng.bytes(int(rng.integers(3)) * 50))
    return n


def _flip_part(path, target, rng):
    config, parts = archive.read(path)
    name = rng.choice(list(parts))
    parts[name], places = _flip(parts[name], rng)
    rewrite(target, config, parts)
    return name, places


def _swap_parts(path, target, rng):
    config, parts = archive.read(path)
    names = list(parts)
    first, second = rng.choice(names, size=2)
    parts[first], parts[second] = parts[second], parts[first]
    if rng.random() < 0.3:
        parts["steps/99.skops"] = parts[first]
    if rng.random() < 0.3:
        del parts[second]
    rewrite(target, config, parts)
    return first, second


def places_in(tree, path=()):
    """Every place of a tree of JSON."""
    yield path
    items = tree.items() if isinstance(tree, dict) else ()
    if isinstance(tree, list):
        items = enumerate(tree)
    for key, value in items:
        yield from places_in(value, (*path, key))


def put(tree, path, value):
    """Replace what is at a place."""
    *way, last = path
    for key in way:
        tree = tree[key]
    tree[last] = value


def get(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def _change_tree(tree, rng):
    places = [place for place in places_in(tree) if place]
    place = places[rng.integers(len(places))]
    *way, last = place
    parent, kind = get(tree, way), rng.integers(4)
    if kind == 0:
        other = places[rng.integers(len(places))]
        value = copy.deepcopy(get(tree, other))
    elif kind == 1:
        del parent[last]
        return place, "deleted"
    elif kind == 2 and type(parent[last]) is int:
        value = parent[last] * int(rng.choice([-1, 0, 2, 1000]))
    else:
        value = copy.deepcopy(STRANGE[rng.integers(len(STRANGE))])
    parent[last] = value
    return place, str(value)[:80]


def _change_config(path, target, rng):
    config, parts = archive.read(path)
    config.pop("parts")
    done = [_change_tree(config["estimator"], rng) for _ in range(rng.integers(1, 3))]
    rewrite(target, config, parts)
    return done


def _change_header(path, target, rng):
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts.pop("config.json"))
    done = _change_tree(config, rng)
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("config.json", json.dumps(config))
        for name, data in parts.items():
            file.writestr(name, data)
    return done


def _change_weights(path, target, rng):
    config, parts = archive.read(path)
    arrays = safetensors.numpy.load(parts[WEIGHTS])
    name = rng.choice(list(arrays))
    array = arrays[name]
    changes = {
        "longer": lambda: np.concatenate([array.ravel(), array.ravel()]),
        "flat": lambda: array.ravel(),
        "turned": lambda: np.ascontiguousarray(array.T),
        "empty": lambda: array.ravel()[:0],
        "integer": lambda: np.nan_to_num(array).astype(np.int8),
        "half": lambda: array.astype(np.float16),
        "single": lambda: array.astype(np.float32),
        "huge": lambda: (
            np.full_like(array, np.iinfo(array.dtype).max // 2)
            if array.dtype.kind in "iu"
            else np.full_like(array, np.inf)
        ),
        "nan": lambda: array * np.nan if array.dtype.kind == "f" else array - 5,
    }
    kind = rng.choice([*changes, "gone", "renamed"])
    if kind in changes:
        with np.errstate(over="ignore"):
            arrays[name] = np.asarray(changes[kind]())
    else:
        del arrays[name]
    if kind == "renamed":
        arrays[name + "x"] = array
    parts[WEIGHTS] = safetensors.numpy.save(arrays)
    rewrite(target, config, parts)
    return name, kind


def _change_step(path, target, rng):
    config, parts = archive.read(path)
    names = [name for name in parts if name.endswith(".skops")]
    if not names:
        return _change_config(path, target, rng)
    name = rng.choice(names)
    with zipfile.ZipFile(io.BytesIO(parts[name])) as file:
        members = {member: file.read(member) for member in file.namelist()}
    if rng.random() < 0.7:
        schema = json.loads(members["schema.json"])
        done = _change_tree(schema, rng)
        members["schema.json"] = json.dumps(schema).encode()
    else:
        member = rng.choice(list(members))
        members[member], done = _flip(members[member], rng)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for member, data in members.items():
            file.writestr(member, data)
    parts[name] = stream.getvalue()
    rewrite(target, config, parts)
    return name, done


_WAYS = {
    "bytes flipped": _flip_bytes,
    "truncated": _truncate,
    "bytes flipped in a part": _flip_part,
    "parts swapped": _swap_parts,
    "estimator changed": _change_config,
    "header changed": _change_header,
    "weights changed": _change_weights,
    "step changed": _change_step,
}

# What Python announces before it happens.
_EVENTS = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.system",
    "pickle.find_class",
    "shutil",
    "socket.connect",
    "subprocess",
)
_watched = []


def _watch(event, arguments):
    if _watched and event.startswith(_EVENTS):
        _watched[-1].append((event, str(arguments)[:200]))


@contextmanager
def nothing_happens():
    """Fail where a process, a connection, an unpickling or a removal starts."""
    if not _watched:
        sys.addaudithook(_watch)
        _watched.append([])
    seen = []
    _watched.append(seen)
    try:
        yield
    finally:
        _watched.pop()
    assert not seen
