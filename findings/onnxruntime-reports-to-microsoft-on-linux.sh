#!/usr/bin/env bash
# One would have guessed: a library that runs networks opens the file of the network, and nothing else; Python's
# `onnxruntime.disable_telemetry_events()` switches off what reports it has, which are of Windows alone.
# What is so: the wheels for Linux from 1.29.0 on make a persistent id of the machine (`deviceid`) and a database of
# events below ~/.cache/Microsoft/DeveloperTools/.onnxruntime as soon as `onnxruntime` is imported, and look up
# mobile.events.data.microsoft.com at once (`strace -f -e connect,sendto` shows it). `disable_telemetry_events()` comes too
# late for that: it can only be called after the import. ORT_DISABLE_TELEMETRY=1, set before the import, stops all of it.
# Privacy.md inside the wheel says so; 1.28.0 wrote nothing.
# Versions: onnxruntime 1.28.0 and 1.32.0, Python 3.11. Date: 2026-11-29.
# Whom it matters to: who runs ONNX networks (silero-vad, Piper, faster-whisper's gate, rembg) on sounds or pictures that
# must not leave a trace, in containers whose home cannot be written, or where no connection may be opened.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
for version in 1.28.0 1.32.0; do
    python3 -m venv "$version" && "$version/bin/pip" install --quiet numpy==2.2.6 "onnxruntime==$version"
done

written() { # VERSION CODE [NAME=VALUE]: the files in an empty home after the code ran
    rm -rf home && mkdir home
    env -u XDG_CACHE_HOME -u ORT_DISABLE_TELEMETRY HOME="$folder/home" "${@:3}" "$1/bin/python" -c "$2"
    (cd home && find . -type f | sort | tr '\n' ' ')
}

imported="import onnxruntime"
switched="import onnxruntime; onnxruntime.disable_telemetry_events()"
before=$(written 1.28.0 "$imported")
now=$(written 1.32.0 "$imported")
late=$(written 1.32.0 "$switched")
early=$(written 1.32.0 "$imported" ORT_DISABLE_TELEMETRY=1)
printf '%s: %s\n' "1.28.0, imported" "${before:-nothing}" "1.32.0, imported" "${now:-nothing}" \
    "1.32.0, disable_telemetry_events()" "${late:-nothing}" "1.32.0, ORT_DISABLE_TELEMETRY=1" "${early:-nothing}"
test -z "$before" && test -z "$early"
for found in "$now" "$late"; do [[ $found == *deviceid* && $found == *onnxruntime.db* ]]; done
