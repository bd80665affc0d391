"""The syntax tree of our sources, for tests that read them."""

from __future__ import annotations

import ast
import gc


def syntax_of(text: str) -> ast.Module:
    """The syntax tree of a module's text.

    While CPython 3.11 builds a tree, no other Python code of the process may run. If the garbage collector calls a
    finalizer at that time, it fails with "AST constructor recursion depth mismatch" (python/cpython 106905).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        if was_enabled:
            gc.enable()
