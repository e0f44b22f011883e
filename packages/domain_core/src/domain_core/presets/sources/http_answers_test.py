"""What an HTTP status means."""

import datetime
import email.utils

import pytest
import requests

from domain_core.preset_errors import (
    PresetAccessError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.sources.http_answers import explain_requests, explain_status
from domain_core.presets.sources.retries import Retry


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, PresetAccessError),
        (403, PresetAccessError),
        (404, PresetNotFoundError),
        (410, PresetNotFoundError),
        (400, PresetError),
        (418, PresetError),
    ],
)
def test_for_good(status, error):
    found = explain_status(status, {}, "x://y", "Log in.")
    assert type(found) is error
    assert "'x://y'" in str(found)
    assert ("Log in." in str(found)) == (error is PresetAccessError)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_for_now(status):
    assert explain_status(status, {}, "x://y", "") == Retry(f"HTTP {status}")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7),
        (" 0 ", 0),
        ("-7", None),
        ("nan", None),
        ("1e9", None),
        ("9" * 5000, None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 01 Jan 1970 00:00:00", None),
        ("Thu, 99 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_retry_after(text, seconds):
    assert explain_status(503, {"retry-after": text}, "", "").after == seconds


def test_retry_after_a_date():
    then = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    headers = {"Retry-After": email.utils.format_datetime(then, usegmt=True)}
    assert 90 < explain_status(429, headers, "", "").after <= 100


def test_exceptions_of_requests():
    secret = "http://me:5ecret@proxy"
    unreachable = explain_requests(requests.ConnectionError(secret), "x", "")
    assert unreachable == Retry("ConnectionError")
    error = explain_requests(requests.exceptions.SSLError(secret), "x://y", "")
    assert type(error) is PresetNetworkError
    assert "5ecret" not in str(error)
    with pytest.raises(KeyError):
        explain_requests(KeyError("x"), "x", "")


def test_nobody_listens():
    with pytest.raises(requests.ConnectionError) as raised:
        requests.get("http://127.0.0.1:9", timeout=5)
    assert explain_requests(raised.value, "x", "").unreachable
