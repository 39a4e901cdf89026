"""Bad input: each with its place and its mend, and nothing lost."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from siming.errors import DatasetError, RubricError, SheetError
from siming.rubric import (
    Attempt,
    Author,
    Dataset,
    DatasetInfo,
    Entry,
    Event,
    RubricRef,
    Sheet,
    VideoRef,
    builtin_rubric,
    load_dataset,
    load_rubric,
    read_lines,
    write_dataset,
    write_rubric,
)

BMV = builtin_rubric("bmv-adult")


def full_sheet(attempt: str = "Tan", name: str = "wei", **points: float) -> Sheet:
    steps = {s.id: Entry(points=points.get(s.id, s.max_points)) for s in BMV.steps}
    author = Author(kind="physician", name=name)
    return Sheet(attempt=attempt, rubric=BMV.id, rubric_version=BMV.version, author=author, steps=steps)


@pytest.fixture
def folder(tmp_path) -> Path:
    ref = RubricRef(id=BMV.id, version=BMV.version)
    info = DatasetInfo(name="spring", version="1", licence="CC0-1.0", rubrics=(ref,), provenance="made by this test")
    attempts = [Attempt(id="Tan", rubrics=(ref,), video=VideoRef(path="videos/Tan.mp4"))]
    sheets = [full_sheet(), full_sheet(name="okafor", bmv01=14)]
    events = [Event(attempt="Tan", id="e1", action="bmv01", start_s=0, source="physician")]
    write_dataset(Dataset(tmp_path / "spring", info, {BMV.id: BMV}, attempts, sheets, events))
    return tmp_path / "spring"


def change_line(path: Path, number: int, **fields: object) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[number - 1] = json.dumps({**json.loads(lines[number - 1]), **fields}, ensure_ascii=False)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_a_dataset_is_read_as_it_was_written(folder):
    dataset = load_dataset(folder)
    assert [s.author.name for s in dataset.sheets] == ["wei", "okafor"]
    assert dataset.events[0].end_s == 0  # an instant needs no end
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    write_dataset(dataset)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


def test_unknown_fields_are_kept_when_a_file_is_rewritten(folder):
    change_line(folder / "attempts.jsonl", 1, camera="ceiling")
    write_dataset(load_dataset(folder))
    assert json.loads((folder / "attempts.jsonl").read_text())["camera"] == "ceiling"


def test_a_newer_schema_is_refused_with_the_way_to_read_it(folder):
    change_line(folder / "sheets.jsonl", 2, schema="siming.sheet/2")
    with pytest.raises(
        DatasetError, match=r"sheets\.jsonl line 2: schema 'siming\.sheet/2' is newer.*pip install --upgrade"
    ):
        load_dataset(folder)


def test_a_duplicate_attempt_names_both_lines_and_its_mend_works(folder):
    path = folder / "attempts.jsonl"
    text = path.read_text()
    path.write_text(text + text)
    with pytest.raises(DatasetError, match=r"line 2: attempt 'Tan' stands already in line 1; give it another id"):
        load_dataset(folder)
    change_line(path, 2, id="Tan-2")
    assert [a.id for a in load_dataset(folder).attempts] == ["Tan", "Tan-2"]


def test_points_over_the_maximum_name_line_step_and_range(folder):
    sheet = full_sheet(bmv02=19)
    (folder / "sheets.jsonl").write_text(sheet.to_line())
    with pytest.raises(SheetError, match=r"line 1: .*'wei'.*'bmv02' has 19 points, the rubric allows 0–18"):
        load_dataset(folder)


def test_an_unknown_step_and_a_step_left_out_are_both_named(folder):
    plain = full_sheet().to_plain()
    plain["steps"]["bmv99"] = plain["steps"].pop("bmv05")
    (folder / "sheets.jsonl").write_text(json.dumps(plain) + "\n")
    with pytest.raises(SheetError, match=r"'bmv99' is not in rubric.*bmv05 are not named"):
        load_dataset(folder)


def test_two_sheets_of_one_rater_for_one_attempt_are_refused(folder):
    with (folder / "sheets.jsonl").open("a") as stream:
        stream.write(full_sheet().to_line())
    with pytest.raises(DatasetError, match=r"line 3: physician 'wei' has already a sheet .* in line 1"):
        load_dataset(folder)


def test_a_missing_video_is_an_error_only_when_it_is_wanted(folder):
    dataset = load_dataset(folder)
    with pytest.raises(DatasetError, match=r"attempt Tan: video videos/Tan\.mp4 is missing .* copy it there"):
        dataset.video_path(dataset.attempts[0])
    (folder / "videos").mkdir()
    (folder / "videos" / "Tan.mp4").write_bytes(b"x")
    assert dataset.video_path(dataset.attempts[0]).name == "Tan.mp4"


@pytest.mark.parametrize("path", ["../secret.mp4", "/etc/passwd", "videos/../../x.mp4", "C:/x.mp4", "a\\b.mp4"])
def test_a_video_path_cannot_leave_the_dataset(folder, path):
    change_line(folder / "attempts.jsonl", 1, video={"path": path})
    with pytest.raises(DatasetError, match="may not leave it"):
        load_dataset(folder)


def test_a_link_that_leads_out_of_the_dataset_is_refused(folder, tmp_path):
    (tmp_path / "secret.mp4").write_bytes(b"x")
    (folder / "videos").mkdir()
    (folder / "videos" / "Tan.mp4").symlink_to(tmp_path / "secret.mp4")
    dataset = load_dataset(folder)
    with pytest.raises(DatasetError, match="leads out of"):
        dataset.video_path(dataset.attempts[0])


def test_a_half_written_last_line_is_left_out_only_where_that_is_asked_for(folder):
    path = folder / "events.jsonl"
    whole = path.read_text()
    path.write_text(whole + whole[: len(whole) // 2])
    with pytest.raises(DatasetError, match="line 2: not valid JSON"):
        read_lines(path, Event)
    assert len(read_lines(path, Event, allow_torn_end=True)) == 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_no_numbers(folder, number):
    path = folder / "events.jsonl"
    path.write_text(path.read_text().replace('"start_s": 0.0', f'"start_s": {number}'))
    with pytest.raises(DatasetError, match=f"{number} is not a number JSON knows"):
        load_dataset(folder)


# ---------------------------------------------------------------------------------------------- rubrics


@pytest.fixture
def rubric_file(tmp_path) -> Path:
    write_rubric(BMV, tmp_path / "mine.yaml")
    return tmp_path / "mine.yaml"


def spoil(path: Path, change) -> None:
    plain = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(plain)
    path.write_text(yaml.safe_dump(plain, allow_unicode=True, sort_keys=False), encoding="utf-8")


def test_a_rubric_is_read_as_it_was_written(rubric_file):
    assert load_rubric(rubric_file) == BMV


def test_broken_yaml_names_line_and_column(rubric_file):
    rubric_file.write_text(rubric_file.read_text().replace("version: 0.1.0", "version: [0.1.0"))
    with pytest.raises(RubricError, match=r"mine\.yaml line \d+, column \d+: broken YAML"):
        load_rubric(rubric_file)


def test_a_key_given_twice_is_refused_and_not_silently_overwritten(rubric_file):
    rubric_file.write_text(rubric_file.read_text() + "\nid: other\n")
    with pytest.raises(RubricError, match="'id' stands twice"):
        load_rubric(rubric_file)


def test_yaml_aliases_cannot_blow_up_a_document(tmp_path):
    bomb = "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n"
    (tmp_path / "bomb.yaml").write_text(bomb)
    with pytest.raises(RubricError, match="aliases"):
        load_rubric(tmp_path / "bomb.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r["steps"][0].update(max_points=0), r"steps\.0\.max_points: .*greater than 0.*found 0"),
        (lambda r: r["steps"][1].update(id="bmv01"), "step id 'bmv01' stands twice"),
        (lambda r: r["steps"][0]["deductions"][0].update(points=40), "takes 40 of 18 points"),
        (
            lambda r: r["steps"][0]["deductions"][0].update(test="speed > 3"),
            "test of d1: 'speed > 3' is not a condition",
        ),
        (lambda r: r["steps"][2]["requires"][0].update(state="bvm_assembeld"), "'bvm_assembeld' is not declared"),
        (lambda r: r["rules"][0].update(first="bmv77"), "rule r_assemble_first: 'bmv77' names no step"),
        (lambda r: r["rules"][0]["charge"].update(step="bmv77"), "charges step 'bmv77'"),
        (lambda r: r["ordinal_map"]["minor"].update(max_ratio="a third"), "not an exact fraction"),
        (lambda r: r.update(total_points=120), "total_points says 120, the steps give 100"),
        (lambda r: r.pop("title_zh"), "title_zh: Field required"),
        (
            lambda r: r["states"][0].update(derived_from=[r["states"][0]["id"]]),
            "is derived from itself; break the ring",
        ),
        (lambda r: r["steps"][1].update(applies_when="bvm_assembled"), "may look at params and context only"),
        (
            lambda r: r["steps"][0]["deductions"][0].update({"or walks into the hazard": None}),
            "the key 'or walks into the hazard' looks like the rest of a text",
        ),
    ],
)
def test_a_spoilt_rubric_says_what_and_where(rubric_file, change, message):
    spoil(rubric_file, change)
    with pytest.raises(RubricError, match=message):
        load_rubric(rubric_file)


def test_a_dataset_may_carry_its_own_rubric(folder, rubric_file):
    spoil(rubric_file, lambda r: r.update(id="our-own", version="2"))
    shutil.copy(rubric_file, folder / "our-own.yaml")
    info = yaml.safe_load((folder / "dataset.yaml").read_text())
    info["rubrics"].append({"id": "our-own", "version": "2"})
    (folder / "dataset.yaml").write_text(yaml.safe_dump(info))
    with pytest.raises(DatasetError, match="add its file there") as caught:
        load_dataset(folder)
    assert re.search("rubric_files", str(caught.value))
    info["rubric_files"] = ["our-own.yaml"]
    (folder / "dataset.yaml").write_text(yaml.safe_dump(info))
    assert load_dataset(folder).rubrics["our-own"].total_points == 100
