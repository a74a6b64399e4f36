"""Behind a proxy the server cannot know its own address: it gives paths, or what it was told is its public URL."""

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
