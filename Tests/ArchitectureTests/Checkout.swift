import Glibc

/// The project's own files, as the architecture tests read them.
enum Checkout {
    /// The folder that holds Package.swift.
    static let root: String = {
        // …/Tests/ArchitectureTests/Checkout.swift
        var parts = #filePath.split(separator: "/").map(String.init)
        parts.removeLast(3)
        return "/" + parts.joined(separator: "/")
    }()

    static func text(_ path: String) -> String? {
        guard let file = fopen("\(root)/\(path)", "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        let piece = UnsafeMutablePointer<UInt8>.allocate(capacity: 64 * 1024)
        defer { piece.deallocate() }
        while case let count = fread(piece, 1, 64 * 1024, file), count > 0 {
            bytes += UnsafeBufferPointer(start: piece, count: count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Names in a folder, sorted; hidden ones are left out.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir("\(root)/\(folder)") else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    static func swiftFiles(in folder: String) -> [String] {
        names(in: folder).filter { $0.hasSuffix(".swift") }.map { "\(folder)/\($0)" }
    }

    static func lines(_ path: String) -> [Substring] {
        (text(path) ?? "").split(separator: "\n", omittingEmptySubsequences: false)
    }
}
