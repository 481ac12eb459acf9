#!/usr/bin/env bash
# One would have guessed: a tar with take.1.wav and take.2.wav, or 2024.06.01.wav and 2024.06.02.wav, holds two samples.
# What is so: WebDataset's key ends at the first dot of the name, so that both are fields ("1.wav", "2.wav") of one sample
# "take". Who asks for "wav" gets none of them: an error, or with handler=warn_and_continue nothing at all.
# Versions: webdataset 1.0.2. Date: 2026-11-28.
# Whom it matters to: whoever packs corpora whose names have numbers or dates with dots into shards.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
python3 -m venv venv && venv/bin/pip install --quiet numpy==2.2.6 webdataset==1.0.2
venv/bin/python - <<'PY'
import importlib.metadata, io, tarfile
from webdataset.filters import to_tuple
from webdataset.handlers import warn_and_continue
from webdataset.tariterators import tarfile_to_samples

print("webdataset", importlib.metadata.version("webdataset"))


def samples_of(*names):
    with tarfile.open("corpus.tar", "w") as tar:
        for name in names:
            header = tarfile.TarInfo(name)
            header.size = 3
            tar.addfile(header, io.BytesIO(b"abc"))
    read = tarfile_to_samples()
    return list(read([{"url": "corpus.tar"}]))


plain, dotted = samples_of("take-1.wav", "take-2.wav"), samples_of("take.1.wav", "take.2.wav")
for samples in (plain, dotted):
    fields = [[name for name in sample if not name.startswith("__")] for sample in samples]
    heard = list(to_tuple("wav", handler=warn_and_continue)(iter(samples)))
    print(f"{[sample['__key__'] for sample in samples]}: fields {fields}; asked for wav: {len(heard)} recordings")
assert len(plain) == 2 and len(dotted) == 1
assert dotted[0]["__key__"] == "take" and {"1.wav", "2.wav"} <= set(dotted[0])
assert not list(to_tuple("wav", handler=warn_and_continue)(iter(dotted)))
PY
