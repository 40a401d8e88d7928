# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Compiled modules of the host program, kept between its starts.

The program is one zip archive, and Python compiles what it imports from one anew at every start, which takes longer
than all the rest of a start. Where PYTHONPYCACHEPREFIX names a folder for compiled modules, as the command of a host
does (`host_apply.command_text`), those of the program are kept there too.

A kept module is used only if this Python compiled it from this very archive (size, mtime in ns), and if it is whole.
Nothing here is needed: whatever goes wrong, the module is compiled.
"""

from __future__ import annotations

import contextlib
import importlib.util
import marshal
import os
import sys
import zlib
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any


def keep_compiled(package: str, archive_loader: Any) -> None:
    """From now on, import the modules of `package` from its archive by way of the folder of compiled modules.

    `archive_loader` is the zipimporter that imported the package.
    """
    if sys.pycache_prefix is None:
        return
    with contextlib.suppress(OSError):
        sys.meta_path.insert(0, _Finder(package, archive_loader))


class _Finder:
    """Finds and loads the modules of one package in an archive. https://docs.python.org/3/reference/import.html"""

    def __init__(self, package: str, archive_loader: Any) -> None:
        self._begin = f"{package}."
        self._loader = archive_loader
        status = os.stat(archive_loader.archive)
        #: Of each kept module, what it must begin with; its checksum follows.
        stamp = b"".join(number.to_bytes(8, "little") for number in (status.st_size, status.st_mtime_ns))
        self._head = importlib.util.MAGIC_NUMBER + stamp

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
        """Where a module is; None unless it is one of the package's."""
        if not name.startswith(self._begin):
            return None
        base = os.path.join(self._loader.archive, *name.split("."))
        with contextlib.suppress(OSError):
            self._loader.get_data(os.path.join(base, "__init__.py"))
            # A package holds nothing to run, so that it needs no loader.
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [base]
            return spec
        return importlib.util.spec_from_file_location(name, f"{base}.py", loader=self)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        """The usual kind of module will do."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - it is our own, as imported from anywhere

    def get_code(self, name: str) -> CodeType:
        """The compiled module, kept or new. Raises ImportError if there is no such module."""
        source = f"{self._loader.archive}{os.sep}{name.replace('.', os.sep)}.py"
        kept = importlib.util.cache_from_source(source)
        code = self._read(kept)
        if code is None:
            code = compile(self._source(source), source, "exec", dont_inherit=True)
            if not sys.dont_write_bytecode:
                self._write(kept, marshal.dumps(code))
        return code

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self._source(f"{self._loader.archive}{os.sep}{name.replace('.', os.sep)}.py").decode("utf-8")

    def _source(self, path: str) -> bytes:
        try:
            source: bytes = self._loader.get_data(path)
        except OSError as error:
            raise ModuleNotFoundError(f"{path} is not in the program") from error
        return source

    def _read(self, path: str) -> CodeType | None:
        try:
            with open(path, "rb") as file:
                # The folder may be that of a service user, and this one somebody else.
                if os.fstat(file.fileno()).st_uid != os.geteuid():
                    return None
                content = file.read()
        except OSError:
            return None
        data = content[len(self._head) + 4 :]
        if content[: -len(data)] != self._head + _checksum(data):
            return None
        code = marshal.loads(data)  # noqa: S302 - written by this user, and whole
        return code if isinstance(code, CodeType) else None

    def _write(self, path: str, data: bytes) -> None:
        """As a whole or not at all; several runs may do it at once."""
        new = f"{path}.{os.getpid()}"
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(new, "wb") as file:
                file.write(self._head + _checksum(data) + data)
            os.replace(new, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(new)


def _checksum(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
