"""Compressed: zstd, whichever package brings it, in pieces of bounded size."""

import sys
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from services.cli.errors import CliError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SUFFIX = ".zst"
MAGIC = b"\x28\xb5\x2f\xfd"
"""The first bytes of a frame (RFC 8878, 3.1.1). A line of JSON never begins with the first of them."""
CHUNK = 256 * 1024
_LEVEL = 9
"""Where prompts of every size were done with: higher levels cost time and gain a few percent."""
_WINDOW_LOG = 27
"""At most 128 MiB are held to unpack a file: what ``zstd --long`` and ``--ultra`` ask for, no more."""


class Packer:
    """Compresses what it is given into one frame, which ends with a checksum of it all."""

    def __init__(self) -> None:
        parameter = zstd.CompressionParameter
        options: Mapping[int, int] = {
            parameter.compression_level: _LEVEL,
            parameter.checksum_flag: 1,
        }
        self._compressor = zstd.ZstdCompressor(options=options)

    def packed(self, data: bytes) -> bytes:
        """What can be written of it by now, which may be nothing."""
        return self._compressor.compress(data)

    def end(self) -> bytes:
        """The rest of the frame."""
        return self._compressor.flush()


def unpacked(file: BinaryIO) -> Iterator[bytes]:
    """What a file holds, a piece at a time: unpacked if it begins like zstd, else as it is.

    No piece is larger than :data:`CHUNK`, whatever the file claims to become. Raises
    :class:`CliError` for one that is damaged, cut off, or has something else behind its last frame.
    """
    data = file.read(CHUNK)
    if not data.startswith(MAGIC):
        while data:
            yield data
            data = file.read(CHUNK)
        return
    while data:
        frame = zstd.ZstdDecompressor(options=_BOUNDED)
        yield from _frame(frame, data, file)
        data = frame.unused_data or file.read(CHUNK)


_BOUNDED: Mapping[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG}


def _frame(frame: zstd.ZstdDecompressor, data: bytes, file: BinaryIO) -> Iterator[bytes]:
    while True:
        try:
            yield frame.decompress(data, CHUNK)
        except zstd.ZstdError as error:
            raise CliError(f"it is damaged, or no zstd ({str(error).rstrip('.')})") from None
        if frame.eof:
            return
        data = file.read(CHUNK) if frame.needs_input else b""
        if frame.needs_input and not data:
            raise CliError("it is cut off: the end of the zstd frame is missing")
