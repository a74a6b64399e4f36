"""Behind a proxy the server cannot know its own address: it gives paths, or what it was told is its public URL."""

import json

import pytest

TUS = {"Tus-Resumable": "1.0.0"}


def test_without_a_public_url_every_link_is_a_path(server):
    made = server.client.post("/v1/uploads", b"", headers={**TUS, "Upload-Length": "5"}, expect=201)
    assert made.headers["location"].startswith("/v1/uploads/")
    assert all(link.startswith("/v1/") for link in server.client.create()["links"].values())


def test_with_one_every_link_begins_with_it(start_server, small_pdf):
    client = start_server("--public-url", "https://docs.example/headway").client
    made = client.post("/v1/uploads", b"", headers={**TUS, "Upload-Length": "5"}, expect=201)
    assert made.headers["location"].startswith("https://docs.example/headway/v1/uploads/")
    done = client.post("/v1/documents", small_pdf, headers={"Content-Type": "application/pdf"}, expect=202)
    assert done.headers["location"].startswith("https://docs.example/headway/v1/documents/")
    assert all(link.startswith("https://docs.example/headway/v1/") for link in done.json()["links"].values())


class TestWhatAProxySays:
    FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "docs.example:8443"}

    @pytest.fixture
    def client(self, start_server, tmp_path):
        settings = tmp_path / "headway.json"
        settings.write_text(json.dumps({"trusted_proxy": ["127.0.0.1"]}))
        return start_server("--config", settings).client

    def location(self, client, **fields):
        headers = {**TUS, "Upload-Length": "5", **{name.replace("_", "-"): text for name, text in fields.items()}}
        return client.post("/v1/uploads", b"", headers=headers, expect=201).headers["location"]

    def test_a_trusted_one_is_believed_scheme_and_host(self, client):
        assert self.location(client, **self.FORWARDED).startswith("https://docs.example:8443/v1/uploads/")
        made = client.post("/v1/documents", b"words", headers={"Content-Type": "text/plain", **self.FORWARDED})
        assert all(link.startswith("https://docs.example:8443/v1/") for link in made.json()["links"].values())

    def test_half_of_it_or_what_is_no_address_is_no_address(self, client):
        for fields in ({"X-Forwarded-Proto": "https"}, {"X-Forwarded-Host": "docs.example"},
                       {**self.FORWARDED, "X-Forwarded-Proto": "javascript"},
                       {**self.FORWARDED, "X-Forwarded-Host": "docs.example/elsewhere"},
                       {**self.FORWARDED, "X-Forwarded-Host": "inner.example, docs.example"}):
            assert self.location(client, **fields).startswith("/v1/uploads/"), fields

    def test_anybody_else_is_not(self, server):
        assert self.location(server.client, **self.FORWARDED).startswith("/v1/uploads/")
