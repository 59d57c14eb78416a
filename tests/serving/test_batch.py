"""``skdeep predict``: files to predictions, whatever happens on the way."""

import csv
import io
import os
import signal
import subprocess
import sys
import time
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from serving.archived import CANCER, FRAME, MIXED, archive_of, net

from skdeep.serving import outputs
from skdeep.serving.batch import _Progress, predict_file
from skdeep.serving.command_line import main
from skdeep.serving.errors import ModelError


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    kinds = ("frame", "mixed", "several", "unnamed")
    return {kind: archive_of(kind, folder) for kind in kinds}


def assert_predicted(table, kind, rows):
    """The table holds what the estimator itself predicts."""
    assert_allclose(
        table.filter(like="probability"), net(kind).predict_proba(rows), atol=1e-5
    )
    said = table.filter(like="prediction").to_numpy()
    assert (
        said.reshape(net(kind).predict(rows).shape) == net(kind).predict(rows)
    ).all()


def test_csv(archives, tmp_path, capsys):
    path = tmp_path / "rows.csv"
    FRAME[FRAME.columns[::-1]].assign(note="a\nb").to_csv(path, index=False)
    assert main(["predict", str(archives["frame"]), str(path)]) == 0
    output = tmp_path / "rows.predictions.csv"
    table = pd.read_csv(output)
    assert list(table.columns) == ["prediction", "probability_ill", "probability_well"]
    assert_predicted(table, "frame", FRAME)
    assert capsys.readouterr().err == f"569 predictions: {output}\n"
    assert sorted(tmp_path.iterdir()) == [path, output]


def test_categories_and_gaps(archives, tmp_path):
    path, output = tmp_path / "rows.csv", tmp_path / "told.csv"
    MIXED.to_csv(path, index=False)
    assert predict_file(archives["mixed"], path, output, chunk_rows=100) == len(MIXED)
    assert_predicted(pd.read_csv(output), "mixed", MIXED)


@pytest.mark.parametrize("kind", ["unnamed", "several"])
def test_npy(archives, tmp_path, kind):
    path, output = tmp_path / "rows.npy", tmp_path / "told.csv"
    np.save(path, CANCER.astype(np.float32))
    predict_file(archives[kind], path, output, chunk_rows=200)
    table = pd.read_csv(output)
    rows = CANCER.astype(np.float32)
    if kind == "several":
        assert list(table.columns) == [
            *("prediction_0", "prediction_1", "probability_0", "probability_1")
        ]
        rows = pd.DataFrame(rows, columns=FRAME.columns)
    assert_predicted(table, kind, rows)


def test_lines_without_names(archives, tmp_path):
    path, output = tmp_path / "rows.csv", tmp_path / "told.csv"
    np.savetxt(path, CANCER, delimiter=",")
    predict_file(archives["unnamed"], path, output)
    assert_predicted(pd.read_csv(output), "unnamed", CANCER)


def test_parquet(archives, tmp_path):
    for kind, rows in (("frame", FRAME), ("mixed", MIXED)):
        path, output = tmp_path / "rows.parquet", tmp_path / "told.parquet"
        rows.to_parquet(path, row_group_size=150)
        assert predict_file(archives[kind], path, output, chunk_rows=100) == len(rows)
        assert_predicted(pd.read_parquet(output), kind, rows)


def test_without_pyarrow(archives, tmp_path, monkeypatch, capsys):
    for name in ("pyarrow.lib", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "rows.csv"
    FRAME.to_csv(path, index=False)
    (tmp_path / "rows.parquet").touch()
    for source, output in (("rows.parquet", "o.csv"), ("rows.csv", "o.parquet")):
        source, output = str(tmp_path / source), str(tmp_path / output)
        assert main(["predict", str(archives["frame"]), source, "-o", output]) == 1
        assert "pip install pyarrow" in capsys.readouterr().err


class Killed(BaseException):
    pass


@pytest.mark.parametrize("kind", ["csv", "npy"])
def test_it_goes_on_after_any_end(archives, tmp_path, kind):
    path, output = tmp_path / f"rows.{kind}", tmp_path / "told.csv"
    if kind == "csv":
        np.savetxt(path, CANCER, delimiter=",")
    else:
        np.save(path, CANCER)
    rows = {"model": archives["unnamed"], "source": path, "output": output}
    predict_file(**rows, chunk_rows=50)
    expected = output.read_bytes()
    output.unlink()
    rng, replace = np.random.default_rng(0), os.replace

    def sometimes_die(*names):
        # Before or after a part has got its name, or the output has.
        end = rng.random()
        if end > 0.3:
            replace(*names)
        if end < 0.5:
            raise Killed

    n_ends = 0
    with mock.patch("os.replace", sometimes_die):
        while True:
            try:
                predict_file(**rows, chunk_rows=50)
                break
            except Killed:
                n_ends += 1
    assert n_ends > 5
    assert output.read_bytes() == expected
    assert not (tmp_path / "told.csv.parts").exists()


COMMAND = "import sys; from skdeep.serving.command_line import main; sys.exit(main())"


def test_a_killed_process_loses_and_doubles_nothing(archives, tmp_path):
    path, output = tmp_path / "rows.csv", tmp_path / "told.csv"
    rows = np.tile(CANCER, (25, 1))
    rows[:, 0] += np.arange(len(rows)) / 1e6
    np.savetxt(path, rows, delimiter=",")
    arguments = ["predict", str(archives["unnamed"]), str(path), "-o", str(output)]
    command = [sys.executable, "-c", COMMAND, *arguments, "--chunk-rows", "500"]
    parts = tmp_path / "told.csv.parts"
    rng, n_before = np.random.default_rng(), 0
    for _ in range(2):
        process = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + 60
            while process.poll() is None and time.monotonic() < deadline:
                # It is killed at some moment of its work, which it was seen to do.
                if len(list(parts.glob("*.part"))) > n_before:
                    time.sleep(rng.uniform(0, 0.05))
                    break
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
        finally:
            process.kill()
            process.wait()
        n_before = len(list(parts.glob("*.part")))
    resumed = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=True
    )
    assert f"{len(rows):,} predictions" in resumed.stderr
    whole = tmp_path / "whole.csv"
    predict_file(archives["unnamed"], path, whole)
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(tmp_path.iterdir()) == sorted([path, output, whole])


def test_another_input_starts_anew(archives, tmp_path):
    path, output = tmp_path / "rows.npy", tmp_path / "told.csv"
    rows = {"model": archives["unnamed"], "source": path, "output": output}
    np.save(path, CANCER)
    with (
        mock.patch.object(outputs.Parts, "join", side_effect=Killed),
        pytest.raises(Killed),
    ):
        predict_file(**rows, chunk_rows=100)
    np.save(path, CANCER[:150])
    assert predict_file(**rows, chunk_rows=100) == 150
    assert_predicted(pd.read_csv(output), "unnamed", CANCER[:150])


def test_two_processes_do_not_write_one_output(archives, tmp_path):
    path, output = tmp_path / "rows.npy", tmp_path / "told.csv"
    np.save(path, CANCER)
    with outputs.Parts(output, {}), pytest.raises(ModelError, match="Another process"):
        predict_file(archives["unnamed"], path, output)


def test_an_output_that_is_there_stays_until_the_end(archives, tmp_path):
    path, output = tmp_path / "rows.csv", tmp_path / "told.csv"
    output.write_text("before")
    text = FRAME.to_csv(index=False).splitlines()
    text[400] = text[400].replace(",", ",x", 1)
    path.write_text("\n".join(text))
    with pytest.raises(ModelError, match=r"counted from row 300: .*row 99 must be"):
        predict_file(archives["frame"], path, output, chunk_rows=100)
    assert output.read_text() == "before"
    text[400] = "1,2"
    path.write_text("\n".join(text))
    with pytest.raises(ModelError, match=r"30 cells in each line\. Got 2 in row 399"):
        predict_file(archives["frame"], path, output, chunk_rows=100)


@pytest.mark.parametrize(
    ("source", "output", "rows", "message"),
    [
        ("rows.txt", "told.csv", 9, r"must end in \.csv, \.parquet, \.npy"),
        ("rows.csv", "told.txt", 9, r"must end in \.csv or \.parquet"),
        ("rows.csv", "none/told.csv", 9, "in a folder that exists"),
        ("rows.csv", "told.csv", 0, "has no rows"),
        ("gone.csv", "told.csv", 9, "can't be read"),
    ],
)
def test_files_that_are_refused(archives, tmp_path, source, output, rows, message):
    for name in ("rows.txt", "rows.csv"):
        FRAME[:rows].to_csv(tmp_path / name, index=False)
    with pytest.raises(ModelError, match=message):
        predict_file(archives["frame"], tmp_path / source, tmp_path / output)


def test_arrays_that_are_refused(archives, tmp_path):
    path = tmp_path / "rows.npy"
    for array, message in (
        (np.array([["a"]]), "must hold numbers"),
        (np.zeros(30), "must hold numbers"),
        (np.array([[{}]], dtype=object), "can't be read"),
        (np.zeros((3, 29)), "must have 30 columns for the model. Got 29"),
    ):
        np.save(path, array, allow_pickle=True)
        with pytest.raises(ModelError, match=message):
            predict_file(archives["unnamed"], path, tmp_path / "told.csv")
    with pytest.raises(ModelError, match="at least 1"):
        predict_file(archives["unnamed"], path, tmp_path / "t.csv", chunk_rows=0)


def test_progress_is_for_terminals(archives, tmp_path):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    path = tmp_path / "rows.csv"
    FRAME.to_csv(path, index=False)
    for stream in (Terminal(), io.StringIO()):
        predict_file(
            archives["frame"],
            path,
            tmp_path / "told.csv",
            chunk_rows=100,
            progress=_Progress(stream),
        )
        lines = stream.getvalue().split("\r")[1:]
        if stream.isatty():
            assert len(lines) == 6
            assert "100%  569 rows" in lines[-1]
            assert lines[-1].endswith("\n")
        else:
            assert not lines


def test_neither_torch_nor_sklearn_is_imported(archives, tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, CANCER)
    code = (
        "import sys; from skdeep.serving.command_line import main; "
        f"assert main(['predict', {str(archives['unnamed'])!r}, {str(path)!r}]) == 0; "
        f"main(['monitor', {str(archives['unnamed'])!r}, '--data', {str(path)!r}]); "
        "assert not {'torch', 'sklearn', 'onnx', 'starlette'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    with open(tmp_path / "rows.predictions.csv", newline="") as file:
        assert len(list(csv.reader(file))) == len(CANCER) + 1
