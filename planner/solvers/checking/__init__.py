"""The independent checker of solutions, which shares no code with what makes them."""
