# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""The env-file reader against arbitrary input: it reads or refuses, and what it reads is what bash reads."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.envfile import decode_env_file, parse_env_file
from hypothesis import example, given, settings
from hypothesis import strategies as st

#: Great numbers of made-up inputs.
pytestmark = pytest.mark.slow

#: As an env file is often read by bash, it is held against bash alone; against sh and dash in test_envfile.py.
SHELLS = [path for path in [shutil.which("bash")] if path]
ENVIRONMENT = {"HOME": "/home/me", "EMPTY": "", "WORDS": "two  words *", "TRAP": "'\"\\$HOME`id`"}

#: A config as sites have it, to be damaged.
SITE = b"""# The kit's dialect
export CLIENT_NAME="Example & Sons"
export SOURCE_DIR='/data/out box'   # the hot folder
BASE=/srv/data
LOGS_DIR=${BASE}/logs
RESULTS=$BASE/results
S3_SUBDIRECTORY=${PREFIX:-in/box}
PASSWORD="p\\"a\\$s\\\\s"
LONG=one\\
two
EXCLUDE_PATTERNS="*.tmp,~$*"
"""

#: Pieces that mean something to a shell, so that random text often comes near to what is accepted.
PIECES = st.sampled_from(
    [
        *"abcAB019 _=:-~#*?[]{}(),!%/+^@.;&|<>'\"\\$`\t\n\r\0öé\u2028\x85\x1c",
        *("export ", "A=", "B=", "HOME", "$HOME", "${HOME}", "${EMPTY:-", "${A:-", "$A", "${", ":-", "}", "$(", "``"),
        *("\\\n", '"$WORDS"', "$WORDS", "$TRAP", '"$TRAP"', "'$TRAP'", "\r\n", "\ufeff", "$'", '$"', "$_", "$1", "<<"),
        *("+=", "[0]=", "()", " # ", ";", " && ", "unset A\n", "readonly A=1\n", "alias x=y\n"),
    ]
)


@st.composite
def damaged(draw):
    """The site's config after a few accidents: bytes overwritten, taken out, put in, lines moved, the end cut off."""
    data = bytearray(SITE)
    for _number in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        piece = draw(st.binary(max_size=8) | PIECES.map(lambda text: text.encode("utf-8")))
        accident = draw(st.sampled_from(["overwrite", "insert", "remove", "copy", "cut"]))
        if accident == "overwrite":
            data[at : at + len(piece)] = piece
        elif accident == "insert":
            data[at:at] = piece
        elif accident == "remove":
            del data[at : at + length]
        elif accident == "copy":
            start = draw(st.integers(0, len(data)))
            data[at:at] = data[start : start + 4 * length]
        else:
            del data[at:]
    return bytes(data)


def read(data):
    """What the reader makes of bytes: names and values, or None if it refuses, with a message that names the line."""
    try:
        env_file = parse_env_file(decode_env_file(data, "site.env"), "site.env", ENVIRONMENT)
    except ConfigurationError as error:
        place = error.message.split(":")
        assert place[0] == "site.env"
        assert 1 <= int(place[1]) <= data.count(b"\n") + 1
        assert error.hint
        return None
    return {name: assignment.value for name, assignment in env_file.assignments.items()}


def shell_reads(shell, data, names):
    """What a shell makes of the file. It finds no commands, and may not write: the file is refused or harmless."""
    script = 'set -f; eval "$1" || exit 9; shift; for name do eval "printf \'%s\\0\' \\"\\${$name}\\""; done'
    # The reader takes CRLF and a byte order mark for the editor's doing, as it says; bash would not.
    text = data.decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    done = subprocess.run(
        [shell, "-c", script, "bash", text, *names],
        env={**ENVIRONMENT, "PATH": "/nonexistent", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode("utf-8").split("\0")))


@settings(max_examples=500)
@given(st.binary(max_size=300))
@example(b"\xef\xbb\xbfA=1\r\n")
@example(b"\xff\xfeA\0=\0001\0")
@example(b"A=\xed\xa0\x80")
def test_any_bytes_are_read_or_refused_with_their_line(data):
    read(data)


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_shell_like_text_is_read_or_refused_with_its_line(text):
    read(text.encode("utf-8"))


@settings(max_examples=500)
@given(damaged())
@example(SITE)
def test_a_damaged_config_is_read_or_refused_with_its_line(data):
    read(data)


@settings(max_examples=200)
@given(damaged() | st.lists(PIECES, max_size=25).map(lambda pieces: ("A=" + "".join(pieces)).encode("utf-8")))
@example(SITE)
@example(b"A=$HOME'$HOME'\"$HOME\"\\$HOME")
@example(b"A='x'\\\n'y'\nB=$A$A")
def test_what_is_read_is_what_bash_reads(data):
    values = read(data)
    for shell in SHELLS if values else ():
        assert shell_reads(shell, data, list(values)) == values


@pytest.mark.parametrize(
    "text",
    [
        "A=" + "${A:-" * 50_000,
        "A=" + "$" * 100_000,
        "A=" + "\\\n" * 100_000,
        "A=" + "'x'" * 50_000,
        "A=" + '""' * 100_000,
        "A=1\n" * 50_000,
        "#" * 200_000,
        " " * 200_000,
        "\n" * 200_000 + "A",
        "A" * 200_000,
        "export " * 30_000,
        "A=x " + " " * 200_000 + "y",
    ],
    ids=lambda text: f"{text[:10]!r}...",
)
def test_input_without_end_is_read_or_refused_and_takes_no_time(text):
    """A reader that is quadratic, or that recurses, would hang here or end in a RecursionError."""
    read(text.encode("utf-8"))
