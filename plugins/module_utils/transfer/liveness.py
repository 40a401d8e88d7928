# SPDX-FileCopyrightText: 2026 The datasync.turbo contributors
# SPDX-License-Identifier: MIT
"""Whether the server still answers, and whether an engine still does anything.

After a failure that may not be the file's, one question to the bucket tells a server in trouble, which gets some time,
from one that refuses, which ends the run in seconds instead of after the repetitions of each file.
"""

from __future__ import annotations

import time
from typing import Any

from ..common.errors import AccessError, EndpointError
from ..common.threads import answered
from ..job.job import Job
from ..s3.bucket import Bucket
from .backoff import Backoff
from .voice import Voice

#: Seconds between questions to the bucket whether it still answers, after uploads failed.
DOUBT_INTERVAL = 5.0
#: Seconds after which a server in trouble is not asked again. Silence costs 10 s a question, a refusal nothing.
OUTAGE_LIMIT = 30.0
#: Seconds without a sign of life after which the bucket is asked whether it still answers.
STALL_QUESTION = 20.0
#: Seconds without a sign of life after which an engine is ended although the bucket answers.
STALL_LIMIT = 120.0


class Liveness:
    """Asks the bucket of a job whether it still answers. The waits between questions are those of `backoff`."""

    def __init__(self, job: Job, bucket: Bucket, backoff: Backoff, voice: Voice) -> None:
        self._prefix = job.prefix
        self._questions = job.retry_rounds + 1 if job.retry_rounds else 0
        self._bucket = bucket
        self._backoff = backoff
        self._voice = voice
        self._last_question = float("-inf")

    def doubt(self) -> None:
        """After a failure that may not be the file's: ask, unless that was done just now. Raises as `ask`."""
        if self._seconds_since_question() >= DOUBT_INTERVAL:
            self.ask()

    def ask(self) -> None:
        """Return when the bucket answers. A server in trouble, such as one that is restarted, gets some time.

        Raises CredentialsError or AccessError when it refuses, or takes too long, and whatever `tick` raises.
        """
        began = time.monotonic()
        for attempt in range(1, self._questions + 1):
            try:
                self._ask_once()
                if attempt > 1:
                    self._voice.say("the bucket answers again")
                return
            except AccessError as error:
                # Half of each wait is certain, or else the time would be a matter of luck.
                seconds = self._backoff.choose(attempt, least=0.5) if _may_pass(error) else None
                if seconds is None or time.monotonic() - began + seconds > OUTAGE_LIMIT:
                    raise
                self._voice.say(f"{error.message}: asking again in {seconds:.1f} s, {attempt} of {self._questions}")
                self._backoff.wait(seconds)
        self._ask_once()

    def stalled(self, silence: float, counted: bool) -> str:
        """What to say of an engine without a sign of life for so many seconds; '' as long as there is hope.

        `counted`: its bytes are seen to move. Where they are not, a large file on a slow line is as silent as this.
        Asks the bucket first, and raises as `ask`.
        """
        if silence < STALL_QUESTION:
            return ""
        if self._seconds_since_question() >= STALL_QUESTION:
            self.ask()
            return ""
        return f"sent nothing for {STALL_LIMIT:.0f} s" if silence >= STALL_LIMIT and counted else ""

    def _ask_once(self) -> None:
        try:
            answered(lambda: self._bucket.check(self._prefix), self._bucket.no_answer, self._voice.tick)
        finally:
            self._last_question = time.monotonic()

    def _seconds_since_question(self) -> float:
        return time.monotonic() - self._last_question


def _may_pass(error: AccessError) -> bool:
    """Whether the server may answer later: it cannot be reached, or says itself that it is in trouble."""
    if isinstance(error, EndpointError):
        return True
    answer: dict[str, Any] = getattr(error.__cause__, "response", None) or {}
    status: int = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status >= 500
