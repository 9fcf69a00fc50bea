"""The installation files set only what the hub knows, and hold no secret."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exchange.settings import Settings
from tests.house.sources import ROOT

COMPOSE = ROOT / "docker-compose.yml"
SECRET = re.compile(r"PASSWORD|PASSPHRASE|SECRET|KEY|TOKEN")
NOT_SECRET = {"YICI_KEYS_DIR"}
HUB_SERVICES = {"migrate", "setup", "hub-a", "hub-b", "worker"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(COMPOSE.read_text("utf-8"))
    return document


def wanted() -> list[str]:
    """Names of the variables that docker-compose.yml takes from outside."""
    return sorted(set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE.read_text("utf-8"))))


def test_every_setting_it_sets_is_known_to_the_hub(compose: dict[str, Any]) -> None:
    known = {f"YICI_{name.upper()}" for name in Settings.model_fields}
    mentioned = set(re.findall(r"\bYICI_[A-Z0-9_]+", COMPOSE.read_text("utf-8")))
    mentioned |= set(re.findall(r"\bYICI_[A-Z0-9_]+", (ROOT / "Dockerfile").read_text("utf-8")))
    assert mentioned
    assert mentioned <= known


def test_the_hub_starts_with_what_it_sets(
    compose: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("YICI_"):
            monkeypatch.delenv(name)
    for service in HUB_SERVICES:
        for name, value in compose["services"][service]["environment"].items():
            filled = re.sub(r"\$\{\w+[^}]*\}", "ab" * 32, value)
            monkeypatch.setenv(name, filled)
        settings = Settings()  # type: ignore[call-arg]
        assert settings.s3_endpoint == "objects:8333"
        assert settings.s3_secure is False
        assert (settings.owner_database_url is not None) is (service == "migrate")
        monkeypatch.delenv("YICI_OWNER_DATABASE_URL", raising=False)


def test_every_variable_is_required_and_no_secret_is_written_down(compose: dict[str, Any]) -> None:
    text = COMPOSE.read_text("utf-8")
    assert re.findall(r"(?<!\$)\$\{\w+(?!\w|:\?)[^}]*\}", text) == []
    for service, definition in compose["services"].items():
        for name, value in (definition.get("environment") or {}).items():
            if SECRET.search(name) and name not in NOT_SECRET:
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), (service, name)
            if name.endswith("DATABASE_URL"):
                assert re.search(r":\$\{\w+:\?[^}]+\}@", value), (service, name)
    assert "ENV YICI_" not in (ROOT / "Dockerfile").read_text("utf-8")


def test_two_servers_stand_behind_the_proxy_and_a_worker_beside_them(
    compose: dict[str, Any],
) -> None:
    services = compose["services"]
    assert services["hub-a"]["command"][0] == "serve"
    assert services["hub-b"] == services["hub-a"]
    assert services["worker"]["command"] == ["worker"]
    assert services["migrate"]["command"] == ["migrate"]
    assert services["setup"]["command"] == ["setup"]
    caddyfile = compose["configs"]["proxy"]["content"]
    assert "reverse_proxy hub-a:8000 hub-b:8000" in caddyfile
    published = {name for name, definition in services.items() if "ports" in definition}
    assert published == {"proxy"}
    for name in HUB_SERVICES - {"migrate"}:
        waits = services[name]["depends_on"]
        assert waits["migrate"]["condition"] == "service_completed_successfully"
    for name in ("hub-a", "hub-b", "worker"):
        waits = services[name]["depends_on"]
        assert waits["setup"]["condition"] == "service_completed_successfully"


def test_the_image_runs_as_nobody_special_from_hashes_and_reports_its_health() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text("utf-8")
    final = dockerfile.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", final, re.MULTILINE)
    assert "--require-hashes -r requirements.lock" in dockerfile
    assert "HEALTHCHECK" in final
    copied = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert copied[0] == "*", "everything is left out unless named"
    for name in (line[1:] for line in copied if line.startswith("!")):
        assert (ROOT / name).exists() or name == "README.md", name


def test_docker_compose_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("the docker compose client is not installed here")
    command = [docker, "compose", "-f", str(COMPOSE), "config", "--quiet"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    without = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert without.returncode != 0, "it must not start without its secrets"
    values = dict.fromkeys(wanted(), "ab" * 32) | {"REGISTERS": str(tmp_path)}
    config = subprocess.run(command, env=environment | values, capture_output=True, text=True)
    assert config.returncode == 0, config.stderr
