"""Staleness is right for each sample, and the tags equal those that Dagster itself writes for one partition."""

from collections.abc import Mapping

from bioinfo_assets_tests.orchestration.toy_project import ToyProject, plain_definitions


def test_nothing_is_stale_after_a_run(toy: ToyProject) -> None:
    toy.run()

    assert toy.stale() == set()


def test_only_what_depends_on_a_changed_sample_is_stale(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", 10)
    toy.run("b", "b", ["product"])

    assert toy.stale() == {"parity/b", "total"}


def test_everything_that_depends_on_a_changed_shared_asset_is_stale(toy: ToyProject) -> None:
    toy.run()
    toy.write("factor", 4)
    toy.run("a", "a", ["factor"])

    assert toy.stale() == {"product/a", "product/b", "product/c"}


def test_a_rerun_with_the_same_result_leaves_nothing_stale(toy: ToyProject) -> None:
    toy.run()
    (toy.folder / "output" / "a" / "a.product.txt").unlink()
    toy.run("a", "a", ["product"])

    assert toy.stale() == set()


def test_only_a_failed_sample_stays_stale(toy: ToyProject) -> None:
    toy.run()
    toy.write("factor", 4)
    toy.write("b", "bad")
    toy.run()

    assert toy.stale() == {"product/b"}


def test_the_tags_equal_dagsters_own(toy: ToyProject) -> None:
    """The same assets without launcher and executor have the same tags, apart from storage ids."""
    toy.run("a", "a")
    ours = {key: tags_of(toy, key) for key in KEYS}
    versions = {key: tags["dagster/data_version"] for key, tags in ours.items()}

    job = plain_definitions(versions).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=toy.instance, partition_key="a").success

    for key, tags in ours.items():
        dagsters = tags_of(toy, key)
        assert without_pointers(tags) == without_pointers(dagsters)
        assert tags.keys() == dagsters.keys()


KEYS = ("factor", "product", "parity", "total")


def tags_of(toy: ToyProject, key: str) -> Mapping[str, str]:
    return toy.materialization(key, "a" if key in {"product", "parity"} else None).tags or {}


def without_pointers(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if "event_pointer" not in name}
