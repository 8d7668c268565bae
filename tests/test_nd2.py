"""Every frame of an ND2 file is the one that was asked for, or it is said to be missing."""

import numpy as np
import pytest
from formats import write_nd2
from reading_contract import check_reading

from nucensus import Settings, census, find_nuclei
from nucensus.detect import find_nuclei_in_parts
from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import open_in_parts, open_scenes, read
from nucensus.values import Plane
from nucensus.values.parts import Area
from nucensus.values.synthetic import make_field

nd2 = pytest.importorskip("nd2")

RNG = np.random.default_rng(3)


def draw(*shape, dtype="u2"):
    return RNG.integers(1, 250, shape).astype(dtype)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_every_plane_is_the_one_that_nd2_reads(tmp_path, dtype, packed):
    frames = draw(2, 3, 2, 9, 14, 1, dtype=dtype)
    write_nd2(tmp_path / "a.nd2", frames, ("time", "z"), channels=("DAPI", "GFP"), packed=packed)
    whole = nd2.imread(tmp_path / "a.nd2")
    np.testing.assert_array_equal(whole, frames[..., 0])
    planes = [
        (Plane(channel=c, z=z, time=t), whole[t, z, c]) for t, z, c in np.ndindex(whole.shape[:3])
    ]
    check_reading(tmp_path / "a.nd2", planes, cuts=(0.5, 0.98))


@pytest.mark.parametrize(
    "loops", [("time", "z"), ("z", "time"), ("position", "z"), ("custom", "z")]
)
def test_loops_of_length_1_are_read(tmp_path, loops):
    frames = draw(1, 3, 1, 9, 14, 1)
    write_nd2(tmp_path / "a.nd2", frames, loops)
    axis = "z" if loops[1] == "z" else "time"
    for n in range(3):
        found = read(tmp_path / "a.nd2", Plane(**{axis: n}))
        np.testing.assert_array_equal(found, frames[0, n, 0, ..., 0])
    write_nd2(tmp_path / "b.nd2", frames[:, :1], loops)
    np.testing.assert_array_equal(read(tmp_path / "b.nd2"), frames[0, 0, 0, ..., 0])


def test_turns_of_a_custom_loop_are_scenes_by_name(tmp_path):
    frames = draw(2, 3, 2, 1, 9, 14, 1)
    write_nd2(tmp_path / "a.nd2", frames, ("position", "custom", "z"))
    with pytest.raises(
        NotAPlaneError, match=r"5 \(position 1, loop 2 9 x 14\); choose with --scene"
    ):
        read(tmp_path / "a.nd2", Plane(z=0))
    for p, n, z in np.ndindex(2, 3, 2):
        found = read(tmp_path / "a.nd2", Plane(f"position {p}, loop {n}", z=z))
        np.testing.assert_array_equal(found, frames[p, n, z, 0, ..., 0])


def test_two_loops_of_one_kind_are_two_axes(tmp_path):
    frames = draw(2, 3, 1, 9, 14, 1)
    write_nd2(tmp_path / "a.nd2", frames, ("custom", "custom"))
    for outer, inner in np.ndindex(2, 3):
        found = read(tmp_path / "a.nd2", Plane(f"loop {outer}, inner loop {inner}"))
        np.testing.assert_array_equal(found, frames[outer, inner, 0, ..., 0])


@pytest.mark.parametrize("packed", [False, True])
def test_a_dropped_frame_is_a_failed_row_not_an_empty_image(tmp_path, packed):
    frames = draw(4, 1, 9, 14, 1)
    write_nd2(tmp_path / "a.nd2", frames, ("z",), dropped=(2,), packed=packed)
    for z in (0, 1, 3):
        found = read(tmp_path / "a.nd2", Plane(z=z))
        np.testing.assert_array_equal(found, frames[z, 0, ..., 0])
    for z in (2, "max", "volume"):
        with pytest.raises(ReadError, match=r"no pixels for this plane.*dropped"):
            read(tmp_path / "a.nd2", Plane(z=z))
    run = census(tmp_path / "a.nd2", plane=Plane(z="each"))
    assert [row["image"] for row in run.failures] == ["a.nd2[z=2]"]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_large_frame_is_read_by_its_rows(tmp_path, channels, monkeypatch):
    monkeypatch.setattr("nucensus.batch.admission._WHOLE_BYTES", 0)
    image = make_field(1, shape=(300, 400), nuclei=60, radius_px=6).image
    frames = np.stack([image + n for n in range(channels)] * 2).reshape(2, channels, 300, 400, 1)
    write_nd2(tmp_path / "a.nd2", frames, ("z",), channels=("A", "B", "C")[:channels])
    plane = Plane(channel=channels - 1, z=1)
    with open_in_parts(tmp_path / "a.nd2", plane) as divided:
        parts = divided.parts
        read = parts.read(Area(7, 50, 0, 400))
        numbers = Settings("maxima", sigma=2, min_distance=4, threshold=300)
        found = find_nuclei_in_parts(parts, numbers, threads=2, part=(32, 400))
    np.testing.assert_array_equal(read, image[7:50] + channels - 1)
    assert found == find_nuclei(image + channels - 1, numbers)
    run = census(tmp_path / "a.nd2", tmp_path / "run", plane=plane, settings=numbers)
    assert run.facts["strategy"]["in_parts"]["images"] == 1
    assert run.counts["nuclei"] == len(found) > 10


@pytest.mark.parametrize("packed", [False, True])
def test_a_frame_that_does_not_lie_in_the_file_as_rows_is_read_whole(tmp_path, packed):
    options = {"packed": packed, "dropped": () if packed else (0,)}
    write_nd2(tmp_path / "a.nd2", draw(2, 1, 90, 140, 1), ("z",), **options)
    with open_scenes(tmp_path / "a.nd2") as (scene,):
        assert scene.divide({"c": 0, "z": 0}) is None


def test_frames_of_loops_that_are_not_known_are_scenes_not_the_first_alone(tmp_path):
    frames = draw(6, 1, 9, 14, 1)
    write_nd2(tmp_path / "a.nd2", frames)
    with pytest.raises(NotAPlaneError, match=r"5 \(position 0, frame 5 9 x 14\)"):
        read(tmp_path / "a.nd2")
    for number in range(6):
        found = read(tmp_path / "a.nd2", Plane(f"frame {number}"))
        np.testing.assert_array_equal(found, frames[number, 0, ..., 0])


def test_a_frame_that_is_black_is_a_frame(tmp_path):
    write_nd2(tmp_path / "a.nd2", np.zeros((2, 1, 9, 14, 1), "u2"), ("z",))
    assert not read(tmp_path / "a.nd2", Plane(z=1)).any()


def test_channels_and_colours_are_two_axes(tmp_path):
    frames = draw(2, 9, 14, 3, dtype="u1")
    write_nd2(tmp_path / "a.nd2", frames, channels=("A", "B"))
    for c, s in np.ndindex(2, 3):
        name = f"{'AB'[c]} {('red', 'green', 'blue')[s]}"
        np.testing.assert_array_equal(
            read(tmp_path / "a.nd2", Plane(channel=name)), frames[c, ..., s]
        )
