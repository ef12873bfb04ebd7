"""Archives whose directory lies: refused with a code before anything is read."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from voiceagent.documents.parse.archive import open_package
from voiceagent.documents.parse.blocks import ReadFailure

_NAME_LENGTH = 28
"""Where it stands in an entry of the directory; the length of what else is told comes next."""
_DIRECTORY_START = 16
"""Where it stands in the record at the end."""


@pytest.fixture
def packed() -> bytearray:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.xml", "<a/>")
    return bytearray(made.getvalue())


def test_a_directory_that_begins_before_the_file_is_damaged(packed: bytearray) -> None:
    place = packed.rindex(b"PK\x05\x06") + _DIRECTORY_START
    (start,) = struct.unpack_from("<L", packed, place)
    struct.pack_into("<L", packed, place, start + 1000)
    with pytest.raises(ReadFailure) as caught:
        open_package(bytes(packed))
    assert caught.value.code == "damaged"


def test_a_part_without_a_name_is_damaged(packed: bytearray) -> None:
    entry = packed.index(b"PK\x01\x02")
    struct.pack_into("<HH", packed, entry + _NAME_LENGTH, 0, len("a.xml"))
    with pytest.raises(ReadFailure) as caught:
        open_package(bytes(packed))
    assert caught.value.code == "damaged"


def test_what_nothing_is_wrong_with_is_read(packed: bytearray) -> None:
    assert open_package(bytes(packed)).read("a.xml") == b"<a/>"
