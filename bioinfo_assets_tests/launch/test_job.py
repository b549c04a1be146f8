"""Jobs: the names of their files."""

import time

import pytest

from bioinfo_assets.launch.job import Input, Job, Output, StoredFile
from bioinfo_assets.result_key import COHORT, ResultKey

KEY = ResultKey("report", COHORT)


def reading(*names: str) -> tuple[Input, ...]:
    return tuple(Input(name, StoredFile(f"/results/{name}", 1, "sha256:ab")) for name in names)


def test_two_inputs_may_not_have_one_name() -> None:
    with pytest.raises(ValueError, match=r"^duplicate input in one job: a\.txt, b\.txt$"):
        Job(KEY, "1", "", inputs=reading("b.txt", "a.txt", "c.txt", "b.txt", "a.txt"))


def test_two_outputs_may_have_neither_one_name_nor_one_key() -> None:
    output = Output("text", "a.txt", "/results/a.txt")
    with pytest.raises(ValueError, match=r"^duplicate output in one job: a\.txt$"):
        Job(KEY, "1", "", outputs=(output, Output("other", "a.txt", "/results/b.txt")))
    with pytest.raises(ValueError, match=r"^duplicate output key in one job: text$"):
        Job(KEY, "1", "", outputs=(output, Output("text", "b.txt", "/results/b.txt")))


def test_a_report_of_ten_thousand_samples_is_built_at_once() -> None:
    inputs = reading(*(f"file{number}.txt" for number in range(90_000)))
    began = time.thread_time()
    Job(KEY, "1", "", inputs=inputs)
    assert time.thread_time() - began < 5  # 0.02 s; if each name is compared with all, it takes minutes
