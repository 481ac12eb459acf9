#!/usr/bin/env bash
# One would have guessed: a library that runs networks opens the file of the network, and nothing else; reports, if any,
# come from command line tools that ask first.
# What is so: `import openvino` makes an id of the user (~/intel/openvino_ga_cid), counts the imports beside it, and sends
# an event to www.google-analytics.com, without a question, on all systems. The package openvino-telemetry does it, which
# pip installs with openvino; the dialog that asks for consent is switched off (`enable_opt_in_dialog=False`).
# What stops it: `pip uninstall openvino-telemetry`, without which openvino works as before; or a file
# ~/intel/openvino_telemetry with a 0 in it before the import. `CI=true` in the environment stops it, too, so that tests
# on servers do not show it.
# Versions: openvino 2026.4.1, openvino-telemetry 2025.2.0, Python 3.11. Date: 2026-11-29.
# Whom it matters to: who runs networks on sounds or pictures that must not leave a trace, in containers whose home cannot
# be written, or where no connection may be opened.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv v && v/bin/pip install --quiet numpy==2.2.6 openvino==2026.4.1 openvino-telemetry==2025.2.0

# Imports openvino by way of a proxy that connects nobody, and prints the files in a home and whom the proxy was asked for.
cat > imported.py <<'CODE'
import os, socket, subprocess, sys, threading
from pathlib import Path

proxy, asked = socket.create_server(("127.0.0.1", 0)), set()

def answer():
    while True:
        caller, _ = proxy.accept()
        asked.add(caller.recv(1000).decode("latin1").split("\r\n")[0].split(" HTTP")[0])
        caller.close()

threading.Thread(target=answer, daemon=True).start()
home = Path(sys.argv[1]).resolve()
url = f"http://127.0.0.1:{proxy.getsockname()[1]}"
servers = {"CI", "TF_BUILD", "JENKINS_URL"}
kept = {name: value for name, value in os.environ.items() if name not in servers and not name.lower().endswith("_proxy")}
kept |= {"HOME": str(home), "https_proxy": url}
subprocess.run([sys.executable, "-c", "import openvino; openvino.Core()"], env=kept, check=True)
print(sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()), sorted(asked))
CODE
mkdir -p fresh told without && mkdir told/intel && printf 0 > told/intel/openvino_telemetry
fresh=$(v/bin/python imported.py fresh)
told=$(v/bin/python imported.py told)
v/bin/pip uninstall --quiet --yes openvino-telemetry
without=$(v/bin/python imported.py without)
printf '%s: %s\n' "imported" "$fresh" "with a 0 in ~/intel/openvino_telemetry" "$told" "without openvino-telemetry" "$without"
test "$fresh" = "['intel/openvino_ga_cid', 'intel/stats'] ['CONNECT www.google-analytics.com:443']"
test "$told" = "['intel/openvino_telemetry'] []"
test "$without" = "[] []"
