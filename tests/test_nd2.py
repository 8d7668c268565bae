"""Every frame of an ND2 file is the one that was asked for, or it is said to be missing."""

import numpy as np
import pytest
from formats import write_nd2
from reading_contract import check_reading

from nucensus import census
from nucensus.errors import NotAPlaneError, ReadError
from nucensus.read import read
from nucensus.values import Plane

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
