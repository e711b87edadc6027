"""Frames for pipelines, from files, folders, standard input, or at random."""
