"""How models and their options are named, and what is said about a name that does not fit."""

from __future__ import annotations

import re

import pytest

from siming.errors import TaskError
from siming.run import ModelName, open_backend
from siming.run.mock import MockOptions
from siming.run.model_name import EXAMPLES
from siming.run.options import read_options


@pytest.mark.parametrize("example", EXAMPLES.values())
def test_every_example_in_the_advice_is_a_name(example):
    assert str(ModelName.parse(example)) == example


@pytest.mark.parametrize(
    ("text", "kind", "name", "url"),
    [
        (
            "openai:org/m:latest@v2@https://h.example:8443/api/v1/",
            "openai",
            "org/m:latest@v2",
            "https://h.example:8443/api/v1",
        ),
        ("openai:m@http://[::1]:8000/v1", "openai", "m", "http://[::1]:8000/v1"),
        ("local:/models/a:b@c", "local", "/models/a:b@c", None),
        (" replay:old run/predictions.jsonl ", "replay", "old run/predictions.jsonl", None),
    ],
)
def test_a_name_is_taken_apart_at_the_right_places(text, kind, name, url):
    assert ModelName.parse(text) == ModelName(kind, name, url)


@pytest.mark.parametrize(
    "slip",
    [
        "opnai:m@http://127.0.0.1:8000/v1",
        "OpenAI:m@http://127.0.0.1:8000/v1",
        "basline:all-correct",
        "openai:m@127.0.0.1:8000/v1",
        "openai:m@http://127.0.0.1:8000/v1/chat/completions",
    ],
)
def test_the_spelling_offered_for_a_slip_is_accepted(slip):
    with pytest.raises(TaskError) as caught:
        ModelName.parse(slip)
    assert ModelName.parse(re.search(r"did you mean '(.+?)'\?", str(caught.value))[1])


@pytest.mark.parametrize(
    "text", ["gpt-5", "", "openai:", "openai:m", "openai:@http://h/v1", "openai:m@", "local:", "x:y"]
)
def test_a_name_without_its_parts_gets_an_example_that_is_accepted(text):
    with pytest.raises(TaskError) as caught:
        ModelName.parse(text)
    assert ModelName.parse(re.search(r"example '(.+?)'", str(caught.value))[1])


@pytest.mark.parametrize("url", ["https://me:sesame@h/v1", "https://h/v1?key=sesame", "https://h/v1#sesame"])
def test_a_url_with_a_key_in_it_is_refused_without_repeating_the_key(url):
    with pytest.raises(TaskError, match="SIMING_API_KEY") as caught:
        ModelName.parse(f"openai:m@{url}")
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://h/v1", "http://", "http://h:port/v1"])
def test_a_url_of_another_kind_is_refused(url):
    with pytest.raises(TaskError, match="URL"):
        ModelName.parse(f"openai:m@{url}")


def test_an_option_misspelt_is_refused_and_the_one_offered_is_accepted():
    with pytest.raises(TaskError, match="mock: has no option") as caught:
        open_backend("mock:random", {"sead": 4})
    right = re.search(r"did you mean '(\w+)'", str(caught.value))[1]
    assert open_backend("mock:random", {right: "4"}).options["seed"] == 4


def test_an_option_of_the_wrong_kind_is_refused_with_its_name_and_value():
    with pytest.raises(TaskError, match="seed = 'four'"):
        read_options(MockOptions, {"seed": "four"}, of="mock:")


def test_a_baseline_says_where_its_answers_come_from():
    with pytest.raises(TaskError, match=r"texts=baseline_answers\('all-correct'"):
        open_backend("baseline:all-correct")


def test_an_unknown_mock_gets_the_nearest_one():
    with pytest.raises(TaskError) as caught:
        open_backend("mock:ranom")
    assert open_backend(re.search(r"did you mean '(.+?)'", str(caught.value))[1])
