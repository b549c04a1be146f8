"""Staleness is right for each sample, and the tags are those that Dagster itself writes for one partition."""

from bioinfo_assets_tests.orchestration.toy_project import ToyProject, plain_definitions


def test_nothing_is_stale_after_a_run(toy: ToyProject) -> None:
    toy.run()

    assert toy.stale() == set()


def test_what_depends_on_a_changed_sample_is_stale_and_only_that(toy: ToyProject) -> None:
    toy.run()
    toy.write("b", 10)
    toy.run("b", "b", ["product"])

    assert toy.stale() == {"parity/b", "total"}


def test_what_depends_on_a_changed_shared_asset_is_stale(toy: ToyProject) -> None:
    toy.run()
    toy.write("factor", 4)
    toy.run("a", "a", ["factor"])

    assert toy.stale() == {"product/a", "product/b", "product/c"}


def test_a_rerun_that_makes_the_same_leaves_nothing_stale(toy: ToyProject) -> None:
    toy.run()
    (toy.folder / "output" / "a" / "a.product.txt").unlink()
    toy.run("a", "a", ["product"])

    assert toy.stale() == set()


def test_a_sample_that_failed_stays_stale_and_the_others_do_not(toy: ToyProject) -> None:
    toy.run()
    toy.write("factor", 4)
    toy.write("b", "bad")
    toy.run()

    assert toy.stale() == {"product/b"}


def test_the_tags_are_dagsters_own(toy: ToyProject) -> None:
    """The same graph, materialized by Dagster without launcher and executor, has the same tags but for the numbers."""
    toy.run("a", "a")
    ours = {key: toy.materialization(key, "a" if key in {"product", "parity"} else None) for key in KEYS}
    versions = {key: made.tags["dagster/data_version"] for key, made in ours.items()}

    job = plain_definitions(versions).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=toy.instance, partition_key="a").success

    for key, made in ours.items():
        theirs = toy.materialization(key, "a" if key in {"product", "parity"} else None)
        assert _without_pointers(made.tags) == _without_pointers(theirs.tags)
        assert made.tags.keys() == theirs.tags.keys()


KEYS = ("factor", "product", "parity", "total")


def _without_pointers(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if "event_pointer" not in name}
