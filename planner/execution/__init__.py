"""Runs plans on real devices: segments, transfers, traces and measurements."""
