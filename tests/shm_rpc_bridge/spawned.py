"""Modules that are spawned, and whether a process has ended."""

from .services import PATIENCE
from .steps import until

PRICING = f"{__package__}.pricing"
IMPATIENT = f"{__package__}.impatient"
QUICK = {"timeout": PATIENCE, "ready_within": PATIENCE}


def has_ended(pid):
    """Whether there is no such process any more; who waits for it may have to wait a little."""
    for _ in until(PATIENCE):
        try:
            with open(f"/proc/{pid}/stat") as status:
                if status.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
    return False


def module_in(tmp_path, monkeypatch, source):
    """The name of a new module, which the parent finds only by what it has done to its path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop.py").write_text(source)
    return "shop"
