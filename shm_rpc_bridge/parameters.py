"""What is wrong with the parameters of a call, when Python has refused them. Pure."""

import inspect
from typing import Any, Callable, Dict, Optional, Sequence


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
            return f"{method}{signature}: {mismatch}"
    except BaseException:  # some functions in C have no signature; a default's __repr__ can raise anything
        return ""
    return ""
