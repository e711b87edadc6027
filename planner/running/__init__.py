"""Runs pipelines for people: results kept, rates told, and interruptions that lose nothing."""
