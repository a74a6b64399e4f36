import JSON

@testable import Client

let plainStyle = LineStyle(hasColor: false, hasUnicode: true)
let asciiStyle = LineStyle(hasColor: false, hasUnicode: false)
let colorStyle = LineStyle(hasColor: true, hasUnicode: true)

/// A state object as the server sends it, with some of its members changed.
func state(_ changes: String = "{}") throws -> DocumentState {
    let whole = """
        {"document_id":"0190f3c2-0000-7000-8000-000000000001","offset":17,"epoch":"9f3c","status":"processing",\
        "stage":"extracting","progress":67.4,"stage_progress":61.0,"pages_done":610,"pages_total":1000,\
        "bytes_received":104857600,"bytes_done":104857600,"bytes_total":104857600,\
        "stages":[{"name":"extracting","done":610,"total":1000},{"name":"chunking","done":598,"total":1000},\
        {"name":"embedding","done":540,"total":1000}],"eta_seconds":12.4,"eta_low":9.8,"eta_high":17.0,\
        "estimated_completion":"2026-11-23T20:14:05Z","queue_position":null,"attempt":1,"resumed_from":null,\
        "name":"policy.pdf","content_type":"application/pdf","pipeline":"document","metadata":{},"sha256":"00",\
        "message":null,"error":null,"created_at":"2026-11-23T20:13:00.000Z","updated_at":"2026-11-23T20:13:20.400Z",\
        "a_field_of_tomorrow":[1,2]}
        """
    guard var object = try JSONValue.parse(whole).objectValue,
        let changed = try JSONValue.parse(changes).objectValue
    else { throw NoState() }
    for (key, value) in changed.members { object[key] = value }
    guard let state = DocumentState(.object(object)) else { throw NoState() }
    return state
}

struct NoState: Error {}

/// A row that has received these states, 100 ms apart.
func row(_ states: DocumentState..., name: String = "policy.pdf") -> ProgressRow {
    var row = ProgressRow(name: name)
    row.startWatching()
    for (index, state) in states.enumerated() { row.receive(state, nowMilliseconds: Int64(index) * 100) }
    return row
}

func line(_ row: ProgressRow, columns: Int, style: LineStyle = plainStyle) -> String {
    ProgressLine(columns: .init(terminalColumns: columns, rows: [row]), style: style).text(row)
}
