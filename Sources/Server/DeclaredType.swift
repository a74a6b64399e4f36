import Core
import Wire

extension DocumentType {
    /// What a Content-Type field, or what stands for one in a form or in metadata, declares.
    static func declared(field: String?) -> Declaration {
        let parsed = field.flatMap(MediaType.init(parsing:))
        return declared(parsed?.essence ?? field, charset: parsed?.parameters["charset"])
    }
}
