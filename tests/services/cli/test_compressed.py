"""Compressed files: whole, or said not to be; and never larger in memory than a piece of them."""

import io
import os
import sys
import tracemalloc

import pytest

from services.cli.compressed import CHUNK, MAGIC, Packer, unpacked
from services.cli.errors import CliError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"line %d\n" % number for number in range(100_000))


def packed(data: bytes) -> bytes:
    packer = Packer()
    return b"".join([packer.packed(data[:1000]), packer.packed(data[1000:]), packer.end()])


def read(data: bytes) -> bytes:
    return b"".join(unpacked(io.BytesIO(data)))


@pytest.mark.parametrize("data", [b"", b"x", TEXT, os.urandom(3 * CHUNK)])
def test_what_was_packed_comes_back_and_what_was_not_passes_as_it_is(data):
    assert packed(data).startswith(MAGIC)
    assert read(packed(data)) == data
    assert read(data) == data


def test_frames_behind_each_other_are_one_file():
    assert read(packed(TEXT) + packed(b"") + packed(b"end")) == TEXT + b"end"


@pytest.mark.parametrize("left", [5, 0.5, -1])
def test_a_file_that_was_cut_off_is_said_to_be(left):
    whole = packed(TEXT)
    size = int(len(whole) * left) if isinstance(left, float) else left
    with pytest.raises(CliError, match="cut off"):
        read(whole[:size])


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_found(place):
    spoilt = bytearray(packed(TEXT))
    spoilt[int(len(spoilt) * place)] ^= 1
    with pytest.raises(CliError):
        read(bytes(spoilt))


@pytest.mark.parametrize("behind", [b"garbage", MAGIC + b"garbage"])
def test_what_is_no_frame_behind_the_last_one_is_no_silent_end(behind):
    with pytest.raises(CliError, match="damaged"):
        read(packed(TEXT) + behind)


def test_a_bomb_is_handed_out_in_small_pieces_and_in_little_memory():
    bomb = packed(bytes(64 * 1024 * 1024))
    assert len(bomb) < 16 * 1024
    tracemalloc.start()
    try:
        sizes = [len(piece) for piece in unpacked(io.BytesIO(bomb))]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (sum(sizes), max(sizes)) == (64 * 1024 * 1024, CHUNK)
    assert peak < 8 * CHUNK


def test_a_frame_that_asks_for_more_memory_than_we_give_is_refused():
    asks = zstd.CompressionParameter
    options = {asks.window_log: 28, asks.hash_log: 6, asks.chain_log: 6, asks.strategy: 1}
    greedy = zstd.ZstdCompressor(options={int(name): of for name, of in options.items()})
    data = greedy.compress(b"x") + greedy.flush()
    with pytest.raises(CliError, match="memory"):
        read(data)
