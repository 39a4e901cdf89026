"""What a format says it keeps comes back equal, for any sheet; what goes out is the same bytes each time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drawn_sheets import dataset_of, datasets, fields_of, simple_sheet
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from siming import exchange
from siming.exchange import FORMATS, NothingToShowError, export_bytes, export_sheets, import_bytes, import_sheets
from siming.exchange.escape import from_cell, to_cell, with_controls, without_controls
from siming.exchange.texts import texts
from siming.rating import load_ratings
from siming.rubric import Author, Entry

TWO_WAY = [each.id for each in FORMATS.values() if each.can_read and each.can_write]
FEW = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # a dataset is too big to shrink in the time of a test
)


@pytest.mark.parametrize("format_id", TWO_WAY)
@FEW
@given(dataset=datasets(), language=st.sampled_from(["en", "zh"]))
def test_what_a_format_keeps_comes_back_equal(format_id, dataset, language):
    name, _, raw = export_bytes(dataset, format_id, language=language)
    found = import_bytes(raw, format_id, dataset, name=name)
    before = {(s.attempt, s.rubric, s.author.kind, s.author.name): fields_of(s) for s in dataset.sheets}
    after = {(s.attempt, s.rubric, s.author.kind, s.author.name): fields_of(s) for s in found.sheets}
    assert set(after) == set(before)
    for field in FORMATS[format_id].keeps:
        assert {key: each[field] for key, each in after.items()} == {key: each[field] for key, each in before.items()}
    assert not found.skipped


@pytest.mark.parametrize("format_id", [each.id for each in FORMATS.values() if each.can_write])
@settings(FEW, max_examples=8)
@given(dataset=datasets())
def test_a_second_export_has_the_same_bytes(format_id, dataset):
    if format_id == "webvtt" and not dataset.sheets_of("consensus"):
        return
    assert export_bytes(dataset, format_id) == export_bytes(dataset, format_id)


@pytest.mark.parametrize("format_id", TWO_WAY)
@settings(FEW, max_examples=10)
@given(dataset=datasets())
def test_what_was_read_is_written_again_as_it_was(format_id, dataset):
    if format_id == "elan":  # a millisecond of evidence may have been a half
        return
    first = export_bytes(dataset, format_id)
    found = import_bytes(first[2], format_id, dataset, name=first[0])
    order = {(s.attempt, s.rubric, s.author.kind, s.author.name): at for at, s in enumerate(dataset.sheets)}
    again = sorted(found.sheets, key=lambda s: order[s.attempt, s.rubric, s.author.kind, s.author.name])
    kept = type(dataset)(dataset.folder, dataset.info, dataset.rubrics, dataset.attempts, again)
    assert export_bytes(kept, format_id) == first


@given(st.text())
def test_any_text_comes_back_out_of_a_cell_and_none_is_a_formula(text):
    cell = to_cell(text)
    assert from_cell(cell) == text
    assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    assert not cell.startswith(("\t", "\r", "\n"))
    assert with_controls(without_controls(text)) == text


@pytest.mark.parametrize("format_id", FORMATS)
def test_every_format_is_described_in_both_languages(format_id):
    one = FORMATS[format_id]
    for language in ("en", "zh"):
        assert one.title(language)
        assert one.about(language)
        assert len(one.keeps_in(language)) == len(one.keeps)
        assert len(one.loses_in(language)) == len(one.loses) > 0
    assert not set(one.keeps) & set(one.loses)
    assert one.to_plain("zh")["title"] == texts("zh")["formats"][format_id]["title"]


def test_both_languages_say_the_same_things():
    def keys(tree, path=()):
        return {(*path, key) for key, value in tree.items()} | {
            deep for key, value in tree.items() if isinstance(value, dict) for deep in keys(value, (*path, key))
        }

    english, chinese = keys(texts("en")), keys(texts("zh"))
    # Metadata for machines is in English only.
    assert {key for key in english if key[0] != "croissant"} == chinese


def test_whatever_is_skipped_or_remarked_has_words_in_both_languages():
    source = "".join(path.read_text("utf-8") for path in Path(exchange.__file__).parent.glob("*.py"))
    skips = set(re.findall(r"""\.skip\(\s*"(\w+)\"""", source))
    remarks = skips | set(re.findall(r"""remark\(\s*"(\w+)\"""", source)) - {"as_is"}
    assert len(skips) > 9
    for language in ("en", "zh"):
        assert set(texts(language)["skipped"]) == skips
        assert set(texts(language)["remarks"]) == remarks


def rated_and_settled():
    """Two raters' sheets with words of their own, and the consensus."""
    seen = ((1.0, 2.0),)
    return dataset_of(
        [
            simple_sheet("R01", bmv01=Entry(points=1, note="R01 saw a leak", evidence=seen)),
            simple_sheet("R02", bmv01=Entry(status="cannot_judge", reason="R02 saw nothing", evidence=seen)),
            simple_sheet(
                "consensus",
                kind="consensus",
                bmv01=Entry(points=2, note="the mask lifts", evidence=seen),
                bmv02=Entry(status="not_applicable", reason="R02 says so", evidence=((3.0, 4.0),)),
            ),
        ]
    )


@pytest.mark.parametrize(("language", "role"), [("en", "consensus"), ("zh", "共识")])
def test_captions_for_a_candidate_show_the_consensus_and_nobody_who_rated(language, role):
    _, _, raw = export_bytes(rated_and_settled(), "webvtt", language=language)
    text = raw.decode()
    assert text.count(f"<v {role}>") == text.count("<v ") == 2
    assert "the mask lifts" in text
    assert not re.search("R01|R02", text)


def test_raters_stand_in_captions_where_they_are_asked_for_by_name():
    wanted = [Author(kind="physician", name="R01")]
    _, _, raw = export_bytes(rated_and_settled(), "webvtt", authors=wanted)
    assert "<v R01>" in raw.decode()
    assert "R01 saw a leak" in raw.decode()
    assert "consensus" not in raw.decode()


def test_without_a_consensus_there_are_no_captions_and_the_mend_is_said():
    dataset = dataset_of([simple_sheet("R01")])
    with pytest.raises(NothingToShowError, match=r"has no consensus.*--author") as caught:
        export_bytes(dataset, "webvtt")
    assert caught.value.code == "no_consensus"
    assert export_bytes(dataset, "webvtt", authors=[dataset.sheets[0].author])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("format_id", ["csv", "xlsx"])
def test_agreement_read_from_the_rooms_own_table_stands_on_physicians_alone(format_id, language, tmp_path):
    whole = rated_and_settled()
    again = simple_sheet("R02", bmv01=Entry(points=9)).model_copy(update={"purpose": "repeat"})
    dataset = dataset_of([*whole.sheets, simple_sheet("qwen", kind="model")])
    [path] = export_sheets(dataset, format_id, tmp_path, language=language)
    source = load_ratings(path)
    assert {sheet.author.name for sheet in source.dataset.sheets} == {"R01", "R02"}
    assert sum("no physician" in note for note in source.notes) == 2
    [path] = export_sheets(dataset_of([whole.sheets[1], again]), format_id, tmp_path, language=language)
    [sheet] = load_ratings(path).dataset.sheets
    assert next(entry.points for entry in sheet.steps.values()) is None  # the first sheet, not the repeat


def test_attempts_and_authors_can_be_chosen(tmp_path):
    dataset = dataset_of([simple_sheet("wei"), simple_sheet("okafor"), simple_sheet("wei", attempt="A-2")])
    wei = Author(kind="physician", name="wei")
    [path] = export_sheets(dataset, "csv", tmp_path, attempts=["A-1"], authors=[wei])
    found = import_sheets(path, "csv", dataset)
    assert [(s.attempt, s.author.name) for s in found.sheets] == [("A-1", "wei")]


def test_an_author_asked_for_is_the_only_one_who_comes_in():
    dataset = dataset_of([simple_sheet("wei"), simple_sheet("okafor")])
    name, _, raw = export_bytes(dataset, "csv")
    found = import_bytes(raw, "csv", dataset, name=name, author=Author(kind="physician", name="wei"))
    assert [s.author.name for s in found.sheets] == ["wei"]
    assert found.skipped == {"other_author": 5}
    assert "okafor" in found.warnings[0].text("en")
    assert "okafor" in found.warnings[0].text("zh")


@pytest.mark.parametrize("format_id", TWO_WAY)
def test_rubrics_alone_take_any_attempt(format_id):
    dataset = dataset_of([simple_sheet("wei", bmv01=Entry(points=1, evidence=((1.0, 2.0),), note="早"))])
    name, _, raw = export_bytes(dataset, format_id)
    found = import_bytes(raw, format_id, list(dataset.rubrics.values()), name=name)
    assert found.sheets == tuple(dataset.sheets)


@pytest.mark.parametrize("format_id", TWO_WAY)
def test_a_stranger_s_attempt_is_skipped_and_counted(format_id):
    dataset = dataset_of([simple_sheet("wei"), simple_sheet("wei", attempt="A-2")])
    name, _, raw = export_bytes(dataset, format_id)
    smaller = type(dataset)(dataset.folder, dataset.info, dataset.rubrics, dataset.attempts[:1], [])
    found = import_bytes(raw, format_id, smaller, name=name)
    assert [s.attempt for s in found.sheets] == ["A-1"]
    assert found.skipped["unknown_attempt"] >= 1


def test_files_of_a_folder_are_read_together(tmp_path):
    dataset = dataset_of([simple_sheet("wei"), simple_sheet("okafor", attempt="A-2")])
    paths = export_sheets(dataset, "elan", tmp_path / "elan")
    assert sorted(path.name for path in paths) == ["A-1.eaf", "A-2.eaf"]
    found = import_sheets(tmp_path / "elan", "elan", dataset)
    assert {s.attempt for s in found.sheets} == {"A-1", "A-2"}


def test_several_files_go_into_one_zip_file_where_its_name_says_so(tmp_path):
    dataset = dataset_of([simple_sheet("wei")])
    [path] = export_sheets(dataset, "elan", tmp_path / "all.zip")
    assert import_sheets(path, "elan", dataset).sheets == tuple(dataset.sheets)
