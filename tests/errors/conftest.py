"""Errors must come from the library itself, so these tests refuse to run under the shape-checking hook."""

import pytest


def pytest_configure(config):
    if config.getoption("jaxtyping_packages", None):
        raise pytest.UsageError("tests/errors run without --jaxtyping-packages: run them by themselves")
