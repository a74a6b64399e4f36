import Testing
import Wire

/// A request's head out of a table's row.
func uploadHead(
    _ method: String = "POST", _ fields: [(String, String)], framing: BodyFraming = .none, minorVersion: Int = 1
) -> RequestHead {
    var all: HTTPFields = ["Host": "h"]
    for (name, value) in fields { all.add(name, value) }
    return RequestHead(
        method: method, target: "/v1/uploads", path: "/v1/uploads", minorVersion: minorVersion, fields: all,
        framing: framing)
}

/// The error that is thrown, nil when none is.
func uploadError<Value>(_ body: () throws(UploadFieldError) -> Value) -> UploadFieldError? {
    do throws(UploadFieldError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// Every dialect there is.
let uploadDialects: [UploadDialect] = [.tus] + UploadDialect.interopVersions.map { .draft(interop: $0) }
