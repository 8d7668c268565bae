"""What a worker process sends back can always be opened, and says what the function said."""

import sys
import threading
import types

import pytest

from nucensus.errors import FunctionError, StrategyError
from nucensus.execute.payload import PickledWork, payload_of


class WantsError(Exception):
    """Its constructor wants more than it passes on."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class RewordsError(Exception):
    def __init__(self, text):
        super().__init__(f"<{text}>")


class RaisesInReduceError(Exception):
    def __reduce__(self):
        raise RuntimeError("no")


class EndsInReduceError(Exception):
    def __reduce__(self):
        raise SystemExit(3)


class MuteError(Exception):
    def __str__(self):
        raise ValueError("it has no text")


class Outside(BaseException):
    pass


class Named:
    name = "plate/A01.tif"


class FailsWhenOpened:
    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return raise_it, (self.error,)


def raise_it(error):
    raise error


def payload_of_error(error):
    return payload_of(lambda _: raise_it(error), Named())


def with_lock(error):
    error.lock = threading.Lock()
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("plain"), WantsError(7, "no nuclei"), RewordsError("text"),
        RaisesInReduceError("said"), EndsInReduceError("said"), with_lock(ValueError("locked")),
        Outside("said"), SystemExit(3), KeyboardInterrupt(), GeneratorExit("said"),
        OSError(28, "full", "a.tif"),
        ExceptionGroup("many", [ValueError("one"), OSError(2, "two")]),
        BaseExceptionGroup("many", [Outside("one")]), ValueError(1_000_000 * "!"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_an_error_comes_out_as_itself(error):
    with pytest.raises(type(error)) as caught:
        payload_of_error(error).open()
    assert str(caught.value) == str(error)
    assert repr(caught.value.args) == repr(error.args)
    assert caught.value.__notes__ == ["Image: 'plate/A01.tif'"]
    assert "raise_it" in str(caught.value.__cause__)


def test_an_error_keeps_what_its_constructor_set():
    with pytest.raises(WantsError) as caught:
        payload_of_error(WantsError(7, "no nuclei")).open()
    assert caught.value.code == 7


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("lock", threading.Lock()), r"ValueError: \('lock', <unlocked"),
        (MuteError("unsaid"), "MuteError: "),
        (ExceptionGroup("many", [RaisesInReduceError("said")]), r"ExceptionGroup: many \(1 sub-ex"),
    ],
)
def test_an_error_that_cannot_travel_is_told_with_its_text_and_traceback(error, says):
    with pytest.raises(FunctionError, match=says) as caught:
        payload_of_error(error).open()
    assert caught.value.__notes__ == ["Image: 'plate/A01.tif'"]
    assert "raise_it" in str(caught.value.__cause__)


def test_an_error_of_a_module_that_is_not_here_is_told(monkeypatch):
    module = types.ModuleType("elsewhere")
    exec("class Elsewhere(Exception): pass", vars(module))
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    vars(module)["Elsewhere"].__module__ = "elsewhere"
    payload = payload_of_error(module.Elsewhere("said there"))
    monkeypatch.delitem(sys.modules, "elsewhere")
    with pytest.raises(FunctionError, match="Elsewhere: said there"):
        payload.open()


def test_a_long_traceback_is_shortened():
    def one(depth):
        return other(depth)

    def other(depth):
        return one(depth)

    with pytest.raises(RecursionError) as caught:
        payload_of(one, 1).open()
    assert "in one" in str(caught.value.__cause__)
    assert len(str(caught.value.__cause__)) < 50_000


@pytest.mark.parametrize(
    "result", [(each for each in "abc"), threading.Lock(), lambda: 3, EndsInReduceError("said")]
)
def test_a_result_that_cannot_be_pickled_is_said_with_its_image(result):
    with pytest.raises(StrategyError, match=r"returned for 'plate/A01.tif' cannot be sent .*use t"):
        payload_of(lambda _: result, Named()).open()


@pytest.mark.parametrize("error", [KeyError("gone"), SystemExit(3)])
def test_a_result_that_cannot_be_opened_is_said_with_its_image(error):
    payload = payload_of(lambda _: FailsWhenOpened(error), Named())
    with pytest.raises(StrategyError, match=r"returned for 'plate/A01.tif' cannot be opened"):
        payload.open()


def test_a_function_that_workers_cannot_find_is_said_so(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "passing", payload_of_error, raising=False)
    payload_of_error.__qualname__ = "passing"
    work = PickledWork(payload_of_error)
    payload_of_error.__qualname__ = "payload_of_error"
    monkeypatch.delattr(sys.modules[__name__], "passing")
    with pytest.raises(StrategyError, match=r"cannot find the function .*passing.*; expected one"):
        payload_of(work, 1).open()
