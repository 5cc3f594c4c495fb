"""What a model's runtime tells others."""

import os
import subprocess
import sys
from pathlib import Path


def test_onnx_runtime_keeps_no_record_of_its_use_to_report(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)} | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    program = "import tieback.models.session, onnxruntime; onnxruntime.get_available_providers()"

    subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=60)

    assert list(tmp_path.rglob("*")) == []
