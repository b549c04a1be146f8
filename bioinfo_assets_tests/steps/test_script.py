import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.steps import script

HOSTILE = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)))


def shell(text: str) -> str:
    return subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, check=True).stdout.decode()


def render_with(monkeypatch, tmp_path, body: str, **values: script.Value | list[script.Value]) -> str:
    (tmp_path / "step.sh").write_text(body, encoding="utf-8")
    monkeypatch.setattr(script, "_SCRIPTS", tmp_path)
    return script.render("step", **values)


@given(value=HOSTILE)
def test_a_string_reaches_the_script_as_it_is(tmp_path_factory, value):
    with pytest.MonkeyPatch.context() as patch:
        text = render_with(patch, tmp_path_factory.getbasetemp(), """printf '%s' "$value" """, value=value)
    assert shell(text) == value


@given(values=st.lists(HOSTILE))
def test_strings_reach_the_script_as_an_array(tmp_path_factory, values):
    with pytest.MonkeyPatch.context() as patch:
        body = r"""printf '%s\0' "${#values[@]}" "${values[@]}" """
        text = render_with(patch, tmp_path_factory.getbasetemp(), body, values=values)
    assert shell(text).split("\0")[:-1] == [str(len(values)), *values]


def test_numbers_and_truth(monkeypatch, tmp_path):
    body = 'echo "$a $b ${c:-no} ${d:-no}"'
    assert shell(render_with(monkeypatch, tmp_path, body, a=3, b=0.25, c=True, d=False)) == "3 0.25 yes no\n"


def test_values_stand_before_shared_functions_and_these_before_the_step():
    text = script.render("alignment_metrics", "java", bam="x")
    assert text.index("bam=x") < text.index("jvm() {") < text.index("picard")
