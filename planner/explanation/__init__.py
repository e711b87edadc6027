"""Why a plan is as it is: what every alternative would cost, and what every constraint does.

The plan is set into the problems that a profile gives for its request, and these are solved again
with one thing changed. So everything that is told is in the costs of that profile.
"""
