from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from contenders.proto.__main__ import ROOT, generate

# Another release of the compiler writes its own number, and is no reason to call the committed files outdated.
_VERSIONS = re.compile(r"# Protobuf Python Version: .*|Domain\.PUBLIC,\s*\d+,\s*\d+,\s*\d+|GRPC_GENERATED_VERSION = .*")


def test_the_committed_code_is_what_bench_proto_generates(tmp_path: Path) -> None:
    generated = generate(tmp_path)
    assert generated
    for fresh in generated:
        committed = ROOT / fresh.relative_to(tmp_path)
        assert _VERSIONS.sub("", fresh.read_text()) == _VERSIONS.sub("", committed.read_text()), (
            f"{committed.name} is not what bench.proto says now: make proto"
        )


def test_the_generated_code_imports_without_a_warning() -> None:
    program = "import contenders.proto.bench_pb2_grpc"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, "")
