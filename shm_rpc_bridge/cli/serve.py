"""``serve``: a module's functions behind a name, until SIGINT or SIGTERM. Logs to stderr.

The first signal lets the method that runs return, the second interrupts it. Exit status: 0 after a stop, 1 when the
module cannot be imported or the name is in use, 2 for what was typed; whatever a method gives to ``sys.exit``.
"""

import importlib
import json
import logging
import os
import signal
import sys
import traceback
from types import ModuleType, TracebackType
from typing import Any, Dict, List, Optional

from .. import names, serving
from ..exceptions import RPCError
from ..lifeline import Lifeline
from ..offered import validated_module
from ..references import function_at
from ..server import RPCServer

logger = logging.getLogger("shm_rpc_bridge")


class Failed(Exception):
    """Why there is no server, and the exit status that says so."""

    def __init__(self, why: str, status: int = 1) -> None:
        super().__init__(why)
        self.status = status


def run(chosen: Any) -> int:
    """Serve what the arguments say; returns the exit status."""
    lifeline = Lifeline(chosen.lifeline) if chosen.lifeline is not None else None
    # As SIGINT does: while there is no server yet, and as the second signal, which meets this handler again.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _log_to_stderr(chosen.log_level)
    may_be_in_method = False
    try:
        with _made(chosen) as server:
            if lifeline is not None:
                lifeline.say_ready()
            may_be_in_method = True
            server.start()
    except Failed as failure:
        if lifeline is None:
            print(failure, file=sys.stderr)
        else:
            lifeline.say_failed(str(failure))
        return failure.status
    except RPCError as error:
        logger.error("server of %s has ended: %s", chosen.module, error)
        return 1
    except KeyboardInterrupt:  # before start() had a handler of its own, or the second signal
        level = logging.WARNING if may_be_in_method else logging.INFO
        logger.log(level, "server of %s was interrupted", chosen.module)
        return 0
    logger.info("server %r has stopped", server.name)
    return 0


def _made(chosen: Any) -> RPCServer:
    """A server with its functions, not started yet."""
    name = chosen.module if chosen.name is None else chosen.name
    only = None if chosen.only is None else [each.strip() for each in chosen.only.split(",")]
    borrow = [each.strip() for each in chosen.borrow.split(",")] if chosen.borrow else []
    try:
        validated_module(chosen.module)
        names.validated(name)  # before a module is imported for nothing
        module = _imported(chosen.module, add_here=chosen.lifeline is None)
        server = RPCServer(
            name,
            chosen.buffer_size,
            wait=chosen.wait,
            threads=chosen.threads,
            processes=chosen.processes,
            **({} if chosen.functions is None else {"max_objects": 0}),  # one would be in one of several processes
            max_message_size=chosen.max_message_size,
            max_memory=chosen.max_memory,
            codec=chosen.codec,
            strict=chosen.strict,
            statistics=chosen.statistics,
        )
        try:
            if chosen.functions is None:
                offered = server.register_module(module, only, prefix=chosen.prefix, borrow=borrow)
            else:
                offered = _register_references(server, json.loads(chosen.functions))
        except BaseException:
            server.close()
            raise
    except (ValueError, TypeError, ImportError) as error:
        raise Failed(str(error), 2) from None
    except RPCError as error:
        raise Failed(str(error)) from None
    served = f"{chosen.module} as {name!r}, process {os.getpid()}, codec {chosen.codec!r}"
    logger.info("serving %s: %s", served, ", ".join(offered))
    return server


def _register_references(server: RPCServer, references: Dict[str, str]) -> List[str]:
    """What another server has this one run."""
    for name, reference in references.items():
        _imported(reference.partition(":")[0], add_here=False)
        server.register(name, function_at(reference))
    return list(references)


def _imported(name: str, add_here: bool) -> ModuleType:
    try:
        here = os.getcwd()
    except FileNotFoundError:  # removed meanwhile, of which a module need not know
        here = "gone"
    if add_here and here not in sys.path:
        sys.path.insert(0, here)
    serving.importing = name
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise Failed(f"there is no module {error.name!r} (the current directory is {here})") from None
        told = "".join(_lines_of(error)).rstrip()
        what = "has called sys.exit" if isinstance(error, SystemExit) else "has failed"
        raise Failed(f"{told}\nmodule {name!r} {what} while it was imported") from None
    finally:
        serving.importing = ""


def _lines_of(error: BaseException) -> List[str]:
    """The traceback from the module on, without what has imported it."""
    trace: Optional[TracebackType] = error.__traceback__
    while trace is not None and _is_importing(trace):
        trace = trace.tb_next
    return traceback.format_exception(type(error), error, trace)


def _is_importing(trace: TracebackType) -> bool:
    file = trace.tb_frame.f_code.co_filename
    return file in (__file__, importlib.__file__) or file.startswith("<frozen importlib")


def _log_to_stderr(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level.upper())
    logger.propagate = False  # the module may set up its own logging
