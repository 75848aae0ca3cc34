"""What is wrong with the parameters of a call, when Python has refused them. Pure."""

import inspect
from typing import Any, Callable, Dict, Optional, Sequence

_LONGEST = 500
"""Characters of a signature that are shown: a default may be a table."""


def refused(
    function: Optional[Callable[..., Any]], method: str, args: Sequence[Any], params: Dict[str, Any], error: TypeError
) -> str:
    """Why `function` cannot be called so, or "" when it raised that TypeError itself, or was not had.

    Asked only after a TypeError, so that a call that succeeds pays nothing for it.
    """
    if function is None:
        return ""  # raised where it was looked up
    if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
        return ""  # raised further inside
    try:
        signature = inspect.signature(function)
        try:
            signature.bind(*args, **params)
        except TypeError as mismatch:
            return f"{method}{_shown(signature)}: {mismatch}"
    except BaseException:  # some functions in C have no signature, and one of somebody's own can raise anything
        return ""
    return ""


def _shown(signature: inspect.Signature) -> str:
    try:
        text = str(signature)
    except BaseException:  # of a default's __repr__
        return "(...)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
