"""Small published instances, as facts: their data and best known values."""

from __future__ import annotations

MK01 = """10 6 2
6 2 1 5 3 4 3 5 3 3 5 2 1 2 3 4 6 2 3 6 5 2 6 1 1 1 3 1 3 6 6 3 6 4 3
5 1 2 6 1 3 1 1 1 2 2 2 6 4 6 3 6 5 2 6 1 1
5 1 2 6 2 3 4 6 2 3 6 5 2 6 1 1 3 3 4 2 6 6 6 2 1 1 5 5
5 3 6 5 2 6 1 1 1 2 6 1 3 1 3 5 3 3 5 2 1 2 3 4 6 2
6 3 5 3 3 5 2 1 3 6 5 2 6 1 1 1 2 6 2 1 5 3 4 2 2 6 4 6 3 3 4 2 6 6 6
6 2 3 4 6 2 1 1 2 3 3 4 2 6 6 6 1 2 6 3 6 5 2 6 1 1 2 1 3 4 2
5 1 6 1 2 1 3 4 2 3 3 4 2 6 6 6 3 2 6 5 1 1 6 1 3 1
5 2 3 4 6 2 3 3 4 2 6 6 6 3 6 5 2 6 1 1 1 2 6 2 2 6 4 6
6 1 6 1 2 1 1 5 5 3 6 6 3 6 4 3 1 1 2 3 3 4 2 6 6 6 2 2 6 4 6
6 2 3 4 6 2 3 3 4 2 6 6 6 3 5 3 3 5 2 1 1 6 1 2 2 6 4 6 2 1 3 4 2
"""
"""P. Brandimarte, Annals of Operations Research 41, 1993: jobs on machines that differ in speed."""
MK01_MAKESPAN = 40

GUNTHER = """35
29 3 5 22 6 14 2 5 22 30 23 30 23 2 19 29 2 2 19 29 6 10 16 23 5 5 5 40 2 5 5 1 40 2 2
1,2 1,5 1,7 1,10 1,12 2,3 3,4 4,11 5,6 6,7 6,8 7,14 7,18 8,9 9,13 10,14 11,28 11,33 12,18
13,28 13,33 14,15 15,16 16,21 17,20 18,19 19,20 20,21 21,22 21,25 21,30 21,32 22,23 23,24 24,27
25,26 26,27 27,28 27,33 27,34 28,29 30,31 31,32 32,33 33,35
""".replace(" ", "\n")
"""R. E. Gunther and others, 1983, as in A. Scholl, "Data of assembly line balancing problems"."""
GUNTHER_CYCLE_TIMES = {
    6: 84, 7: 72, 8: 63, 9: 54, 10: 50, 11: 48, 12: 44, 13: 42, 14: 40, 15: 40,
}  # fmt: skip
"""The least cycle time by number of stations, as the literature on SALBP-2 has it."""
