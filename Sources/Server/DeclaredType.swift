import Core
import Wire

extension PipelineCatalog {
    /// What a Content-Type field, or what stands for one in a form or in metadata, declares.
    func declared(field: String?, for pipeline: String) -> Declaration {
        let parsed = field.flatMap(MediaType.init(parsing:))
        return declared(parsed?.essence ?? field, charset: parsed?.parameters["charset"], for: pipeline)
    }
}
