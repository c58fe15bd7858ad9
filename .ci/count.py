"""Adds up what the test runners said and prints one closing line: `N passed, N failed`."""
import re
import sys

text = re.sub(r"\x1b\[[0-9;]*m", "", open(sys.argv[1], encoding="utf-8", errors="replace").read())
passed = failed = 0
for line in text.splitlines():
    if m := re.search(r"Summary \[.*?\] (\d+)(?:/\d+)? tests? run: (\d+) passed", line):  # nextest
        passed += int(m[2])
        failed += sum(int(n) for n in re.findall(r"(\d+) (?:failed|timed out)", line))
    elif m := re.match(r"test result: \w+\. (\d+) passed; (\d+) failed", line):  # cargo test
        passed, failed = passed + int(m[1]), failed + int(m[2])
    elif line.strip().startswith("Tests "):  # vitest
        passed += sum(int(n) for n in re.findall(r"(\d+) passed", line))
        failed += sum(int(n) for n in re.findall(r"(\d+) failed", line))
print(f"{passed} passed, {failed} failed")
