import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.steps import script

HOSTILE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def shell(text: str) -> str:
    return subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, check=True).stdout.decode()


def render_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, **values: script.Value | Sequence[script.Value]
) -> str:
    (tmp_path / "step.sh").write_text(body, encoding="utf-8")
    monkeypatch.setattr(script, "_SCRIPTS", tmp_path)
    return script.render("step", **values)


@given(value=HOSTILE)
def test_a_string_is_passed_to_the_script_unchanged(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        text = render_with(patch, tmp_path_factory.getbasetemp(), """printf '%s' "$value" """, value=value)
    assert shell(text) == value


@given(values=st.lists(HOSTILE))
def test_strings_are_passed_to_the_script_as_an_array(
    tmp_path_factory: pytest.TempPathFactory, values: list[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        body = r"""printf '%s\0' "${#values[@]}" "${values[@]}" """
        text = render_with(patch, tmp_path_factory.getbasetemp(), body, values=values)
    assert shell(text).split("\0")[:-1] == [str(len(values)), *values]


def test_numbers_and_booleans_are_passed_to_the_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    body = 'echo "$a $b ${c:-no} ${d:-no}"'
    assert shell(render_with(monkeypatch, tmp_path, body, a=3, b=0.25, c=True, d=False)) == "3 0.25 yes no\n"


def test_values_precede_shared_functions_and_these_precede_the_step() -> None:
    text = script.render("alignment_metrics", "java", bam="x")
    assert text.index("bam=x") < text.index("jvm() {") < text.index("picard")
