"""Methods for pipelines, and what they have in common."""
