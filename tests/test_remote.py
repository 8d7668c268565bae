"""Images in buckets and on web servers: found, read and counted as from a folder; secrets kept."""

import io
import ipaddress
import json
import re
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import SETTINGS, query, statuses, tables
from commands import detect as detect_apart
from commands import detect_here as detect
from commands import run_here as run
from conftest import SHARED
from formats import make_stack, write_lif, write_manifest, write_ome_zarr, write_zarr_plate
from gate import PATIENCE_S
from ome_files import make_planes, write_set
from servers import KEY, SECRET, Server, s3_environment

from nucensus import Plane, Run, Settings, census, process_images
from nucensus.batch.job import Job
from nucensus.batch.spread import FIND, with_large
from nucensus.discover import discover, survey
from nucensus.errors import AccessError, InputError, ReadError
from nucensus.execute import Strategy
from nucensus.export import export_run
from nucensus.read import SUFFIXES, read, read_image
from nucensus.remote import list_below, open_remote, size_and_time, without_credentials
from nucensus.values import Limits, PlannedImage

pytest.importorskip("obstore", reason="obstore is not installed (uv sync --group storage)")

COUNT = Settings(threshold=300, border="keep")


@pytest.fixture
def server():
    started = Server()
    yield started
    started.close()


@pytest.fixture
def bucket(server, monkeypatch):
    """The server as the place of s3://images, empty."""
    for name, value in s3_environment(server.address).items():
        monkeypatch.setenv(name, value)
    return server


def fails_at(path, status, code):
    """Return a fault of the one object that has this path, or of all."""
    return lambda _, asked: (status, code) if asked.startswith(path) else None


def works(*_):
    """Have no fault."""


def nuclei(run):
    return [(name, each.tobytes()) for name, each in run.nuclei_by_image()]


def reasons(run):
    return {row["image"]: row["reason"] for row in run.failures}


# Found as in a folder.


@pytest.fixture
def tree(tmp_path):
    """A folder with everything that is passed over, and names that do not sort by their letters."""
    folder = tmp_path / "tree"
    names = ["s10.tif", "s2.tif", "s2_thumb.tif", ".hidden.tif", "notes.txt", "b 1/x (1).tif",
             "b10/a.tif", "b2/a.TIF", "b2/c/d.png", "b2/c-1/d.png", "b/z.tif", "run/run.sqlite",
             "run/a.tif", "run/b/a.tif.labels.tif", "Ünïcode %20#/é+&=.tif", ".git/a.tif",
             "e.zarr/0/c/1", "e.zarr/zarr.json", "f[1]/a.tif"]  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"{}")
    return folder


def test_a_prefix_holds_what_the_folder_holds_in_the_same_order(tree, bucket):
    bucket.add("images/plate", tree)
    names = [each.name for each in discover([tree], SUFFIXES)]
    found = discover(["s3://images//plate/"], SUFFIXES)
    assert [each.name for each in found] == names
    assert [each.path for each in found] == [f"s3://images/plate/{name}" for name in names]
    assert {each.name: each.size_bytes for each in found if each.size_bytes != 2} == {"e.zarr": 4}
    assert {each.mtime_ns for each in found} == {1793701230 * 10**9}


ODD = ["a//b.tif", "a//", "d/../e.tif", "g/./h.tif", "k/\1.tif", "k/b\x7f.txt", "k\t/1.tif",
       "/p.tif", "d/..", "a///c.tif", "k/l\n.tif"]  # fmt: skip
PLAIN = ["0.tif", "ok.tif", "a/-1.tif", "a/ 0.tif", "a/c.tif", "a/k/1.tif", "d/f.tif",
         "k/%2F.tif", "k/+&=.tif", "k/a b.tif", "k/é.tif", "z/1.tif"]  # fmt: skip


def test_keys_that_cannot_be_spelt_are_left_out_by_name_and_the_rest_is_listed(bucket):
    bucket.objects |= {f"/images/p/{name}": b"x" for name in (*ODD, *PLAIN)}
    bucket.objects |= {"/images/p/": b"", "/images/p/a/": b"", "/images/p/a/folder.tif/": b""}
    bucket.objects["/images/p/y//"] = b""  # the folder of a folder without a name
    found = survey(["s3://images/p"], SUFFIXES)
    assert {each.name for each in found.references} == set(PLAIN)
    assert list(found.left_out.values()) == [len(ODD) + 1]
    ((reason, examples),) = found.left_out.examples.items()
    assert "empty part" in reason
    assert examples == sorted(ODD)[:3]


@pytest.mark.parametrize("odd", ["a//b.tif", "d/../e.tif", "k/\1.tif", "/p.tif"])
def test_one_odd_key_hides_none_of_the_thousands_around_it(odd, bucket):
    names = [f"{folder}/{i:04}.tif" for folder in "ak" for i in range(1200)]
    bucket.objects |= {f"/images/p/{name}": b"x" for name in (odd, *names)}
    found = survey(["s3://images/p"], SUFFIXES)
    assert [each.name for each in found.references] == names
    assert list(found.left_out.examples.values()) == [[odd]]


@pytest.mark.parametrize("odd", ["a/\1.tif", "a/b\x7f.txt", "a\t/1.tif", "a//0.tif"])
def test_a_key_that_may_hide_others_is_a_row_too(odd, bucket, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    names = ["a/-.tif", "a/c.tif", "b/d.tif"]
    bucket.objects |= {f"/images/p/{name}": b"x" for name in (odd, *names)}
    found = survey(["s3://images/p"], SUFFIXES)
    assert {"b/d.tif", odd} <= {each.name for each in found.references}
    ((reason, examples),) = found.left_out.examples.items()
    assert "may be lost" in reason
    assert examples == [odd]
    (row,) = (each for each in found.references if each.name == odd)
    with pytest.raises(ReadError):
        read(row.path)


def test_a_key_that_begins_with_a_slash_is_left_out_of_a_whole_bucket(bucket):
    bucket.objects |= {f"/images/{name}": b"x" for name in ("/a.tif", "b.tif", "//c/d.tif")}
    found = survey(["s3://images"], SUFFIXES)
    assert [each.path for each in found.references] == ["s3://images/b.tif"]
    assert [sorted(names) for names in found.left_out.examples.values()] == [
        ["//c/d.tif", "/a.tif"]
    ]
    del bucket.objects["/images/b.tif"]
    with pytest.raises(InputError, match=r"holds no image \(2 left out: keys with an empty part"):
        survey(["s3://images"], SUFFIXES)


def test_a_refusal_in_the_midst_of_odd_keys_is_told_as_any_is(bucket):
    bucket.objects |= {"/images/p/a.tif": b"x", "/images/p/b//c.tif": b"x"}
    seen = []

    def refuse_third(_, path):
        seen.append(path)
        return (403, "AccessDenied") if len(seen) > 2 else None

    bucket.fault = refuse_third
    with pytest.raises(AccessError, match="access to 's3://images' is refused"):
        survey(["s3://images/p"], SUFFIXES)


def test_the_folder_that_a_console_made_for_a_zarr_is_no_file(bucket):
    bucket.objects |= {"/images/p/e.zarr/": b"", "/images/p/e.zarr/zarr.json": b"{}"}
    (found,) = discover(["s3://images/p"], SUFFIXES)
    assert (found.name, found.size_bytes) == ("e.zarr", 2)


@pytest.mark.parametrize(
    "pattern", ["*.tif", "**/*.tif", "b*", "b?", "b[12]*/", "b2/**", "**/c*/d.png", "b 1/*.tif"]
)
def test_a_glob_finds_what_it_finds_in_a_folder(pattern, tree, bucket):
    bucket.add("images/plate", tree)
    local = discover([f"{tree}/{pattern}"], SUFFIXES)
    found = discover([f"s3://images/plate/{pattern}"], SUFFIXES)
    assert [each.name for each in found] == [each.name for each in local]


def test_objects_prefixes_and_buckets_go_together(tree, bucket):
    bucket.add("images/plate", tree)
    bucket.add("more", tree)
    found = discover(["s3://images/plate/s2.tif", "s3://images/plate/b2"], SUFFIXES)
    assert [each.name for each in found] == ["s2.tif", "b2/a.TIF", "b2/c/d.png", "b2/c-1/d.png"]
    found = discover(["s3://images/plate/b10", "s3://more/b10"], SUFFIXES)
    assert [each.name for each in found] == ["images/plate/b10/a.tif", "more/b10/a.tif"]
    found = discover([tree / "b10", "s3://more/b10"], SUFFIXES)
    assert [Path(each.name).name for each in found] == ["a.tif", "a.tif"]
    assert len({each.name for each in found}) == 2


def test_an_object_whose_name_looks_like_a_glob_is_itself(tree, bucket):
    bucket.add("images/plate", tree)
    (found,) = discover(["s3://images/plate/f[1]/a.tif"], SUFFIXES)
    assert found.path == "s3://images/plate/f[1]/a.tif"


def test_the_index_of_a_plate_is_read_from_the_bucket(tmp_path, bucket):
    folder = tmp_path / "plate"
    folder.mkdir()
    (folder / "plate.HTD").write_text(
        '"HTSInfoFile", Version 1.0\n"XWells", 3\n"YWells", 1\n'
        '"WellsSelection1", TRUE, FALSE, TRUE\n'
        '"XSites", 1\n"YSites", 1\n"SiteSelection1", TRUE\n"NWavelengths", 1\n"WaveName1", "DAPI"\n'
    )
    (folder / "plate_A01.tif").write_bytes(b"x")
    bucket.add("images/plate", folder)
    local = discover([folder], SUFFIXES)
    found = discover(["s3://images/plate"], SUFFIXES)
    assert [(each.name, each.place, each.problem) for each in found] == [
        (each.name, each.place, each.problem) for each in local
    ]
    assert found[1].problem == "plate.HTD promises this image, and it is not there"


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_ome_zarr_plate_stands_for_its_fields(version, tmp_path, bucket):
    pytest.importorskip("zarr")
    stack = make_stack()[:1, :1, :1]
    write_zarr_plate(tmp_path / "all" / "p.ome.zarr", stack, version)
    bucket.add("images", tmp_path / "all")
    local = census(tmp_path / "all", settings=COUNT)
    remote = census("s3://images", settings=COUNT)
    assert list(remote.images["image"]) == list(local.images["image"])
    assert nuclei(remote) == nuclei(local)
    assert list(reasons(remote)) == list(reasons(local))
    (field,) = discover(["s3://images/p.ome.zarr/B/3/1"], SUFFIXES)
    assert np.array_equal(read(field.path, Plane(0, 0, 0, 0)), stack[0, 0, 0] + 1)


@pytest.mark.parametrize("told", ["self", "companion", "first"])
@pytest.mark.parametrize("split", ["cz", "t"])
def test_a_set_of_ome_tiff_files_is_one_field_as_in_a_folder(tmp_path, bucket, split, told):
    sizes = {"c": 2, "z": 2, "t": 2}
    planes = make_planes(sizes)
    first, *_ = write_set(tmp_path, planes, sizes, split=split, told=told, channels=("DAPI", "GFP"))
    bucket.add("images/set", tmp_path)
    (found,) = discover(["s3://images/set"], SUFFIXES)
    (local,) = discover([tmp_path], SUFFIXES)
    assert (found.name, found.size_bytes) == (local.name, local.size_bytes)
    for (c, z, t), expected in planes.items():
        image = read_image(found.path, Plane(channel=c, z=z, time=t))
        assert np.array_equal(image.pixels, expected)
        assert image.pixel_size == read_image(first, Plane(channel=c, z=z, time=t)).pixel_size
    (other,) = discover([f"s3://images/set/{sorted(tmp_path.glob('*.tif'))[-1].name}"], SUFFIXES)
    assert other.path == found.path
    settings = Settings(sigma=1, threshold=100)
    run = census("s3://images/set", settings=settings, plane=Plane(channel="GFP", z="max", time=1))
    assert (run.counts["images"], run.counts["found"]) == (1, 1)


def test_a_file_of_a_set_that_cannot_be_fetched_is_told_as_any_is(tmp_path, bucket):
    sizes = {"c": 1, "z": 2, "t": 1}
    first, second = write_set(tmp_path, make_planes(sizes), sizes, split="z")
    bucket.add("images", tmp_path)
    bucket.fault = fails_at(f"/images/{second.name}", 403, "AccessDenied")
    with pytest.raises((ReadError, AccessError), match="refused"):
        read(f"s3://images/{first.name}", Plane(z=1))
    bucket.fault = works
    del bucket.objects[f"/images/{second.name}"]
    with pytest.raises(ReadError, match="is not there"):
        read(f"s3://images/{first.name}", Plane(z=1))


def test_of_ome_tiff_files_that_are_no_set_only_one_is_looked_at(tmp_path, bucket):
    image = np.zeros((30, 40), np.uint16)
    for number in range(4):
        tifffile.imwrite(tmp_path / f"a{number}.ome.tif", image, metadata={"axes": "YX"})
    bucket.add("images", tmp_path)
    assert len(discover(["s3://images"], SUFFIXES)) == 4
    assert len(bucket.asked()) == 1
    assert not bucket.asked("HEAD")


def test_a_bucket_is_listed_once(plate, bucket):
    bucket.add("images/plate", plate)
    census("s3://images/plate", settings=COUNT)
    assert bucket.listings() == 2  # the first, of one page, finds out whether it may
    assert len(bucket.asked()) == 5
    assert not bucket.asked("HEAD")


def test_a_chunk_that_changed_in_a_bucket_is_seen(bucket):
    bucket.objects.update({"/images/a.zarr/zarr.json": b"{}", "/images/a.zarr/0/0": b"chunk"})
    before = size_and_time("s3://images/a.zarr")
    bucket.objects["/images/a.zarr/0/0"] = b"another chunk"
    assert size_and_time("s3://images/a.zarr") != before


def test_the_chunks_of_a_zarr_are_not_listed_to_their_end(bucket):
    for chunk in range(20_000):
        bucket.objects[f"/images/a.zarr/0/{chunk:05}"] = b""
    bucket.objects["/images/a.zarr/zarr.json"] = b"{}"
    bucket.objects["/images/b.tif"] = b"x"
    names = [each.name for each in discover(["s3://images"], SUFFIXES)]
    assert names == ["a.zarr", "b.tif"]
    assert bucket.listings() < 10
    assert len([each for each in list_below("s3://images") if each.name == "b.tif"]) == 1


# Read as from a disk, and no more than is needed.


def write_formats(folder):
    stack = make_stack()
    plane = stack[0, 0, 0]
    tifffile.imwrite(folder / "raw.tif", plane)
    tifffile.imwrite(folder / "big.btf", plane, bigtiff=True, byteorder=">")
    for name in ("lzw", "zlib", "zstd", "jpeg2000"):
        options = {"rowsperstrip": 8} if name != "jpeg2000" else {}
        tifffile.imwrite(folder / f"{name}.tif", plane, compression=name, **options)
    tifffile.imwrite(folder / "predicted.tif", plane, compression="lzw", predictor=True)
    tifffile.imwrite(folder / "tiled.tif", plane, tile=(16, 16), compression="lzw")
    tifffile.imwrite(folder / "stack.ome.tif", stack, metadata={"axes": "TCZYX"})
    tifffile.imwrite(folder / "imagej.tif", stack.transpose(0, 2, 1, 3, 4), imagej=True)
    import imagecodecs

    (folder / "image.png").write_bytes(imagecodecs.png_encode(plane))
    (folder / "image.jpg").write_bytes(imagecodecs.jpeg_encode((plane >> 4).astype(np.uint8)))
    write_lif(folder / "image.lif", stack)
    if_there = pytest.importorskip("zarr", reason="zarr is not installed") and write_ome_zarr
    if_there(folder / "v04.ome.zarr", stack, "0.4")
    if_there(folder / "v05.ome.zarr", stack, "0.5", shards=(1, 1, 3, 24, 32))


@pytest.mark.parametrize("whole_bytes", [16 << 20, 100], ids=["whole", "by ranges"])
@pytest.mark.parametrize("place", ["s3://images", "http", "memory://images"])
def test_every_format_reads_the_same_from_everywhere(
    place, whole_bytes, tmp_path, bucket, monkeypatch
):
    write_formats(tmp_path)
    bucket.add("images", tmp_path)
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", whole_bytes)
    if place == "http":
        place = f"{bucket.address}/images"
    if place.startswith("memory"):
        fsspec = pytest.importorskip("fsspec")
        files = fsspec.filesystem("memory")
        for name, content in bucket.objects.items():
            files.pipe(name, content)
    for path in sorted(tmp_path.iterdir()):
        if path.suffix == ".lif":
            pytest.importorskip("liffile")
        if path.suffix == ".zarr" and place.startswith("memory"):
            continue  # the store of fsspec in memory is not asynchronous
        for plane in (Plane(), Plane(0, 0, 0, 0), Plane(1, 1, 2, 1), Plane(0, 1, "max", 0)):
            assert outcome(f"{place}/{path.name}", plane) == outcome(path, plane), path


@pytest.mark.parametrize(
    "name",
    [
        "nd2/cluster.nd2",
        "czi/xyz__multiple_images.czi",
        "ome-tiff/TZ_nucleus.ome.tif",
    ],
)
def test_real_files_read_the_same_by_ranges(name, bucket, monkeypatch):
    path = SHARED / "data" / "formats" / name
    if not path.exists():
        pytest.skip("the real files are not beside the repository")
    pytest.importorskip({".nd2": "nd2", ".czi": "czifile"}.get(path.suffix, "tifffile"))
    bucket.objects[f"/images/{path.name}"] = path.read_bytes()
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 100)
    for plane in (Plane(), Plane(0, 0, 0, 0), Plane(1, 0, 1, 0), Plane(z=1, time=2)):
        assert outcome(f"s3://images/{path.name}", plane) == outcome(path, plane)


def outcome(path, plane):
    """Return what reading gives, or why it gives nothing."""
    try:
        image = read_image(path, plane)
    except ReadError as error:
        return str(error)
    return image.pixels.tobytes(), str(image.pixels.dtype), image.pixels.shape, image.pixel_size


def test_a_small_file_is_one_request(tmp_path, bucket):
    image = np.zeros((600, 500), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image)
    tifffile.imwrite(tmp_path / "b.tif", image, compression="lzw", rowsperstrip=16)
    bucket.add("images", tmp_path)
    for name in ("a.tif", "b.tif"):
        bucket.requests.clear()
        read(f"s3://images/{name}")
        assert bucket.asked() == [(f"/images/{name}", (tmp_path / name).stat().st_size)]
        assert not bucket.asked("HEAD")


def test_a_server_that_gives_no_ranges_is_asked_for_one_once(plate, server):
    server.add("images", plate)
    server.gives_ranges = False
    for site in (1, 2, 3):
        pixels = read(f"{server.address}/images/A01_s{site}.tif")
        assert np.array_equal(pixels, tifffile.imread(plate / f"A01_s{site}.tif"))
    assert len(server.asked()) == 4


@pytest.mark.parametrize("compression", [None, "lzw"])
def test_of_a_large_stack_only_the_page_is_read(compression, tmp_path, bucket, monkeypatch):
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 1 << 20)
    monkeypatch.setattr("nucensus.remote.file._BLOCK_BYTES", 4 << 10)
    monkeypatch.setattr("nucensus.remote.objects._START_BYTES", 4 << 10)
    pages = np.random.default_rng(0).integers(0, 60000, (24, 250, 250), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, compression=compression, metadata=None)
    bucket.add("images", tmp_path)
    assert np.array_equal(read("s3://images/a.tif", Plane(z=20)), pages[20])
    (_, first), *ranges = bucket.asked()
    assert first == 1 << 20  # a range, and let go of after its start
    # Every page has a directory, which says where the next one is: a block each.
    page = (tmp_path / "a.tif").stat().st_size / len(pages)
    assert sum(size for _, size in ranges) < 1.1 * page + (len(pages) + 2) * (4 << 10)


@pytest.mark.parametrize("tag", ['"2"', 'W/"2"'])
@pytest.mark.parametrize("heeds", [True, False], ids=["heeded", "ignored"])
def test_an_object_overwritten_between_two_requests_is_read_again_as_a_whole(
    heeds, tag, tmp_path, bucket, monkeypatch
):
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 1000)
    before, after = np.random.default_rng(0).integers(0, 60000, (2, 6, 300, 300), np.uint16)
    for name, pages in {"before.tif": before, "after.tif": after}.items():
        tifffile.imwrite(tmp_path / name, pages, metadata=None)
    key, bucket.heeds_conditions = "/images/a.tif", heeds
    bucket.objects[key], bucket.tags[key] = (tmp_path / "before.tif").read_bytes(), tag[:-2] + '1"'

    def overwrite(*_):
        if len(bucket.asked()) == 2:
            bucket.objects[key], bucket.tags[key] = (tmp_path / "after.tif").read_bytes(), tag

    bucket.fault = overwrite
    headers = []
    pixels = read_image("s3://images/a.tif", Plane(z=4), headers.append).pixels
    assert np.array_equal(pixels, after[4])
    assert len(headers) == 2  # looked at twice, and its memory taken once

    bucket.fault = lambda *_: bucket.tags.update({key: f'"{len(bucket.requests)}"'})
    with pytest.raises(ReadError, match="overwritten while it was read, again and again"):
        read("s3://images/a.tif", Plane(z=4))


@pytest.mark.parametrize("workers", [1, 2], ids=["here", "spread"])
def test_an_object_overwritten_while_its_parts_are_read_has_failed(workers, bucket, monkeypatch):
    """On a cluster each task opens the object anew, and finds a whole one, of either version."""
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 1000)
    monkeypatch.setattr("nucensus.batch.admission._WHOLE_BYTES", 0)
    monkeypatch.setattr("nucensus.detect.walk._SPREAD_PX", 1)
    monkeypatch.setattr("nucensus.detect.walk._LEAST_SIDE", 128)
    monkeypatch.setattr("nucensus.detect.walk._MOST_SIDE", 128)
    content, image = io.BytesIO(), np.tile(make_stack()[0, 0, 0], (16, 16))
    tifffile.imwrite(content, image, tile=(128, 128), compression="zlib", metadata=None)
    key, tasks = "/images/a.tif", []
    bucket.objects[key], bucket.tags[key] = content.getvalue(), '"1"'
    planned = PlannedImage(0, "s3://images/a.tif", Plane(), "")
    job = Job(Settings("maxima", sigma=2, min_distance=4, threshold=1), 10**9, 10**9)

    def in_turn(work, items, _):
        for number, item in enumerate(items):
            tasks.append(item)
            if len(tasks) == 3:
                bucket.tags[key] = '"2"'
            yield number, work(item)

    def overwrite(*_):
        if len(bucket.asked()) == 8:
            bucket.tags[key] = '"2"'

    if workers == 1:
        bucket.fault = overwrite
        failed = job.find(job.load(planned))
    else:
        there, far = job.elsewhere(10**9), Strategy("far", "elsewhere", in_turn, is_remote=True)
        first = iter([(0, there.find(there.load(planned)))])
        ((_, failed),) = with_large(first, FIND, there, far, workers, threading.Event())
    assert failed.stage == "read"
    assert re.search("was (over)?written while", failed.reason)


def test_memory_taken_for_an_object_that_changed_is_given_back(tmp_path, bucket, monkeypatch):
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 1000)
    image = np.zeros((600, 600), np.uint16)
    key = "/images/s0.tif"
    for index in range(3):
        tifffile.imwrite(tmp_path / f"s{index}.tif", image, metadata=None)
    bucket.add("images", tmp_path)

    def overwrite(_, path):
        if path == key and len([each for each, _ in bucket.asked() if each == key]) == 1:
            bucket.tags[key] = '"2"'

    bucket.fault = overwrite
    limits = Limits(max_memory_bytes=2 * image.nbytes - 1)  # room for one at a time
    done = census("s3://images", settings=COUNT, workers=2, limits=limits)
    assert done.counts["found"] == 3


def test_of_an_ome_zarr_only_the_chunks_of_the_plane_are_read(tmp_path, bucket):
    pytest.importorskip("zarr")
    write_ome_zarr(tmp_path / "a.ome.zarr", make_stack(), "0.4")
    bucket.add("images", tmp_path)
    read("s3://images/a.ome.zarr", Plane(0, 1, 2, 1))
    chunks = [path for path, _ in bucket.asked() if path.rpartition("/")[2].isdecimal()]
    assert len(chunks) == 12  # 3 x 4 of 8 x 8 pixels
    assert all(path.startswith("/images/a.ome.zarr/0/1/1/2/") for path in chunks)


def test_a_shard_overwritten_between_two_of_its_chunks_is_read_again(tmp_path, bucket):
    pytest.importorskip("zarr")
    before = make_stack()
    for name, stack in {"before": before, "after": before + 7}.items():
        write_ome_zarr(tmp_path / name / "a.ome.zarr", stack, "0.5", shards=(1, 1, 3, 24, 32))
    bucket.add("images", tmp_path / "before")
    shard = "/images/a.ome.zarr/0/c/0/1/0/0/0"
    after = (tmp_path / "after" / Path(shard).relative_to("/images")).read_bytes()

    def overwrite(method, _):
        if method == "GET" and sum(each == shard for each, _ in bucket.asked()) == 3:
            bucket.objects[shard], bucket.tags[shard] = after, '"2"'

    bucket.fault = overwrite
    found = read("s3://images/a.ome.zarr", Plane(0, 1, 2, 0))
    assert np.array_equal(found, before[0, 1, 2] + 7)


def test_a_request_that_fails_is_never_taken_for_the_end_of_the_file(tmp_path, bucket, monkeypatch):
    """tifffile goes on with fewer pages when it cannot read a directory."""
    pages = np.random.default_rng(0).integers(0, 60000, (40, 300, 300), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, metadata=None, compression="zlib")
    bucket.add("images", tmp_path)
    monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", 100)
    monkeypatch.setattr("nucensus.remote.file._BLOCK_BYTES", 512)
    count = 0

    def fail(*_):
        nonlocal count
        count += 1
        return (403, "AccessDenied") if count > 5 else None

    bucket.fault = fail
    with pytest.raises(ReadError, match="access to the object is refused"):
        read("s3://images/a.tif", Plane(z=3))


def test_formats_without_a_reader_for_objects_say_so(bucket):
    bucket.objects["/images/a.oir"] = b"x"
    with pytest.raises(ReadError, match="read from folders only"):
        read("s3://images/a.oir")


def test_what_is_wrong_with_an_object_is_said_as_of_a_file(tmp_path, bucket):
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("hello " * 20)
    (tmp_path / "really.tif").write_bytes(b"\x89PNG" + bytes(200))
    bucket.add("images", tmp_path)
    for path in [*tmp_path.iterdir(), tmp_path / "missing.tif"]:
        assert outcome(f"s3://images/{path.name}", Plane()) == outcome(path, Plane())


# Counted as from a disk.


@pytest.mark.parametrize("strategy", ["pool-disk", "pool-fork", "threads", "isolated"])
def test_a_plate_gives_the_points_of_the_same_files_on_a_disk(strategy, plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    census(plate, tmp_path / "a", COUNT)
    options = ("--strategy", strategy, "--workers", "2")
    done = detect_apart(["s3://images/plate"], tmp_path / "b", *options)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "a") == tables(tmp_path / "b")


class Crowd:
    """Answers that come late, and from a moment on only when so many are waited for at once."""

    def __init__(self, wanted):
        self._wanted, self._here, self._changed = wanted, 0, threading.Condition()
        self.most, self.is_held = 0, False

    def wait(self, *_):
        """Be one of them, in the thread that answers."""
        with self._changed:
            self._here += 1
            self.most = max(self.most, self._here)
            self._changed.notify_all()
        time.sleep(0.1)
        with self._changed:
            if self.is_held:
                self._changed.wait_for(lambda: self.most >= self._wanted, PATIENCE_S)
            self._here -= 1

    def hold(self, _):
        self.is_held = True


@pytest.mark.parametrize("workers", [1, 2])
def test_what_waits_for_the_network_is_asked_for_ahead(workers, plate, bucket):
    content = next(plate.iterdir()).read_bytes()
    bucket.objects |= {f"/images/s{index}.tif": content for index in range(60)}
    crowd = Crowd(workers + 3)
    bucket.fault = crowd.wait
    done = census("s3://images", settings=COUNT, workers=workers, on_choice=crowd.hold)
    assert done.counts["found"] == 60
    assert done.facts["strategy"]["name"] == "threads"
    assert done.facts["strategy"]["ahead"] > 0
    assert workers + 2 < crowd.most <= workers + 32


def test_a_run_is_carried_on_and_only_what_changed_is_read_again(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    census("s3://images/plate", tmp_path, COUNT)
    bucket.requests.clear()
    bucket.objects["/images/plate/A01_s2.tif"] += b" "
    bucket.objects["/images/plate/A01_s11.tif"] = bucket.objects["/images/plate/A01_s1.tif"]
    done = census("s3://images/plate", tmp_path, COUNT)
    assert sorted(path for path, _ in bucket.asked()) == [
        "/images/plate/A01_s11.tif", "/images/plate/A01_s2.tif",
    ]  # fmt: skip
    assert done.counts["found"] == 6


def test_the_images_learned_from_are_asked_for_once(plate, bucket):
    bucket.add("images/plate", plate)
    here, done = census(plate), census("s3://images/plate")
    assert len(done.sample()) == 5
    assert sorted(path for path, _ in bucket.asked()) == [
        path for path in sorted(bucket.objects) if path.startswith("/images/plate/")
    ]
    assert nuclei(done) == nuclei(here)


def test_content_can_be_checked(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    census("s3://images/plate", tmp_path, COUNT, check_content=True)
    same_size = bytearray(bucket.objects["/images/plate/A01_s2.tif"])
    same_size[-1] ^= 1
    bucket.objects["/images/plate/A01_s2.tif"] = bytes(same_size)
    done = []
    census("s3://images/plate", tmp_path, COUNT, check_content=True, on_outcome=done.append)
    assert len(done) == 1


def test_a_manifest_of_addresses_asks_for_nothing_but_the_images(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    rows = [{"path": f"s3://images/plate/A01_s{site}.tif", "dose": site} for site in (1, 2)]
    rows.append({"path": f"{bucket.address}/images/plate/A01_s3.tif", "dose": 3})
    rows.append({"path": "s3://images/plate/gone.tif", "dose": 4})
    write_manifest(tmp_path / "list.csv", rows)
    done = census([], settings=COUNT, manifest=tmp_path / "list.csv")
    assert (done.counts["found"], done.counts["failed"]) == (3, 1)
    assert not bucket.listings()
    assert not bucket.asked("HEAD")
    assert list(done.images["image"]) == [row["path"] for row in rows]
    written = export_run(done, "geojson", tmp_path / "out")
    assert (written[0] / "s3" / "images" / "plate" / "A01_s1.tif.geojson").exists()


def test_a_manifest_may_lie_in_the_bucket_itself(plate, bucket, tmp_path):
    write_manifest(plate / "list.csv", [{"path": "A01_s1.tif"}, {"path": "A01_s2.tif"}])
    bucket.add("images/plate", plate)
    done = census([], settings=COUNT, manifest="s3://images/plate/list.csv", out=tmp_path / "run")
    assert done.counts["found"] == 2
    again = []
    census([], settings=COUNT, manifest="s3://images/plate/list.csv", out=tmp_path / "run",
           on_outcome=again.append)  # fmt: skip
    assert not again


def test_a_plate_in_another_file_system_is_counted(plate):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    for path in plate.iterdir():
        files.pipe(f"/lab/plate/{path.name}", path.read_bytes())
    local, remote = census(plate, settings=COUNT), census("memory://lab/plate", settings=COUNT)
    assert nuclei(local) == nuclei(remote)
    with pytest.raises(InputError, match="of a kind that obstore or fsspec knows"):
        census("nonsense://lab/plate", settings=COUNT)


# What goes wrong.


def test_an_overloaded_server_is_asked_again(plate, bucket):
    bucket.add("images/plate", plate)
    met = {}

    def fault(method, path):
        met[path] = met.get(path, 0) + 1
        return (503, "SlowDown") if method == "GET" and met[path] < 3 else None

    bucket.fault = fault
    done = census("s3://images/plate", settings=COUNT)
    assert done.counts["found"] == 5


def test_an_object_that_vanished_is_one_failed_row(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    gone = "/images/plate/A01_s2.tif"
    bucket.fault = fails_at(gone, 404, "NoSuchKey")
    done = census("s3://images/plate", tmp_path, COUNT)
    assert done.counts["found"] == 4
    assert reasons(done)["A01_s2.tif"].startswith("the file does not exist")
    bucket.fault = works
    assert run("retry", tmp_path).returncode == 0
    assert set(statuses(tmp_path).values()) == {"found"}


def test_an_object_that_may_not_be_read_is_one_failed_row(plate, bucket):
    bucket.add("images/plate", plate)
    denied = "/images/plate/A01_s2.tif"
    bucket.fault = fails_at(denied, 403, "AccessDenied")
    done = census("s3://images/plate", settings=COUNT)
    assert list(reasons(done)) == ["A01_s2.tif"]
    assert "403 AccessDenied" in reasons(done)["A01_s2.tif"]


@pytest.mark.parametrize("strategy", ["threads", "isolated"])
def test_keys_that_expire_end_the_command_and_the_run_is_carried_on(
    strategy, plate, bucket, tmp_path
):
    bucket.add("images/plate", plate)
    late = "/images/plate/A01_s10.tif"
    bucket.fault = fails_at(late, 403, "ExpiredToken")
    options = "--strategy", strategy, "--workers", "1", "--quiet"
    done = detect_apart(["s3://images/plate"], tmp_path, *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: access to 's3://images' is refused (403 ExpiredToken)")
    assert done.stderr.count("\n") == 1
    assert not query(tmp_path, "SELECT * FROM journal WHERE status = 'failed'")
    bucket.fault = works
    assert detect_apart(["s3://images/plate"], tmp_path, "--strategy", strategy).returncode == 0
    assert set(statuses(tmp_path).values()) == {"found"}


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (403, "InvalidAccessKeyId", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (403, "AccessDenied", "AWS_SKIP_SIGNATURE=true"),
        (404, "NoSuchBucket", "there is no bucket 's3://images'"),
        (301, "PermanentRedirect", "set AWS_REGION="),
        (400, "AuthorizationHeaderMalformed", "is in another region"),
        (401, "Unauthorized", "is refused (401 Unauthorized)"),
    ],
)
def test_a_bucket_that_cannot_be_used_ends_the_command_at_once(
    status, code, said, bucket, tmp_path
):
    bucket.fault = fails_at("", status, code)
    with pytest.raises(AccessError) as refused:
        census("s3://images/plate", tmp_path / "run", COUNT)
    assert said in str(refused.value)
    if code != "AccessDenied":
        with pytest.raises(AccessError) as refused:
            census("s3://images/a.tif", tmp_path / "run", COUNT)
        assert said in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_single_object_that_may_not_be_read_is_said_to_be_refused(bucket):
    bucket.fault = fails_at("", 403, "AccessDenied")
    with pytest.raises(ReadError, match=r"access to the object is refused \(403 AccessDenied\)"):
        census("s3://images/a.tif", settings=COUNT)


def test_servers_that_do_not_answer_are_told_apart(bucket, monkeypatch):
    port = bucket.address.rpartition(":")[2]
    for endpoint, said in {
        "http://127.0.0.1:9": "the connection is refused",
        "http://nowhere.invalid": "there is no host of that name",
        f"https://127.0.0.1:{port}": "it does not speak TLS",
    }.items():
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(AccessError, match=said):
            census("s3://images/plate", settings=COUNT)


def certificate(folder, *, names=("127.0.0.1",), days=9):
    """Return the path of a key and a certificate that it signed itself."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    hosts = [x509.IPAddress(ipaddress.ip_address(each)) for each in names]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=99))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.TraditionalOpenSSL
    encoded = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    path = folder / "certificate.pem"
    path.write_bytes(encoded + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({}, "nobody whom this machine trusts signed its TLS certificate"),
        ({"days": -9}, "its TLS certificate has expired"),
        ({"names": ["127.0.0.2"]}, "its TLS certificate is that of another host"),
    ],
    ids=["unknown", "expired", "another host"],
)
def test_what_is_wrong_with_a_certificate_is_said(made, said, server, plate, tmp_path, monkeypatch):
    pem = certificate(tmp_path, **made)
    server.add("images", plate)
    address = f"{server.speak_tls(pem)}/images/A01_s1.tif"
    if made:  # it would be trusted
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with pytest.raises(AccessError, match=said):
        discover([address], SUFFIXES)
    few = 5 * server.connections  # one may end before the certificate was seen
    with pytest.raises(AccessError, match=said):
        read(address)
    assert server.connections < few  # it is not asked for a minute
    if not made:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        done = detect_apart([address], tmp_path / "run")
        assert done.returncode == 0, done.stderr


def test_web_servers_list_no_folders(bucket):
    with pytest.raises(InputError, match="write them into a --manifest"):
        discover([f"{bucket.address}/plate/"], SUFFIXES)


def test_a_key_that_no_object_can_have_is_one_failed_row(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    rows = [{"path": "s3://images/plate//A01_s2.tif"}, {"path": "s3://images/plate/A01_s1.tif"}]
    write_manifest(tmp_path / "list.csv", rows)
    done = census([], settings=COUNT, manifest=tmp_path / "list.csv")
    assert done.counts["found"] == 1
    assert "does not name an object" in reasons(done)["s3://images/plate//A01_s2.tif"]


def test_an_account_that_is_missing_is_said_to_be(tmp_path):
    done = detect(["az://container/plate"], tmp_path, "--quiet")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "AZURE_STORAGE_ACCOUNT_NAME" in done.stderr


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)
    with pytest.raises(ImportError, match=r"install .*'obstore>="):
        read("s3://a-bucket-that-nobody-opened/a.tif")


# What goes to a bucket.


def test_exports_go_to_a_bucket(plate, bucket, tmp_path):
    done = census(plate, tmp_path / "run", COUNT)
    for to in ("csv", "geojson", "wells"):
        here = export_run(done, to, tmp_path / to)
        there = export_run(done, to, f"s3://images/out/{to}/")
        assert [str(each).removeprefix("s3://images/out") for each in there] == [
            str(each).removeprefix(str(tmp_path)) for each in here
        ]
        for path in (tmp_path / to).rglob("*"):
            if path.is_file() and path.name != "provenance.json":
                name = f"/images/out/{path.relative_to(tmp_path).as_posix()}"
                assert undated(bucket.objects[name]) == undated(path.read_bytes())
    assert bucket.asked("PUT")[-1][0].endswith("provenance.json")


def undated(content):
    return re.sub(rb'"written": "[^"]*"', b"", content)


def test_a_finished_run_goes_to_a_bucket_and_comes_back(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    assert detect(["s3://images/plate"], tmp_path / "run").returncode == 0
    done = run("export", tmp_path / "run", "--to", "run", "-o", "s3://images/runs/one/")
    assert done.returncode == 0, done.stderr
    back = tmp_path / "back"
    back.mkdir()
    for name in ("run.sqlite", "nuclei.csv", "images.csv", "provenance.json"):
        (back / name).write_bytes(bucket.objects[f"/images/runs/one/{name}"])
    assert tables(back) == tables(tmp_path / "run")
    with Run(back) as copy, Run(tmp_path / "run") as original:
        assert nuclei(copy) == nuclei(original)
        assert copy.facts == original.facts
    again = detect(["s3://images/plate"], back)
    assert "Done now: 0" in again.stdout


def test_a_copy_of_a_run_never_replaces_a_run(plate, tmp_path):
    done = census(plate, tmp_path / "run", COUNT)
    with pytest.raises(InputError, match="holds a run already"):
        export_run(done, "run", tmp_path / "run")
    export_run(done, "run", tmp_path / "copy")
    assert nuclei(Run(tmp_path / "copy")) == nuclei(done)


def test_an_upload_that_fails_leaves_nothing_that_looks_whole(plate, bucket, tmp_path):
    census(plate, tmp_path / "run", COUNT)
    before = {"/images/out/nuclei.csv": b"as it was"}
    bucket.objects = dict(before)
    bucket.fault = lambda method, _: (403, "AccessDenied") if method == "PUT" else None
    done = run("export", tmp_path / "run", "--to", "csv", "-o", "s3://images/out/")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "access to 's3://images' is refused (403 AccessDenied)" in done.stderr
    assert bucket.objects == before


def test_the_report_goes_to_a_bucket(plate, bucket, tmp_path):
    census(plate, tmp_path / "run", COUNT)
    done = run("report", tmp_path / "run", "-o", "s3://images/report.html")
    assert "Written: s3://images/report.html" in done.stdout
    assert bucket.objects["/images/report.html"].startswith(b"<!doctype html>")


def test_a_run_is_written_to_a_folder_or_a_bucket(plate):
    with pytest.raises(InputError, match="expected a folder, or an address in a bucket"):
        census(plate, "https://example.org/run", COUNT)
    with pytest.raises(InputError, match="expected a folder, or an address in a bucket"):
        export_run(census(plate, settings=COUNT), "csv", "https://example.org/tables")


# Secrets.


def everything_below(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "address",
    [
        "s3://images/a.tif?X-Amz-Signature=SeCrEt",
        "https://user:SeCrEt@127.0.0.1/a.tif",
        "https://SeCrEt@127.0.0.1/a.tif?SeCrEt",
        "ftp://user:SeCrEt@127.0.0.1/plate",
    ],
)
def test_an_address_with_a_secret_is_refused_and_never_repeated(address, plate, tmp_path):
    """In Python for each way to name it; the message is all that could repeat it."""
    write_manifest(plate / "list.csv", [{"path": "A01_s1.tif"}, {"path": f'"{address}"'}])
    for inputs, options in (
        ([address], {}),
        ([plate, address], {}),
        ([], {"manifest": plate / "list.csv"}),
        ([], {"manifest": address}),
        ([plate], {"metadata": address}),
    ):
        with pytest.raises(InputError, match="credentials in the environment") as refused:
            census(inputs, tmp_path / "run", COUNT, **options)
        assert "SeCrEt" not in str(refused.value)
        assert b"SeCrEt" not in everything_below(tmp_path / "run")


def test_the_command_refuses_an_address_with_a_secret_and_never_repeats_it(plate, tmp_path):
    address = "s3://images/a.tif?X-Amz-Credential=me&X-Amz-Signature=SeCrEt"
    write_manifest(plate / "list.csv", [{"path": "A01_s1.tif"}, {"path": f'"{address}"'}])
    for inputs in ([address], ["--manifest", plate / "list.csv"]):
        done = run("--traceback", "detect", *inputs, "-o", tmp_path / "run", *SETTINGS)
        assert done.returncode == 2
        assert "SeCrEt" not in done.stdout + done.stderr
        assert b"SeCrEt" not in everything_below(tmp_path / "run")


SIGNED = "X-Amz-Credential=me%2Faws4&X-Amz-Signature=SeCrEt%2B/a.tif"


@pytest.fixture
def signed(plate, server):
    """A plate on a web server that wants a signature, and the function that signs an address."""
    server.add("images/my plate", plate)
    server.objects["/images/my plate/broken one.tif"] = b"II*\0 is no image"
    server.query = SIGNED
    return lambda name: f"{server.address}/images/my%20plate/{name}?{SIGNED}"


def test_presigned_addresses_are_counted_and_no_output_holds_their_queries(
    signed, server, tmp_path
):
    names = ("A01_s1.tif", "A01_s2.tif", "A01_s3.tif", "broken%20one.tif", "gone.tif")
    write_manifest(tmp_path / "list.csv", [{"path": f'"{signed(name)}"'} for name in names])
    server.objects["/images/my plate/list.csv"] = (tmp_path / "list.csv").read_bytes()
    (tmp_path / "list.csv").unlink()
    out = tmp_path / "run"
    options = ("-o", out, "--report", "--explain")
    inputs = (signed("A01_s10.tif"), "--manifest", signed("list.csv"))
    commands = (("detect", *inputs, *options), ("scan", *inputs, "--json"), ("retry", out),
                ("export", out, "--to", "geojson"), ("wells", out, "--json"),
                ("evaluate", out, signed("truth.csv")))  # fmt: skip
    said = [run("--traceback", *each) for each in commands]
    assert said[0].returncode == 3, said[0].stderr
    assert [each for each, status in statuses(out).items() if status == "found"] == [
        "A01_s10.tif",
        *(f"{server.address}/images/my plate/{name}" for name in names[:3]),
    ]
    assert "Failed: 'http" in said[0].stderr
    assert "broken one.tif' (read)" in said[0].stderr
    for command, done in zip(commands, said, strict=True):
        assert "SeCrEt" not in done.stdout + done.stderr, command
    assert b"SeCrEt" not in everything_below(tmp_path)


def test_a_signature_that_holds_for_all_below_it_reads_an_ome_zarr(server, tmp_path):
    pytest.importorskip("zarr")
    write_ome_zarr(tmp_path / "my #1.ome.zarr", make_stack(), "0.5")
    server.add("images", tmp_path)
    server.query = SIGNED
    address = f"{server.address}/images/my%20%231.ome.zarr"
    assert np.array_equal(read(f"{address}?{SIGNED}", Plane(0, 1, 2, 0)), make_stack()[0, 1, 2])
    assert size_and_time(address)[0] > 0
    with pytest.raises(ReadError, match="of an OME-Zarr, one that holds for all below it"):
        read(f"{address}?X-Amz-Signature=of-one-object", Plane(0, 1, 2, 0))


def test_worker_processes_are_told_the_signature(signed):
    done = census([signed("A01_s1.tif"), signed("A01_s2.tif")], settings=COUNT, strategy="isolated")
    assert done.counts["found"] == 2


def test_another_signature_carries_a_run_on(signed, server, plate, tmp_path):
    assert detect([signed("A01_s1.tif")], tmp_path).returncode == 0
    server.query = "X-Amz-Signature=another"
    again = detect([signed("A01_s1.tif").replace(SIGNED, server.query)], tmp_path)
    assert "Done now: 0" in again.stdout, again.stderr
    expected = tifffile.imread(plate / "A01_s1.tif")
    address = signed("A01_s1.tif").replace(SIGNED, server.query)
    assert np.array_equal(read(address), expected)
    (total,) = process_images([address], np.sum, strategy="pool-disk")
    assert total == expected.sum()


def test_files_that_only_a_query_tells_apart_are_refused(signed):
    address = signed("A01_s1.tif").partition("?")[0]
    with pytest.raises(InputError, match="given twice, with two queries"):
        discover([f"{address}?id=1", f"{address}?id=2"], SUFFIXES)


def test_names_from_web_servers_are_read_as_people_write_them(server, plate):
    server.add("images/my plate #1", plate)
    address = f"{server.address}/images/my%20plate%20%231"
    found = discover([f"{address}/A01%5Fs1.tif", f"{address}/A01_s2.tif"], SUFFIXES)
    assert [each.name for each in found] == ["A01_s1.tif", "A01_s2.tif"]
    assert [(each.place.well, each.place.site) for each in found] == [("A01", "1"), ("A01", "2")]
    assert read(found[0].path).shape == (160, 200)


def test_no_output_holds_a_key(plate, bucket, tmp_path):
    bucket.add("images/plate", plate)
    denied = "/images/plate/A01_s2.tif"
    bucket.fault = fails_at(denied, 403, "AccessDenied")
    out = tmp_path / "run"
    done = run("--traceback", "detect", "s3://images/plate", "-o", out, *SETTINGS, "--report",
               "--explain")  # fmt: skip
    assert done.returncode == 3
    with Run(out) as finished:
        for to in ("csv", "geojson", "napari", "wells"):
            export_run(finished, to, tmp_path / to)
    bucket.fault = fails_at("", 403, "InvalidAccessKeyId")
    refused = run("--traceback", "detect", "s3://images/plate", "-o", tmp_path / "b", *SETTINGS)
    said = (done.stdout + done.stderr + refused.stdout + refused.stderr).encode()
    for secret in (KEY, SECRET):
        assert secret.encode() not in said + everything_below(tmp_path)
    document = json.loads((out / "provenance.json").read_text())
    assert document["inputs"]["files"][0]["path"] == "s3://images/plate/A01_s1.tif"


def test_what_is_no_secret_of_an_address_stays():
    assert without_credentials("see s3://bucket/a b.tif") == "see s3://bucket/a b.tif"
    assert without_credentials("https://me:pw@host/a?sig=x") == "https://host/a"
    azure = "abfss://container@account.dfs.core.windows.net/a.tif"
    assert without_credentials(azure) == azure


def test_a_remote_file_reads_anywhere_as_a_file_does(bucket, monkeypatch, tmp_path):
    content = np.random.default_rng(0).bytes(5000)
    bucket.objects["/images/a.bin"] = content
    (tmp_path / "a.bin").write_bytes(content)
    for whole, block in ((10_000, 100), (1, 100), (1, 7000)):
        monkeypatch.setattr("nucensus.remote.file.WHOLE_BYTES", whole)
        monkeypatch.setattr("nucensus.remote.file._BLOCK_BYTES", block)
        rng = np.random.default_rng(1)
        with open(tmp_path / "a.bin", "rb") as local, open_remote("s3://images/a.bin") as remote:
            for _ in range(200):
                offset, size = int(rng.integers(-20, 5200)), int(rng.integers(-1, 400))
                whence = int(rng.integers(0, 3))
                position = max(0, (0, local.tell(), 5000)[whence] + offset)
                local.seek(position)
                remote.seek(position if whence == 0 else offset, whence) if position else (
                    remote.seek(0)
                )
                assert remote.tell() == local.tell()
                assert remote.read(size) == local.read(size)


def test_keys_of_an_environment_that_changed_are_used_at_once(plate, bucket, monkeypatch):
    bucket.add("images/plate", plate)
    discover(["s3://images/plate"], SUFFIXES)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AccessError, match="connection is refused"):
        discover(["s3://images/plate"], SUFFIXES)
