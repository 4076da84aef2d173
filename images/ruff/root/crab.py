"""Two mistakes for a linter to find."""

import os


def walk(legs):
    for leg in range(legs):
        print(f"a step")
