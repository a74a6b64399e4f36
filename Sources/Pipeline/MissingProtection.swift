import Logging
import System

extension KernelProtection {
    /// One line for all that this machine cannot take from its children: nobody should have to guess.
    func tellWhatIsMissing(_ logger: Logger) {
        guard !missing.isEmpty else { return }
        logger.warning(
            "this kernel lacks protection from documents: see docs/isolation.md",
            metadata: ["missing": "\(missing.map(\.rawValue).joined(separator: " "))"])
    }
}
