"""Files written byte by byte from their published formats: PNG (ISO/IEC 15948) and MATLAB's level 5 MAT-file."""

import struct
import zlib

import numpy as np


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows, palette=None, bits=8):
    """A PNG: grey (type 0) of up to 16 bits, RGB (type 2) of triples, palette (type 3) where one is given."""
    kind = 3 if palette else 2 if isinstance(rows[0][0], tuple | list) else 0
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), bits, kind, 0, 0, 0)
    lines = []
    for row in rows:
        text = "".join(f"{v:0{bits}b}" for v in np.array(row).ravel().tolist())
        lines.append(bytes(int(text[at : at + 8].ljust(8, "0"), 2) for at in range(0, len(text), 8)))
    data = chunk(b"PLTE", bytes(palette)) if palette else b""
    data += chunk(b"IDAT", zlib.compress(b"".join(b"\0" + line for line in lines))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data


def photo(height, width, value=77):
    """A plain RGB picture; readers go by the content, so it may stand for a JPEG too."""
    return png([[(value, value, value)] * width] * height)


INT8, UINT8, UINT16, INT32, UINT32, MATRIX = 1, 2, 4, 5, 6, 14
CLASSES = {"uint8": (9, UINT8, "B"), "uint16": (11, UINT16, "H")}


def element(kind, data):
    """A data element: its type and length, then the data up to a multiple of 8 bytes."""
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def head(array_class, dims, name):
    flags = element(UINT32, struct.pack("<II", array_class, 0))
    return flags + element(INT32, struct.pack(f"<{len(dims)}i", *dims)) + element(INT8, name.encode())


def numbers(name, rows, kind="uint8"):
    """A numeric matrix, stored column after column."""
    array_class, data_type, letter = CLASSES[kind]
    columns = [row[x] for x in range(len(rows[0])) for row in rows]
    data = element(data_type, struct.pack(f"<{len(columns)}{letter}", *columns))
    return element(MATRIX, head(array_class, (len(rows), len(rows[0])), name) + data)


def structure(name, **fields):
    """A 1 × 1 structure; each field is a matrix without a name."""
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    body = head(2, (1, 1), name) + struct.pack("<HHi", INT32, 4, 32) + element(INT8, names)
    return element(MATRIX, body + b"".join(fields.values()))


def mat(*variables):
    """A MAT-file: 116 bytes of text, 8 of offset, the version 0x0100 and the byte order, then the variables."""
    return b"MATLAB 5.0 MAT-file".ljust(116) + b"\0" * 8 + struct.pack("<H", 0x0100) + b"IM" + b"".join(variables)
