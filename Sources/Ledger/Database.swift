import CSQLite
import Core

/// SQLite said no, in its own words.
struct DatabaseError: Error {
    var code: Int32
    var message: String

    var failure: RecordFailure {
        // SQLITE_FULL, and an I/O error whose cause is a full disk or quota: the caller frees room and tries again.
        code & 0xff == SQLITE_FULL ? .storageFull : .failed("\(message) (SQLite code \(code))")
    }
}

/// One connection to the record's file. Used by one thread at a time.
final class Database {
    private var handle: OpaquePointer?
    private var prepared: [String: OpaquePointer] = [:]

    init(path: String) throws(DatabaseError) {
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let result = sqlite3_open_v2(path, &handle, flags, nil)
        guard result == SQLITE_OK else { throw error(result) }
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, 5000)
        try run("PRAGMA journal_mode=WAL")
        // WAL with NORMAL loses the last commits at a power cut; an accepted document must not be among them.
        try run("PRAGMA synchronous=FULL")
        try run("PRAGMA cache_size=-2048")
    }

    deinit {
        for statement in prepared.values { sqlite3_finalize(statement) }
        sqlite3_close(handle)
    }

    func run(_ sql: String) throws(DatabaseError) {
        let result = sqlite3_exec(handle, sql, nil, nil, nil)
        guard result == SQLITE_OK else { throw error(result) }
    }

    /// How many of the migrations have been made.
    func version() throws(DatabaseError) -> Int {
        var version = 0
        try execute("PRAGMA user_version", []) { version = Int($0.integer(0)) }
        return version
    }

    enum Value {
        case integer(Int64)
        case real(Double)
        case text(String)
        case bytes([UInt8])
        case null
    }

    struct Row {
        fileprivate let statement: OpaquePointer
        func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(statement, column) }
        func optionalInteger(_ column: Int32) -> Int64? {
            sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : integer(column)
        }
        func optionalText(_ column: Int32) -> String? {
            sqlite3_column_type(statement, column) == SQLITE_NULL ? nil : text(column)
        }
        func real(_ column: Int32) -> Double { sqlite3_column_double(statement, column) }
        func bytes(_ column: Int32) -> [UInt8] {
            // Of text, its UTF-8.
            guard let start = sqlite3_column_blob(statement, column) else { return [] }
            return Array(UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(statement, column))))
        }
        func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }
    }

    /// Runs one statement, prepared once, and gives each row to `body`. Returns how many rows it changed.
    @discardableResult
    func execute(
        _ sql: String, _ values: [Value] = [], _ body: (Row) -> Void = { _ in }
    ) throws(DatabaseError) -> Int {
        let statement = try prepare(sql)
        defer {
            sqlite3_reset(statement)
            sqlite3_clear_bindings(statement)
        }
        for (index, value) in values.enumerated() {
            let position = Int32(index + 1)
            let result =
                switch value {
                case .integer(let number): sqlite3_bind_int64(statement, position, number)
                case .real(let number): sqlite3_bind_double(statement, position, number)
                case .text(let text): hw_bind_text(statement, position, text, Int32(text.utf8.count))
                case .bytes(let bytes): hw_bind_blob(statement, position, bytes, Int32(bytes.count))
                case .null: sqlite3_bind_null(statement, position)
                }
            guard result == SQLITE_OK else { throw error(result) }
        }
        while true {
            switch sqlite3_step(statement) {
            case SQLITE_ROW: body(Row(statement: statement))
            case SQLITE_DONE: return Int(sqlite3_changes(handle))
            case let result: throw error(result)
            }
        }
    }

    private func prepare(_ sql: String) throws(DatabaseError) -> OpaquePointer {
        if let statement = prepared[sql] { return statement }
        var statement: OpaquePointer?
        let result = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard result == SQLITE_OK, let statement else { throw error(result) }
        prepared[sql] = statement
        return statement
    }

    private func error(_ code: Int32) -> DatabaseError {
        DatabaseError(
            code: code, message: handle.flatMap { sqlite3_errmsg($0) }.map { String(cString: $0) } ?? "no memory")
    }
}
