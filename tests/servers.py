"""Servers on this machine that hold objects: one of ours that breaks on demand, and real ones."""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape, unescape

import pytest

KEY, SECRET = "AKIAOFTHETESTS", "sEcReT+of/the=tests"
CHANGED = "Tue, 03 Nov 2026 10:20:30 GMT"
_PAGE = 1000


def s3_environment(endpoint):
    """Return the variables that say where a bucket is and who asks."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": "us-east-1",
    }


def gs_environment(endpoint, folder):
    """Return the variables that say where buckets of the kind of Google are."""
    account = {"gcs_base_url": endpoint, "disable_oauth": True, "client_email": "",
               "private_key": "", "private_key_id": ""}  # fmt: skip
    (folder / "account.json").write_text(json.dumps(account))
    return {"GOOGLE_SERVICE_ACCOUNT": str(folder / "account.json"), "GOOGLE_ALLOW_HTTP": "true"}


class Server:
    """A web server that also lists and takes objects as S3 does, and fails where `fault` says so.

    `objects` holds the bytes of each path, as in "/bucket/plate/s1.tif";
    `fault(method, path)` returns None, or a status and a code of S3; `tags` has the ETags that are
    not "1", `query` is what a request must have behind its path.
    """

    def __init__(self):
        self.objects = {}
        self.tags = {}
        self.heeds_conditions = self.gives_ranges = True
        self.query = ""
        self.requests = []
        self.fault = lambda *_: None
        self.connections = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def speak_tls(self, certificate):
        """Speak nothing but TLS from now on; return the address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        accept = self._server.get_request

        def counted():
            self.connections += 1
            return accept()

        self._server.get_request = counted
        return self.address.replace("http:", "https:")

    def add(self, bucket, folder):
        """Take all files of a folder."""
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                name = path.relative_to(folder).as_posix()
                self.objects[f"/{bucket}/{name}"] = path.read_bytes()

    def asked(self, method="GET"):
        """Return the requests for objects: path and how many bytes were asked for."""
        return [(path, size) for said, path, size in self.requests if said == method]

    def generation(self, path):
        """Return the number of an object as Google has one, which another content changes."""
        return (
            str(int(hashlib.md5(self.objects[path]).hexdigest()[:8], 16))
            if (path in self.objects)
            else "0"
        )

    def listings(self):
        """Return how many pages of listings were asked for."""
        return sum(method == "LIST" for method, _, _ in self.requests)

    def _handler(server):  # noqa: N805 it is about the server
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                self._answer()

            def do_HEAD(self):
                self._answer()

            def do_PUT(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path = unquote(urlsplit(self.path).path)
                server.requests.append(("PUT", path, len(body)))
                fault = server.fault("PUT", path)
                if fault:
                    self._refuse(*fault)
                    return
                wanted, tag = self.headers.get("If-Match"), server.tags.get(path, '"1"')
                # Google numbers the generations of an object; 0 stands for none.
                generation = self.headers.get("x-goog-if-generation-match")
                if generation is not None:
                    wanted, tag = generation, server.generation(path)
                if (
                    (self.headers.get("If-None-Match") and path in server.objects)
                    or (wanted and wanted != tag)
                    or (wanted not in (None, "0") and path not in server.objects)
                ):
                    self._refuse(412, "PreconditionFailed")
                    return
                server.objects[path] = body
                server.tags[path] = f'"{hashlib.md5(body).hexdigest()}"'
                head = {"ETag": server.tags[path], "x-goog-generation": server.generation(path)}
                self._reply(200, b"", head)

            def do_DELETE(self):
                server.objects.pop(unquote(urlsplit(self.path).path), None)
                self._reply(204, b"", {})

            def do_POST(self):  # S3Store deletes several at a time
                asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
                bucket = urlsplit(self.path).path.strip("/")
                for key in re.findall("<Key>(.*?)</Key>", asked):
                    server.objects.pop(f"/{bucket}/{unescape(key)}", None)
                self._reply(200, b"<DeleteResult></DeleteResult>", {})

            def _answer(self):
                split = urlsplit(self.path)
                path, query = unquote(split.path), parse_qs(split.query)
                method = "LIST" if "list-type" in query else self.command
                fault = server.fault(method, path)
                if fault:
                    server.requests.append((method, path, 0))
                    self._refuse(*fault)
                elif server.query not in ("", split.query) or (server.query and method == "HEAD"):
                    self._refuse(403, "AccessDenied")
                elif method == "LIST":
                    server.requests.append((method, path, 0))
                    self._list(path.strip("/"), query)
                elif path not in server.objects:
                    server.requests.append((method, path, 0))
                    self._refuse(404, "NoSuchKey")
                else:
                    self._give(path, server.objects[path])

            def _give(self, path, body):
                start, stop, status = 0, len(body), 200
                head = {"Accept-Ranges": "bytes", "Last-Modified": CHANGED}
                head["ETag"] = server.tags.get(path, '"1"')
                head["x-goog-generation"] = server.generation(path)
                if (
                    server.heeds_conditions
                    and self.headers.get("If-Match", head["ETag"]) != head["ETag"]
                ):
                    self._refuse(412, "PreconditionFailed")
                    return
                if (wanted := self.headers.get("Range")) and not body:
                    self._refuse(416, "InvalidRange")
                    return
                if wanted and server.gives_ranges:
                    first, last = wanted.removeprefix("bytes=").split("-")
                    status = 206
                    if first:
                        start, stop = int(first), min(stop, int(last or stop) + 1)
                    else:
                        start = max(0, stop - int(last))
                    head["Content-Range"] = f"bytes {start}-{stop - 1}/{len(body)}"
                server.requests.append((self.command, path, stop - start))
                with contextlib.suppress(ConnectionError):
                    self._reply(status, body[start:stop], head)

            def _list(self, bucket, query):
                prefix = f"/{bucket}/{query.get('prefix', [''])[0]}"
                after = query.get("continuation-token", query.get("start-after", [""]))[0]
                names = sorted(
                    path.removeprefix(f"/{bucket}/")
                    for path in server.objects
                    if path.startswith(prefix) and path.removeprefix(f"/{bucket}/") > after
                )
                folders = set()
                if "delimiter" in query:
                    start = len(prefix) - len(f"/{bucket}/")
                    folders = {
                        name[: name.index("/", start) + 1] for name in names if "/" in name[start:]
                    }
                    names = [name for name in names if "/" not in name[start:]]
                spelt, encoding = escape, ""
                if query.get("encoding-type") == ["url"]:
                    spelt, encoding = quote, "<EncodingType>url</EncodingType>"
                most = min(_PAGE, int(query.get("max-keys", [_PAGE])[0]))
                entries = "".join(
                    f"<Contents><Key>{spelt(name)}</Key><LastModified>2026-11-03T10:20:30.000Z"
                    f"</LastModified><ETag>1</ETag><Size>{len(server.objects[f'/{bucket}/{name}'])}"
                    f"</Size></Contents>"
                    for name in names[:most]
                )
                entries += "".join(
                    f"<CommonPrefixes><Prefix>{escape(each)}</Prefix></CommonPrefixes>"
                    for each in sorted(folders)
                )
                entries = re.sub(r"[\0-\x1f]", lambda each: f"&#{ord(each.group())};", entries)
                body = f"<ListBucketResult>{entries}{encoding}"
                if len(names) > most:
                    last = escape(names[most - 1])
                    body += "<IsTruncated>true</IsTruncated>"
                    body += f"<NextContinuationToken>{last}</NextContinuationToken>"
                self._reply(200, f"{body}</ListBucketResult>".encode(), {})

            def _refuse(self, status, code):
                body = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
                self._reply(status, body.encode(), {})

            def _reply(self, status, body, head):
                self.send_response(status)
                for name, value in {**head, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        return Handler


class Weed:
    """seaweedfs with its S3 gateway, which can be killed and started again."""

    def __init__(self, folder):
        self._folder = folder
        beside = Path(sys.executable).parent
        self._program = shutil.which("weed", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
        if self._program is None:
            pytest.skip("seaweedfs is not installed (uv sync --group storage)")
        (folder / "data").mkdir()
        names = ("master", "volume", "filer", "s3")
        self._ports = {name: (free_port(), free_port()) for name in names}
        self.address = f"http://127.0.0.1:{self._ports['s3'][0]}"
        user = {"name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
        user["actions"] = ["Admin", "Read", "List", "Write"]
        (folder / "s3.json").write_text(json.dumps({"identities": [user]}))
        self.start()

    def start(self):
        ports = [
            f"-{name}.{end}={port}"
            for name, pair in self._ports.items()
            for end, port in zip(("port", "port.grpc"), pair, strict=True)
        ]
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program, "server", f"-dir={self._folder / 'data'}", "-filer", "-s3",
                    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false",
                    "-s3.port.lance=0", "-s3.port.iceberg=0", "-volume.max=60",
                    "-master.volumeSizeLimitMB=64", f"-s3.config={self._folder / 's3.json'}",
                    *ports,
                ],
                stdout=log, stderr=log, cwd=self._folder, start_new_session=True,
            )  # fmt: skip
        self._wait()

    def _wait(self):
        """Wait until an object can be written and read."""
        import obstore

        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(Exception):
                self.make_bucket("ready")
                store = self.store("ready")
                obstore.put(store, "ready", b"ready")
                if bytes(obstore.get(store, "ready").bytes()) == b"ready":
                    return
            time.sleep(0.2)
        log = (self._folder / "log").read_text(errors="replace")[-2000:]
        pytest.fail(f"seaweedfs does not start:\n{log}")

    def store(self, bucket):
        """Return what the tests themselves write and delete with."""
        from obstore.store import S3Store

        return S3Store(
            bucket, access_key_id=KEY, secret_access_key=SECRET, endpoint=self.address,
            region="us-east-1", client_options={"allow_http": True},
            retry_config={"max_retries": 2},
        )  # fmt: skip

    def make_bucket(self, name):
        import boto3

        client = boto3.client(
            "s3", endpoint_url=self.address, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )  # fmt: skip
        with contextlib.suppress(
            client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou
        ):
            client.create_bucket(Bucket=name)
        client.close()

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self):
        if self._process.poll() is None:
            self.kill()
        for port in chain(*self._ports.values()):  # sockets that are not asked where to be
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink()


class Azurite:
    """A server of Azure Blob Storage, with the account and key that Azure gives its emulators."""

    address = "http://127.0.0.1:10000/devstoreaccount1"
    environment = {  # noqa: RUF012
        "AZURE_STORAGE_USE_EMULATOR": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": "devstoreaccount1",
    }
    _KEY = (
        "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    )

    def __init__(self, program, folder):
        options = [
            "--blobHost", "127.0.0.1", "--silent", "--skipApiVersionCheck", "--disableTelemetry",
        ]  # fmt: skip
        self._process = subprocess.Popen([program, *options, "--location", folder])
        deadline = time.monotonic() + 60
        while not self._make_container("plates"):
            if time.monotonic() > deadline:
                self.close()
                pytest.fail("azurite does not start")
            time.sleep(0.2)

    def _make_container(self, name):
        """Return whether it is there; obstore cannot make one, so this signs the request itself."""
        when, version = formatdate(usegmt=True), "2021-08-06"
        signed = (
            f"PUT{12 * chr(10)}x-ms-date:{when}\nx-ms-version:{version}\n"
            f"/devstoreaccount1/devstoreaccount1/{name}\nrestype:container"
        )
        digest = hmac.digest(base64.b64decode(self._KEY), signed.encode(), "sha256")
        request = urllib.request.Request(
            f"{self.address}/{name}?restype=container",
            method="PUT",
            headers={
                "x-ms-date": when, "x-ms-version": version, "Content-Length": "0",
                "Authorization": f"SharedKey devstoreaccount1:{base64.b64encode(digest).decode()}",
            },
        )  # fmt: skip
        with contextlib.suppress(OSError), urllib.request.urlopen(request) as answer:
            return answer.status == 201
        return False

    def close(self):
        self._process.terminate()
        self._process.wait()


def free_port():
    """Return a port that nobody uses now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return tried.getsockname()[1]
