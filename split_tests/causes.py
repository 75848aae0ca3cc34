"""Why a test that passes plain fails split: by the exception's text, then by what its calls are seen to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

PASSED, FAILED, SUBTESTS_FAILED = "passed", "failed", "subtests failed"
"""Outcomes of a test; the third is one that pytest counts as passed, although subtests of it have failed."""

MUTATES, SAME_OBJECT, CALLS_BACK, WARNS, LAZY = "mutates", "same object", "calls back", "warns", "lazy"
PROCESS_STATE = "process state"
"""Flags: what a test's calls, or the test, are seen to do when nothing is split."""

HUNG = "hung, or the other process ended"
NOT_MADE = "not collected: a call failed while its module was imported"
GENERATOR = "generator or iterator"
CALLBACK = "callback: a function as an argument"
NO_VALUE = "value that the codec does not carry"
UNPICKLABLE = "local class, file or module: cannot be pickled"
EXCEPTION = "exception of a class of its own"
CHANGED = "value that arrived as another"
WARNING = "warning, given in the other process"
MUTATED = "argument changed in place"
IDENTITY = "identity: `is`, or one object in two places"
STATE = "clock, mock, locale or other state of the process"
COPY = "copy that differs: hidden state, tzinfo, prepared or cached data"
CLASS = "attribute of a class behind a handle"
OTHER = "other"

CAUSES = (
    NO_VALUE,
    CHANGED,
    EXCEPTION,
    GENERATOR,
    UNPICKLABLE,
    CALLBACK,
    MUTATED,
    IDENTITY,
    STATE,
    WARNING,
    COPY,
    CLASS,
)
ALL = (*CAUSES, NOT_MADE, HUNG, OTHER)

_REFUSED = re.compile(r"cannot be encoded as|cannot pickle|[Cc]an't pickle|Can't get (local )?(object|attribute)")
_LAZY = re.compile(r"\b\w*(generator|_iterator|islice)\b(?!\.)|(type |')(zip|map|filter)\b")
_FUNCTION = re.compile(r"<lambda>|<function|'function'|builtin_function_or_method|'method'|<locals>\.[a-z_]\w*'")
_PICKLING = re.compile(r"pickle", re.IGNORECASE)
_OTHERS_CLASS = re.compile(
    r"local object|local class|'module' object|'_io\.|mappingproxy|[Cc]an't (pickle|get)|cannot pickle"
)
_HANDLE = re.compile(r"type object '\w+' has no attribute")
_NOT_WARNED = re.compile(r"DID NOT WARN|not triggered|Warning not raised|Warnings? .*not (found|emitted)")
_IS = re.compile(r"(\bis not\b|assert .* is |unexpectedly identical)")


def cause(error: Mapping[str, Any], flags: frozenset[str], *, passes_with_pickle: bool) -> str:
    """Of one failure. `error`: as the plugin describes it. `flags`: what the test was seen to do unsplit.

    `passes_with_pickle`: whether this test does, of a failure with a codec that is not pickle.
    """
    chain = error["chain"]
    if not chain:
        return OTHER
    text = " ".join(link["text"] for link in chain)
    explicit = _explicit(chain, text)
    if explicit is not None:
        return explicit
    if passes_with_pickle:
        return EXCEPTION if any("RPCMethodError" in _classes(link) for link in chain) else CHANGED
    if WARNS in flags and (_NOT_WARNED.search(text) or "Warning" in text):
        return WARNING
    if PROCESS_STATE in flags:
        return STATE
    if _IS.search(chain[0]["text"]) and MUTATES not in flags:
        return IDENTITY
    by_flag = ((MUTATES, MUTATED), (SAME_OBJECT, IDENTITY), (CALLS_BACK, CALLBACK), (LAZY, GENERATOR), (WARNS, WARNING))
    by_elimination = COPY if "AssertionError" in _classes(chain[0]) else OTHER
    return next((named for flag, named in by_flag if flag in flags), by_elimination)


def _explicit(chain: list[dict[str, str]], text: str) -> str | None:
    """What the text says by itself."""
    if any({"RPCTimeoutError", "RPCTransportError", "EOFError", "BrokenPipeError"} & _classes(link) for link in chain):
        return HUNG
    if any(link["class"] in ("TimeoutError", "ConnectionResetError") for link in chain) or "Timeout (>" in text:
        return HUNG
    if _HANDLE.search(text):
        return CLASS
    refused = any("RPCSerializationError" in _classes(link) for link in chain)
    if not refused and not _REFUSED.search(text):
        return None
    if _LAZY.search(text):
        return GENERATOR
    if _FUNCTION.search(text):
        return CALLBACK
    if _PICKLING.search(text) and _OTHERS_CLASS.search(text):
        return UNPICKLABLE
    return NO_VALUE


def _classes(link: Mapping[str, str]) -> set[str]:
    return {link["class"], *link["bases"].split()}
