"""A browser's requests from a page of another origin: a form that uploads a file, and scripts that CORS allows or not.

The pages come from a small server here, and report to it what the browser let them see. Chromium alone decides what is sent
and what a script may read; nothing of a form or a preflight is made up here.
"""

import html
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import urllib.parse

import boto3
from botocore.config import Config

from harness import ACCESS_KEY, ENDPOINT, REGION, SECRET_KEY, body, check, equal, new_bucket, run

# A browser on a machine that does other things takes its time to start.
PATIENCE_SECONDS = 120
CHROMIUM = shutil.which("chromium") or "chromium"

s3 = boto3.client(
    "s3",
    endpoint_url=ENDPOINT,
    aws_access_key_id=ACCESS_KEY,
    aws_secret_access_key=SECRET_KEY,
    region_name=REGION,
    config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
)
# Signs forms as boto3 does by itself: in Version 2.
s3_v2 = boto3.client(
    "s3",
    endpoint_url=ENDPOINT,
    aws_access_key_id=ACCESS_KEY,
    aws_secret_access_key=SECRET_KEY,
    region_name=REGION,
    config=Config(signature_version="s3", s3={"addressing_style": "path"}),
)
BUCKET = new_bucket("chromium")


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves `page`, and keeps what it is told and where it was sent."""

    page = ""
    told = queue.Queue()

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path)
        if path.path == "/done":
            self.told.put(dict(urllib.parse.parse_qsl(path.query)))
        self.answer(self.page if path.path == "/" else "")

    def do_POST(self):
        self.told.put(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.answer("")

    def answer(self, text):
        data = text.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


pages = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
threading.Thread(target=pages.serve_forever, daemon=True).start()
ORIGIN = f"http://127.0.0.1:{pages.server_port}"
OTHER_ORIGIN = f"http://localhost:{pages.server_port}"


def browse(page, origin=ORIGIN):
    """What the page tells, or where the browser is sent."""
    Pages.page = page
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server"]
        log = open(os.path.join(profile, "log"), "w+")
        browser = subprocess.Popen(
            [CHROMIUM, *options, f"--user-data-dir={profile}/profile", origin + "/"],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "HOME": profile},
        )
        try:
            return Pages.told.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            log.seek(0)
            raise AssertionError("the page told nothing; Chromium says:\n" + log.read()[-4000:])
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait()


def script(source, **values):
    """A page that tells what the script returns, or the name of the error that ends it."""
    return f"""<!doctype html><script>
        const values = {json.dumps(values)};
        const work = async () => {{ {source} }};
        const tell = (told) => fetch("/tell", {{ method: "POST", body: JSON.stringify(told) }});
        work().then((value) => tell({{ value }}), (error) => tell({{ error: error.name }}));
    </script>"""


def form_page(post, content):
    """A form as a person would find it; the script only chooses the file and presses the button."""
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in post["fields"].items()
    )
    return f"""<!doctype html><meta charset="utf-8">
        <form method="post" enctype="multipart/form-data" action="{html.escape(post['url'])}">
        {fields}<input type="file" name="file"><input type="submit" name="submit" value="Upload"></form>
        <script>
        const chosen = new DataTransfer();
        chosen.items.add(new File([new Uint8Array({json.dumps(list(content))})], "ünï code.bin"));
        document.querySelector("[type=file]").files = chosen.files;
        document.querySelector("[type=submit]").click();
        </script>"""


def upload_by_form(client, directory):
    fields = {"success_action_redirect": ORIGIN + "/done", "Content-Type": "image/x-test", "acl": "private"}
    conditions = [{name: value} for name, value in fields.items()]
    # The button is no field of the policy: it stands behind the file.
    conditions += [["content-length-range", 1, 100_000]]
    post = client.generate_presigned_post(BUCKET, directory + "${filename}", Fields=fields, Conditions=conditions)
    content = body(70_000)
    told = browse(form_page(post, content))
    key = directory + "ünï code.bin"
    found = s3.get_object(Bucket=BUCKET, Key=key)
    equal(found["Body"].read(), content)
    equal(found["ContentType"], "image/x-test")
    equal(told, {"bucket": BUCKET, "key": key, "etag": found["ETag"]})


@check("a form uploads a file and the browser is sent on")
def form_v4():
    s3.create_bucket(Bucket=BUCKET)
    upload_by_form(s3, "four/")


@check("a form that boto3 signs in Version 2")
def form_v2():
    upload_by_form(s3_v2, "two/")


def allow(*rules):
    s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": list(rules)})


PUT = """
    const answer = await fetch(values.url, { method: "PUT", headers: { "x-amz-meta-colour": "blue" }, body: "from a page" });
    return { status: answer.status, etag: answer.headers.get("etag"), id: answer.headers.get("x-amz-request-id") };
"""
GET = """
    const answer = await fetch(values.url, values.options || {});
    return { status: answer.status, text: await answer.text() };
"""


def url(method, key, **more):
    return s3.generate_presigned_url(method, Params={"Bucket": BUCKET, "Key": key, **more})


@check("a script's PUT after a preflight, and the header that it may read")
def put_after_preflight():
    allow({"AllowedOrigins": [ORIGIN], "AllowedMethods": ["PUT"], "AllowedHeaders": ["x-amz-meta-*", "content-type"], "ExposeHeaders": ["ETag"]})
    told = browse(script(PUT, url=url("put_object", "by-script", Metadata={"colour": "blue"})))
    found = s3.get_object(Bucket=BUCKET, Key="by-script")
    equal((found["Body"].read(), found["Metadata"]), (b"from a page", {"colour": "blue"}))
    equal(told, {"value": {"status": 200, "etag": found["ETag"], "id": None}})


@check("a preflight that no rule allows stops the PUT")
def put_refused():
    for origin, rule in [
        (OTHER_ORIGIN, {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}),
        (ORIGIN, {"AllowedOrigins": [ORIGIN], "AllowedMethods": ["PUT"]}),
        (ORIGIN, {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["*"]}),
    ]:
        allow(rule)
        equal(browse(script(PUT, url=url("put_object", "never", Metadata={"colour": "blue"})), origin), {"error": "TypeError"})
    equal(s3.list_objects_v2(Bucket=BUCKET, Prefix="never")["KeyCount"], 0)


@check("a script reads what a rule allows, refusals included, and nothing else")
def reads():
    s3.put_object(Bucket=BUCKET, Key="text", Body=b"to be read")
    allow({"AllowedOrigins": ["http://127.0.0.1:*"], "AllowedMethods": ["GET"]})
    equal(browse(script(GET, url=url("get_object", "text"))), {"value": {"status": 200, "text": "to be read"}})
    equal(browse(script(GET, url=url("get_object", "text")), OTHER_ORIGIN), {"error": "TypeError"})
    told = browse(script(GET, url=f"{ENDPOINT}/{BUCKET}/text"))
    equal((told["value"]["status"], "AccessDenied" in told["value"]["text"]), (403, True))


@check("everybody's rule gives no page the user's credentials")
def credentials():
    allow({"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]})
    equal(browse(script(GET, url=url("get_object", "text"))), {"value": {"status": 200, "text": "to be read"}})
    with_credentials = {"credentials": "include"}
    equal(browse(script(GET, url=url("get_object", "text"), options=with_credentials)), {"error": "TypeError"})
    allow({"AllowedOrigins": [ORIGIN], "AllowedMethods": ["GET"]})
    told = browse(script(GET, url=url("get_object", "text"), options=with_credentials))
    equal(told, {"value": {"status": 200, "text": "to be read"}})


if __name__ == "__main__":
    run("chromium")
