"""The bytes of an artifact of the second tier: a header that says what is in it, then what skops wrote.

    "evertrain-sklearn1\\n" | length of the header (8 bytes, little endian) | header (JSON) | a zip archive of skops

Standard library only, and bounded: whoever reads it has checked its digest, and reads no more than it says.
"""

import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

MAGIC = b"evertrain-sklearn1\n"
MAX_BYTES = 256 * 2**20
"""Of the archive, unpacked. An estimator that keeps its training rows is as large as these."""
MAX_HEADER_BYTES = 16 * 2**20
_SCHEMA = "schema.json"
_DATE = (1980, 1, 1, 0, 0, 0)

Header = Mapping[str, Any]


def pack(header: Header, archive: bytes) -> bytes:
    """The artifact. `archive`: of skops; of equal estimators it differs in names and times, which are made equal."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join([MAGIC, len(text).to_bytes(8, "little"), text, _canonical(archive)])


def unpack(data: bytes) -> tuple[Header, bytes]:
    """Raises ValueError, KeyError, zipfile.BadZipFile, RecursionError."""
    start = len(MAGIC) + 8
    length = int.from_bytes(data[len(MAGIC) : start], "little")
    if not data.startswith(MAGIC) or not 0 < length <= min(MAX_HEADER_BYTES, len(data) - start):
        raise ValueError("it does not begin like an artifact")
    header = json.loads(data[start : start + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no object")
    archive = data[start + length :]
    if unpacked_size(archive) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES} bytes when unpacked")
    return header, archive


def unpacked_size(archive: bytes) -> int:
    """Bytes. No more of a member is ever read than the archive says of it."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return sum(member.file_size for member in opened.infolist())


def _canonical(archive: bytes) -> bytes:
    """Objects are numbered by memory address, files named by chance, and times are those of writing: here all are by
    order, so that equal estimators have equal bytes."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        members = {member.filename: opened.read(member) for member in opened.infolist()}
    schema = members.pop(_SCHEMA).decode()
    numbers: dict[str, int] = {}
    schema = re.sub(
        r'("__id__": )(\d+)', lambda found: f"{found[1]}{numbers.setdefault(found[2], len(numbers) + 1)}", schema
    )
    order = sorted(members, key=schema.index)
    names = {name: f"{number}{name[name.rindex('.') :]}" for number, name in enumerate(order)}
    schema = re.sub(r'("file": )"([^"]+)"', lambda found: f'{found[1]}"{names[found[2]]}"', schema)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as written:
        for name, content in [*((names[each], members[each]) for each in order), (_SCHEMA, schema.encode())]:
            member = zipfile.ZipInfo(name, date_time=_DATE)
            written.writestr(member, content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
