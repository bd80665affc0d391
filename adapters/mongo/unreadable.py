"""Reads documents one by one, so that a document that can't be read does not lose the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from falcon_scheduler.core.errors import UnreadableDocument

logger = logging.getLogger(__name__)

T = TypeVar("T")
MOST_REMEMBERED = 10_000


class Parsing(Generic[T]):
    """Turns the documents of one collection into values by `parse`, which may raise anything.

    A failure is logged once for each document, and once more if it recurs after a successful read.
    """

    def __init__(self, kind: str, parse: Callable[[Mapping[str, Any]], T]) -> None:
        """`kind` names what a document stores, for messages: task or execution."""
        self._kind = kind
        self._parse = parse
        self._unreadable: set[str] = set()

    def one(self, document: Mapping[str, Any]) -> T:
        """The value. Raises `UnreadableDocument`."""
        document_id = str(document.get("_id"))
        try:
            value = self._parse(document)
        except Exception as error:  # another program may have written the document
            self._note(document_id)
            raise UnreadableDocument(self._kind, document_id, _reason(error)) from error
        self._unreadable.discard(document_id)
        return value

    def readable(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[T]:
        """The values of those that can be read."""
        for document in documents:
            try:
                yield self.one(document)
            except UnreadableDocument:
                continue

    def by_id(self, documents: Iterable[Mapping[str, Any]]) -> dict[str, T]:
        """The same, by the document's id."""
        return {str(document["_id"]): value for document in documents for value in self.readable([document])}

    def _note(self, document_id: str) -> None:
        if document_id in self._unreadable or len(self._unreadable) >= MOST_REMEMBERED:
            return
        self._unreadable.add(document_id)
        logger.exception("The document of %s %r can't be read; everything else goes on", self._kind, document_id)


def _reason(error: Exception) -> str:
    """What is wrong, without any value of the document: it may be a secret."""
    return f"a field is missing: {error}" if isinstance(error, KeyError) else type(error).__name__
