"""`predict serve`."""

import argparse
import contextlib
import os
import webbrowser

from emoclr.configs.command import make_parser, positive, stopped_by_sigterm, uncollected
from emoclr.configs.console import say
from emoclr.configs.extras import require_extra
from emoclr.predict.options import RELEASED, add_source

PACKAGES = ("python-multipart", "starlette", "uvicorn")
"""What the extra `web` brings."""
TOKEN = "EMOCLR_TOKEN"

EXAMPLES = """  predict serve
  predict serve --from checkpoints/my-emotions --port 8080
  predict serve --host 0.0.0.0
  curl -F file=@recording.mp3 'http://127.0.0.1:8000/predict?rows=segment'"""


def make_options() -> argparse.ArgumentParser:
    """Returns the parser of `predict serve`."""
    parser = make_parser(
        "predict serve",
        "A page on this machine to drop recordings on, or to speak to, and an interface for programs.",
        EXAMPLES,
    )
    parser.set_defaults(bare=True)
    add_source(parser)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address that it is bound to; any but that of this machine alone asks for a token, which is printed, or "
        f"is that of the variable {TOKEN} (default: %(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=8000, help="of the address; 0 for one that is free (default: %(default)s)"
    )
    parser.add_argument(
        "--domain",
        action="append",
        default=[],
        metavar="NAME",
        help="name by which it is called, too, as by a proxy before it; others are refused",
    )
    parser.add_argument(
        "--max-mb", type=positive, default=200, metavar="MB", help="size of a file (default: %(default)s)"
    )
    parser.add_argument(
        "--max-s", type=float, default=3600, metavar="S", help="length of a recording, s (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=positive,
        default=1,
        metavar="N",
        help="recordings at once, and as many microphones (default: %(default)s)",
    )
    parser.add_argument(
        "--queue",
        type=int,
        default=8,
        metavar="N",
        help="recordings that wait for their turn; more are refused (default: %(default)s)",
    )
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Does what the options say."""
    check_packages()
    from emoclr.finetune.model.folders import find_card
    from emoclr.predict.serve.limits import Limits
    from emoclr.predict.serve.temporary_folder import temporary_folder

    limits = Limits(arguments.max_mb * 1_000_000, arguments.max_s, arguments.jobs, arguments.queue)
    source = arguments.source or RELEASED
    folder = find_card(source).parent
    say(f"reading {source}")
    with uncollected():
        from emoclr.corpus.labels.annotation.run import has_screen
        from emoclr.finetune.model.checkpoint import load_ensemble
        from emoclr.predict.serve.answer import Network
        from emoclr.predict.serve.server import PredictServer
        from emoclr.pretrain.encoder.devices import choose_device
        from emoclr.pretrain.training.allocator import share_freed_memory

        share_freed_memory()
        network = Network(*load_ensemble(folder), str(source), choose_device())
    for note in network.card.told:
        say(f"{source}: {note}")
    with stopped_by_sigterm(), temporary_folder() as temporary:
        server = PredictServer(
            network,
            limits,
            temporary,
            host=arguments.host,
            port=arguments.port,
            domains=arguments.domain,
            token=os.environ.get(TOKEN) or None,
        )
        page = server.url + (f"#{server.token}" if server.token else "")
        say(f"drop recordings, or speak, at {page}")
        bearer = f" -H 'Authorization: Bearer {server.token}'" if server.token else ""
        say(f"programs: curl{bearer} -F file=@recording.mp3 {server.url}predict")
        say("nothing is kept; Ctrl-C ends")
        if has_screen():
            webbrowser.open(page)
        with contextlib.suppress(KeyboardInterrupt):
            server.run()


def check_packages() -> None:
    """Checks that the packages of the extra `web` are there.

    Raises:
        ConfigError: one is not.
    """
    require_extra("web", PACKAGES, "predict serve")
