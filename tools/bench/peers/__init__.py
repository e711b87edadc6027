"""Other engines that bnnplan is measured against, one module an engine.

A peer takes one of our networks, writes it in the engine's own form and runs it. One that is not
installed, or cannot run a network, says why with an `UnsupportedError`; nothing is left out
silently. What a peer computes is compared with our result before anything is timed.
"""
