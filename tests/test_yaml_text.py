"""YAML that reads back as it was meant, whatever stands in it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gi_jax.config import DataConfig, NetworkFileConfig, RunConfig, parse_config, to_yaml
from gi_jax.config.yaml_text import override
from gi_jax.errors import GiJaxError

# Any character that a name or a path can hold, and bytes of a file name that are no UTF-8.
NAMES = st.text(
    st.one_of(
        st.sampled_from("${}\\'\"[]#:,&*!|>%@`~?- \n\t\r\x85\u2028_019.eE+"),
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]),
        st.integers(0xDC80, 0xDCFF).map(chr),
    ),
    min_size=1,
    max_size=20,
)
HOSTILE = [
    "${x}",
    "$",
    "\\${x}",
    "a\\\\${x}\\",
    "~",
    "null",
    "yes",
    "1.0",
    "1_0",
    "1e3",
    "007",
    "1:30",
    "[1]",
]
HOSTILE += [
    " a ",
    "a: b",
    "- a",
    "#a",
    "'",
    '"',
    "a\nb\n",
    "M\udcfcller",
    "{a: b}",
    "???",
    "=",
    "<<",
    "2001-01-01",
]


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_a_written_configuration_reads_back_equal_whatever_is_named_in_it(name: str) -> None:
    networks = {name: NetworkFileConfig(path=name)}
    config = RunConfig(data=DataConfig(genes=name, genotypes=(name, "other"), networks=networks))
    assert parse_config(to_yaml(config)).config == config


@settings(max_examples=200, deadline=None)
@given(NAMES)
def test_an_override_means_the_text_it_was_made_of(name: str) -> None:
    overrides = [override("data.genes", name), override("data.genotypes", [name, "other"])]
    data = parse_config("", overrides).config.data
    assert (data.genes, data.genotypes) == (name, (name, "other"))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_mean_something_in_yaml_mean_themselves(name: str) -> None:
    test_a_written_configuration_reads_back_equal_whatever_is_named_in_it.hypothesis.inner_test(name)
    test_an_override_means_the_text_it_was_made_of.hypothesis.inner_test(name)


def test_a_path_with_bytes_that_are_no_utf8_comes_through_the_command_line() -> None:
    assert parse_config("", ["data.genotypes=[/x/M\udcfcller]"]).config.data.genotypes == ("/x/M\udcfcller",)


@pytest.mark.parametrize("text", ["1_0", "1:30", "١", "1٠", "0x10", "0b1", "1_0.0", "９"])
def test_what_nobody_writes_for_a_number_is_none(text: str) -> None:
    for key, what in (("seed", "a whole number"), ("model.dropout", "a number")):
        for given_text, overrides in (("", [f"{key}={text}"]), (_nested(key, text), [])):
            with pytest.raises(GiJaxError, match=f"{key} is '.*', expected {what}"):
                parse_config(given_text, overrides)


def _nested(key: str, text: str) -> str:
    section, _, leaf = key.rpartition(".")
    return f"{section}: {{{leaf}: {text}}}" if section else f"{leaf}: {text}"


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("1.5e+2", 150.0), (".5", 0.5), ("5.", 5.0), ("-0.5", -0.5), ("2", 2)],
)
def test_numbers_as_people_write_them_are_numbers(text: str, value: float) -> None:
    got = parse_config("", [f"regression_task.loss_config={{x: {text}}}"]).config
    found = got.regression_task.loss_config["x"]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("text", [".inf", "-.inf", ".nan", "1e999", "9" * 400])
def test_a_number_that_is_not_finite_is_one_sentence(text: str) -> None:
    for key in ("seed", "model.dropout", "trainer.max_seconds", "data.filter.max_p_value"):
        with pytest.raises(GiJaxError, match=f"{key} is .*, expected") as caught:
            parse_config("", [f"{key}={text}"])
        assert "\n" not in str(caught.value)


def test_whole_numbers_may_be_written_with_a_point_or_in_quotes() -> None:
    assert parse_config("seed: 3.0").config.seed == parse_config("seed: '3'").config.seed == 3


@pytest.mark.parametrize("text", ["seed: 1\nseed: 2", "model: {dropout: 0.1, dropout: 0.2}"])
def test_a_key_that_stands_twice_is_an_error(text: str) -> None:
    with pytest.raises(GiJaxError, match="duplicate key"):
        parse_config(text)


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(GiJaxError, match="data.genes is .* NUL character"):
        parse_config('data: {genes: "a\\0b"}')


def test_overrides_may_be_one_text() -> None:
    assert parse_config("", "seed=3").config.seed == 3


def test_a_date_is_a_text_and_infinity_no_whole_number() -> None:
    assert parse_config("data: {genes: 2024-01-01}").config.data.genes == "2024-01-01"
    with pytest.raises(GiJaxError, match="expected a whole number"):
        parse_config(f"seed: {math.inf}")
