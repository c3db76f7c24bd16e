"""Where files of rows are: a file, a folder, a pattern such as `2026-*.csv`, on this machine or in S3.

Objects are read by Arrow's own client, which takes credentials, region and AWS_ENDPOINT_URL as any AWS client does.
"""

import fnmatch
import glob
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa

from evertrain.domain.errors import EvertrainError

S3 = "s3://"

_MAGIC = "*?["


class NoFiles(EvertrainError):
    """There is nothing to read. One sentence that names the place."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class DataFile:
    """`location`: a path, or the URI of an object."""

    location: str

    def __str__(self) -> str:
        return self.location

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.location.replace(os.sep, "/").rpartition("/")[2]

    def open(self) -> Any:
        """An Arrow file that can be read from anywhere. Raises NoFiles."""
        try:
            if self.location.startswith(S3):
                return _s3().open_input_file(self.location.removeprefix(S3))
            return pa.OSFile(self.location)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else " ".join(str(error).split())[:200]
            raise NoFiles(f"{self.location} cannot be read: {reason}") from error

    def read(self) -> bytes:
        """Raises NoFiles."""
        with self.open() as file:
            content: bytes = file.read()
            return content


def place_name(where: str | PathLike[str]) -> str:
    """As pages and errors call it: without the folder that it is in."""
    return str(where).rstrip("/").rpartition("/")[2]


def find_files(where: str | PathLike[str]) -> Sequence[DataFile]:
    """In the order of their names; those that begin with a point or an underscore are no rows. Raises NoFiles,
    OSError."""
    location = os.fspath(where)
    found = _objects(location) if location.startswith(S3) else _local_files(Path(location))
    if not found:
        raise NoFiles(f"{location} has no files")
    return [DataFile(each) for each in found]


def _local_files(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(str(each) for each in path.rglob("*") if each.is_file() and _has_rows(each.name))
    if glob.has_magic(str(path)) and not path.exists():
        return sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207  # from anywhere
    return [str(path)]


def _objects(uri: str) -> list[str]:
    """Of a prefix that is one object, that object; else all below it, or those that the pattern names."""
    from pyarrow.fs import FileSelector, FileType  # noqa: PLC0415  # bundles of functions do not have it

    place = uri.removeprefix(S3).rstrip("/")
    folder = place
    if any(each in place for each in _MAGIC):
        fixed = place[: min(place.index(each) for each in _MAGIC if each in place)]
        folder = fixed.rpartition("/")[0]
        if not folder:
            raise NoFiles(f"{uri}: a pattern stands after the name of a bucket, as in s3://bucket/2026-*.csv")
    try:
        found = _s3().get_file_info(FileSelector(folder, recursive=True)) if folder != place else None
        if found is None:
            one = _s3().get_file_info(place)
            if one.type == FileType.File:
                return [S3 + place]
            found = _s3().get_file_info(FileSelector(place, recursive=True))
    except OSError as error:
        raise NoFiles(f"{uri} cannot be listed: {' '.join(str(error).split())[:200]}") from error
    names = sorted(each.path for each in found if each.type == FileType.File and _has_rows(each.base_name))
    return [S3 + each for each in names if folder == place or fnmatch.fnmatchcase(each, place)]


def _has_rows(name: str) -> bool:
    return not name.startswith((".", "_"))


def _s3() -> Any:
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return _s3_client(region, os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"))


@cache
def _s3_client(region: str | None, endpoint: str | None) -> Any:
    from pyarrow.fs import S3FileSystem  # noqa: PLC0415  # as above; starting it takes longer than a small file

    options = {"region": region, "endpoint_override": endpoint}
    return S3FileSystem(**{name: value for name, value in options.items() if value})
