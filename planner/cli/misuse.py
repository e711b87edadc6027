"""Misuse of the command line, told in one line: which option, what is wrong, where to look."""

from __future__ import annotations

from typing import Any

import typer

MisuseError: type[Any] = typer.BadParameter.__bases__[0]
"""What the parser raises; typer brings its own or takes that of click, by its version."""

_LIMITS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "above"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "below"),
}
_ELSEWHERE = {
    "zoo": "inspect --zoo",
    "networks": "inspect --zoo",
    "plan": "solve",
    "bench": "profile",
    "benchmark": "profile",
    "measure": "profile",
    "infer": "run",
    "trace": "run --trace",
}
"""What people try, and what it is called here."""
_NUMBERS = {"int": "must be a whole number", "float": "must be a number"}


def is_help(error: Any) -> bool:
    """Whether all that was wrong is that nothing was asked for; the help is printed then."""
    return type(error).__name__ == "NoArgsIsHelpError"


def explain_misuse(error: Any) -> str:
    """Say in one line what was wrong with the arguments of a command.

    Parameters
    ----------
    error : MisuseError
    """
    context = error.ctx
    command = context.command_path if context else "bnnplan"
    where = command if context else f"{command} COMMAND"
    return f"{command}: {_reason(error)} (see {where} --help)"


def _reason(error: Any) -> str:
    param = getattr(error, "param", None)
    name = _name(param) if param is not None else ""
    if type(error).__name__ == "MissingParameter":
        return f"{name} is missing"
    if isinstance(error, typer.BadParameter):
        value, fault = _fault(error)
        return f"{f'{name} {value}'.strip()}: {fault}" if name else fault
    if type(error).__name__ == "BadOptionUsage":
        takes_one = "requires" in error.message
        return f"{error.option_name}: {'needs a value' if takes_one else 'takes no value'}"
    if type(error).__name__ == "NoSuchOption":
        near = ", ".join(sorted(error.possibilities or ()))
        return f"no option {error.option_name}" + (f"; did you mean {near}?" if near else "")
    message = str(error.format_message()).rstrip(".")
    command = message.partition("'")[2].partition("'")[0]
    if message.startswith("No such command") and command in _ELSEWHERE:
        message = f"no such command '{command}'; did you mean '{_ELSEWHERE[command]}'?"
    return message[:1].lower() + message[1:]


def _name(param: Any) -> str:
    """An option as it is typed, all its spellings; an argument as the help writes it."""
    if param.param_type_name == "option":
        return "/".join(param.opts)
    return f"argument {param.metavar or str(param.name).upper()}"


def _fault(error: Any) -> tuple[str, str]:
    """The value that was given, if that is known, and what is wrong with it."""
    cause = error.__cause__
    if not hasattr(cause, "errors"):
        # Click's own messages name the value.
        return "", str(error.message).rstrip(".")
    first = cause.errors()[0]
    value, kind, text = str(first.get("input", "")), first["type"], first["msg"]
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return value, f"must be {words} {first['ctx'][key]:g}"
    if (number := kind.partition("_")[0]) in _NUMBERS:
        return value, _NUMBERS[number]
    if "is not one of " in text:
        allowed = text.rpartition("is not one of ")[2].rstrip(".").replace("'", "")
        return value, f"must be {'one of ' if ',' in allowed else ''}{allowed}"
    return value, text.removeprefix("Value error, ").rstrip(".")
