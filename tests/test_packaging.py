"""What is in the wheel, and that it works alone."""

import secrets
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent

CALL = """
import threading
from shm_rpc_bridge import RPCClient, RPCServer
server = RPCServer({name!r})
server.register("add", lambda a, b: a + b)
thread = threading.Thread(target=server.start)
thread.start()
with RPCClient({name!r}) as client:
    print(client.call("add", a=1, b=2))
server.stop()
thread.join()
"""


def run(*command, cwd=ROOT):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_library_alone_and_makes_a_call_in_an_empty_environment(tmp_path):
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("*.whl")
    contents = zipfile.ZipFile(wheel).namelist()
    assert {Path(name).parts[0] for name in contents if ".dist-info" not in name} == {"shm_rpc_bridge"}
    assert "shm_rpc_bridge/py.typed" in contents

    venv.create(tmp_path / "empty", with_pip=False)
    python = tmp_path / "empty" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--quiet", wheel, cwd=tmp_path)
    installed = run(*pip, "list", "--format=freeze", cwd=tmp_path)
    names = {line.split("==")[0].lower().replace("_", "-") for line in installed.splitlines()}
    assert names == {"shm-rpc-bridge", "posix-ipc", "orjson"}
    code = CALL.format(name=f"test-wheel-{secrets.token_hex(4)}")
    assert run(python, "-W", "error", "-c", code, cwd=tmp_path) == "3\n"


def test_importing_the_library_loads_no_dependency_of_the_harness():
    code = "import shm_rpc_bridge, sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run(sys.executable, "-c", code).split())
    assert {"posix_ipc", "orjson"} <= loaded
    assert not loaded & {"grpc", "zmq", "numpy", "pandas", "matplotlib", "rich", "scipy", "contenders", "scenarios"}
