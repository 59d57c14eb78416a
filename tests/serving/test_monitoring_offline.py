"""``skdeep monitor``: what a server watches, over files."""

import json

import numpy as np
import pytest
from serving.archived import BENIGN, CANCER, FRAME, LABELS, MIXED, archive_of

from skdeep import _archive as archive
from skdeep.serving.command_line import main


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    return {kind: archive_of(kind, folder) for kind in ("frame", "mixed", "unnamed")}


def monitor(model, data, *more):
    return main(["monitor", str(model), "--data", str(data), *more])


def test_healthy_rows_end_with_zero(archives, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    # The order of columns doesn't matter, and neither do further ones.
    table = FRAME[FRAME.columns[::-1]].assign(note="x", label=LABELS)
    table.sample(1000, replace=True, random_state=0).to_csv(path, index=False)
    assert monitor(archives["frame"], path, "--labels", "label") == 0
    told = capsys.readouterr().out
    assert told.startswith("no drift found\n")
    assert "1,000 rows, beside 569 of training data" in told
    lines = {line.split("  ")[0]: line.split() for line in told.splitlines()}
    assert lines["mean radius"][-2:] == ["0.0%", "0.0%"]
    assert 0.8 < float(lines["accuracy"][1]) < 1
    assert "ADWIN finds no change" in told


def test_changed_rows_end_with_three(archives, tmp_path, capsys):
    path = tmp_path / "rows.npy"
    rows = CANCER.copy()
    rows[:, 1] += rows[:, 1].std()
    np.save(path, rows.reshape(-1, 5, 6))
    assert monitor(archives["unnamed"], path) == 3
    told = capsys.readouterr().out
    assert told.startswith("ALARM: drift\n  - feature 1 has another distribution")
    assert "accuracy" not in told


def test_json_is_the_report(archives, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    strange = MIXED.copy()
    strange.loc[strange.index[:60], "kind"] = "huge"
    strange.assign(y=LABELS).to_csv(path, index=False)
    assert monitor(archives["mixed"], path, "--labels", "y", "--json") == 3
    report = json.loads(capsys.readouterr().out)
    number, *_, kind = report["features"]
    assert number["missing"] == pytest.approx(MIXED.iloc[:, 0].isna().mean())
    assert kind["out_of_range"] > 0.05
    assert kind["alarm"]
    assert report["labels"]["n_labels"] == len(LABELS)


def test_labels_by_position(archives, tmp_path, capsys):
    path = tmp_path / "rows.npy"
    np.save(path, np.column_stack([CANCER, BENIGN]))
    assert monitor(archives["unnamed"], path, "--labels", "30") == 1
    assert "must be one of ill, well. Got 0.0" in capsys.readouterr().err
    rows = np.array([[*row, label] for row, label in zip(CANCER, LABELS, strict=True)])
    path = tmp_path / "rows.csv"
    np.savetxt(path, rows, "%s", ",")
    capsys.readouterr()
    assert monitor(archives["unnamed"], path, "--labels", "30", "--json") == 0
    assert json.loads(capsys.readouterr().out)["labels"]["n_labels"] == len(LABELS)


def test_what_cannot_be_judged_ends_with_one(archives, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    FRAME.to_csv(path, index=False)
    nothing = tmp_path / "nothing.skdeep"
    config, parts = archive.read(archives["frame"])
    del parts["reference.json"], config["parts"]
    archive.write(nothing, config, parts)
    for model, more, message in (
        (archives["frame"], ["--labels", "y"], "has no column 'y'"),
        (archives["mixed"], [], "It lacks kind."),
        (nothing, [], "holds no statistics of training data"),
        (path, [], "can't be served"),
    ):
        assert monitor(model, path, *more) == 1
        assert message in capsys.readouterr().err
