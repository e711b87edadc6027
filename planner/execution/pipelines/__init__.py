"""Runs plans as pipelines: streams of stages, each on a thread of its own."""
