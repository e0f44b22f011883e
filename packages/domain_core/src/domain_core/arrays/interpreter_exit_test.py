"""A script ends though `tf.data` still reads ahead."""

import subprocess
import sys

CODE = """
import time
import tensorflow as tf
from domain_core.arrays.host_call import Spec, host_call

def slow(number):
    time.sleep(0.05)
    return number

numbers = tf.data.Dataset.range(10_000).map(
    lambda x: host_call(slow, (x,), Spec("int64", ())),
    num_parallel_calls=4,
).prefetch(100)
rows = iter(numbers)
next(rows)
raise SystemExit("an error")
"""


def test_python_ends_while_tf_data_reads_ahead():
    process = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        timeout=60,  # without the guard it never ends
        check=False,
    )
    assert process.returncode == 1 and "an error" in process.stderr
