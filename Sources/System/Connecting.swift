import CLinux
import Glibc

/// The client's side of a socket: connect(2) and what goes with it.
extension Socket {
    /// Begins to connect, from one of this machine's own addresses if `source` names one. Wait until the socket is
    /// writable, then ask `finishConnecting`.
    package static func connect(
        to address: SocketAddress, from source: String? = nil
    ) throws(SystemError) -> OwnedDescriptor {
        let family = address.host.contains(":") ? AF_INET6 : AF_INET
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = OwnedDescriptor(owning: try check("socket") { socket(family, kind, 0) })
        if let source {
            // ip(7): the port is then chosen by connect, so that each pair of addresses has all ports to itself.
            try setOption(
                descriptor.raw, Int32(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1, "setsockopt(IP_BIND_ADDRESS_NO_PORT)")
            let bound = SocketAddress(host: source, port: 0).withRaw { bind(descriptor.raw, $0, $1) }
            if bound != 0 { throw SystemError("bind(\(source))", bound == nil ? EINVAL : errno) }
        }
        guard let result = address.withRaw({ Glibc.connect(descriptor.raw, $0, $1) }) else {
            throw SystemError("inet_pton(\(address.host))", EINVAL)
        }
        if result != 0 && errno != EINPROGRESS { throw SystemError("connect(\(address))") }
        return descriptor
    }

    /// How a connect that was begun has ended (SO_ERROR, socket(7)).
    package static func finishConnecting(_ descriptor: Int32) throws(SystemError) {
        var number: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        _ = try check("getsockopt(SO_ERROR)") { getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &size) }
        if number != 0 { throw SystemError("connect", number) }
    }

    /// Closing then resets the connection (SO_LINGER of zero, socket(7)) and leaves no TIME_WAIT behind: for a client
    /// that opens thousands of connections again and again.
    package static func resetWhenClosed(_ descriptor: Int32) {
        var option = linger(l_onoff: 1, l_linger: 0)
        _ = setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}
