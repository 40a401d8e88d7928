# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Reads env files (`NAME=value`, `export NAME="value"`) without a shell ever evaluating them, and writes their values.

What this parser accepts has the value that `sh` gives it
(https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html, sections 2.2 and 2.6). What would run a
command, or mean something different to sh, bash and systemd, is an error that names the file and the line. Messages
never show a value, because it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from ..common.errors import ConfigurationError

#: Characters in one value after expansion: what Linux passes in one environment variable (MAX_ARG_STRLEN).
MAX_VALUE_LENGTH = 128 * 1024
#: `${A:-${B:-…}}` deeper than this is a mistake.
MAX_NESTING = 8

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\}|:-)")
#: Inside double quotes sh and systemd take a backslash away before these and no others.
_ESCAPABLE = '"\\$`'
#: After `$`, what sh or bash treats as something else than a variable's name.
_SPECIAL_PARAMETERS = frozenset("0123456789@*#?-$![_")
_ONLY_ASSIGNMENTS = "write NAME=value lines only; this file is read, never run"


#: What people write instead of an assignment: pattern, reason, hint. The first pattern that matches is reported.
_DIAGNOSES = [
    (r"(source|\.)[ \t]", "reads another file", "copy the lines of that file into this one"),
    (r"[A-Za-z_]\w*[ \t]*\(\)|function[ \t]", "starts a shell function", _ONLY_ASSIGNMENTS),
    (r"(export[ \t]+)?[A-Za-z_]\w*\[", "assigns to an array", "write one NAME=value, with spaces in between"),
    (r"(export[ \t]+)?[A-Za-z_]\w*\+=", "appends to a variable", "write NAME=${NAME}more"),
    (r"(export[ \t]+)?[A-Za-z_]\w*[ \t]+=", "has a space before the =", "write NAME=value"),
    (r"export[ \t]+[A-Za-z_]\w*[ \t]*(#|\n|$)", "exports without a value", "write export NAME=value, or remove it"),
    (r"(declare|typeset|readonly|local)[ \t]", "declares with a shell command", "write NAME=value"),
    (r";", "starts with a semicolon", "start a comment with #"),
    (r"", "is not an assignment", _ONLY_ASSIGNMENTS),
]


class Assignment(NamedTuple):
    """The value of one name and the line it was written on, counted from 1."""

    value: str
    line: int


@dataclass
class EnvFile:
    """What an env file says. A name that is assigned twice has its last value, as in a shell."""

    source_name: str
    assignments: dict[str, Assignment] = field(default_factory=dict, repr=False)
    #: Names that other lines of the file made use of, as in `SOURCE_DIR=$BASE/outbox`.
    referenced: set[str] = field(default_factory=set)

    def get(self, name: str) -> str:
        """The value of `name`; an empty string when it is empty or not in the file."""
        assignment = self.assignments.get(name)
        return assignment.value if assignment else ""

    def where(self, name: str) -> str:
        """`file:line: NAME`, for messages."""
        return f"{self.source_name}:{self.assignments[name].line}: {name}"


def decode_env_file(data: bytes, source_name: str) -> str:
    """The text of an env file. Raises ConfigurationError with the line that is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{source_name}:{line}: the file is not UTF-8 text", "save it as UTF-8, for example with iconv"
        ) from error


def parse_env_file(text: str, source_name: str, environment: Mapping[str, str]) -> EnvFile:
    """The assignments of an env file.

    `$NAME`, `${NAME}` and `${NAME:-default}` stand for names that the file defined before, then for those of
    `environment`. CRLF line ends and a byte order mark are taken as the editor's doing and ignored.

    Raises ConfigurationError with `source_name`, line and, where there is one, the name.
    """
    return _Parser(text, source_name, environment).parse()


def quote(value: str, name: str) -> str:
    """`value` in double quotes, so that sh, bash, systemd's EnvironmentFile and `parse_env_file` all read it back.

    Raises ConfigurationError for `name` when no such writing exists (line ends, NUL, not encodable as UTF-8).
    """
    if any(character in value for character in "\n\r\0"):
        raise ConfigurationError(f"{name} holds a line end or NUL, which an env file cannot carry", "remove it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"{name} cannot be written as UTF-8", "use a name that is valid UTF-8") from error
    if len(value) > MAX_VALUE_LENGTH:
        raise ConfigurationError(f"{name} is longer than {MAX_VALUE_LENGTH} characters", "shorten it")
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


class _Parser:
    """A recursive-descent parser over the whole text; `position` is the next character to read."""

    def __init__(self, text: str, source_name: str, environment: Mapping[str, str]) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n")
        self.environment = environment
        self.result = EnvFile(source_name)
        self.position = 0
        self.line = 1
        self.name: str | None = None
        self.length = 0

    def parse(self) -> EnvFile:
        self.refuse("\0", "a NUL byte", "this is not a text file; give the path of an env file")
        self.refuse("\r", "a carriage return inside the line", "save the file with Unix line ends")
        while self.position < len(self.text):
            character = self.peek()
            if character in " \t\n":
                self.take()
            elif character == "#":
                self.skip_comment()
            else:
                self.assignment()
        return self.result

    def refuse(self, character: str, what: str, hint: str) -> None:
        """Fail when the file holds `character` anywhere."""
        position = self.text.find(character)
        if position >= 0:
            self.line = self.text.count("\n", 0, position) + 1
            self.fail(what, hint)

    def peek(self) -> str:
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        character = self.peek()
        self.position += 1
        self.line += character == "\n"
        return character

    def skip_comment(self) -> None:
        end = self.text.find("\n", self.position)
        self.position = len(self.text) if end < 0 else end

    def assignment(self) -> None:
        match = _ASSIGNMENT.match(self.text, self.position)
        if match is None:
            self.fail_without_assignment()
        self.name = match.group(1)
        self.position = match.end()
        self.length = 0
        line = self.line
        value = self.word()
        while self.peek() and self.peek() in " \t":
            self.take()
        if self.peek() == "#":
            self.skip_comment()
        if self.peek() not in ("", "\n"):
            self.fail("text after the value", 'quote a value with spaces, NAME="a b"; write one assignment a line')
        self.result.assignments[self.name] = Assignment(value, line)
        self.name = None

    def word(self) -> str:
        """One word of sh: quoted and unquoted pieces without a blank between them."""
        pieces: list[str] = []
        tilde_expands = True
        while self.peek() and self.peek() not in " \t\n":
            character = self.peek()
            if self.skip_continuation():
                continue
            if character == "'":
                pieces.append(self.single_quoted())
            elif character == '"':
                pieces.append(self.double_quoted())
            elif character == "\\":
                pieces.append(self.escaped())
            elif character == "$":
                pieces.append(self.expansion(quoted=False))
            else:
                self.refuse_unquoted(character, tilde_expands)
                pieces.append(self.take())
            # As sh does: at the start of the value, and after each colon outside quotes.
            tilde_expands = character == ":"
        return "".join(pieces)

    def skip_continuation(self) -> bool:
        """Pass over a backslash and line end, which join two lines."""
        if not self.text.startswith("\\\n", self.position):
            return False
        self.take()
        self.take()
        return True

    def refuse_unquoted(self, character: str, tilde_expands: bool) -> None:
        """Fail for what a shell would act on outside quotes, or what shells disagree about."""
        self.refuse_backtick(character)
        if character in ";&|<>":
            self.fail(f"an unquoted {character}", 'quote the value, NAME="a;b"; commands are never run')
        if character in "()":
            self.fail(f"an unquoted {character}", 'write one value in quotes, NAME="a b"; arrays are not read')
        if character == "{":
            self.fail("an unquoted {", "quote the value: bash would expand the braces and sh would not")
        if character == "~" and tilde_expands:
            self.fail("an unquoted ~", "write $HOME instead, or quote the ~ to keep it as it is")

    def refuse_backtick(self, character: str) -> None:
        if character == "`":
            self.fail("a command substitution `…`", "write the value itself; commands are never run")

    def escaped(self) -> str:
        """A backslash outside quotes: the next character as it is."""
        self.take()
        character = self.take()
        if not character:
            self.fail("a backslash at the end of the file", r"remove it, or write \\ for a backslash")
        return character

    def single_quoted(self) -> str:
        self.take()
        end = self.text.find("'", self.position)
        value = self.text[self.position : end] if end >= 0 else "\n"
        if "\n" in value:
            self.fail_unclosed("'")
        self.position = end + 1
        return value

    def double_quoted(self) -> str:
        self.take()
        pieces: list[str] = []
        while True:
            character = self.peek()
            if character in ("", "\n"):
                self.fail_unclosed('"')
            if character == '"':
                self.take()
                return "".join(pieces)
            if self.skip_continuation():
                continue
            if character == "\\":
                pieces.append(self.escaped_in_double_quotes())
            elif character == "$":
                pieces.append(self.expansion(quoted=True))
            else:
                self.refuse_backtick(character)
                pieces.append(self.take())

    def escaped_in_double_quotes(self) -> str:
        self.take()
        following = self.peek()
        return self.take() if following and following in _ESCAPABLE else "\\"

    def expansion(self, quoted: bool, needed: bool = True, depth: int = 0) -> str:
        """What starts with `$`. With `needed` false the syntax is checked but no variable is looked up."""
        self.take()
        following = self.peek()
        if following == "{":
            return self.braced(needed, depth)
        match = _NAME.match(self.text, self.position)
        if match is not None and match.group() != "_":
            self.position = match.end()
            self.refuse_split_name()
            return self.required(match.group(), needed)
        self.refuse_split_name()
        if following == "(":
            self.fail("a command substitution $(…)", "write the value itself; commands are never run")
        if (following and following in _SPECIAL_PARAMETERS) or (following in ("'", '"') and not quoted):
            self.fail(f"the shell's special ${following}", r"write the value itself, or \$ for a dollar sign")
        return "$"

    def refuse_split_name(self) -> None:
        if self.text.startswith("\\\n", self.position):
            self.fail("a variable's name that goes on in the next line", "write it on one line, or ${NAME}")

    def braced(self, needed: bool, depth: int) -> str:
        self.take()
        match = _BRACED.match(self.text, self.position)
        if match is None:
            self.fail("a ${…} of a form that is not read", "write ${NAME} or ${NAME:-default}")
        name, ending = match.groups()
        self.position = match.end()
        if ending == "}":
            return self.required(name, needed)
        value = self.lookup(name) if needed else None
        default = self.default(needed and not value, depth + 1)
        return value or default

    def default(self, needed: bool, depth: int) -> str:
        """The text of a default up to its closing brace. What depends on the quotes around it is refused."""
        if depth > MAX_NESTING:
            self.fail(f"more than {MAX_NESTING} defaults inside each other", "write the value itself")
        pieces: list[str] = []
        tilde_expands = True
        while self.peek() != "}":
            character = self.peek()
            if character in ("", "\n"):
                self.fail("a ${ without its }", "close it on the same line")
            if character == "$":
                pieces.append(self.expansion(quoted=False, needed=needed, depth=depth))
            elif character in "\"'\\{<>" or (character == "~" and tilde_expands):
                self.fail(
                    f"a {character} in the default of a ${{…}}", "define the default under a name of its own first"
                )
            else:
                self.refuse_backtick(character)
                pieces.append(self.take())
            tilde_expands = character == ":"
        self.take()
        return "".join(pieces)

    def required(self, name: str, needed: bool) -> str:
        if not needed:
            return ""
        value = self.lookup(name)
        if value is None:
            self.fail(
                f"${name} is defined neither above this line nor in the environment",
                f"define {name} above, or write ${{{name}:-default}}",
            )
        return value

    def lookup(self, name: str) -> str | None:
        assignment = self.result.assignments.get(name)
        if assignment is not None:
            self.result.referenced.add(name)
        value = assignment.value if assignment is not None else self.environment.get(name)
        self.length += len(value or "")
        if self.length > MAX_VALUE_LENGTH:
            self.fail(f"a value longer than {MAX_VALUE_LENGTH} characters", "check the variables it is made of")
        return value

    def fail_unclosed(self, quotation_mark: str) -> NoReturn:
        self.fail(f"a {quotation_mark} that is not closed on its line", f"close it with {quotation_mark}")

    def fail_without_assignment(self) -> NoReturn:
        for pattern, reason, hint in _DIAGNOSES:
            if re.compile(pattern, re.ASCII).match(self.text, self.position):
                self.fail(f"the line {reason}", hint)
        raise AssertionError("the last diagnosis matches every line")

    def fail(self, what: str, hint: str) -> NoReturn:
        name = f" {self.name}:" if self.name else ""
        raise ConfigurationError(f"{self.result.source_name}:{self.line}:{name} {what}", hint)
