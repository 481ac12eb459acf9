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


IN_A_THREAD = """
import sys, threading
from emoclr.pretrain.training.allocator import share_freed_memory

def look():
    block = bytes(60_000)
    (heap,) = [line.split()[0].split("-") for line in open("/proc/self/maps") if line.endswith("[heap]\\n")]
    print(int(heap[0], 16) <= id(block) < int(heap[1], 16))

if sys.argv[1] == "shared":
    share_freed_memory()
thread = threading.Thread(target=look)
thread.start()
thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
@pytest.mark.parametrize(("how", "in_the_heap"), [("shared", "True"), ("", "False")])
def test_threads_take_memory_from_the_heap_of_the_process(how, in_the_heap):
    result = subprocess.run([sys.executable, "-c", IN_A_THREAD, how], capture_output=True, text=True, check=True)
    assert result.stdout.split() == [in_the_heap]
