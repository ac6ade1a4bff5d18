"""Header blocks: written without a table, read with the connection's."""

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.http2 import message
from receiver.http2.fields import FieldReader, block_of
from receiver.http2.frames import Broken

_NAMES = st.text("abcdefghij-", min_size=1, max_size=200)
_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=300)


@given(fields=st.dictionaries(_NAMES, _VALUES, max_size=5))
def test_what_is_written_is_read(fields: dict[str, str]) -> None:
    """By any decoder, and by ours."""
    block = block_of(fields.items())
    assert dict(hpack.Decoder().decode(block)) == fields
    assert FieldReader().read(block) == fields


@given(blocks=st.lists(st.dictionaries(_NAMES, _VALUES, max_size=3), max_size=8))
def test_a_sender_with_a_table_is_understood(blocks: list[dict[str, str]]) -> None:
    """The same bytes may say something else once the table changed."""
    encoder, reader = hpack.Encoder(), FieldReader()
    for fields in (*blocks, *blocks, *reversed(blocks)):
        assert reader.read(encoder.encode(fields)) == fields


def test_an_index_of_nothing_is_broken() -> None:
    """The table is out of step: nothing on this connection can be trusted any more."""
    with pytest.raises(Broken):
        FieldReader().read(b"\xfe")


@given(text=st.text(max_size=100), value=st.binary(max_size=100))
def test_a_status_survives_its_trailers(text: str, value: bytes) -> None:
    """Whatever the text, and with bytes beside it."""
    fields = dict(message.trailers_of(3, text, (("x-bin", value),)))
    assert message.message_in(fields) == text
    assert message.bytes_in(fields["x-bin"]) == value
