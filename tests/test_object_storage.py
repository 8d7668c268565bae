"""Runs over images in real object stores on this machine: moto, and seaweedfs that is killed."""

import json
import os
import shutil

import pytest
import tifffile
from commands import detect as detect_apart
from commands import detect_here as detect
from commands import query, statuses, tables
from commands import run_here as run
from servers import KEY, SECRET, Azurite, Weed, s3_environment

from nucensus import Limits, Run, Settings, census
from nucensus.errors import RunError

pytest.importorskip("obstore", reason="obstore is not installed (uv sync --group storage)")
pytest.importorskip("boto3", reason="boto3 is not installed (uv sync --group storage)")

pytestmark = pytest.mark.slow

COUNT = Settings(threshold=300, border="keep")
MANY = 40
in_full = pytest.mark.skipif(
    os.environ.get("NUCENSUS_STORAGE") != "full", reason="takes minutes; nox -s storage runs it"
)


@pytest.fixture(scope="module")
def moto():
    """The address of a server of moto."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    started = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    started.start()
    yield "http://{}:{}".format(*started.get_host_and_port())
    started.stop()


@pytest.fixture(scope="module")
def weed(tmp_path_factory):
    started = Weed(tmp_path_factory.mktemp("weed"))
    yield started
    started.close()


@pytest.fixture
def asks(monkeypatch):
    """Say in the environment where the buckets are."""

    def ask(address):
        for name, value in s3_environment(address).items():
            monkeypatch.setenv(name, value)

    return ask


@pytest.fixture(scope="module")
def fields_many(tmp_path_factory, fields):
    folder = tmp_path_factory.mktemp("many")
    for index in range(MANY):
        tifffile.imwrite(folder / f"s{index}.tif", fields[index % len(fields)].image)
    return folder


@pytest.fixture(scope="module")
def uploaded(weed, fields_many):
    """A bucket of many images; a test that changes it puts it back."""
    import obstore

    weed.make_bucket("screen")
    store = weed.store("screen")
    for path in fields_many.iterdir():
        obstore.put(store, f"plate/{path.name}", path.read_bytes())
    return store


@pytest.fixture(scope="module")
def expected(fields_many, tmp_path_factory):
    out = tmp_path_factory.mktemp("expected")
    assert detect(fields_many, out).returncode == 0
    return tables(out)


def count_and_disturb(out, disturb, **options):
    """Count one image after the other, and disturb the run when the first is done."""
    left = [disturb]

    def at_the_first(_):
        if left:
            left.pop()()

    return census("s3://screen/plate", out, COUNT, strategy="list-disk", on_outcome=at_the_first,
                  **options)  # fmt: skip


def test_moto_gives_the_points_of_the_same_files_on_a_disk(moto, asks, plate, tmp_path):
    import boto3

    asks(moto)
    client = boto3.client("s3", endpoint_url=moto)
    client.create_bucket(Bucket="images")
    for path in plate.iterdir():
        client.upload_file(str(path), "images", f"plate/{path.name}")
    assert detect(["s3://images/plate"], tmp_path / "a").returncode == 0
    assert detect(plate, tmp_path / "b").returncode == 0
    assert tables(tmp_path / "a") == tables(tmp_path / "b")
    done = run("export", tmp_path / "a", "--to", "run", "-o", "s3://images/runs/a")
    assert done.returncode == 0, done.stderr
    listed = client.list_objects_v2(Bucket="images", Prefix="runs/a/")["Contents"]
    assert len(listed) == 4
    again = detect(["s3://images/plate"], tmp_path / "a")
    assert "Done now: 0" in again.stdout
    client.close()


def lies_in_a_bucket(plate, place, monkeypatch, tmp_path):
    """Let a run lie in a bucket, and another machine neither disturb it nor miss any of it."""
    refused = []

    def go_elsewhere(name):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))

    def disturb(_):
        go_elsewhere("there")
        refused.append(detect_apart(plate, place))

    go_elsewhere("here")
    census(plate, place, COUNT, on_plan=disturb).close()
    assert f"'{place}' is being written by process {os.getpid()}" in refused[0].stderr
    again = detect(plate, place)
    assert "Done now: 0" in again.stdout, again.stderr
    census(plate, tmp_path / "folder", COUNT).close()
    with Run(place) as there, Run(tmp_path / "folder") as here:
        assert there.counts == here.counts
        assert list(there.nuclei["y"]) == list(here.nuclei["y"])


def test_a_run_lies_in_a_bucket_of_moto(moto, asks, plate, monkeypatch, tmp_path):
    import boto3

    asks(moto)
    client = boto3.client("s3", endpoint_url=moto)
    client.create_bucket(Bucket="runs")
    client.close()
    lies_in_a_bucket(plate, "s3://runs/one", monkeypatch, tmp_path)


def test_a_run_lies_in_a_bucket_of_seaweedfs(weed, asks, plate, monkeypatch, tmp_path):
    asks(weed.address)
    weed.make_bucket("runs")
    lies_in_a_bucket(plate, "s3://runs/one", monkeypatch, tmp_path)


def test_azurite_gives_the_points_of_the_same_files_on_a_disk(plate, monkeypatch, tmp_path):
    import obstore
    from obstore.store import AzureStore

    program = os.environ.get("NUCENSUS_AZURITE") or shutil.which("azurite-blob")
    if program is None:
        pytest.skip("azurite is not there (npm install azurite; NUCENSUS_AZURITE is azurite-blob)")
    server = Azurite(program, tmp_path / "azurite")
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = AzureStore.from_url("az://plates/plate")
        for path in plate.iterdir():
            obstore.put(store, path.name, path.read_bytes())
        assert detect(["az://plates/plate"], tmp_path / "a").returncode == 0
        assert detect(plate, tmp_path / "b").returncode == 0
        assert tables(tmp_path / "a") == tables(tmp_path / "b")
        done = run("export", tmp_path / "a", "--to", "run", "-o", "az://plates/runs/a")
        assert done.returncode == 0, done.stderr
        lies_in_a_bucket(plate, "az://plates/runs/one", monkeypatch, tmp_path)
        refused = detect(["az://nowhere/a"], tmp_path / "c")
        assert refused.returncode == 1
        assert "no bucket 'az://nowhere' (404 ContainerNotFound)" in refused.stderr
    finally:
        server.close()


@pytest.mark.usefixtures("uploaded")
def test_a_plate_uploaded_gives_the_points_of_the_same_files(weed, asks, expected, tmp_path):
    asks(weed.address)
    done = detect(["s3://screen/plate"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path) == expected


@pytest.mark.usefixtures("uploaded")
@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"])
def test_wrong_keys_are_refused_in_one_line(name, weed, asks, monkeypatch, tmp_path):
    asks(weed.address)
    monkeypatch.setenv(name, "wrong")
    done = detect(["s3://screen/plate"], tmp_path, "--quiet")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("Error: access to 's3://screen' is refused (403 ")
    assert not any(tmp_path.iterdir())


@pytest.mark.usefixtures("uploaded")
def test_a_bucket_without_keys_needs_them_and_says_so(weed, asks, monkeypatch, tmp_path):
    asks(weed.address)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    done = detect(["s3://screen/plate"], tmp_path, "--quiet")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "403 AccessDenied" in done.stderr


def test_keys_wrong_on_retry_leave_the_run_as_it_was(uploaded, weed, asks, monkeypatch, tmp_path):
    import obstore

    asks(weed.address)
    content = obstore.get(uploaded, "plate/s0.tif").bytes()
    obstore.put(uploaded, "few/s0.tif", content)
    obstore.put(uploaded, "few/s1.tif", b"II*\0 is no image")
    assert detect(["s3://screen/few"], tmp_path).returncode == 3
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    done = run("retry", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "403 SignatureDoesNotMatch" in done.stderr
    asks(weed.address)
    obstore.put(uploaded, "few/s1.tif", content)
    assert run("retry", tmp_path).returncode == 0
    assert set(statuses(tmp_path).values()) == {"found"}


def test_an_object_deleted_in_mid_run_is_one_failed_row(uploaded, weed, asks, expected, tmp_path):
    import obstore

    asks(weed.address)
    last = f"plate/s{MANY - 1}.tif"
    content = bytes(obstore.get(uploaded, last).bytes())
    try:
        with count_and_disturb(tmp_path, lambda: obstore.delete(uploaded, last)) as done:
            assert done.counts["failed"] == 1
            assert "the file does not exist" in done.failures["reason"][0]
    finally:
        obstore.put(uploaded, last, content)
    assert [name for name, status in statuses(tmp_path).items() if status == "failed"] == [
        f"s{MANY - 1}.tif"
    ]
    assert run("retry", tmp_path).returncode == 0
    assert tables(tmp_path) == expected


@in_full
@pytest.mark.usefixtures("uploaded")
def test_a_server_killed_and_started_again_in_mid_run_costs_nothing(weed, asks, expected, tmp_path):
    asks(weed.address)

    def start_again():
        weed.kill()
        weed.start()

    count_and_disturb(tmp_path, start_again).close()
    assert tables(tmp_path) == expected


@pytest.mark.usefixtures("uploaded")
@in_full
def test_a_server_that_stays_away_fails_images_and_a_retry_does_them(
    weed, asks, expected, tmp_path
):
    asks(weed.address)
    try:
        with pytest.raises(RunError, match=r"1 image failed.*the connection is refused"):
            count_and_disturb(tmp_path, weed.kill, limits=Limits(max_failures=0))
    finally:
        weed.start()
    assert query(tmp_path, "SELECT count(*) FROM images WHERE status = 'failed'") == [(1,)]
    assert run("retry", tmp_path).returncode == 0
    assert tables(tmp_path) == expected


@pytest.mark.usefixtures("uploaded")
def test_a_large_export_is_put_together_at_the_end(weed, asks, monkeypatch):
    """Uploads of several parts, as of a large table, are seen whole or not at all."""
    import boto3

    from nucensus.remote import staged

    asks(weed.address)
    monkeypatch.setattr("nucensus.remote.objects._PART_BYTES", 5 << 20)
    client = boto3.client("s3", endpoint_url=weed.address)
    with staged("s3://screen/large/table.csv") as stage:
        stage.path.write_bytes(bytes(range(256)) * (50 << 12))
        assert "Contents" not in client.list_objects_v2(Bucket="screen", Prefix="large/")
    found = client.get_object(Bucket="screen", Key="large/table.csv")
    assert found["Body"].read() == bytes(range(256)) * (50 << 12)
    assert "Uploads" not in client.list_multipart_uploads(Bucket="screen")
    with pytest.raises(ZeroDivisionError), staged("s3://screen/large/other.csv") as stage:
        stage.path.write_bytes(bytes(1 // 0 for _ in range(2)))
    listed = client.list_objects_v2(Bucket="screen", Prefix="large/")["Contents"]
    assert [each["Key"] for each in listed] == ["large/table.csv"]
    client.close()


@pytest.mark.usefixtures("uploaded")
def test_no_file_of_a_run_holds_a_key(weed, asks, tmp_path):
    asks(weed.address)
    done = census("s3://screen/plate/s1*.tif", tmp_path, COUNT)
    assert done.counts["found"] == 11
    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert KEY.encode() not in held
    assert SECRET.encode() not in held
    paths = json.loads((tmp_path / "provenance.json").read_text())["inputs"]["files"]
    assert paths[0]["path"] == "s3://screen/plate/s1.tif"


@pytest.mark.usefixtures("uploaded")
def test_a_profile_of_aws_is_used(weed, asks, monkeypatch, tmp_path):
    asks(weed.address)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        f"[lab]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    done = detect(["s3://screen/plate/s1.tif"], tmp_path / "run")
    assert done.returncode == 0, done.stderr
