/// The container of older office documents ([MS-CFB]). Only one thing is asked of it: a document that a password
/// protects is a ZIP archive encrypted within one ([MS-OFFCRYPTO] §2.3.1), and whoever sent it should hear that.
package enum CompoundFile {
    private static let signature: [UInt8] = [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]
    private static let headerBytes = 512
    private static let entryBytes = 128

    package static func isEncryptedPackage(_ source: any RandomAccessBytes) throws(FormatError) -> Bool {
        let header = try source.read(at: 0, count: headerBytes)
        guard header.count == headerBytes, header.starts(with: signature) else { return false }
        // [MS-CFB] §2.2: sectors of 2⁹ or 2¹² bytes; sector 0 lies behind the header, which takes one sector's place.
        let shift = header.number16(at: 30)
        guard shift == 9 || shift == 12 else { return false }
        let sectorBytes = Int64(1) << Int64(shift)
        let directoryOffset = (Int64(header.number32(at: 48)) + 1) * sectorBytes
        let directory = try source.read(at: directoryOffset, count: Int(sectorBytes))
        let name: [UInt8] = "EncryptedPackage".utf8.flatMap { [$0, 0] as [UInt8] }
        return stride(from: 0, through: directory.count - entryBytes, by: entryBytes).contains {
            directory[$0...].starts(with: name)
        }
    }
}
