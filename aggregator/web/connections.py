"""What one client may take of us: uvicorn bounds neither the wait for a request nor its size nor the answer's way."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

CONNECTIONS = 400
"""At once, well below the 1,024 files that a process may usually open: the jobs beside us need some."""
HEAD_BYTES = 64 * 1024
"""Of a request line and header fields, or of a body."""
PIPELINE = 16
"""Requests that wait for the answer to an earlier one of the same connection."""
HEAD_SECONDS = 20
"""For a request to arrive whole."""
ANSWER_SECONDS = 60
"""For an answer, and again for every part of it (64 KB) that was taken."""

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class Bounded(HttpToolsProtocol):
    """Cut when its client asks for too much at once, asks too slowly or does not take what it asked for."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.unheeded = 0
        self.deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Begin, unless there are too many already."""
        if len(self.connections) >= CONNECTIONS:
            self.transport = transport
            transport.write(FULL)
            transport.close()
            return
        super().connection_made(transport)
        self._allow(HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """A part of a request; what comes between two of them is the beginning of the next."""
        if self.deadline is None:
            self._allow(HEAD_SECONDS)
        self.unheeded += len(data)
        super().data_received(data)
        if self.unheeded > HEAD_BYTES:
            self.transport.abort()

    def on_message_begin(self) -> None:
        """A request begins; `httptools` stops reading when this raises."""
        if len(self.pipeline) >= PIPELINE:
            self.transport.abort()
            raise BufferError("too many requests before the first answer")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The request is whole but for a body, which nobody here reads."""
        self.unheeded = 0
        self._allow(ANSWER_SECONDS)
        super().on_headers_complete()

    def resume_writing(self) -> None:
        """The client took something."""
        if self.deadline is not None:
            self._allow(ANSWER_SECONDS)
        super().resume_writing()

    def on_response_complete(self) -> None:
        """Nothing is owed any more, if all was taken and no further request came; uvicorn ends idle connections."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.get_write_buffer_size():
            self._forget()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, whoever made it."""
        self._forget()
        super().connection_lost(exc)

    def _allow(self, seconds: float) -> None:
        self._forget()
        self.deadline = self.loop.call_later(seconds, self.transport.abort)

    def _forget(self) -> None:
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
