"""Generate the code for `bench.proto` again: ``python -m contenders.proto``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]
PROTO = Path("contenders/proto/bench.proto")


def generate(into: Path) -> tuple[Path, ...]:
    """Write the modules and their type stubs below `into`, which stands for the root of the repository.

    Their paths are returned. Raises RuntimeError when the compiler refuses; it has then said why on stderr.
    """
    # Compiled from the root, so that the generated modules import each other by their full package name.
    arguments = [f"--proto_path={ROOT}", f"--proto_path={files('grpc_tools') / '_proto'}"]
    arguments += [f"--{plugin}_out={into}" for plugin in ("python", "pyi", "grpc_python")]
    if protoc.main(["protoc", *arguments, str(PROTO)]) != 0:
        raise RuntimeError(f"the protobuf compiler refused {PROTO}")
    folder = into / PROTO.parent
    return tuple(folder / name for name in ("bench_pb2.py", "bench_pb2.pyi", "bench_pb2_grpc.py"))


if __name__ == "__main__":
    for path in generate(ROOT):
        print(f"wrote {path.relative_to(ROOT)}")
