import subprocess
import sys

import pytest

SCRIPT = """
import resource
from emoclr.pretrain.training.allocator import keep_freed_memory

def new_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b"x" * 100_000_000
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

new_pages()
given_back = new_pages()
keep_freed_memory()
new_pages()
print(given_back, new_pages(), new_pages())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_what_was_freed_is_not_asked_of_the_system_again():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    given_back, *kept = map(int, result.stdout.split())
    assert given_back > 1_000
    assert max(kept) < 100
