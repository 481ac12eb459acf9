"""The page itself, and what a browser may do with it."""

import base64
import hashlib
from pathlib import Path

import numpy as np

from emoclr.configs.messages import readable
from emoclr.evaluate.report.writers.page import render_page
from emoclr.predict.output.page.page_file import PageSettings, page_script, page_style
from emoclr.predict.output.page.recording_on_page import json_in_script
from emoclr.predict.output.page.sound_picture import COLUMN, SoundPicture
from emoclr.predict.serve.answer import Network
from emoclr.predict.serve.limits import Limits

FOLDER = Path(__file__).parent


class ServedPage:
    """The page of a server.

    Args:
        network: what hears.
        limits: what is taken.

    Attributes:
        html: the page.
        policy: of its content (CSP): no script but its own, and nothing from elsewhere.
        worklet: the script that takes samples from a microphone.
    """

    def __init__(self, network: Network, limits: Limits) -> None:
        from markupsafe import Markup

        settings = PageSettings.of_card(network.card, "embed")
        script = page_script() + "\n" + (FOLDER / "serve.js").read_text(encoding="utf-8").rstrip()
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        self.html = render_page(
            FOLDER / "serve.html.jinja",
            page_style=Markup(page_style()),
            serve_style=Markup((FOLDER / "serve.css").read_text(encoding="utf-8").rstrip()),
            script=Markup(script),
            settings=json_in_script(
                {**settings.for_script(), "max_bytes": limits.max_bytes, "kept_min": limits.kept_s / 60}
            ),
            ensemble=readable(network.name),
            emotions=[readable(name) for name in settings.emotions],
            limits=settings.limits,
            notes=network.card.notes,
            size=f"{limits.max_bytes / 1e6:g} MB",
            length=f"{limits.max_s / 60:g} minutes",
        )
        self.policy = (
            f"default-src 'none'; script-src 'self' 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
            "img-src data:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        # What draws is loaded now, and not while somebody waits.
        drawn = SoundPicture()
        drawn.push(np.zeros(COLUMN, np.float32))
        drawn.finish().tiles()
        self.worklet = (FOLDER / "microphone.js").read_text(encoding="utf-8")
