"""Who is answered: nobody who comes by another name, from another site's page, or without the token."""

from collections.abc import Iterator

import pytest

from emoclr.configs.errors import ConfigError
from emoclr.predict.serve.answer import Network
from emoclr.predict.serve.limits import Limits
from emoclr.predict.serve.server import PredictServer

from .conftest import Serve, Served, form

TOKEN = "a token of thirty-two characters"


@pytest.fixture(scope="module")
def guarded(serve: Serve) -> Iterator[Served]:
    """A server that is bound to no name of this machine alone, and so asks for a token."""
    with serve(host="0.0.0.0", token=TOKEN, domains=["emotions.example.org"]) as running:
        yield running


def test_it_listens_on_this_machine_alone_and_asks_for_no_token(served: Served) -> None:
    assert served.server.host == "127.0.0.1" and served.server.token is None
    assert served.server.url == f"http://127.0.0.1:{served.server.port}/"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8000", "LOCALHOST."])
def test_names_of_this_machine_are_known(served: Served, host: str) -> None:
    assert served.get("/health", Host=host).status == 200


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "192.168.1.2", "", "[", "a@b"])
def test_another_name_is_refused_whatever_it_resolves_to(served: Served, host: str) -> None:
    refused = served.get("/health", Host=host)
    assert refused.status == 421 and host in refused.error


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_page_of_another_site_sends_nothing(served: Served, voice: bytes, headers: dict[str, str]) -> None:
    assert served.send(voice, **headers).status == 403


def test_its_own_page_may_send(served: Served, voice: bytes) -> None:
    assert served.send(voice, Origin=served.server.url[:-1], Sec_Fetch_Site="same-origin").status == 200


def test_no_other_page_may_read_or_frame_what_it_says(served: Served) -> None:
    headers = served.get("/health", Origin="http://example.org").headers
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}", "Bearer ü"])
def test_who_has_no_token_gets_nothing(guarded: Served, voice: bytes, given: str) -> None:
    refused = guarded.send(voice, Authorization=given)
    assert refused.status == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    assert guarded.kept() == []


def test_who_has_the_token_is_answered_by_any_address_and_by_the_names_that_were_given(
    guarded: Served, voice: bytes
) -> None:
    for host in ("192.168.1.2:8000", "emotions.example.org"):
        assert guarded.send(voice, Host=host, Authorization=f"Bearer {TOKEN}").status == 200
    assert guarded.send(voice, Host="example.org", Authorization=f"Bearer {TOKEN}").status == 421
    assert guarded.get("/health").status == 200


def test_a_server_for_others_draws_a_token(serve: Serve, voice: bytes) -> None:
    with serve(host="0.0.0.0") as running:
        assert running.server.token and len(running.server.token) >= 32
        assert running.send(voice).status == 401


def test_a_token_that_could_be_guessed_is_refused(network: Network, tmp_path: object) -> None:
    with pytest.raises(ConfigError, match="16"):
        PredictServer(network, Limits(), tmp_path, token="secret")  # type: ignore[arg-type]


def test_a_port_that_is_taken_is_named(served: Served, serve: Serve) -> None:
    with pytest.raises(ConfigError, match=str(served.server.port)), serve(port=served.server.port):
        pass


def test_a_form_of_another_field_is_no_upload(served: Served, voice: bytes) -> None:
    body, kind = form(voice, field="files")
    refused = served.ask("POST", "/predict", body, Content_Type=kind)
    assert refused.status == 400 and "'file'" in refused.error
