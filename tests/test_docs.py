"""What README and docs/ say is true of the code: tables, links, paths and snippets."""

import importlib.util
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import emoclr

ROOT = Path(__file__).parents[1]
READMES = [ROOT / "checkpoints/README.md", ROOT / "examples/browser/README.md"]
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted(ROOT.glob("*.md")), *READMES]
FOLDERS = "augment|benchmarks|checkpoints|configs|corpus|docs|emoclr|evaluate|finetune|predict|pretrain|probe|tests"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The generator of the tables, docs/settings.py."""
    spec = importlib.util.spec_from_file_location("docs_settings", ROOT / "docs/settings.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page: Path) -> str:
    """Returns a page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tables_of_settings_are_those_of_the_code(tables: ModuleType, page: Path) -> None:
    assert tables.with_tables(page.read_text()) == page.read_text(), "run: python docs/settings.py --write"


def test_every_command_has_a_table_and_every_setting_is_in_one(tables: ModuleType) -> None:
    text = "".join(page.read_text() for page in PAGES)
    for name in tables.MODELS:
        assert text.count(f"<!-- settings {name} -->") == 1
    for name in ("corpus", "pretrain", "probe", "finetune", "predict", "serve", "checkpoints"):
        assert text.count(f"<!-- options {name} -->") == 1
    rows = re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE)
    assert {"augment", "epochs", "masks.time_masks", "hop_length", "egemaps", "ensemble"} <= set(rows)


def test_every_setting_has_a_description(tables: ModuleType) -> None:
    without = [f"{name}.{key}" for name, key, description in descriptions(tables.MODELS) if not description]
    assert without == []


def descriptions(models: dict[str, type[BaseModel]]) -> Iterator[tuple[str, str, str | None]]:
    for name, model in models.items():
        for key, field in model.model_fields.items():
            yield name, key, field.description
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from descriptions({f"{name}.{key}": field.annotation})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_modules_that_are_named_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # it names files of older versions
    text = page.read_text()
    for name in re.findall(rf"\b((?:{FOLDERS})/[\w./-]+\.(?:py|yaml|json|md))\b", text):
        if not name.startswith("checkpoints/my-"):
            assert (ROOT / name).is_file() or (page.parent / name).is_file(), name
    for name in re.findall(r"\bemoclr(?:\.\w+)+", text):
        assert resolves(name), name


def resolves(name: str) -> bool:
    """Returns whether a dotted name is a module of the package, or something in one."""
    words = name.split(".")
    for end in range(len(words), 0, -1):
        if (spec := find_spec(".".join(words[:end]))) is not None:
            value: Any = importlib.import_module(spec.name)
            for word in words[end:]:
                value = getattr(value, word, None)
            return value is not None
    return False


def find_spec(name: str) -> Any:
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


def test_the_version_is_the_latest_release_of_the_changelog() -> None:
    first, *_ = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == first


def test_the_citation_is_of_the_latest_release() -> None:
    """Of its version, date and licence."""
    ((version, date), *_) = re.findall(
        r"^## (\d+\.\d+\.\d+) \((.+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], str(citation["date-released"])) == (version, date)
    assert (citation["license"], citation["keywords"]) == (project["license"], project["keywords"])


def test_row_types_of_the_architecture_lie_where_it_says() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| (`[A-Z]\w+`(?:, `[A-Z]\w+`)*) \|.*\| `([\w/]+\.py)` \|$", page, re.MULTILINE)
    row_types = [(name, file) for names, file in rows for name in re.findall(r"\w+", names)]
    assert len(row_types) > 15
    for name, file in row_types:
        assert re.search(rf"^class {name}\b", (ROOT / file).read_text(), re.MULTILINE), f"{file} defines no {name}"


def test_the_snippets_for_python_run(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are run in their order, in a folder with recordings, labels and checkpoints as the page names them."""
    shutil.copytree(workspace, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    snippets = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(snippets) >= 5
    names: dict[str, Any] = {}
    for snippet in snippets:
        assert len([line for line in snippet.splitlines() if line]) <= 5
        exec(compile(snippet, "docs/python.md", "exec"), names)
    assert set(emoclr.__all__) <= set(re.findall(r"emoclr\.(\w+)", "".join(snippets)))
    assert len(names["frame"]) == 24
