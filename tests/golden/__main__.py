"""``python -m tests.golden FILE...``: compare the zoo with the golden files.

Prints a row per case with its largest relative error, and exits with 1 if one exceeds the limit,
differs in a key or shape, or cannot be computed.
"""

import json
import sys

import torch

from tests.golden import compare


def main(paths):
    if not paths:
        print("usage: python -m tests.golden FILE...", file=sys.stderr)
        return 2
    torch.set_num_threads(min(2, torch.get_num_threads()))
    failed = checked = 0
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                cases = json.load(file)
        except (OSError, ValueError) as error:
            print(f"{path}: cannot be read: {error}", file=sys.stderr)
            return 2
        for case in cases:
            row = compare.row(case)
            checked += 1
            failed += not row.ok
            verdict = "ok  " if row.ok else "FAIL"
            print(f"{verdict}  {row.error:9.2e}  {row.title}  {row.note}".rstrip())
    print(f"{checked - failed} of {checked} cases within their limits")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
