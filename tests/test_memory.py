"""Freed memory that stays with the process."""

import platform
import subprocess
import sys


def test_it_says_whether_it_took_effect():
    code = "import parnassus.memory as m; print(m.keep_memory())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(platform.libc_ver()[0] == "glibc")
