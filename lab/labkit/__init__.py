# SPDX-License-Identifier: GPL-2.0-only
"""The parts of the lab. labapi.py, one directory up, is the way in."""
