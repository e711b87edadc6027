"""From a choice of options to a solution: list schedules and pipelines."""
