"""The tuner serves its own page and nobody else; its words do what they say."""

import http.client
import json
import shlex
import subprocess
import sys
import time
import urllib.parse

import imagecodecs
import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from runs import write_fields

import nucensus
from nucensus import Settings
from nucensus.cli.detect import command as detect_command
from nucensus.cli.selection import selection_of
from nucensus.cli.tune import command as tune_command
from nucensus.detect import find_nuclei
from nucensus.errors import InputError, MissingPackageError, NotAPlaneError
from nucensus.text.page import STYLE
from nucensus.tune import Session, serve
from nucensus.tune.choices import choices_of_files
from nucensus.tune.server import serve_app
from nucensus.tune.session import make_picture
from nucensus.values import ImageRef, Plane, Selection
from nucensus.values.synthetic import make_field


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fields")
    write_fields(folder, count=2)
    return folder


@pytest.fixture(scope="module")
def address(folder):
    command = [sys.executable, "-m", "nucensus", "tune", str(folder), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield urllib.parse.urlsplit(process.stdout.readline().strip())
        process.terminate()


def get(address, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", address.port)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_ctrl_c_is_no_error_where_it_is_how_a_page_is_ended():
    def press_ctrl_c(address):
        raise KeyboardInterrupt(address)

    serve_app(lambda _: None, command="tune", port=0, on_ready=press_ctrl_c)


def test_the_address_is_this_machine_with_a_random_token(address):
    assert address.hostname == "127.0.0.1"
    assert len(address.path) > 30


def test_the_page_comes_with_a_policy_that_loads_nothing_from_elsewhere(address):
    answer, body = get(address, address.path)
    assert answer.status == 200
    assert b"nucensus tune" in body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_the_page_looks_as_all_pages_do(address):
    body = get(address, address.path)[1]
    assert body.index(b"page.css") < body.index(b"tune.css")
    assert get(address, f"{address.path}page.css")[1] == STYLE.read_bytes()


@pytest.mark.parametrize("path", ["/", "/describe", "/wrong/describe", "//", "/%00/"])
def test_without_the_token_nothing_is_served(address, path):
    answer, body = get(address, path)
    assert answer.status == 403
    assert b"open the address that nucensus tune printed" in body


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "0.0.0.0:1"])
def test_another_host_is_refused(address, host):
    assert get(address, address.path + "describe", Host=host)[0].status == 403


@pytest.mark.parametrize("origin", ["http://example.org", "null", "https://127.0.0.1", "file://"])
def test_another_origin_is_refused(address, origin):
    assert get(address, address.path + "describe", Origin=origin)[0].status == 403


def test_its_own_origin_is_served(address):
    origin = f"http://127.0.0.1:{address.port}"
    assert get(address, address.path + "describe", Origin=origin)[0].status == 200


def _nuclei(address, settings, index=0):
    query = urllib.parse.quote(json.dumps(settings))
    return get(address, f"{address.path}nuclei/{index}?settings={query}")


def test_the_nuclei_are_those_the_detector_finds(address, folder):
    settings = Settings(sigma=3, threshold=500)
    answer, body = _nuclei(address, settings.as_dict())
    centres = find_nuclei(tifffile.imread(folder / "field_00.tif"), settings)
    found = np.frombuffer(body, np.float32).reshape(-1, 4)
    assert answer.status == 200
    np.testing.assert_array_equal(found[:, 1::-1], centres.points)
    assert np.isnan(found[:, 3]).all()


def test_the_page_learns_how_likely_each_is_a_nucleus(address):
    _, body = _nuclei(address, {"detector": "auto"})
    confidences = np.frombuffer(body, np.float32).reshape(-1, 4)[:, 3]
    assert ((confidences > 0) & (confidences <= 1)).all()


def test_the_outlines_are_those_of_the_nuclei(address):
    query = urllib.parse.quote(json.dumps({"detector": "auto"}))
    answer, body = get(address, f"{address.path}outlines/0?settings={query}")
    assert answer.status == 200
    numbers, rings = np.frombuffer(body, "<i4").tolist(), []
    while numbers:
        end = 1 + 2 * numbers[0]
        rings.append(np.reshape(numbers[1:end], (-1, 2)))
        del numbers[:end]
    _, found = _nuclei(address, {"detector": "auto"})
    points = np.frombuffer(found, np.float32).reshape(-1, 4)[:, :2]
    assert len(rings) == len(points)
    for ring, point in zip(rings, points, strict=True):
        assert (ring.min(axis=0) <= point).all()
        assert (point < ring.max(axis=0)).all()
    began = json.loads(get(address, f"{address.path}start/maxima")[1])
    assert not began["outlines"]


def _least_s(ask, count=15):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        ask()
        times.append(time.perf_counter() - start)
    return min(times)  # what else runs on the machine delays some


def test_a_kept_connection_answers_as_soon_as_a_new_one(address):
    # Where Nagle's algorithm is on, it takes 40 ms longer: ten times as long.
    connection = http.client.HTTPConnection("127.0.0.1", address.port)

    def ask_again():
        connection.request("GET", address.path + "tune.css")
        connection.getresponse().read()

    ask_again()
    kept, new = _least_s(ask_again), _least_s(lambda: get(address, address.path + "tune.css"))
    connection.close()
    assert kept < 4 * new


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sigma": -1}, b"sigma is -1; expected a number of pixels"),
        ({"nonsense": 1}, b"'nonsense' is not a setting; expected some of"),
        ({"sigma": "x"}, b"sigma is 'x'; expected a number of pixels"),
    ],
)
def test_settings_without_a_meaning_are_answered_with_the_reason(address, settings, says):
    answer, body = _nuclei(address, settings)
    assert answer.status == 422
    assert says in body


@pytest.mark.parametrize(
    ("path", "status"),
    [("picture/99", 422), ("nuclei/99?settings={}", 422), ("nuclei/0", 422), ("nothing", 404)],
)
def test_what_is_not_there_is_not_served(address, path, status):
    assert get(address, address.path + path)[0].status == status


@pytest.mark.parametrize(
    "settings",
    [
        Settings(sigma=2.5, min_distance=7, threshold=1234.5, border="keep"),
        Settings("log", sigma=(3.1, 9.5), min_distance=6, threshold=200, border="drop"),
        Settings("maxima", sigma=(1.5, 2), threshold=20),
        Settings(border="count", invert=True),
    ],
)
def test_the_command_line_finds_with_the_settings_it_spells(settings):
    session = Session(["my plate"], [ImageRef("a", "a")], settings)
    words = shlex.split(session.spell(settings)["command"])
    assert words[:3] == ["nucensus", "detect", "my plate"]
    context = detect_command.make_context("detect", words[2:])
    typed = {name: context.params[name] for name in settings.as_dict()}
    given = {name: value for name, value in typed.items() if value is not None}
    assert Settings(**given) == settings


@pytest.mark.parametrize("z", [3, "volume"])
def test_the_words_choose_the_images_that_are_shown(z):
    plane = Plane(channel="DAPI", z=z)
    session = Session(["plate"], [], Settings(), Selection(plane, "(?P<well>.)"))
    words = shlex.split(session.spell(Settings(threshold=3))["command"])
    given = detect_command.make_context("detect", words[2:]).params
    assert given["inputs"] == ("plate",)
    assert selection_of(given) == Selection(plane, "(?P<well>.)")
    last = session.spell(Settings(threshold=3))["python"].splitlines()[-1]
    assert last.endswith(f", plane=nucensus.Plane(channel='DAPI', z={z!r}), pattern='(?P<well>.)')")
    assert nucensus.Plane is Plane


def test_one_channel_of_a_plate_is_tuned(tmp_path, monkeypatch):
    for channel in (1, 2):
        image = np.full((20, 20), channel, np.uint16)
        tifffile.imwrite(tmp_path / f"p_A01_s1_w{channel}.tif", image)
    sessions = []
    monkeypatch.setattr("nucensus.tune.serve", lambda session, **_: sessions.append(session))
    done = CliRunner().invoke(tune_command, [str(tmp_path), "--channel", "2"])
    assert done.exit_code == 0, done.output
    assert sessions[0].picture(0).levels.max() == 2


def tune_without_a_page(monkeypatch, *words):
    served = []
    monkeypatch.setattr("nucensus.tune.serve", lambda *_, **__: served.append(True))
    return CliRunner().invoke(tune_command, list(map(str, words))), served


def test_where_no_image_can_be_read_no_page_is_opened(tmp_path, monkeypatch):
    paths = write_fields(tmp_path, count=2)
    for path in paths:
        path.write_bytes(path.read_bytes()[:999])
    done, served = tune_without_a_page(monkeypatch, tmp_path)
    assert not served
    assert "of 2 images none can be read" in str(done.exception)
    assert f"{paths[0].name!r}: the file is truncated" in str(done.exception)


@pytest.mark.parametrize("kind", ["one is whole", "files leave a choice"])
def test_where_an_image_can_be_read_or_chosen_the_page_is_opened(tmp_path, monkeypatch, kind):
    if kind == "one is whole":
        write_fields(tmp_path, count=2)[0].write_bytes(b"II*\0")
    else:
        in_colour(tmp_path)
    done, served = tune_without_a_page(monkeypatch, tmp_path)
    assert served, done.output


def test_settings_that_no_option_says_go_through_the_file():
    settings = Settings(threshold=None)
    words = Session(["plate"], [], settings).spell(settings)["command"]
    assert words.endswith("-o run --settings=nucensus.toml")


@pytest.mark.parametrize("settings", [Settings(), Settings(sigma=(1.5, 2), threshold=None)])
def test_the_python_call_makes_the_same_settings(settings):
    code = Session(["plate"], [], settings).spell(settings)["python"]
    values = {}
    exec("\n".join(code.splitlines()[:-1]), values)
    assert values["settings"] == settings


def test_what_is_shown_without_a_setting_is_what_a_run_finds(tmp_path):
    paths = write_fields(tmp_path / "fields", count=3)
    references = [ImageRef(path.name, str(path)) for path in paths]
    session = Session([str(tmp_path / "fields")], references, Settings())
    with nucensus.census(tmp_path / "fields") as run:
        for index, path in enumerate(paths):
            known = run.nuclei_of(path.name)
            found = session.nuclei(index, Settings())
            np.testing.assert_array_equal(found[:, 0], known["x"])
            np.testing.assert_array_equal(found[:, 1], known["y"])


@pytest.mark.parametrize("detector", ["maxima", "log"])
def test_a_detector_starts_from_numbers_that_fit_the_images(tmp_path, detector):
    paths = write_fields(tmp_path, count=2, nuclei=24)
    session = Session([], [ImageRef(path.name, str(path)) for path in paths], Settings())
    start = Settings.from_dict(session.start(detector)["settings"])
    assert start.are_numbers
    assert 20 <= len(session.nuclei(0, start)) <= 28


def test_a_sigma_in_micrometres_is_shown_in_pixels(tmp_path):
    image = np.zeros((40, 50), np.uint16)
    tifffile.imwrite(
        tmp_path / "i.tif", image, imagej=True, resolution=(2, 2), metadata={"unit": "um"}
    )
    session = Session([], [ImageRef("i.tif", str(tmp_path / "i.tif"))], Settings(sigma_um=1.5))
    start = Settings.from_dict(session.start(session.describe()["detector"])["settings"])
    assert (start.sigma, start.sigma_um) == ((3, 3), None)


def in_colour(folder):
    """Write two images whose nuclei are blue."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{name}.tif" for name in "ab"]
    for seed, path in enumerate(paths):
        image = np.zeros((200, 240, 3), np.uint8)
        image[..., 2] = make_field(seed, shape=(200, 240), nuclei=9).image >> 5
        image[..., 1] = seed
        tifffile.imwrite(path, image, photometric="rgb")
    return paths


def test_what_files_leave_to_choose_is_offered_and_can_be_chosen(tmp_path):
    paths = in_colour(tmp_path / "in")
    asked = []

    def relist(selection):
        asked.append(selection)
        return [ImageRef(path.name, str(path), plane=selection.plane) for path in paths]

    session = Session(["in"], relist(Selection()), Settings(), relist=relist)
    with pytest.raises(NotAPlaneError):
        session.picture(0)
    assert session.choices() == {"channel": {"0": "red", "1": "green", "2": "blue"}}
    for nothing in ({"channel": "7"}, {"z": "0"}):
        with pytest.raises(InputError, match="was chosen; expected some of"):
            session.choose(nothing)
    session.choose({"channel": "2"})
    assert asked[-1] == Selection(Plane(channel=2))
    assert len(session.nuclei(0, Settings())) == 9
    assert "--channel=2" in session.spell(Settings())["command"]


@pytest.mark.parametrize(
    ("codec", "samples", "named"),
    [("png", 1, ["0"]), ("png", 2, ["grey levels", "transparency"]), ("jpeg", 1, ["0"]),
     ("png", 3, ["red", "green", "blue"]), ("png", 4, ["red", "green", "blue", "alpha"]),
     ("jpeg", 3, ["red", "green", "blue"])],
)  # fmt: skip
def test_only_a_picture_in_colour_offers_colours(tmp_path, codec, samples, named):
    pixels = np.zeros((8, 9, samples)[: 2 + (samples > 1)], np.uint8)
    path = tmp_path / f"a.{codec}"
    path.write_bytes(getattr(imagecodecs, f"{codec}_encode")(pixels))
    offered = choices_of_files([ImageRef(path.name, str(path))])
    assert list(offered["channel"].values()) == named


def test_a_picture_states_the_size_of_its_pixels(tmp_path):
    for name, um in (("known", 0.5), ("unknown", None)):
        unit = {"PhysicalSizeX": um, "PhysicalSizeY": um} if um else {}
        tifffile.imwrite(
            tmp_path / f"{name}.ome.tif", np.zeros((9, 9), np.uint16),
            metadata={"axes": "YX", **unit},
        )  # fmt: skip
        path = tmp_path / f"{name}.ome.tif"
        session = Session([], [ImageRef(path.name, str(path))], Settings())
        assert session.picture(0).pixel_um == um


def test_of_a_volume_maxima_are_found(tmp_path):
    volume = np.zeros((20, 60, 60), np.uint16)
    volume[10, 30, 40] = 60_000
    tifffile.imwrite(tmp_path / "v.tif", volume)
    plane = Plane(z="volume")
    reference = ImageRef("v.tif", str(tmp_path / "v.tif"), plane=plane)
    session = Session([], [reference], Settings(), Selection(plane))
    described = session.describe()
    assert described["detectors"] == ["maxima"]
    found = session.nuclei(0, Settings(sigma=2, threshold=100))
    np.testing.assert_array_equal(found[:, :2], [[40, 30]])
    np.testing.assert_array_equal(session.picture(0).levels, volume.max(axis=0))


@pytest.mark.parametrize(("asked", "shown"), [("auto", "maxima"), ("log", "log")])
def test_of_a_volume_only_the_default_detector_gives_way_to_one_that_takes_volumes(asked, shown):
    session = Session([], [], Settings(detector=asked), Selection(Plane(z="volume")))
    assert session.describe()["detector"] == shown


@pytest.mark.parametrize("dtype", ["bool", "u1", "u2", ">u2", "i2", "u4", "f4", "f8"])
def test_a_picture_keeps_the_grey_levels(dtype):
    image = (np.arange(600).reshape(20, 30) % 256).astype(dtype)
    picture = make_picture(image)
    grey = picture.low + picture.levels * picture.step
    np.testing.assert_allclose(grey, image.astype(float), atol=0.01)


def test_a_picture_of_a_huge_image_is_thinned():
    picture = make_picture(np.zeros((10, 9000), np.uint16))
    assert picture.shrink == 3
    assert picture.levels.shape == (4, 3000)


def test_a_picture_with_nan_is_drawn():
    image = np.full((4, 4), np.nan, np.float32)
    image[0, 0] = 5
    assert make_picture(image).levels.max() == 65535


def test_without_its_packages_the_tuner_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    with pytest.raises(MissingPackageError, match=r"pip install .*starlette.* .*uvicorn"):
        serve(Session([], [], Settings()), port=0, on_ready=print)


def test_a_port_that_is_taken_is_refused(address):
    with pytest.raises(InputError, match="leave --port out"):
        serve(Session([], [], Settings()), port=address.port, on_ready=print)
