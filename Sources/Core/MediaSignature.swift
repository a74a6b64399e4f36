/// What bytes that are no text show themselves to be by how they begin (WHATWG MIME Sniffing §6), for pipelines that
/// take them.
package enum MediaSignature {
    package static func judge(prefix: [UInt8]) -> String? {
        func begins(_ text: String, at offset: Int = 0) -> Bool {
            prefix.count >= offset && prefix.dropFirst(offset).starts(with: text.utf8)
        }
        if prefix.starts(with: [0xff, 0xd8, 0xff]) { return "image/jpeg" }
        if prefix.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) { return "image/png" }
        if begins("GIF87a") || begins("GIF89a") { return "image/gif" }
        if begins("RIFF"), begins("WEBP", at: 8) { return "image/webp" }
        if begins("RIFF"), begins("WAVE", at: 8) { return "audio/wave" }
        if begins("II*\0") || begins("MM\0*") { return "image/tiff" }
        if begins("BM") && prefix.contains(0) { return "image/bmp" }
        if begins("ftypavif", at: 4) { return "image/avif" }
        if begins("ftyp", at: 4) { return "video/mp4" }
        if begins("OggS\0") { return "application/ogg" }
        if begins("ID3") { return "audio/mpeg" }
        return nil
    }
}
