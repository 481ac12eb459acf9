"""A report as data loads neither what draws figures nor what fills in pages."""

import json
import subprocess
import sys

HEAVY = ("matplotlib", "jinja2", "torch", "pandas", "rich")


def test_reports_as_data_load_neither_matplotlib_nor_jinja() -> None:
    code = (
        "import json, sys\n"
        "import emoclr.evaluate.report.report, emoclr.evaluate.report.predictions_csv\n"
        "import emoclr.evaluate.figures.overview\n"
        "import emoclr.evaluate.studies.calibration, emoclr.evaluate.studies.label_efficiency\n"
        f"print(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == []
