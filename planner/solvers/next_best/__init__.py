"""The second best solution, the third, and so on."""
