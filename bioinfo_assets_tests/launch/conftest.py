"""The servers and the disk that tests of backends use."""

from bioinfo_assets_tests.servers import s3, s3_server, tiny_disk, web

__all__ = ["s3", "s3_server", "tiny_disk", "web"]
