"""What the Python clients share: the environment, random bodies, and checks that print PASS or FAIL as lib.sh does."""

import hashlib
import os
import sys
import time
import traceback
import urllib.error
import urllib.request

ENDPOINT = os.environ["ENDPOINT"]
ACCESS_KEY = os.environ["AWS_ACCESS_KEY_ID"]
SECRET_KEY = os.environ["AWS_SECRET_ACCESS_KEY"]
REGION = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
    os.environ[name] = "/dev/null"

MIB = 1 << 20
_checks = []


def check(name):
    """Marks a function as one check; they run in the order of the file."""

    def keep(function):
        _checks.append((name, function))
        return function

    return keep


def run(client):
    failed = False
    for name, function in _checks:
        try:
            function()
            print(f"PASS {client}: {name}", flush=True)
        except Exception:
            failed = True
            print("    " + traceback.format_exc().replace("\n", "\n    "))
            print(f"FAIL {client}: {name}", flush=True)
    # Without the interpreter's clean-up: the threads of pyarrow, Polars and deltalake may outlive what it tears down, and abort then,
    # after all is said and done.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1 if failed else 0)


def new_bucket(client):
    """A bucket name that no earlier run used."""
    return f"larder-{client}-{int(time.time())}-{os.getpid()}"


def body(size):
    return os.urandom(size)


def equal(found, wanted):
    if found != wanted:
        if isinstance(found, bytes) and isinstance(wanted, bytes):
            found, wanted = (f"{len(b)} bytes, sha256 {hashlib.sha256(b).hexdigest()}" for b in (found, wanted))
        raise AssertionError(f"found {found!r}, wanted {wanted!r}")


def http(method, url, data=None, headers=None):
    """Status and body of a plain request, whatever the status is."""
    # urllib would call the data a form.
    headers = {"Content-Type": "application/octet-stream", **(headers or {})} if data else headers or {}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
