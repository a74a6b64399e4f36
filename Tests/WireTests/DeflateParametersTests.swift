import Testing

@testable import Wire

/// RFC 7692 §7.1.
@Suite struct DeflateParametersTests {
    private func answer(_ fieldValues: String..., policy: DeflatePolicy = .asOffered) -> String? {
        DeflateParameters.negotiate(fieldValues, policy)?.fieldValue
    }

    @Test("an offer is taken as it is, and named in the answer")
    func taken() {
        #expect(answer("permessage-deflate") == "permessage-deflate")
        #expect(answer("Permessage-Deflate") == "permessage-deflate")
        #expect(answer("permessage-deflate; client_max_window_bits") == "permessage-deflate")
        #expect(
            answer("permessage-deflate; server_no_context_takeover; client_no_context_takeover")
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
        #expect(
            answer("permessage-deflate;server_max_window_bits=10 ; client_max_window_bits=\"11\"")
                == "permessage-deflate; server_max_window_bits=10; client_max_window_bits=11")
        #expect(
            answer("permessage-deflate; server_max_window_bits=8")
                == "permessage-deflate; server_max_window_bits=8")
    }

    @Test("where contexts are not kept the answer says so, asked or not (RFC 7692 §7.1.1)")
    func withoutContext() {
        #expect(
            answer("permessage-deflate; server_max_window_bits=12", policy: .withoutContext)
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
                + "server_max_window_bits=12")
    }

    @Test("the first offer that can be accepted is, over all field lines; others are passed by")
    func firstAcceptable() {
        #expect(
            answer("x-webkit-frame, permessage-deflate; unknown, permessage-deflate; server_max_window_bits=9")
                == "permessage-deflate; server_max_window_bits=9")
        #expect(answer("permessage-bzip2", "permessage-deflate") == "permessage-deflate")
        #expect(answer() == nil)
    }

    @Test(
        "an offer with a parameter that is unknown, repeated or out of its range is declined",
        arguments: [
            "permessage-deflate; unknown", "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
            "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; server_max_window_bits=",
            "permessage-deflate; client_max_window_bits=x", "permessage-deflate; client_max_window_bits=\"9",
            "deflate", "",
        ])
    func declined(offer: String) {
        #expect(answer(offer) == nil)
    }
}
