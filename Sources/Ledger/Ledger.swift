import Core
import System

// Theory of operation
//
// One thread writes, one reads; each has its own connection, and WAL lets them work side by side. The writer takes all
// that waits, puts it into one transaction and commits with synchronous=FULL: a hundred documents that arrive together
// cost one sync of the disk. A completion is called only after the commit that holds its change, in the order of
// asking; if the commit fails, every completion of the group is told so and nothing of the group has happened.

/// The durable record of all documents, in one SQLite file.
package final class Ledger: DocumentRecords, Facts {
    /// The largest page of a list, in documents and in bytes of their records: it ends with the document that passes
    /// them, and the next page goes on behind it.
    package static let listLimitMax = 500
    package static let listBytesMax = 4 << 20

    private enum Write: Sendable {
        case insert(DocumentRecord, KeyReservation?)
        case update(DocumentRecord)
        case raiseCeiling(DocumentID, Double)
        case remove(DocumentID)
        case forgetKeys(through: Int64, limit: Int)
        case remember(String, [UInt8])
    }

    private struct Order: Sendable {
        var write: Write
        var completion: @Sendable (Result<Void, RecordFailure>) -> Void
    }

    private let writes = BlockingQueue<Order>()
    private let reads = BlockingQueue<@Sendable (UncheckedDatabase) -> Void>()

    // A connection is opened by the starting thread and then used by one thread alone.
    private struct UncheckedDatabase: @unchecked Sendable { let database: Database }

    /// Opens or makes the record at `path` and starts its threads.
    package init(path: String) throws(RecordFailure) {
        do throws(DatabaseError) {
            let writer = UncheckedDatabase(database: try Database(path: path))
            try Self.migrate(writer.database)
            let reader = UncheckedDatabase(database: try Database(path: path))
            try Self.start(writer: writer, orders: writes)
            try Self.start(reader: reader, requests: reads)
        } catch {
            throw error.failure
        }
    }

    private static func migrate(_ database: Database) throws(DatabaseError) {
        try database.run(
            """
            CREATE TABLE IF NOT EXISTS documents (
                sequence INTEGER PRIMARY KEY AUTOINCREMENT,
                id TEXT NOT NULL UNIQUE,
                status TEXT NOT NULL,
                created_ms INTEGER NOT NULL,
                ceiling REAL NOT NULL,
                output_token INTEGER,
                record TEXT NOT NULL
            );
            CREATE INDEX IF NOT EXISTS documents_by_time ON documents (created_ms, sequence);
            CREATE INDEX IF NOT EXISTS documents_by_status ON documents (status, created_ms, sequence);
            """)
        for (index, step) in migrations.enumerated() where try database.version() <= index {
            try database.run("BEGIN IMMEDIATE; \(step); PRAGMA user_version = \(index + 1); COMMIT")
        }
    }

    /// What was added to the first form, one step a version (`PRAGMA user_version`).
    private static let migrations = [
        """
        ALTER TABLE documents ADD COLUMN is_part INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE documents ADD COLUMN due_ms INTEGER;
        CREATE INDEX documents_by_due ON documents (due_ms) WHERE due_ms IS NOT NULL
        """,
        """
        CREATE TABLE idempotency (
            key TEXT PRIMARY KEY,
            document TEXT NOT NULL,
            created_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX idempotency_by_time ON idempotency (created_ms)
        """,
        """
        ALTER TABLE documents ADD COLUMN result_key TEXT;
        CREATE INDEX documents_by_result ON documents (result_key, sequence) WHERE result_key IS NOT NULL
        """,
        "CREATE TABLE facts (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    ]

    private static func start(writer: UncheckedDatabase, orders: BlockingQueue<Order>) throws(DatabaseError) {
        do throws(SystemError) {
            try Thread.start(named: "ledger-write") {
                while true {
                    let group = orders.takeAll()
                    if group.isEmpty { return }
                    commit(group, writer.database)
                }
            }
        } catch {
            throw DatabaseError(code: 0, message: "\(error)")
        }
    }

    private static func start(
        reader: UncheckedDatabase, requests: BlockingQueue<@Sendable (UncheckedDatabase) -> Void>
    ) throws(DatabaseError) {
        do throws(SystemError) {
            try Thread.start(named: "ledger-read") {
                while let request = requests.takeFirst() { request(reader) }
            }
        } catch {
            throw DatabaseError(code: 0, message: "\(error)")
        }
    }

    private static func commit(_ group: [Order], _ database: Database) {
        var results: [Result<Void, RecordFailure>] = []
        do throws(DatabaseError) {
            try database.run("BEGIN IMMEDIATE")
            for order in group { results.append(try apply(order.write, database)) }
            try database.run("COMMIT")
        } catch {
            try? database.run("ROLLBACK")
            results = group.map { _ in .failure(error.failure) }
        }
        for (order, result) in zip(group, results) { order.completion(result) }
    }

    private static func apply(_ write: Write, _ database: Database) throws(DatabaseError) -> Result<Void, RecordFailure>
    {
        switch write {
        case .insert(let record, let reservation):
            if let reservation {
                let named = try document(underKey: reservation.key, database)?.document
                guard named == nil || named == reservation.replacing else { return .failure(.keyTaken) }
            }
            let changed = try database.execute(
                "INSERT OR IGNORE INTO documents (\(columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [.text(record.id.description)] + values(record))
            guard changed == 1 else { return .failure(.alreadyThere) }
            if let reservation {
                try database.execute(
                    "INSERT OR REPLACE INTO idempotency (key, document, created_ms) VALUES (?, ?, ?)",
                    [
                        .text(reservation.key), .text(record.id.description), .integer(record.createdAtMilliseconds),
                    ])
            }
        case .update(let record):
            // A removed document stays removed: a late update finds no row, and that is right.
            try database.execute(
                """
                UPDATE documents SET status = ?, created_ms = ?, ceiling = max(ceiling, ?), output_token = ?,
                    is_part = ?, due_ms = ?, result_key = ?, record = ?
                WHERE id = ?
                """, values(record) + [.text(record.id.description)])
        case .raiseCeiling(let id, let ceiling):
            try database.execute(
                "UPDATE documents SET ceiling = max(ceiling, ?) WHERE id = ?", [.real(ceiling), .text(id.description)])
        case .remove(let id):
            try database.execute("DELETE FROM documents WHERE id = ?", [.text(id.description)])
        case .forgetKeys(let milliseconds, let limit):
            try database.execute(
                """
                DELETE FROM idempotency WHERE key IN
                    (SELECT key FROM idempotency WHERE created_ms <= ? ORDER BY created_ms LIMIT ?)
                """, [.integer(milliseconds), .integer(Int64(limit))])
        case .remember(let key, let value):
            try database.execute(
                "INSERT OR REPLACE INTO facts (key, value) VALUES (?, ?)", [.text(key), .bytes(value)])
        }
        return .success(())
    }

    private static func values(_ record: DocumentRecord) -> [Database.Value] {
        [
            .text(record.status.rawValue), .integer(record.createdAtMilliseconds), .real(record.ceiling),
            record.outputToken.map(Database.Value.integer) ?? .null, .integer(record.isPart ? 1 : 0),
            record.dueMilliseconds.map(Database.Value.integer) ?? .null,
            record.resultKey.map(Database.Value.text) ?? .null,
            .text(String(decoding: record.bytes, as: UTF8.self)),
        ]
    }

    // MARK: Writing

    private func write(_ write: Write, _ completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void) {
        writes.put(Order(write: write, completion: completion))
    }

    package func insert(
        _ record: DocumentRecord, reserving reservation: KeyReservation? = nil,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.insert(record, reservation), completion) }

    package func update(
        _ record: DocumentRecord, then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.update(record), completion) }

    package func raiseCeiling(
        of id: DocumentID, to ceiling: Double,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.raiseCeiling(id, ceiling), completion) }

    package func remove(
        _ id: DocumentID, then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.remove(id), completion) }

    package func forgetKeys(
        through milliseconds: Int64, limit: Int,
        then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.forgetKeys(through: milliseconds, limit: limit), completion) }

    package func remember(
        _ key: String, _ value: [UInt8], then completion: @escaping @Sendable (Result<Void, RecordFailure>) -> Void
    ) { write(.remember(key, value), completion) }

    /// Ends the writer after what waits is committed; `completion` is called then.
    package func close(then completion: @escaping @Sendable () -> Void) {
        // An order that changes nothing: when it is answered, everything before it is committed.
        write(.raiseCeiling(.nobody, 0)) { _ in completion() }
        writes.close()
    }

    // MARK: Reading

    private static let columns =
        "id, status, created_ms, ceiling, output_token, is_part, due_ms, result_key, record"

    private static func eachRow(
        _ database: Database, _ condition: String, _ values: [Database.Value], _ body: (Database.Row) -> Void
    ) throws(DatabaseError) {
        try database.execute("SELECT \(columns), sequence FROM documents \(condition)", values, body)
    }

    private func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws(DatabaseError) -> Value,
        _ completion: @escaping @Sendable (Result<Value, RecordFailure>) -> Void
    ) {
        reads.put { connection in
            do throws(DatabaseError) {
                completion(.success(try body(connection.database)))
            } catch {
                completion(.failure(error.failure))
            }
        }
    }

    private static func record(_ row: Database.Row) -> DocumentRecord? {
        guard let id = DocumentID(row.text(0)), let status = DocumentStatus(rawValue: row.text(1)) else { return nil }
        return DocumentRecord(
            id: id, status: status, createdAtMilliseconds: row.integer(2), ceiling: row.real(3),
            outputToken: row.optionalInteger(4), isPart: row.integer(5) != 0, dueMilliseconds: row.optionalInteger(6),
            resultKey: row.optionalText(7), bytes: row.bytes(8))
    }

    private static func records(
        _ database: Database, _ condition: String, _ values: [Database.Value]
    ) throws(DatabaseError) -> [DocumentRecord] {
        var found: [DocumentRecord] = []
        try eachRow(database, condition, values) { row in
            if let record = record(row) { found.append(record) }
        }
        return found
    }

    package func load(
        _ id: DocumentID, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void
    ) {
        read(
            { (database) throws(DatabaseError) in
                try Self.records(database, "WHERE id = ?", [.text(id.description)]).first
            }, completion)
    }

    package func withResult(
        _ key: String, then completion: @escaping @Sendable (Result<DocumentRecord?, RecordFailure>) -> Void
    ) {
        read(
            { (database) throws(DatabaseError) in
                try Self.records(database, "WHERE result_key = ? ORDER BY sequence DESC LIMIT 1", [.text(key)]).first
            }, completion)
    }

    package func list(
        status: DocumentStatus?, after position: ListPosition?, limit: Int,
        then completion: @escaping @Sendable (Result<RecordPage, RecordFailure>) -> Void
    ) {
        let limit = min(limit, Self.listLimitMax)
        var conditions = ["is_part = 0"]
        var values: [Database.Value] = []
        if let status {
            conditions.append("status = ?")
            values.append(.text(status.rawValue))
        }
        if let position {
            conditions.append("(created_ms, sequence) < (?, ?)")
            values += [.integer(position.createdAtMilliseconds), .integer(position.sequence)]
        }
        // One more than asked for tells whether there is a next page.
        let condition =
            "WHERE " + conditions.joined(separator: " AND ")
            + " ORDER BY created_ms DESC, sequence DESC LIMIT ?"
        let bound = values + [.integer(Int64(limit + 1))]
        read(
            { (database) throws(DatabaseError) in
                var page = RecordPage(records: [], next: nil)
                var last: ListPosition?
                var count = 0
                var bytes = 0
                try Self.eachRow(database, condition, bound) { row in
                    if page.next != nil { return }
                    count += 1
                    if count > limit || bytes >= Self.listBytesMax { return page.next = last }
                    last = ListPosition(createdAtMilliseconds: row.integer(2), sequence: row.integer(9))
                    guard let record = Self.record(row) else { return }
                    page.records.append(record)
                    bytes += record.bytes.count
                }
                return page
            }, completion)
    }

    /// The bytes that the record names, of every document: what a start keeps of the files it finds.
    package func keptBytes(
        then completion: @escaping @Sendable (Result<[DocumentID: KeptBytes], RecordFailure>) -> Void
    ) {
        read(
            { (database) throws(DatabaseError) in
                var kept: [DocumentID: KeptBytes] = [:]
                try database.execute(
                    """
                    SELECT id, CASE WHEN status = 'complete' THEN output_token
                            WHEN json_valid(record) THEN json_extract(record, '$.record.checkpoint.run') END,
                        CASE WHEN json_valid(record) THEN
                            coalesce(json_extract(record, '$.record.content'),
                                CASE status WHEN 'uploading' THEN json_extract(record, '$.record.upload_token') END)
                        END,
                        json_valid(record),
                        CASE WHEN status = 'uploading' AND json_valid(record)
                            THEN json_extract(record, '$.record.upload_acknowledged') END
                    FROM documents
                    """, []
                ) { row in
                    guard let id = DocumentID(row.text(0)) else { return }
                    kept[id] = KeptBytes(
                        content: row.optionalInteger(2), acknowledgedBytes: row.optionalInteger(4),
                        output: row.optionalInteger(1),
                        isUnknown: row.integer(3) == 0)
                }
                return kept
            }, completion)
    }

    private static func document(underKey key: String, _ database: Database) throws(DatabaseError) -> KeyedDocument? {
        var found: KeyedDocument?
        try database.execute("SELECT document, created_ms FROM idempotency WHERE key = ?", [.text(key)]) { row in
            guard let id = DocumentID(row.text(0)) else { return }
            found = KeyedDocument(document: id, createdAtMilliseconds: row.integer(1))
        }
        return found
    }

    package func document(
        underKey key: String, then completion: @escaping @Sendable (Result<KeyedDocument?, RecordFailure>) -> Void
    ) {
        read({ (database) throws(DatabaseError) in try Self.document(underKey: key, database) }, completion)
    }

    package func recall(
        _ key: String, then completion: @escaping @Sendable (Result<[UInt8]?, RecordFailure>) -> Void
    ) {
        read(
            { (database) throws(DatabaseError) in
                var found: [UInt8]?
                try database.execute("SELECT value FROM facts WHERE key = ?", [.text(key)]) { found = $0.bytes(0) }
                return found
            }, completion)
    }

    package func due(
        before milliseconds: Int64, limit: Int,
        then completion: @escaping @Sendable (Result<[DocumentID], RecordFailure>) -> Void
    ) {
        read(
            { (database) throws(DatabaseError) in
                var found: [DocumentID] = []
                try database.execute(
                    "SELECT id FROM documents WHERE due_ms <= ? ORDER BY due_ms LIMIT ?",
                    [.integer(milliseconds), .integer(Int64(limit))]
                ) { row in
                    if let id = DocumentID(row.text(0)) { found.append(id) }
                }
                return found
            }, completion)
    }

    /// What a restart goes on with, oldest first: documents that wait for a worker or had one, and uploads that were
    /// made in one request and cannot go on. Uploads that can wait on record until somebody asks for them.
    package func unfinished(
        after position: ListPosition?, limit: Int,
        then completion: @escaping @Sendable (Result<RecordPage, RecordFailure>) -> Void
    ) {
        let start = position ?? ListPosition(createdAtMilliseconds: .min, sequence: .min)
        read(
            { (database) throws(DatabaseError) in
                var page = RecordPage(records: [], next: nil)
                var count = 0
                try Self.eachRow(
                    database,
                    """
                    WHERE status IN ('uploading', 'queued', 'processing') AND (created_ms, sequence) > (?, ?)
                    ORDER BY created_ms, sequence LIMIT ?
                    """,
                    [.integer(start.createdAtMilliseconds), .integer(start.sequence), .integer(Int64(limit))]
                ) { row in
                    count += 1
                    if count == limit {
                        page.next = ListPosition(createdAtMilliseconds: row.integer(2), sequence: row.integer(9))
                    }
                    if let record = Self.record(row) { page.records.append(record) }
                }
                return page
            }, completion)
    }
}
