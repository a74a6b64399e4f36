/// The one function that libFuzzer calls, with one input after another; it keeps those that reach new code and changes
/// them further. Each target is a `check(_:)` of its own.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    check(Array(UnsafeBufferPointer(start: start, count: count)))
    return 0
}
