"""From a board and a profile to a proven plan, its execution and its report."""
