# SPDX-License-Identifier: GPL-2.0-only
"""What no test file does by itself: the end of a lab that was kept for the next one."""

import pytest

import gateways


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish():
    gateways.end_kept()


def pytest_runtest_setup(item):
    """Who wants another lab brings it up by itself, and cannot while one is there."""
    if gateways.kept and not getattr(item.module, "KEEPS_LAB", False):
        gateways.end_kept()
