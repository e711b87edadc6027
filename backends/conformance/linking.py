"""Networks on one device: kernels, buffers and programs from end to end."""

from __future__ import annotations

from bnnplan.backends.conformance.comparing import require_equal
from bnnplan.backends.conformance.networks import Sample
from bnnplan.backends.conformance.subject import Subject
from bnnplan.backends.interface import Buffer, Program, Step
from bnnplan.backends.reference import evaluate


class Assembly:
    """The programs that compute a sample on a device.

    Formats are converted where a kernel wants another one than its producer gives; a program
    ends there.

    Parameters
    ----------
    subject : Subject
    sample : Sample
    """

    def __init__(self, subject: Subject, sample: Sample) -> None:
        self.subject, self.sample = subject, sample
        self.parts: list[Program | tuple[Buffer, Buffer]] = []
        self._steps: list[Step] = []
        buffers: dict[str, Buffer] = {}
        for name, type in sample.network.inputs.items():
            buffers[name] = subject.load(sample.feeds[name], type, type.format)
        for node in sample.network.nodes:
            bound = sample.network.bind(node, sample.batch)
            configuration = subject.pick(bound, sample.choice)[0]
            kernel = subject.prepare(bound, configuration)
            wanted = zip(node.inputs, kernel.input_formats, strict=True)
            inputs = [self._in_format(buffers[name], format) for name, format in wanted]
            made = zip(node.outputs, bound.outputs, kernel.output_formats, strict=True)
            for name, type, format in made:
                buffers[name] = subject.blank(type, sample.batch, format)
            self._steps.append(Step(kernel, inputs, [buffers[name] for name in node.outputs]))
        self._close()
        self.outputs = {name: buffers[name] for name in sample.network.outputs}

    def _in_format(self, buffer: Buffer, format: str) -> Buffer:
        if buffer.format == format:
            return buffer
        self._close()
        other = self.subject.backend.allocate(
            self.subject.device, buffer.type, buffer.batch, format
        )
        self.parts.append((buffer, other))
        return other

    def _close(self) -> None:
        if self._steps:
            self.parts.append(self.subject.backend.link(self._steps))
            self._steps = []

    @property
    def programs(self) -> list[Program]:
        """The programs, without the conversions between them."""
        return [part for part in self.parts if isinstance(part, Program)]

    def run(self, *, timed: bool = False) -> list[int]:
        """Run everything in order; the times of all steps if they are wanted."""
        times: list[int] = []
        for part in self.parts:
            if not isinstance(part, Program):
                self._convert(*part)
            elif timed:
                times += part.run_timed()
            else:
                part.run()
        return times

    def _convert(self, source: Buffer, target: Buffer) -> None:
        backend = self.subject.backend
        array = backend.download(source)
        backend.upload(backend.convert(array, source.type, source.format, target.format), target)

    def check(self, what: str) -> None:
        """Require that the outputs are those of the reference."""
        network = self.sample.network
        tolerance = self.subject.backend.float_tolerance * max(1, len(network.nodes))
        for name, expected in evaluate(network, self.sample.feeds).items():
            producer = network.producers.get(name)
            own = 0.0 if producer is None else self.subject.tolerance(network.bind(producer))
            array = self.subject.fetch(self.outputs[name])
            require_equal(
                array, expected, network.types[name], max(tolerance, own), f"{name} {what}"
            )
