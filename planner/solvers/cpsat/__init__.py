"""Models for CP-SAT. Importing them imports ortools, which takes a second."""
