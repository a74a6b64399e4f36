import Core
import Loop
import Wire

/// One state of one document, encoded once for every watcher and every transport, and never changed.
package final class EncodedEvent: Sendable {
    package let document: DocumentID
    package let epoch: String
    package let offset: Int64
    package let weight: ChangeWeight
    package let status: DocumentStatus
    package var isTerminal: Bool { status.isTerminal }
    /// The JSON object alone.
    package let json: SharedBytes
    package let webSocket: SharedBytes
    package let serverSentEvent: SharedBytes
    package let line: SharedBytes

    package init(
        document: DocumentID, epoch: String, offset: Int64, weight: ChangeWeight, status: DocumentStatus, json: [UInt8]
    ) {
        self.document = document
        self.epoch = epoch
        self.offset = offset
        self.weight = weight
        self.status = status
        self.json = SharedBytes(json)
        webSocket = SharedBytes(WebSocketFrame.text(json))
        serverSentEvent = SharedBytes(ServerSentEvents.event(id: "\(epoch)-\(offset)", data: json))
        line = SharedBytes(json + [UInt8(ascii: "\n")])
    }

    /// The validator of this state: `"<epoch>-<offset>"`.
    package var entityTag: String { "\"\(epoch)-\(offset)\"" }
}
