"""Tables of columns: pyarrow's S3 file system (the AWS SDK for C++), Polars, and deltalake (object_store) with several writers at once."""

import threading

import polars
import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from harness import ACCESS_KEY, ENDPOINT, MIB, REGION, SECRET_KEY, body, check, equal, new_bucket, run

BUCKET = new_bucket("tables")
HOST = ENDPOINT.split("://")[1]
# Of object_store, which deltalake and Polars use.
STORAGE = {
    "AWS_ENDPOINT_URL": ENDPOINT,
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": REGION,
    "AWS_ALLOW_HTTP": "true",
}
WRITERS = 4
COMMITS_OF_EACH = 8

files = pyarrow.fs.S3FileSystem(
    access_key=ACCESS_KEY,
    secret_key=SECRET_KEY,
    endpoint_override=HOST,
    scheme="http",
    region=REGION,
    allow_bucket_creation=True,
    allow_bucket_deletion=True,
)


def rows(count, first=0):
    numbers = range(first, first + count)
    return pyarrow.table(
        {
            "number": pyarrow.array(numbers, pyarrow.int64()),
            "kind": [f"kind-{number % 7}" for number in numbers],
            "value": [number * 0.5 for number in numbers],
        }
    )


@check("pyarrow: files, directories, a stream in parts")
def file_system():
    files.create_dir(BUCKET)
    data = body(23 * MIB + 11)
    with files.open_output_stream(f"{BUCKET}/streams/large") as stream:
        for begin in range(0, len(data), MIB):
            stream.write(data[begin : begin + MIB])
    with files.open_input_stream(f"{BUCKET}/streams/large") as stream:
        equal(stream.read(), data)
    with files.open_input_file(f"{BUCKET}/streams/large") as file:
        file.seek(17 * MIB - 3)
        equal(file.read(1000), data[17 * MIB - 3 : 17 * MIB + 997])
    files.create_dir(f"{BUCKET}/empty/below")
    listed = files.get_file_info(pyarrow.fs.FileSelector(BUCKET, recursive=True))
    found = sorted((info.path.removeprefix(f"{BUCKET}/"), info.is_file) for info in listed)
    equal(found, [("empty", False), ("empty/below", False), ("streams", False), ("streams/large", True)])
    files.move(f"{BUCKET}/streams/large", f"{BUCKET}/streams/moved")
    files.delete_dir(f"{BUCKET}/empty")
    left = files.get_file_info(pyarrow.fs.FileSelector(BUCKET, recursive=True))
    equal(sorted(info.path for info in left if info.is_file), [f"{BUCKET}/streams/moved"])


@check("pyarrow: a dataset in partitions, read by filter")
def dataset():
    table = rows(100_000)
    root = f"{BUCKET}/dataset"
    pyarrow.parquet.write_to_dataset(table, root, partition_cols=["kind"], filesystem=files)
    read = pyarrow.dataset.dataset(root, filesystem=files, partitioning="hive")
    equal(read.count_rows(), 100_000)
    some = read.to_table(columns=["number"], filter=pyarrow.dataset.field("kind") == "kind-3")
    equal(sorted(some["number"].to_pylist()), list(range(3, 100_000, 7)))
    files.delete_dir(root)
    equal(files.get_file_info(root).type, pyarrow.fs.FileType.NotFound)


@check("Polars: Parquet by ranges, a part of the columns and rows")
def parquet_by_range():
    table = rows(1_000_000)
    with files.open_output_stream(f"{BUCKET}/numbers.parquet") as stream:
        pyarrow.parquet.write_table(table, stream, row_group_size=50_000, compression="none", use_dictionary=False)
    lazy = polars.scan_parquet(f"s3://{BUCKET}/numbers.parquet", storage_options=STORAGE)
    wanted = lazy.filter(polars.col("number").is_between(480_000, 480_009)).select("number", "value").collect()
    equal(wanted["value"].to_list(), [number * 0.5 for number in range(480_000, 480_010)])
    equal(lazy.select(polars.col("number").sum()).collect().item(), sum(range(1_000_000)))
    lazy.head(1000).sink_parquet(f"s3://{BUCKET}/sunk.parquet", storage_options=STORAGE)
    equal(polars.read_parquet(f"s3://{BUCKET}/sunk.parquet", storage_options=STORAGE).height, 1000)


@check("deltalake: several writers commit at once, and no commit is lost")
def concurrent_commits():
    where = f"s3://{BUCKET}/delta"
    write_deltalake(where, rows(1), storage_options=STORAGE)
    committed, failures = [], []

    def write(writer):
        for commit in range(COMMITS_OF_EACH):
            first = (writer * COMMITS_OF_EACH + commit + 1) * 10
            while True:
                try:
                    write_deltalake(where, rows(10, first), mode="append", storage_options=STORAGE)
                    committed.append(first)
                    break
                except CommitFailedError:
                    # Others were first too many times running: a client's own matter, it tries again.
                    continue
                except Exception as error:
                    failures.append(error)
                    return

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [])
    table = DeltaTable(where, storage_options=STORAGE)
    equal(table.version(), WRITERS * COMMITS_OF_EACH)
    wanted = sorted([0] + [number for first in committed for number in range(first, first + 10)])
    equal(sorted(table.to_pyarrow_table()["number"].to_pylist()), wanted)
    table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    equal(sorted(DeltaTable(where, storage_options=STORAGE).to_pyarrow_table()["number"].to_pylist()), wanted)


run("tables")
