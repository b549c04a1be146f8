import hashlib
import os
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bioinfo_assets.errors import InputError, NotFoundError, ResourceError, UnreachableError
from bioinfo_assets.storage.store import Store, folder_order, join, local_path
from bioinfo_assets_tests.launch.mounts import can_mount
from bioinfo_assets_tests.other_user import as_nobody, needs_root
from bioinfo_assets_tests.servers import WebServer

STORE = Store()


def test_a_folder_that_cannot_be_read_does_not_count_as_empty(tmp_path: Path) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="loop cannot be read"):
        STORE.list(str(tmp_path / "loop"))
    with pytest.raises(InputError, match="loop cannot be read"):
        STORE.folders(str(tmp_path / "loop"))


@needs_root
def test_a_folder_of_another_user_does_not_count_as_empty() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        Path(name, "private").mkdir(mode=0o700)
        Path(name, "lost+found").mkdir(mode=0o700)
        Path(name, "public").touch()

        def is_refused(folder: str, *, recursive: bool = False) -> bool:
            try:
                STORE.list(folder, recursive=recursive)
            except InputError as error:
                return "private is not readable for this user" in str(error)
            return False

        assert as_nobody(lambda: is_refused(f"{name}/private"))
        assert as_nobody(lambda: is_refused(name, recursive=True))
        assert as_nobody(lambda: STORE.list(name) == (f"{name}/public",))
        Path(name, "private").rmdir()
        assert as_nobody(lambda: STORE.list(name, recursive=True) == (f"{name}/public",))


@pytest.fixture(params=["local", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder in each kind of store."""
    return str(tmp_path / "place") if request.param == "local" else f"{request.getfixturevalue('s3')}/place"


UNREACHABLE = (
    r"^s3://genomes/x could not be reached: HTTP error: error sending request; check the address and the network$"
)


class TestEveryWritableStore:
    def test_written_bytes_are_read_back(self, place: str) -> None:
        uri = join(place, "expt", "expt.depth.txt")
        STORE.write_bytes(uri, b"chrM\t1\t30\n")
        assert STORE.read_bytes(uri) == b"chrM\t1\t30\n"
        assert STORE.stat(uri).size == 10

    def test_a_folder_is_emptied_with_its_subfolders(self, place: str) -> None:
        for name in ("a.1/x", "a.1/b/y", "a.1/b/report.tar", "a.10/x"):
            STORE.write_bytes(join(place, name), b"x")
        STORE.delete_all(join(place, "a.1"), except_named="report.tar")
        assert STORE.list(place, recursive=True) == (join(place, "a.1/b/report.tar"), join(place, "a.10/x"))
        STORE.delete_all(join(place, "a.1"))
        STORE.delete_all(join(place, "a.1"))
        assert STORE.list(place, recursive=True) == (join(place, "a.10/x"),)

    def test_a_scan_yields_the_stat_of_every_file(self, place: str) -> None:
        for name in ("expt/expt.bam", "expt/records/depth.json", "expt/.part", "expt/.hidden/x", "expt2/x"):
            STORE.write_bytes(join(place, name), name.encode())
        stats = dict(STORE.scan(join(place, "expt")))
        assert stats == {uri: STORE.stat(uri) for uri in stats}
        assert set(stats) == {join(place, "expt/expt.bam"), join(place, "expt/records/depth.json")}
        assert dict(STORE.scan(join(place, "nothing"))) == {}

    def test_folders_are_listed_by_name(self, place: str) -> None:
        for name in ("expt/expt.bam", "expt/records/depth.json", ".scratch/x", "b/x", "a file"):
            STORE.write_bytes(join(place, name), b"x")
        assert STORE.folders(place) == ("b", "expt")
        assert STORE.folders(place + "/") == ("b", "expt")
        assert STORE.folders(join(place, "nothing")) == ()

    def test_a_digest_reports_how_many_bytes_it_has_read(self, place: str) -> None:
        uri = join(place, "x")
        sizes: list[int] = []
        STORE.write_bytes(uri, bytes(5_000_000))
        assert STORE.digest(uri, sizes.append) == f"sha256:{hashlib.sha256(bytes(5_000_000)).hexdigest()}"
        assert sum(sizes) == 5_000_000

    def test_parts_are_read(self, place: str) -> None:
        uri = join(place, "x")
        STORE.write_bytes(uri, b"0123456789")
        assert STORE.read_bytes(uri, 3) == b"3456789"
        assert STORE.read_bytes(uri, 3, 4) == b"3456"
        assert STORE.read_bytes(uri, 8, 40) == b"89"

    def test_a_stamp_changes_only_when_the_file_is_rewritten(self, place: str) -> None:
        uri = join(place, "x")
        STORE.write_bytes(uri, b"a")
        first = STORE.stat(uri)
        assert STORE.stat(uri) == first
        STORE.write_bytes(uri, b"b")
        assert STORE.stat(uri).stamp != first.stamp
        assert STORE.read_bytes(uri) == b"b"

    def test_existence(self, place: str) -> None:
        uri = join(place, "x")
        assert not STORE.exists(uri)
        STORE.write_bytes(uri, b"")
        assert STORE.exists(uri)
        assert not STORE.exists(join(uri, "below a file"))

    @pytest.mark.parametrize("name", ["a b+c.txt", "50%.txt", "a#b?c.txt", "größe.txt"])
    def test_unusual_names(self, place: str, name: str) -> None:
        uri = join(place, name)
        STORE.write_bytes(uri, b"x")
        assert STORE.read_bytes(uri) == b"x"
        assert STORE.list(place) == (uri,)

    def test_a_missing_file_is_named(self, place: str) -> None:
        uri = join(place, "none.fa")
        reads: tuple[Callable[[str], object], ...] = (STORE.stat, STORE.read_bytes, STORE.digest, STORE.content_of)
        for read in reads:
            with pytest.raises(NotFoundError) as caught:
                read(uri)
            assert str(caught.value).startswith(f"{uri} does not exist")

    def test_a_listing_is_sorted_and_recursive_on_request(self, place: str) -> None:
        for name in ("b", "a", "deep/c"):
            STORE.write_bytes(join(place, name), b"")
        assert STORE.list(place) == (f"{place}/a", f"{place}/b")
        assert STORE.list(place, recursive=True) == (f"{place}/a", f"{place}/b", f"{place}/deep/c")
        assert STORE.list(join(place, "none")) == ()

    def test_a_folder_whose_name_begins_like_another_is_not_listed_with_it(self, place: str) -> None:
        STORE.write_bytes(join(place, "expt", "x"), b"")
        STORE.write_bytes(join(place, "expt2", "y"), b"")
        assert STORE.list(join(place, "expt"), recursive=True) == (f"{place}/expt/x",)

    def test_deleting(self, place: str) -> None:
        uri = join(place, "x")
        STORE.write_bytes(uri, b"")
        STORE.delete(uri)
        assert not STORE.exists(uri)
        STORE.delete(uri)

    def test_fetching_and_putting(self, place: str, tmp_path: Path) -> None:
        local, back = tmp_path / "local", tmp_path / "new" / "back"
        local.write_bytes(b"reads")
        STORE.put(local, join(place, "reads"))
        STORE.fetch(join(place, "reads"), back)
        assert back.read_bytes() == b"reads"
        assert local.exists()

    def test_moving_there_and_back(self, place: str, tmp_path: Path) -> None:
        local, back, uri = tmp_path / "local", tmp_path / "back", join(place, "reads")
        local.write_bytes(b"reads")
        STORE.move(str(local), uri)
        assert not local.exists()
        STORE.move(uri, join(place, "moved"))
        assert not STORE.exists(uri)
        STORE.move(join(place, "moved"), str(back))
        assert back.read_bytes() == b"reads"
        assert not STORE.exists(join(place, "moved"))

    def test_digest_is_sha256_of_all_bytes(self, place: str) -> None:
        data = os.urandom(11 * 1024 * 1024)
        STORE.write_bytes(join(place, "large"), data)
        assert STORE.digest(join(place, "large")) == f"sha256:{hashlib.sha256(data).hexdigest()}"


class TestLocalFiles:
    def test_a_disk_that_cannot_be_read_is_an_error_in_a_sentence(self) -> None:
        with pytest.raises(InputError, match=r"^/proc/self/mem cannot be read \(Input/output error\)"):
            STORE.digest("/proc/self/mem")  # the first page of a process is never mapped

    def test_the_folder_of_the_file_system_is_none_of_a_project(self, tmp_path: Path) -> None:
        """`lost+found`, in the root of a disk, which only root can read."""
        for name in ("lost+found", "expt"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "x").touch()
        assert STORE.folders(str(tmp_path)) == ("expt",)
        assert STORE.list(str(tmp_path), recursive=True) == (str(tmp_path / "expt" / "x"),)

    def test_a_link_to_itself_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "loop").symlink_to("loop")
        (tmp_path / "x").touch()
        assert [uri for uri, _ in STORE.scan(str(tmp_path))] == [str(tmp_path / "x")]

    def test_file_addresses(self, tmp_path: Path) -> None:
        (tmp_path / "a b").write_bytes(b"x")
        assert STORE.read_bytes(f"file://{tmp_path}/a%20b") == b"x"

    @pytest.mark.parametrize("uri", ["reads.fq", "./reads.fq", "", "ftp://host/reads.fq", "C:\\reads.fq"])
    def test_other_locations_are_refused(self, uri: str) -> None:
        with pytest.raises(InputError, match="is not a file location: give an absolute path"):
            STORE.stat(uri)

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="is not a file"):
            STORE.stat(str(tmp_path))
        assert not (tmp_path / "x").exists()

    def test_a_link_to_itself_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "x").symlink_to("x")
        with pytest.raises(InputError, match=r"x cannot be read \(Too many levels of symbolic links\)"):
            STORE.stat(str(tmp_path / "x"))

    def test_content_is_the_digest(self, tmp_path: Path) -> None:
        STORE.write_bytes(str(tmp_path / "x"), b"abc")
        # FIPS 180-2, appendix B.1
        expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert STORE.content_of(str(tmp_path / "x")) == expected

    def test_a_reader_sees_the_old_file_or_the_new_one(self, tmp_path: Path) -> None:
        uri, done = str(tmp_path / "record.json"), threading.Event()
        contents: set[bytes] = set()
        versions = [bytes([letter]) * 100_000 for letter in b"ab"]
        STORE.write_bytes(uri, versions[0])

        def read() -> None:
            while not done.is_set():
                contents.add(STORE.read_bytes(uri))

        reader = threading.Thread(target=read)
        reader.start()
        for i in range(30):
            STORE.write_bytes(uri, versions[i % 2])
        done.set()
        reader.join()
        assert contents <= set(versions)

    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        target = tmp_path / "x"
        target.write_bytes(b"old")
        with pytest.raises(InputError):
            STORE.fetch(str(tmp_path / "none"), target)
        assert target.read_bytes() == b"old"
        assert list(tmp_path.iterdir()) == [target]

    def test_files_have_the_permissions_of_the_umask(self, tmp_path: Path) -> None:
        STORE.write_bytes(str(tmp_path / "x"), b"")
        (tmp_path / "y").touch()
        assert (tmp_path / "x").stat().st_mode == (tmp_path / "y").stat().st_mode

    def test_hidden_files_are_not_listed(self, tmp_path: Path) -> None:
        (tmp_path / ".lock").touch()
        assert STORE.list(str(tmp_path)) == ()


class TestS3:
    def test_content_is_the_etag(self, s3: str) -> None:
        STORE.write_bytes(f"{s3}/x", b"abc")
        # RFC 1321, appendix A.5: of a single-part upload the ETag is the MD5
        assert STORE.content_of(f"{s3}/x") == "etag:900150983cd24fb0d6963f7d28e17f72"

    def test_the_mark_of_a_folder_is_no_file(self, s3: str) -> None:
        """S3's console makes an empty object whose key ends with a slash; obstore removes the slash."""
        client = boto3.client("s3", region_name="us-east-1")
        for key in ("out/", "out/expt/", "out/empty/", "out/expt/x", "out/none"):
            client.put_object(Bucket="genomes", Key=key, Body=b"x" if key.endswith("x") else b"")
        files = (f"{s3}/out/expt/x", f"{s3}/out/none")
        assert sorted(STORE.list(f"{s3}/out", recursive=True)) == list(files)
        assert sorted(uri for uri, _ in STORE.scan(f"{s3}/out")) == list(files)
        assert STORE.list(f"{s3}/out") == (f"{s3}/out/none",)

    @pytest.mark.parametrize("root", ["", "/out"])
    def test_folders_that_follow_each_other_are_listed_together(self, s3: str, root: str) -> None:
        folders = ["A", "x", "x-1", "x.1", "x0", "x\u00e9", "y", ".hidden"]
        for name in folders:
            for file in ("a", "records/b.json", ".hidden/c"):
                STORE.write_bytes(f"{s3}{root}/{name}/{file}", name.encode())
        STORE.write_bytes(f"{s3}{root}/x", b"no folder")
        client = boto3.client("s3", region_name="us-east-1")
        for mark in ("A/", "x-1/records/", "y/empty/"):  # as S3's console makes them
            client.put_object(Bucket="genomes", Key=f"{root}/{mark}".lstrip("/"), Body=b"")
        names = sorted(STORE.folders(f"{s3}{root}"), key=folder_order)
        assert names == ["A", "x-1", "x.1", "x", "x0", "x\u00e9", "y"]

        for size in (1, 2, 3, 7):
            parts = [names[start : start + size] for start in range(0, 7, size)]
            listed = [dict(STORE.scan_folders(f"{s3}{root}", part)) for part in parts]
            expected = [
                {uri: STORE.stat(uri) for name in part for uri in STORE.list(f"{s3}{root}/{name}", recursive=True)}
                for part in parts
            ]
            assert [[uri for uri in own if "/.hidden" not in uri] for own in expected] == [list(own) for own in listed]
            assert all(own[uri] == other[uri] for own, other in zip(listed, expected, strict=True) for uri in own)

    def test_there_is_nothing_after_the_end_of_a_file(self, s3: str) -> None:
        STORE.write_bytes(f"{s3}/empty", b"")
        assert STORE.read_bytes(f"{s3}/empty", 0, 10) == b""

    def test_a_key_that_cannot_be_listed_is_named(self, s3: str) -> None:
        boto3.client("s3", region_name="us-east-1").put_object(Bucket="genomes", Key="out/a//b", Body=b"")
        with pytest.raises(InputError, match=r"^s3://genomes/out has an object that cannot be listed \(.*out/a//b"):
            STORE.list(f"{s3}/out", recursive=True)
        with pytest.raises(InputError, match=r"^s3://genomes/out/a//b has an empty part"):
            STORE.stat(f"{s3}/out/a//b")

    def test_a_missing_bucket_is_a_missing_file(self, s3: str) -> None:
        with pytest.raises(InputError, match=r"^s3://no-such-bucket/x does not exist"):
            STORE.stat("s3://no-such-bucket/x")

    @pytest.mark.parametrize(
        "use",
        [
            STORE.list,
            lambda uri: STORE.list(uri, recursive=True),
            lambda uri: STORE.read_bytes(f"{uri}/x"),
            lambda uri: STORE.write_bytes(f"{uri}/x", b"abc"),
        ],
        ids=["list", "list-deep", "read", "write"],
    )
    def test_a_missing_bucket_is_named_where_the_server_distinguishes_it(
        self, s3: str, use: Callable[[str], object]
    ) -> None:
        with pytest.raises(InputError, match=r"^bucket no-such-bucket does not exist: create it, or check its name$"):
            use("s3://no-such-bucket/run7")

    def test_a_missing_bucket_is_not_taken_for_a_missing_file(self, s3: str) -> None:
        with pytest.raises(InputError) as caught:
            STORE.read_bytes("s3://no-such-bucket/x")
        assert not isinstance(caught.value, NotFoundError)

    def test_missing_credentials_are_reported_with_advice(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(InputError, match=r"^no AWS credentials were found for s3://genomes: .*AWS_PROFILE"):
            STORE.exists(f"{s3}/x")

    def test_a_public_file_needs_no_credentials(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        STORE.write_bytes(f"{s3}/x", b"abc")
        boto3.client("s3", region_name="us-east-1").put_object_acl(Bucket="genomes", Key="x", ACL="public-read")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        assert STORE.read_bytes(f"{s3}/x") == b"abc"

    def test_a_forbidden_file_is_reported_with_advice(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        STORE.write_bytes(f"{s3}/x", b"abc")
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        with pytest.raises(InputError, match=r"^access to s3://genomes/x is denied: AWS_SKIP_SIGNATURE is set"):
            STORE.exists(f"{s3}/x")

    def test_a_file_of_several_parts(self, s3: str, tmp_path: Path) -> None:
        data = os.urandom(12 * 1024 * 1024)
        (tmp_path / "large").write_bytes(data)
        STORE.put(tmp_path / "large", f"{s3}/large")
        STORE.fetch(f"{s3}/large", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == data

    def test_a_large_object_is_copied_in_parts_by_s3_itself(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("bioinfo_assets.storage.s3_copy.MULTIPART_MIN_SIZE", 6 * 2**20)
        monkeypatch.setattr("bioinfo_assets.storage.s3_copy.PART_SIZE", 5 * 2**20)  # the minimum of S3
        data = bytes(range(256)) * (11 * 2**12)
        STORE.write_bytes(f"{s3}/x", data)
        monkeypatch.delattr("obstore.open_writer")
        STORE.move(f"{s3}/x", f"{s3}/y z")
        assert STORE.list(s3) == (f"{s3}/y z",)
        assert STORE.read_bytes(f"{s3}/y z") == data
        # S3 marks the ETag of an object of three parts.
        etag = STORE.stat(f"{s3}/y z").etag
        assert etag is not None
        assert etag.strip('"').endswith("-3")

    def test_a_copy_of_known_size_is_one_request(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        STORE.write_bytes(f"{s3}/x", b"abc")
        monkeypatch.delattr("obstore.head")
        STORE.copy(f"{s3}/x", f"{s3}/y", size=3)
        assert STORE.read_bytes(f"{s3}/y") == b"abc"

    def test_a_missing_source_of_a_copy_is_named(self, s3: str) -> None:
        for size in (None, 3):
            with pytest.raises(NotFoundError, match=r"^s3://genomes/x does not exist: check its spelling$"):
                STORE.copy(f"{s3}/x", f"{s3}/y", size)

    def test_a_copy_to_a_missing_bucket_is_reported(self, s3: str) -> None:
        STORE.write_bytes(f"{s3}/x", b"abc")
        with pytest.raises(InputError, match=r"s3://genomes/x could not be copied to s3://missing/x: .*NoSuchBucket"):
            STORE.move(f"{s3}/x", "s3://missing/x")

    def test_a_server_that_does_not_answer_is_reported(self, s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        monkeypatch.setattr("bioinfo_assets.storage.object_clients._S3_RETRIES", {"max_retries": 1})
        with pytest.raises(UnreachableError, match=UNREACHABLE):
            STORE.exists(f"{s3}/x")


class TestWeb:
    def test_files_are_read(self, web: WebServer, tmp_path: Path) -> None:
        address, folder, _ = web
        (folder / "chr22 fa").write_bytes(b">chr22\n")
        assert STORE.stat(f"{address}/chr22%20fa").size == 7
        STORE.fetch(f"{address}/chr22%20fa", tmp_path / "fa")
        assert (tmp_path / "fa").read_bytes() == b">chr22\n"

    def test_content_is_the_etag_if_there_is_one_and_the_digest_otherwise(self, web: WebServer) -> None:
        address, folder, _ = web
        (folder / "x").write_bytes(b"abc")
        assert STORE.content_of(f"{address}/tagged/x") == "etag:v1"
        assert STORE.content_of(f"{address}/x") == STORE.content_of(str(folder / "x"))

    def test_a_download_that_breaks_off_is_started_again(self, web: WebServer, tmp_path: Path) -> None:
        address, folder, requests = web
        (folder / "x").write_bytes(os.urandom(300_000))
        STORE.fetch(f"{address}/breaks/x", tmp_path / "x")
        assert (tmp_path / "x").read_bytes() == (folder / "x").read_bytes()
        assert requests.count("GET /breaks/x") == 2

    def test_a_download_that_is_always_cut_short_fails_after_a_few_retries(
        self, web: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bioinfo_assets.storage.object_files._DOWNLOAD_WAIT_S", 0.001)
        address, folder, requests = web
        (folder / "x").write_bytes(b"abc" * 1000)
        with pytest.raises(InputError, match=r"^http://127.*/cut/x could not be reached"):
            STORE.fetch(f"{address}/cut/x", tmp_path / "new" / "x")
        assert list((tmp_path / "new").iterdir()) == []
        assert requests.count("GET /cut/x") == 6

    def test_a_request_to_a_busy_server_is_retried(self, web: WebServer) -> None:
        address, folder, requests = web
        (folder / "x").write_bytes(b"abc")
        assert STORE.read_bytes(f"{address}/flaky/x") == b"abc"
        assert requests == ["GET /flaky/x", "GET /flaky/x"]

    def test_missing_and_forbidden_files(self, web: WebServer) -> None:
        address, _, _ = web
        assert not STORE.exists(f"{address}/none")
        with pytest.raises(InputError, match="/closed/x is denied: the server restricts access"):
            STORE.exists(f"{address}/closed/x")

    def test_listing_and_queries_are_refused(self, web: WebServer) -> None:
        with pytest.raises(InputError, match="cannot be listed"):
            STORE.list(web[0])
        with pytest.raises(InputError, match="has a query string"):
            STORE.stat(f"{web[0]}/x?token=y")

    @pytest.mark.parametrize("user", ["someone", "someone:canary-1", ":canary-1", "canary-1"])
    @pytest.mark.parametrize("scheme", ["https", "http", "s3", "gs"])
    def test_a_password_in_an_address_is_refused_and_not_repeated(self, scheme: str, user: str) -> None:
        with pytest.raises(InputError, match=r"an address at .*host1 has a user name or password in it") as caught:
            STORE.stat(f"{scheme}://{user}@host1/x")
        assert "canary-1" not in str(caught.value)

    def test_the_query_of_an_address_is_not_repeated(self) -> None:
        with pytest.raises(InputError, match="https://host1/x has a query string") as caught:
            STORE.stat("https://host1/x?X-Amz-Signature=canary-1")
        assert "canary-1" not in str(caught.value)

    def test_an_address_that_is_none_is_refused(self) -> None:
        with pytest.raises(InputError, match=r"'https://\[x/y' is not a URI \(Invalid IPv6 URL\)"):
            STORE.stat("https://[x/y")


class TestSmallFiles:
    """Those that are read into memory."""

    @pytest.fixture(params=["local", "s3", "https"])
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path) -> str:
        if request.param == "local":
            return str(tmp_path)
        if request.param == "s3":
            return str(request.getfixturevalue("s3"))
        address, folder, _ = request.getfixturevalue("web")
        for size in (0, 20, 21, 3_000_000):
            (folder / str(size)).write_bytes(bytes(size))
        return str(address)

    @pytest.mark.parametrize("size", [0, 20])
    def test_one_of_the_limit_is_read(self, folder: str, size: int) -> None:
        if not folder.startswith("http"):
            STORE.write_bytes(f"{folder}/{size}", bytes(size))
        assert STORE.read_small(f"{folder}/{size}", max_bytes=20) == bytes(size)

    @pytest.mark.parametrize("size", [21, 3_000_000])
    def test_a_larger_one_is_refused(self, folder: str, size: int) -> None:
        if not folder.startswith("http"):
            STORE.write_bytes(f"{folder}/{size}", bytes(size))
        with pytest.raises(InputError, match=rf"/{size} is larger than 0 MiB, so it is not what belongs there"):
            STORE.read_small(f"{folder}/{size}", max_bytes=20)

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
    def test_one_without_an_end_is_refused(self, device: str) -> None:
        with pytest.raises(InputError, match=f"{device} is not a file"):
            STORE.read_small(device)


if can_mount():

    class TestFullDisk:
        MESSAGE = (
            r"^no space is left for .*tiny.*: free some there, or set scratch or output to a folder on a larger disk$"
        )

        def test_writing(self, tiny_disk: Path) -> None:
            with pytest.raises(ResourceError, match=self.MESSAGE):
                STORE.write_bytes(str(tiny_disk / "x"), bytes(1_000_000))
            assert list(tiny_disk.iterdir()) == []

        def test_moving_from_another_disk_keeps_the_source(self, tiny_disk: Path, tmp_path: Path) -> None:
            (tmp_path / "x").write_bytes(bytes(1_000_000))
            with pytest.raises(ResourceError, match=self.MESSAGE):
                STORE.move(str(tmp_path / "x"), str(tiny_disk / "x"))
            assert list(tiny_disk.iterdir()) == []
            assert (tmp_path / "x").stat().st_size == 1_000_000

        def test_fetching(self, tiny_disk: Path, web: WebServer) -> None:
            address, folder, _ = web
            (folder / "x").write_bytes(bytes(1_000_000))
            with pytest.raises(ResourceError, match=self.MESSAGE):
                STORE.fetch(f"{address}/x", tiny_disk / "x")
            assert list(tiny_disk.iterdir()) == []

        def test_moving_between_disks(self, tiny_disk: Path, tmp_path: Path) -> None:
            (tmp_path / "x").write_bytes(b"abc")
            STORE.move(str(tmp_path / "x"), str(tiny_disk / "new" / "x"))
            assert (tiny_disk / "new" / "x").read_bytes() == b"abc"
            assert not (tmp_path / "x").exists()


@given(st.lists(st.from_regex(r"[a-z0-9._-]+", fullmatch=True), min_size=1))
def test_joined_parts_stay_in_order(parts: list[str]) -> None:
    assert join("s3://bucket/", *parts) == "/".join(["s3://bucket", *parts])
    assert local_path(join("/results", *parts)) == Path("/results", *parts) or "." in parts
