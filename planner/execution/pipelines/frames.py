"""Frames of a caller into slots of the window, and results out of them, many at once.

Nothing here waits for anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bnnplan.models.errors import InputError
from bnnplan.models.feeds import check_feeds, plain_dtype
from bnnplan.models.graph import Network
from bnnplan.models.tensors import ElementType, decode, encode
from bnnplan.planner.execution.pipelines.slots import Window

Frame = np.ndarray | Mapping[str, np.ndarray]
"""One image in plain elements; several inputs by their names."""
Result = np.ndarray | dict[str, np.ndarray]
"""Plain elements of the output for one image; several outputs by their names."""


class Framing:
    """How frames and results lie in a window.

    Parameters
    ----------
    network : Network
    batch : int
        Frames in a slot.
    window : mapping of str to HostSlots
        By name of input and output.
    """

    def __init__(self, network: Network, batch: int, window: Window) -> None:
        self.network = network
        self.batch = batch
        self.window = window
        self.count = len(next(iter(window.values())).arrays)
        self._forms = [
            (name, type.shape, plain_dtype(type), type.element is ElementType.BIT)
            for name, type in network.inputs.items()
        ]
        self._only = self._forms[0][0] if len(self._forms) == 1 else None

    def check(self, frame: Frame, number: int) -> tuple[np.ndarray, ...]:
        """The arrays of a frame, in the order of the network's inputs.

        Raises
        ------
        InputError
            If an input is missing, or of another shape, element type or range; with the frame's
            number.
        """
        arrays: tuple[np.ndarray, ...]
        if self._only is not None and isinstance(frame, np.ndarray):
            arrays = (frame,)
        elif isinstance(frame, dict | Mapping) and frame.keys() == self.network.inputs.keys():
            arrays = tuple(np.asarray(frame[name]) for name, *_ in self._forms)
        else:
            raise self._fault(frame, number)
        for array, (_, shape, dtype, is_bit) in zip(arrays, self._forms, strict=True):
            if array.shape != shape or array.dtype != dtype:
                raise self._fault(frame, number)
            if is_bit and not (np.abs(array) == 1).all():
                raise self._fault(frame, number)
        return arrays

    def _fault(self, frame: Frame, number: int) -> InputError:
        """What is wrong with a frame, which has no batch axis."""
        if isinstance(frame, Mapping):
            named = dict(frame)
        elif not isinstance(frame, np.ndarray):
            return InputError(f"frame {number}: {type(frame).__name__} is no array")
        elif self._only is not None:
            named = {self._only: frame}
        else:
            return InputError(
                f"frame {number}: the network has several inputs: hand arrays over by name, of "
                f"{', '.join(self.network.inputs)}"
            )
        for name, array in named.items():
            wanted = self.network.inputs.get(name)
            if wanted is not None and np.shape(array) != wanted.shape:
                order = ": height, width, channels" if len(wanted.shape) == 3 else ""
                return InputError(
                    f"frame {number}: input {name!r} must have shape {wanted.shape}, not "
                    f"{np.shape(array)}{order}"
                )
        try:
            check_feeds(
                self.network, {name: np.asarray(array)[None] for name, array in named.items()}, 1
            )
        except InputError as error:
            return InputError(f"frame {number}: {error}")
        raise AssertionError(f"frame {number} fits")

    def write(self, slot: int, frames: Sequence[tuple[np.ndarray, ...]]) -> int:
        """Encode frames into slots from one on; the last slot is filled with its last frame.

        Parameters
        ----------
        slot : int
            Any number: slots are counted around the window.
        frames : sequence
            As `check` gives them.

        Returns
        -------
        int
            The slots that were written.
        """
        slots = -(-len(frames) // self.batch)
        missing = slots * self.batch - len(frames)
        for position, (name, type) in enumerate(self.network.inputs.items()):
            parts = [arrays[position] for arrays in frames]
            parts += parts[-1:] * missing
            # Of arrays without a batch axis: stacking them takes several times as long.
            plain = np.concatenate(parts).reshape(slots * self.batch, *type.shape)
            coded = encode(plain, type).reshape(slots, self.batch, *type.array_shape(1)[1:])
            target = self.window[name].arrays
            for at, rows in self._ranges(slot, slots):
                target[at] = coded[rows]
        return slots

    def read(self, slot: int, slots: int) -> list[Result]:
        """Results of all frames in slots from one on, those of padding included."""
        columns = []
        for name in self.network.outputs:
            type = self.network.types[name]
            source = self.window[name].arrays
            coded = np.concatenate([source[at] for at, _ in self._ranges(slot, slots)])
            plain = decode(coded.reshape(slots * self.batch, *type.array_shape(1)[1:]), type)
            columns.append(list(plain))
        if len(columns) == 1:
            return columns[0]
        names = self.network.outputs
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _ranges(self, slot: int, slots: int) -> Iterator[tuple[slice, slice]]:
        """Where slots lie in the window, and which of them these are: at most two pieces."""
        done = 0
        while done < slots:
            at = (slot + done) % self.count
            size = min(slots - done, self.count - at)
            yield slice(at, at + size), slice(done, done + size)
            done += size
