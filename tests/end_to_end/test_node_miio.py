"""Another client nobody here wrote drives the virtual product: the npm package ``miio``, where Node.js is present."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.lines import LineLog

from miio_lan.lan.packet import PORT
from miio_lan.virtual.product import VirtualProduct

PACKAGE = "miio@0.15.6"
CLIENT = Path(__file__).with_name("node_miio.js")
INSTALL_TIME = 120.0
#: Seconds until a client that hangs is ended; only ever waited for when the test fails.
PATIENCE = 100.0


def npm_install(npm: str, folder: Path) -> str:
    """Install the package into ``folder``, and give the reason when that does not work."""
    folder.mkdir()
    command = [
        npm,
        "install",
        "--prefix",
        str(folder),
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        PACKAGE,
    ]
    settings = {
        "npm_config_cache": str(folder / "cache"),
        "npm_config_fetch_retries": "0",
        "npm_config_fetch_timeout": "30000",
        "npm_config_update_notifier": "false",
    }
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_TIME,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"npm install {PACKAGE}: {error}"
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith(("npm error", "npm ERR!"))]
    return f"npm install {PACKAGE}: {errors[0] if errors else f'exit code {done.returncode}'}"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed package; one process of the test run installs it for all."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    outcome = shared / "node-miio.txt"
    with (shared / "node-miio.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not outcome.exists():
            outcome.write_text(npm_install(npm, shared / "node-miio"))
    if problem := outcome.read_text():
        pytest.skip(problem)
    return shared / "node-miio" / "node_modules" / "miio"


@pytest.fixture
def lamp(own_address: str, log: LineLog) -> VirtualProduct:
    # This client takes stamp 0 for "no handshake yet" and waits for ever; real products need longer to boot.
    return VirtualProduct(
        host=own_address,
        port=PORT,
        observer=log,
        mcu_options={"poll_interval": 0.002},
        module_options={"stamp_at": lambda now: 1000 + int(now)},
    )


def test_handshake_and_calls(library: Path, lamp: VirtualProduct, log: LineLog, tmp_path: Path) -> None:
    with lamp:
        log.exchange(lamp)
        done = subprocess.run(
            ["node", str(CLIENT), str(library), lamp.host],
            # It keeps tokens in the user's own folder.
            env={**os.environ, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
            input=lamp.token,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        lines = log.exchange(lamp)

    power = {"did": "power", "siid": 2, "piid": 1, "code": 0}
    assert found["id"] == f"miio:{lamp.device_id}"
    assert found["model"] == found["info"]["model"] == lamp.spec.model
    assert found["info"]["mcu_fw_ver"] == "0001"
    assert found["before"] == [{**power, "value": True}]
    assert found["set"] == [power]
    assert found["after"] == [{**power, "value": False}]
    assert (found["action"]["code"], found["action"]["out"]) == (0, [{"piid": 2, "value": 40}])
    assert found["refusal"] == {"code": -5000, "message": "method not found"}
    assert lines == [
        "down get_properties 2 1",
        "result 2 1 0 true",
        "down set_properties 2 1 false",
        "result 2 1 0",
        "down get_properties 2 1",
        "result 2 1 0 false",
        "down action 2 2 10 -20",
        "result 2 2 0 2 40",
        "down no_such_method",
        'error "method not found" -5000',
    ]
