import pytest

from bioinfo_assets.genomics.uri import file_name, folder_of, is_remote, resolve_uri


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/data/a b/x.fa", "x.fa"),
        ("x.fa", "x.fa"),
        ("s3://bucket/run#1/x.fa", "x.fa"),
        ("https://host/run%201/x%2By.fa.gz?X-Amz-Signature=a/b#top", "x+y.fa.gz"),
        ("gs://bucket/folder/", ""),
    ],
)
def test_the_file_name_is_the_last_part(uri: str, name: str) -> None:
    assert file_name(uri) == name


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("/data/list.txt", "/other/reads", "/other/reads"),
        ("/data/list.txt", "../reads/", "/reads"),
        ("/data/list.txt", "./reads with blanks", "/data/reads with blanks"),
        ("list.txt", "reads", "reads"),
        ("s3://bucket/list.txt", "reads", "s3://bucket/reads"),
        ("https://host/a/list.csv", "x.fastq.gz", "https://host/a/x.fastq.gz"),
        ("s3://bucket/list.txt", "/local/reads", "/local/reads"),
        ("/data/list.txt", "https://host/x.fastq.gz?token=1", "https://host/x.fastq.gz?token=1"),
    ],
)
def test_an_address_in_a_list_is_relative_to_the_list(source: str, target: str, expected: str) -> None:
    assert resolve_uri(source, target) == expected


def test_local_paths_are_not_remote() -> None:
    assert not is_remote("/s3://x")
    assert is_remote("gs://bucket")


def test_the_folder_is_the_part_before_the_name() -> None:
    assert folder_of("/reads/x.fastq.gz") == "/reads"
