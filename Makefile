PYTHON ?= python3
BIN := .venv/bin
DEMO := demo
RELEASED := $(wildcard checkpoints/emoclr-small-emotions/ensemble.yaml)
FUZZ ?= 100000
DEMO_SIZE ?= full
DEMO_PRETRAIN ?=
HEAR_VALIDATORS := 2021.0.2 2021.0.6
DEMO_FINETUNE ?= epochs=5 patience=2 batch_size=32 bootstrap_resamples=500

.PHONY: install test fuzz lint wheel demo benchmarks

# hearvalidator names TensorFlow as a dependency, which it does not need for networks of PyTorch; two versions of it are
# in use (pip takes the older one for this Python), each in a folder that only its test looks into.
# uv leaves bytecode to the first import, which then takes twice as long; where none may be written, all of them do.
install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt Makefile
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	for version in $(HEAR_VALIDATORS); do \
		$(BIN)/uv pip install --quiet --no-deps --python $(BIN)/python --target .venv/hearvalidator/$$version \
			hearvalidator==$$version || exit; \
	done
	@touch $@

# Two processes on two cores: with a thread for each core in both, most of the time goes into waiting. Each begins with
# half of the folders, so that few fixtures are made in both, and takes over from the other when it is done.
test: install
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses=2 --dist=worksteal

fuzz: install
	EMOCLR_FUZZ=$(FUZZ) $(BIN)/python -m pytest tests/corpus/audio/test_fuzz.py tests/emoclr/test_damaged_files.py

# mypy and import-linter find a package by folders: .types holds emoclr/ as it is installed, as links to the folders here.
lint: install
	mkdir -p .types/emoclr
	for folder in configs evaluate corpus augment pretrain probe finetune predict checkpoints; do ln -sfn ../../$$folder .types/emoclr/$$folder; done
	ln -sf $(addprefix ../../,$(wildcard emoclr/*.py*)) ../../emoclr/py.typed .types/emoclr/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd .types && ../$(BIN)/lint-imports --config ../pyproject.toml

# PYTHONS="python3.12 python3.13" in place of those that are found.
wheel: install
	.ci/wheel $(PYTHONS)

demo: install
	rm -rf $(DEMO)/voices $(DEMO)/corpus $(DEMO)/pretrained $(DEMO)/probe $(DEMO)/emotions
	$(if $(RELEASED),$(BIN)/corpus demo --out $(DEMO)/voices --size small)
	$(if $(RELEASED),$(BIN)/predict $(DEMO)/voices/labeled/spk01_001.wav)
	$(BIN)/corpus demo --out $(DEMO)/corpus --size $(DEMO_SIZE)
	$(BIN)/pretrain --config demo.yaml data=$(DEMO)/corpus/unlabeled,$(DEMO)/corpus/labels.csv \
		out=$(DEMO)/pretrained cache=$(DEMO)/cache $(DEMO_PRETRAIN)
	$(BIN)/probe --from $(DEMO)/pretrained --data $(DEMO)/corpus/labels.csv --out $(DEMO)/probe
	$(BIN)/finetune --from $(DEMO)/pretrained --data $(DEMO)/corpus/labels.csv --out $(DEMO)/emotions $(DEMO_FINETUNE)
	$(BIN)/predict --from $(DEMO)/emotions $(DEMO)/corpus/labeled --out $(DEMO)/predictions.csv
	$(BIN)/probe compare $(DEMO)/probe $(DEMO)/emotions/report

benchmarks: install
	$(BIN)/python benchmarks/spectrogram.py
	$(BIN)/python benchmarks/functionals.py
	$(BIN)/python benchmarks/answers.py
	$(BIN)/python benchmarks/pretrain.py files plain workers
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/cache.py
	$(BIN)/python benchmarks/index.py
