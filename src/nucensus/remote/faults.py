"""Say what went wrong with a request, without what it held."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import AccessError, NucensusError, ReadError

_KEYS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; for a public bucket "
    "AWS_SKIP_SIGNATURE=true",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS; for a public bucket GOOGLE_SKIP_SIGNATURE=true",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY or "
    "AZURE_STORAGE_SAS_TOKEN; for a public container AZURE_SKIP_SIGNATURE=true",
    "ab": "set AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN",
    "ht": "give a presigned address to nucensus detect, whose query is not kept (of an OME-Zarr, "
    "one that holds for all below it), or download the file with a program that logs in",
}
"""Advice about credentials, by the start of an address."""

_OF_ALL_OBJECTS = (
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken",
    "TokenRefreshRequired", "RequestTimeTooSkewed", "AuthenticationFailed", "NoSuchBucket",
    "ContainerNotFound", "AuthorizationHeaderMalformed", "PermanentRedirect", "AccountProblem",
    "InvalidAuthenticationInfo", "AccountIsDisabled",
)  # fmt: skip
"""Codes of a server that hold for every object of a bucket."""

_OTHER_REGION = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraint")

_LASTING = {
    "BadScheme": "http:// is refused unless AWS_ALLOW_HTTP=true",
    "UnknownIssuer": "nobody whom this machine trusts signed its TLS certificate (SSL_CERT_FILE "
    "may name the certificate of who did)",
    "Expired": "its TLS certificate has expired, or the clock of this machine is wrong",
    "NotValidForName": "its TLS certificate is that of another host",
    "ertificate": "its TLS certificate is not trusted",
    "InvalidContentType": "it does not speak TLS: http:// instead of https://?",
    "AlertReceived": "it refuses to speak TLS 1.2 or 1.3",
    "PeerIncompatible": "it refuses to speak TLS 1.2 or 1.3",
    "dns error": "there is no host of that name",
}
"""What it means that no answer came, and that none will come, by a part of the error."""
_PASSING = {
    "Connection refused": "the connection is refused",
    "imed": "it did not answer in time",
    "error sending request": "the connection broke",
}
"""What it means that no answer came, and that one may come later."""
_REASONS = {
    **_LASTING, **_PASSING, "Not Supported": "it cannot do this",
    "NotSupported": "it cannot do this",
}  # fmt: skip

_reached: set[str] = set()
"""Places that answered: if they fall silent later, it is one image that fails, not the run."""


class _NoObjectError(ReadError, FileNotFoundError):
    """There is no such object."""


class ChangedError(ReadError):
    """An object was overwritten between two requests for parts of it."""


CHANGED = (
    "the object was overwritten while it was read, again and again; expected it to stay as it is; "
    "wait until it is whole, and do the image again with nucensus retry"
)


@contextmanager
def explained(address: str, *, concerns_all: bool = False) -> Iterator[None]:
    """Turn what goes wrong with `address` into an error that helps, and that holds no secret.

    What concerns every object of the bucket is an `AccessError`; with `concerns_all`
    everything is but that an object is missing.
    """
    place = _place(address)
    try:
        yield
        _reached.add(place)
    except NucensusError:
        raise
    except Exception as error:
        if not _is_of_a_request(error):
            raise
        # Not from the error: its text may hold a secret.
        raise explain(error, place, concerns_all=concerns_all) from None


def _is_of_a_request(error: Exception) -> bool:
    kind = type(error)
    return kind.__module__.startswith(("obstore", "botocore")) or isinstance(
        error, OSError | ValueError
    )


def explain(error: Exception, place: str, *, concerns_all: bool) -> NucensusError:
    """Return an error that says what `error` means for a bucket or server, or for one object."""
    text, status = _text_and_status(error)
    of_boto3 = getattr(error, "response", {}).get("ResponseMetadata", {})
    status = status or str(of_boto3.get("HTTPStatusCode", ""))
    code = _find(r"<Code>(\w+)</Code>|An error occurred \((\w+)\)", text)
    said = " ".join(filter(None, (status, code)))
    if status:
        _reached.add(place)
    if "169.254." in str(error) or "CredentialsError" in text or "MissingAccount" in text:
        keys = _KEYS.get(place[:2], "")
        return AccessError(f"no credentials for {place!r} were found; expected some; {keys}")
    if code in ("NoSuchBucket", "ContainerNotFound"):
        return AccessError(
            f"there is no bucket {place!r} ({said}); expected one that exists; check its name"
            f"{', and AWS_ENDPOINT_URL if it is not of Amazon' * place.startswith('s3')}"
        )
    if isinstance(error, FileNotFoundError) or status == "404":
        return _NoObjectError(
            "the file does not exist; check that it was not moved or deleted since it was listed"
        )
    if status == "412" or "PreconditionError" in type(error).__name__:
        return ChangedError(CHANGED)
    if isinstance(error, ValueError):
        return ReadError(
            "the address does not name an object; expected one without empty parts, . and ..; "
            "check how it is written"
        )
    if status == "301" or code in _OTHER_REGION or "incorrectly configured region" in text:
        wanted = _find(r"<Region>([\w-]+)|expecting (?:&apos;|')([\w-]+)", text)
        return AccessError(
            f"{place!r} is in another region ({said}); expected requests there; set "
            f"AWS_REGION={wanted or '... to the region of the bucket'}"
        )
    if status in ("401", "403") or code in _OF_ALL_OBJECTS:
        return _explain_refusal(status, code, said, place, concerns_all=concerns_all)
    return _explain_silence(error, text, said, place, concerns_all=concerns_all)


def may_pass(error: Exception) -> bool:
    """Tell whether the same request may be answered later: nobody did, or the server failed."""
    text, status = _text_and_status(error)
    if status:
        return status == "429" or status.startswith("5")
    return any(sign in text for sign in _PASSING) and not is_lasting(error)


def is_lasting(error: Exception) -> bool:
    """Tell whether no answer came for a reason that no patience mends, such as a certificate."""
    text, status = _text_and_status(error)
    return not status and any(sign in text for sign in _LASTING)


def _text_and_status(error: Exception) -> tuple[str, str]:
    """Return what an error says, and the status of the answer; "" if there was none."""
    # Addresses are left out: they hold names of files, which may hold the same words.
    text = re.sub(r"\w+://[^\s,]+", "", str(error))
    return text, _find(r"status code: (\d{3})|response: (\d{3})|status: (\d{3})", text)


def _explain_refusal(
    status: str, code: str, said: str, place: str, *, concerns_all: bool
) -> NucensusError:
    """Explain that it may not be read: the bucket, or one object."""
    is_web = place.startswith("http")
    of_all = concerns_all or code in _OF_ALL_OBJECTS or (status == "401" and not is_web)
    kind, what = (AccessError, repr(place)) if of_all else (ReadError, "the object")
    return kind(
        f"access to {what} is refused ({said}); expected credentials that may use it; "
        f"{_KEYS.get(place[:2], '')}"
    )


def _explain_silence(
    error: Exception, text: str, said: str, place: str, *, concerns_all: bool
) -> NucensusError:
    """Explain that no answer came, or one that says no more than that something failed."""
    if said.startswith(("429", "503")):
        reason = (
            f"the server is overloaded ({said}), and stayed so; expected an answer; use fewer "
            f"--workers, and do the failed images again with nucensus retry"
        )
        return AccessError(f"{place!r}: {reason}") if concerns_all else ReadError(reason)
    reason = next(
        (reason for sign, reason in _REASONS.items() if sign in text), type(error).__name__
    )
    if said:
        reason = f"it says {said}"
    if concerns_all or place not in _reached:
        return AccessError(
            f"{place!r} cannot be used: {reason}; expected a server that answers; check the "
            f"address and the network{', and AWS_ENDPOINT_URL' * place.startswith('s3')}"
        )
    return ReadError(
        f"{place!r} could not be read, also not after several tries: {reason}; expected it to "
        f"answer; do the failed images again with nucensus retry"
    )


def _place(address: str) -> str:
    """Return the bucket or server of an address, without user and password."""
    return re.sub(r"^(\w+://)(?:[^/@]*:[^/@]*@)?([^/?#]*).*", r"\1\2", address, flags=re.DOTALL)


def _find(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return next((group for group in match.groups() if group), "") if match else ""
