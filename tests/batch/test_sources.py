from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from rewriter.batch.sources import FileJob, find
from rewriter.errors import UnreadableModel, UsageError
from tests.batch.making import folder_of, with_data

NAMES = ("a/model.onnx", "a/onnx/model.onnx", "b/model.onnx", "b/config.json", ".hidden/model.onnx")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "src", *NAMES)


def targets(jobs: tuple[FileJob, ...]) -> list[str]:
    return [job.target for job in jobs]


def test_a_folder_keeps_its_tree(folder: Path, tmp_path: Path) -> None:
    jobs = find([str(folder)], str(tmp_path / "out"))
    assert targets(jobs) == ["a/model.onnx", "a/onnx/model.onnx", "b/model.onnx"]
    assert [job.source for job in jobs] == [str(folder / name) for name in targets(jobs)]


def test_a_glob_keeps_what_is_behind_its_plain_part(folder: Path) -> None:
    assert targets(find([f"{folder}/*/model.onnx"], "out")) == ["a/model.onnx", "b/model.onnx"]
    assert targets(find([f"{folder}/**/model.onnx"], "out"))[-3:] == [
        "a/model.onnx",
        "a/onnx/model.onnx",
        "b/model.onnx",
    ]
    assert targets(find([f"{folder}/a*"], "out")) == ["a/model.onnx", "a/onnx/model.onnx"]


def test_a_file_keeps_its_name(folder: Path) -> None:
    assert targets(find([str(folder / "a" / "model.onnx")], "out")) == ["model.onnx"]
    assert targets(find([f"file://{folder}/a/onnx"], "out")) == ["model.onnx"]


def test_a_file_named_twice_is_one(folder: Path) -> None:
    path = str(folder / "a" / "model.onnx")
    assert len(find([path, path], "out")) == 1


def test_outputs_inside_the_sources_are_none(folder: Path) -> None:
    shutil.copytree(folder / "a", folder / "out" / "a")
    assert len(find([str(folder)], str(folder / "out"))) == 3


@pytest.mark.parametrize("sources", [("a/model.onnx", "b/model.onnx"), ("a", "b"), ("a", "a/onnx")])
def test_two_sources_of_one_output_are_refused(folder: Path, sources: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"would both become model\.onnx; name the folder"):
        find([str(folder / each) for each in sources], "out")


def test_two_sources_of_one_sidecar_are_refused(tmp_path: Path) -> None:
    folder_of(tmp_path, "m.onnx", "m.bin")
    with pytest.raises(UsageError, match=r"would both become m\.modules\.json"):
        find([str(tmp_path / "m.onnx"), str(tmp_path / "m.bin")], "out")


def test_data_of_one_name_from_two_folders_is_refused(tmp_path: Path) -> None:
    for number, folder in enumerate(("a", "b")):
        with_data(tmp_path / folder / f"{folder}.onnx", "weights.bin", number)
    with pytest.raises(UsageError, match=r"would both become weights\.bin; name the folder that both are in"):
        find([str(tmp_path / "a"), str(tmp_path / "b")], "out")
    assert targets(find([str(tmp_path)], "out")) == ["a/a.onnx", "b/b.onnx"]
    with_data(tmp_path / "a" / "twin.onnx", "weights.bin")
    assert targets(find([str(tmp_path / "a")], "out")) == ["a.onnx", "twin.onnx"]


def test_a_source_is_never_replaced(folder: Path) -> None:
    with pytest.raises(UsageError, match="would be replaced by its own output"):
        find([str(folder)], str(folder))
    with pytest.raises(UsageError, match="would be replaced by its own output"):
        find([str(folder / "a" / "model.onnx")], str(folder / "a"))
    with pytest.raises(UsageError, match=r"no \.onnx file fits '.*'"):  # the output folder is no source
        find([str(folder / "b" / "*.none")], str(folder))


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableModel, match="no such file or folder"):
        find([str(tmp_path / "none.onnx")], "out")
    with pytest.raises(UnreadableModel, match=r"holds no \.onnx file"):
        find([str(tmp_path)], "out")


def test_a_glob_that_fits_nothing_names_what_is_near(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"no \.onnx file fits '.*/mdel\.onnx'; nearest: .*/a/model\.onnx"):
        find([str(folder / "*" / "mdel.onnx")], "out")
    with pytest.raises(UsageError, match=rf"; nearest: {folder}"):
        find([str(folder.with_name(folder.name + "x") / "**" / "*.onnx")], "out")
