# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""An env file has the values that sh gives it, and nothing in it is ever run."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from ansible_collections.datasync.turbo.plugins.module_utils.common.errors import ConfigurationError
from ansible_collections.datasync.turbo.plugins.module_utils.job.envfile import decode_env_file, parse_env_file, quote
from hypothesis import example, given, settings
from hypothesis import strategies as st

ENVIRONMENT = {"HOME": "/home/me", "E": "", "S": "two words"}
SHELLS = [path for path in map(shutil.which, ("sh", "dash", "bash")) if path]


def values(text, environment=None):
    env_file = parse_env_file(text, "site.env", ENVIRONMENT if environment is None else environment)
    return {name: assignment.value for name, assignment in env_file.assignments.items()}


def value(written):
    return values(f"NAME={written}\n")["NAME"]


def failure(text):
    with pytest.raises(ConfigurationError) as raised:
        parse_env_file(text, "site.env", ENVIRONMENT)
    return str(raised.value)


def sh_values(shell, text, names, environment):
    """What `shell` makes of `text`; there are no commands on its PATH."""
    script = 'eval "$1"; shift; for name do eval "printf \'%s\\0\' \\"\\${$name}\\""; done'
    done = subprocess.run(
        [shell, "-c", script, "sh", text, *names],
        env={**environment, "PATH": "/nonexistent", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode("utf-8").split("\0")))


def test_both_dialects_comments_and_blank_lines():
    text = """
# The kit's dialect
export CLIENT_NAME="Example & Sons"
  export SOURCE_DIR='/data/out box'   # the hot folder

# systemd's dialect
BUCKET_NAME=example-bucket
S3_SUBDIRECTORY=
"""
    assert values(text) == {
        "CLIENT_NAME": "Example & Sons",
        "SOURCE_DIR": "/data/out box",
        "BUCKET_NAME": "example-bucket",
        "S3_SUBDIRECTORY": "",
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", ""),
        ("plain", "plain"),
        ('""', ""),
        ("a#b", "a#b"),
        ("#b", "#b"),
        ("a   # comment", "a"),
        ("a=b=c", "a=b=c"),
        ("*.tmp", "*.tmp"),
        ("'single $HOME \\ \"'", 'single $HOME \\ "'),
        (r'"double \" \\ \$ \` \n"', 'double " \\ $ ` \\n'),
        (r'"\a \' \{ \#"', r"\a \' \{ \#"),
        ("'a'\"b\"c", "abc"),
        (r"a\ b\'c", "a b'c"),
        ("a\\\nb", "ab"),
        ('"a\\\nb"', "ab"),
        ("$HOME/x", "/home/me/x"),
        ('"${HOME}x"', "/home/mex"),
        ("'$HOME'", "$HOME"),
        ("$S", "two words"),
        ("${MISSING:-a b}", "a b"),
        ("${E:-default}", "default"),
        ("${S:-$MISSING}", "two words"),
        ("${MISSING:-${E:-$HOME}}", "/home/me"),
        ('"costs $ 5 $"', "costs $ 5 $"),
        ("a~b", "a~b"),
        ('"~/x"', "~/x"),
        ("größe-日本", "größe-日本"),
    ],
)
def test_a_value_is_what_sh_makes_of_it(written, expected):
    assert value(written) == expected
    for shell in SHELLS:
        for dialect in ("", "export "):
            assert sh_values(shell, f"{dialect}NAME={written}", ["NAME"], ENVIRONMENT) == {"NAME": expected}


def test_names_of_the_file_come_before_those_of_the_environment():
    text = 'HOME=/srv\nBASE="$HOME/data"\nSOURCE_DIR="${BASE}/out"\nBASE=/other\n'
    env_file = parse_env_file(text, "site.env", ENVIRONMENT)
    assert env_file.get("SOURCE_DIR") == "/srv/data/out"
    assert env_file.get("BASE") == "/other", "the last assignment wins"
    assert env_file.referenced == {"HOME", "BASE"}


def test_assignments_know_their_lines():
    env_file = parse_env_file('A=1\n\n# c\nB="x\\\ny"\nC=3', "site.env", {})
    assert [env_file.where(name) for name in "ABC"] == ["site.env:1: A", "site.env:4: B", "site.env:6: C"]
    assert env_file.get("MISSING") == ""


def test_what_editors_on_other_systems_add_is_ignored():
    assert values('\ufeffA="1"\r\nexport B=2\r\n\r\n') == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("A=$(hostname)", "command substitution"),
        ('A="$(hostname)"', "command substitution"),
        ("A=`hostname`", "command substitution"),
        ('A="`hostname`"', "command substitution"),
        ("A=${HOME:-$(hostname)}", "command substitution"),
        ("A=$((1+1))", "command substitution"),
        ("A=$[1+1]", "special $["),
        ("A=1; B=2", "unquoted ;"),
        ("A=1;reboot", "unquoted ;"),
        ("A=a&b", "unquoted &"),
        ("A=a|b", "unquoted |"),
        ("A=a>b", "unquoted >"),
        ("A=<(date)", "unquoted <"),
        ("A=${HOME:-<(date)}", "a < in the default"),
        ("A=(a b)", "arrays are not read"),
        ("A[0]=a", "array"),
        ("A+=b", "appends"),
        ("A=*.{tmp,part}", "unquoted {"),
        ("A=~/x", "write $HOME"),
        ("A=x:~/x", "write $HOME"),
        ("A=a b", "quote a value with spaces"),
        ("A= b", "text after the value"),
        ("A=1 B=2", "one assignment a line"),
        ("A =1", "space before the ="),
        ("export A", "exports without a value"),
        ("export A # why", "exports without a value"),
        ("declare -x A=1", "declares"),
        ("source other.env", "copy the lines"),
        (". ./other.env", "copy the lines"),
        ("f() { :; }", "function"),
        ("function f {", "function"),
        ("if true", "not an assignment"),
        ("echo hello", "not an assignment"),
        ("1A=x", "not an assignment"),
        ("; comment", "start a comment with #"),
        ('A="abc', "not closed"),
        ("A='abc", "not closed"),
        ('A="two\nlines"', "not closed"),
        ("A=$1", "special $1"),
        ("A=$$", "special $$"),
        ("A=$_", "special $_"),
        ("A=$'a'", "special $'"),
        ('A=$"a"', 'special $"'),
        ("A=${HOME%/*}", "${NAME:-default}"),
        ("A=${#HOME}", "${NAME:-default}"),
        ("A=${HOME", "${NAME:-default}"),
        ("A=${HOME:-x", "close it"),
        ("A=${HOME:-'x'}", "a ' in the default"),
        ("A=${HOME:-~}", "a ~ in the default"),
        ("A=$HO\\\nME", "goes on in the next line"),
        ("A=${E:-" * 9 + "}" * 9, "inside each other"),
        ("A=x\\", "backslash at the end"),
        ("A=a\rb", "carriage return"),
        ("A=a\0b", "NUL"),
        ("A=$MISSING", "$MISSING is defined neither"),
    ],
)
def test_what_a_shell_would_act_on_is_an_error_with_its_line(line, reason):
    message = failure(f"OK=1\n{line}\n" if not line.endswith("\\") else f"OK=1\n{line}")
    assert message.startswith("site.env:2: ")
    assert reason in message


def test_an_error_names_the_variable_and_not_its_value():
    message = failure("AWS_SECRET_ACCESS_KEY=hunter2;hunter3\n")
    assert message.startswith("site.env:1: AWS_SECRET_ACCESS_KEY: ")
    assert "hunter" not in message
    assert "hunter" not in failure("AWS_SECRET_ACCESS_KEY hunter2\n")


def test_a_name_is_undefined_until_its_line():
    assert "site.env:1: A: $B is defined neither" in failure("A=$B\nB=1\n")


def test_values_that_grow_without_end_are_refused():
    doubling = "A=aaaaaaaaaaaaaaaa\n" + "A=$A$A\n" * 40
    assert "longer than" in failure(doubling)


def test_text_that_is_not_utf8_is_an_error_with_its_line():
    with pytest.raises(ConfigurationError, match=r"site\.env:2: the file is not UTF-8"):
        decode_env_file(b"A=1\nB=\xff\xfe\n", "site.env")
    assert decode_env_file("A=ö".encode(), "site.env") == "A=ö"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")))
@example("'\"\\$`\\\\ $HOME ${A:-b} $(x) #~ \t{a,b}")
@example("ends with \\")
def test_a_quoted_value_is_read_back(text):
    assert value(quote(text, "NAME")) == text


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")), min_size=1, max_size=10)
)
@example(["'\"\\$`\\\\ $HOME ${A:-b} $(x) #~ {a,b}", "!", "\\"])
def test_a_quoted_value_is_read_back_by_every_shell(texts):
    names = [f"N{number}" for number in range(len(texts))]
    lines = "".join(f"{name}={quote(text, name)}\n" for name, text in zip(names, texts))
    for shell in SHELLS:
        assert sh_values(shell, lines, names, {}) == dict(zip(names, texts))


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b", "\udcff", "a" * 200_000])
def test_what_no_env_file_can_carry_is_refused(text):
    with pytest.raises(ConfigurationError, match="S3_SUBDIRECTORY"):
        quote(text, "S3_SUBDIRECTORY")


# Characters that mean something to a shell, and names that are always defined.
PIECES = st.sampled_from(
    [
        *"ab01 =:-~#*?[],!%/+^@.'\"\\${}`;(\tö",
        *("\\\n", "${", ":-", "V0", "V1", "$V0", "$V1", "${V2}", "${V3:-", "'a b'", '"a b"', '"$V0"'),
        *("\\$", '\\"', "\\\\"),
    ]
)
WORDS = st.lists(PIECES, max_size=8).map("".join)
GIVEN = {"V0": "", "V1": "a  b*", "V2": "'\"\\$V1`x`", "V3": "~:~ #"}


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(["", "export "]), st.sampled_from(sorted(GIVEN)), WORDS), max_size=30))
def test_every_accepted_file_means_the_same_to_every_shell(lines):
    accepted = ""
    for dialect, name, word in lines:
        candidate = f"{accepted}{dialect}{name}={word}\n"
        try:
            parse_env_file(candidate, "site.env", GIVEN)
        except ConfigurationError:
            continue
        accepted = candidate
    expected = {**GIVEN, **values(accepted, GIVEN)}
    for shell in SHELLS:
        assert sh_values(shell, accepted, sorted(GIVEN), GIVEN) == expected


@given(st.one_of(st.text(), st.lists(PIECES, max_size=30).map(lambda pieces: "A=" + "".join(pieces))))
def test_any_text_is_read_or_refused_with_its_line(text):
    try:
        parse_env_file(text, "site.env", {})
    except ConfigurationError as error:
        assert error.message.startswith("site.env:")
        assert error.hint
