"""LZW as TIFF has it: the kernel's decoder against a plain one, libtiff and tifffile's encoder."""

import imagecodecs
import numpy as np
import pytest
from drawn_tiff import page_tags, write_tiff
from hypothesis import given
from hypothesis import strategies as st

from nucensus.errors import ReadError
from nucensus.kernel import decode_lzw
from nucensus.read import read

CLEAR, END = 256, 257


def bits_of(codes, *, is_old=False):
    """Return codes as bytes: each as wide as a decoder expects it, in the order of TIFF 6.0."""
    bits, width, known = [], 9, 258
    for code in codes:
        digits = [code >> place & 1 for place in range(width)]
        bits += digits if is_old else digits[::-1]
        known = 257 if code == CLEAR else known + 1
        if code == CLEAR:
            width = 9
        elif known >= (1 << width) - (0 if is_old else 1) and width < 12:
            width += 1
    return np.packbits(bits, bitorder="little" if is_old else "big").tobytes()


def codes_of(content, *, clear_at=4094, ends=True):
    """Compress bytes, with a table that is emptied once it has so many strings."""
    codes, known, string = [CLEAR], {}, b""
    for byte in content:
        longer = string + bytes([byte])
        if len(longer) == 1 or longer in known:
            string = longer
            continue
        codes.append(known.get(string, string[0]))
        known[longer] = 258 + len(known)
        string = longer[-1:]
        if 258 + len(known) >= clear_at:
            codes.append(CLEAR)
            known = {}
    return codes + [known.get(string, string[0])] * bool(string) + [END] * ends


def decode_plainly(encoded, size):
    """Return the bytes as TIFF 6.0 tells how; None if the codes make no sense, or are too few."""
    bits = "".join(f"{byte:08b}" for byte in encoded)
    at, width, table, last, decoded = 0, 9, None, b"", b""
    while len(decoded) < size:
        if at + width > len(bits):
            return None
        code, at = int(bits[at : at + width], 2), at + width
        if code == CLEAR:
            table, width, last = [bytes([byte]) for byte in range(256)] + [b"", b""], 9, b""
            continue
        if table is None or code == END or (not last and code > 255):
            return None
        if last:
            if code > len(table) or len(table) == 4096:
                return None
            table.append(last + (table[code] if code < len(table) else last)[:1])
            width += len(table) == (1 << width) - 1 and width < 12
        last = table[code]
        decoded += last
    return decoded[:size]


def decode(encoded, size):
    """Return what the kernel makes of it, without a byte too many; None if it leaves that."""
    room = np.full(size + 64, 7, np.uint8)
    content = np.frombuffer(encoded, np.uint8)
    is_decoded = decode_lzw(content, [len(content)], room[:size], [size])
    assert (room[size:] == 7).all()
    return room[:size].tobytes() if is_decoded else None


runs = st.builds(
    lambda byte, length: bytes([byte]) * length, st.integers(0, 255), st.integers(1, 600)
)
repeats = st.builds(
    lambda part, count: part * count, st.binary(min_size=1, max_size=40), st.integers(1, 40)
)
contents = st.lists(
    runs | repeats | st.binary(min_size=1, max_size=300), min_size=1, max_size=12
).map(b"".join)


@given(contents, st.integers(260, 4096), st.booleans())
def test_what_was_compressed_comes_back(content, clear_at, ends):
    encoded = bits_of(codes_of(content, clear_at=clear_at, ends=ends))
    assert decode(encoded, len(content)) == content
    assert decode(imagecodecs.lzw_encode(content), len(content)) == content
    for size in (1, len(content) // 2 + 1):
        assert decode(encoded, size) == content[:size]


@given(contents, st.data())
def test_of_damaged_bytes_it_makes_what_the_plain_decoder_makes(content, data):
    encoded = bytearray(bits_of(codes_of(content)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    encoded = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    size = data.draw(st.integers(1, len(content) + 50))
    assert decode(encoded, size) == decode_plainly(encoded, size)


def test_a_table_that_is_full_and_long_strings_are_decoded():
    rng = np.random.default_rng(0)
    for content in (rng.integers(0, 256, 9000, np.uint8).tobytes(), bytes(200_000), b"ab" * 50_000):
        encoded = imagecodecs.lzw_encode(content)
        assert decode(encoded, len(content)) == content
        assert decode(encoded, len(content) + 1) is None


def test_into_a_full_table_goes_no_other_string():
    literals = [number % 251 for number in range(4096 - 257)]  # the first of them makes no string
    content = bytes(literals)
    assert decode(bits_of([CLEAR, *literals]), len(content)) == content
    assert decode(bits_of([CLEAR, *literals, 7]), len(content) + 1) is None
    assert decode(bits_of([CLEAR, *literals, CLEAR, 7]), len(content) + 1) == content + b"\7"


def test_several_are_decoded_up_to_the_first_that_does_not():
    texts = [b"a" * 100, b"abc" * 40, bytes(range(200))]
    encoded = [bytes(imagecodecs.lzw_encode(each)) for each in texts]
    lengths, sizes = [len(each) for each in encoded], [len(each) for each in texts]
    decoded = np.zeros(sum(sizes), np.uint8)
    assert decode_lzw(np.frombuffer(b"".join(encoded), np.uint8), lengths, decoded, sizes)
    assert decoded.tobytes() == b"".join(texts)
    encoded[1] = bytes(lengths[1])
    decoded[:] = 7
    assert not decode_lzw(np.frombuffer(b"".join(encoded), np.uint8), lengths, decoded, sizes)
    assert decoded[:100].tobytes() == texts[0]
    assert set(decoded[100:].tolist()) == {7}
    with pytest.raises(ValueError, match="expected as many"):
        decode_lzw(decoded, lengths, decoded, sizes)


def write_strips(path, image, strips, **tags):
    rows = -(-len(image) // len(strips))
    write_tiff(path, [(page_tags(image, compression=5, rows=rows) | tags, strips)])


def test_codes_of_the_first_years_of_tiff_are_left_to_libtiff(tmp_path):
    image = np.random.default_rng(0).integers(0, 200, (60, 90)).astype("u1")
    old = bits_of(codes_of(image.tobytes()), is_old=True)
    assert decode(old, image.size) is None
    write_strips(tmp_path / "a.tif", image, [old])
    np.testing.assert_array_equal(imagecodecs.tiff_decode((tmp_path / "a.tif").read_bytes()), image)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), image)


@pytest.mark.parametrize("seed", range(40))
def test_of_a_damaged_file_it_makes_what_libtiff_makes(tmp_path, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 40, (48, 64)).astype("u2") * rng.integers(0, 2, (48, 64), "u2")
    strips = [bytearray(imagecodecs.lzw_encode(image[y : y + 16].tobytes())) for y in (0, 16, 32)]
    strip = strips[rng.integers(3)]
    strip[rng.integers(len(strip))] ^= 1 << rng.integers(8)
    write_strips(tmp_path / "a.tif", image, list(map(bytes, strips)))
    try:
        expected = imagecodecs.tiff_decode((tmp_path / "a.tif").read_bytes())
    except imagecodecs.TiffError:
        assert any(decode(bytes(each), 2048) is None for each in strips)
        with pytest.raises(ReadError, match="damaged"):
            read(tmp_path / "a.tif")
        return
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 7}, {"tile": (32, 48)}, {}])
def test_each_kind_of_page_gives_what_libtiff_gives(tmp_path, order, predictor, layout):
    import tifffile

    image = np.random.default_rng(0).integers(0, 4000, (150, 130)).astype("u2")
    tifffile.imwrite(
        tmp_path / "a.tif", image, compression="lzw", byteorder=order, predictor=predictor, **layout
    )
    pixels = read(tmp_path / "a.tif")
    expected = imagecodecs.tiff_decode((tmp_path / "a.tif").read_bytes())
    np.testing.assert_array_equal(pixels, image)
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.dtype == expected.dtype
