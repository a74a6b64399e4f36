"""What an operator asks a running server: is it alive, does it take work, what are its limits, how is it doing."""

import re

from client import PDF


class TestHealth:
    def test_it_is_alive_and_takes_work(self, client):
        client.get("/healthz", expect=200)
        client.get("/readyz", expect=200)

    def test_health_is_never_kept_by_a_cache(self, client):
        assert "no-store" in client.get("/healthz", expect=200).headers["cache-control"]


class TestLimitsOfThisCaller:
    def test_they_are_told_with_the_types_that_are_taken(self, client):
        limits = client.get("/v1/limits", expect=200).json()
        assert {"size_limit_bytes", "tier", "accepted_types", "uploads_shed", "level"} <= limits.keys()
        assert {PDF, "text/plain", "text/markdown"} <= set(limits["accepted_types"])
        assert limits["uploads_shed"] is False


class TestMetrics:
    SAMPLE = re.compile(r'[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="(\\.|[^"\\])*",?)*\})? (NaN|[+-]?Inf|[-+0-9.eE]+)( \d+)?')

    def samples(self, client):
        reply = client.get("/metrics", expect=200)
        assert reply.headers["content-type"].startswith("text/plain")
        found = {}
        for line in reply.body.decode().splitlines():
            if line and not line.startswith("#"):
                assert self.SAMPLE.fullmatch(line), line
                name, _, value = line.rpartition(" ")
                assert name not in found, f"twice: {name}"
                found[name] = float(value)
        return found

    def test_they_are_prometheus_text_with_a_type_for_every_family(self, client):
        samples = self.samples(client)
        text = client.get("/metrics").body.decode()
        families = set(re.findall(r"# TYPE (\S+)", text))
        assert families and samples
        for name in samples:
            base = re.sub(r"\{.*", "", name)
            assert base in families or re.sub(r"_(bucket|sum|count|total)$", "", base) in families, name

    def test_counters_count_and_never_go_down(self, client, small_pdf):
        before = self.samples(client)
        client.process(small_pdf)
        after = self.samples(client)
        counters = {name for name in before if "_total" in name}
        assert counters
        assert all(after[name] >= before[name] for name in counters)
        assert any(after[name] > before.get(name, 0) for name in after if "_total" in name)
