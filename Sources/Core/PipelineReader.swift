import JSON

extension PipelineCatalog {
    package static let key = "pipelines"

    /// What the file says. Where there is a fault, the pipeline that has it is left out.
    package init(_ file: ConfigurationFile, faults: inout [SettingFault]) {
        var reader = PipelineReader(file: file, faults: faults)
        self.init(reader.pipelines())
        faults = reader.faults
    }
}

private struct PipelineReader {
    let file: ConfigurationFile
    var faults: [SettingFault]

    private mutating func find(_ path: String, _ words: String) { faults.append(file.fault(path, words)) }

    private mutating func check(_ object: JSONObject, at path: String, known: [String]) {
        for (key, _) in object.members where !known.contains(key) {
            find("\(path).\(key)", "there is no such member; there are \(known.joined(separator: ", "))")
        }
    }

    mutating func pipelines() -> [PipelineDefinition] {
        guard let given = file[PipelineCatalog.key] else { return [] }
        guard case .object(let object) = given, !object.members.isEmpty,
            object.members.count <= PipelineCatalog.pipelinesMax
        else {
            find(
                PipelineCatalog.key,
                "give an object of 1 to \(PipelineCatalog.pipelinesMax) pipelines by their names, such as "
                    + #"{"small": {"stages": [{"name": "shrinking", "command": ["shrink", "{input}", "{output}"]}]}}"#)
            return []
        }
        return object.members.compactMap { pipeline($0.key, $0.value) }
    }

    private mutating func pipeline(_ name: String, _ value: JSONValue) -> PipelineDefinition? {
        let path = "\(PipelineCatalog.key).\(name)"
        let before = faults.count
        guard PipelineDefinition.isName(name) else {
            find(path, Self.nameWanted("a pipeline"))
            return nil
        }
        if name == PipelineShape.document.name { find(path, "document is built in; give another name") }
        guard case .object(let object) = value else {
            find(path, "give an object with types, stages, readable")
            return nil
        }
        check(object, at: path, known: ["types", "stages", "readable"])
        let definition = PipelineDefinition(
            name: name, types: types(object["types"], at: "\(path).types"),
            stages: stages(object["stages"], at: path),
            readable: readable(object["readable"], at: "\(path).readable"))
        return faults.count == before ? definition : nil
    }

    private static func nameWanted(_ what: String) -> String {
        "the name of \(what) has 1 to \(PipelineDefinition.nameBytesMax) characters of a-z, 0-9, - and _, and begins "
            + "with a letter"
    }

    private mutating func types(_ value: JSONValue?, at path: String) -> [String] {
        guard let value else { return [] }
        guard let list = value.arrayValue, !list.isEmpty, list.count <= PipelineDefinition.typesMax else {
            find(path, "give a list of 1 to \(PipelineDefinition.typesMax) types, or leave it out to take all")
            return []
        }
        var types: [String] = []
        for (index, value) in list.enumerated() {
            if let text = value.stringValue, Self.isType(text) {
                types.append(text)
            } else {
                find("\(path)[\(index)]", "give a type such as image/png or image/*, in lower case")
            }
        }
        return types
    }

    /// RFC 6838 §4.2, and `*` for all of a kind.
    private static func isType(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        func isPart(_ part: Substring) -> Bool {
            (1...127).contains(part.utf8.count)
                && part.utf8.allSatisfy {
                    (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || "!#$&-^_.+".utf8.contains($0)
                }
        }
        return parts.count == 2 && isPart(parts[0]) && (parts[1] == "*" || isPart(parts[1]))
    }

    private mutating func readable(_ value: JSONValue?, at path: String) -> [String] {
        guard let value else { return [] }
        guard let list = value.arrayValue, list.count <= PipelineDefinition.readableMax else {
            find(path, "give a list of at most \(PipelineDefinition.readableMax) files and folders")
            return []
        }
        var paths: [String] = []
        for (index, value) in list.enumerated() {
            // All that is below it could be read: the root is no answer.
            if let text = value.stringValue, text.hasPrefix("/"), text.contains(where: { $0 != "/" }),
                Self.isArgument(text)
            {
                paths.append(text)
            } else {
                find("\(path)[\(index)]", "give the whole path of a file or a folder, such as /srv/models")
            }
        }
        return paths
    }

    // MARK: Stages

    private mutating func stages(_ value: JSONValue?, at path: String) -> [PipelineDefinition.Stage] {
        guard let list = value?.arrayValue, !list.isEmpty, list.count <= PipelineDefinition.stagesMax else {
            find(
                value == nil ? path : "\(path).stages",
                "give stages, a list of 1 to \(PipelineDefinition.stagesMax) of them")
            return []
        }
        var stages: [PipelineDefinition.Stage] = []
        for (index, value) in list.enumerated() {
            let place = "\(path).stages[\(index)]"
            guard let stage = stage(value, at: place) else { continue }
            if stages.contains(where: { $0.name == stage.name }) {
                find(place, "\(stage.name) is there twice; give each stage a name of its own")
            } else {
                stages.append(stage)
            }
        }
        return stages
    }

    private mutating func stage(_ value: JSONValue, at path: String) -> PipelineDefinition.Stage? {
        if let text = value.stringValue, PipelineShape.document.stages.contains(where: { $0.name == text }) {
            find(
                path,
                "\(text) is a stage of the built-in pipeline document and cannot be part of another one; give an "
                    + "object with name and command")
            return nil
        }
        guard case .object(let object) = value else {
            find(path, "give an object with name and command, perhaps weight")
            return nil
        }
        check(object, at: path, known: ["name", "command", "weight"])
        guard let name = object["name"]?.stringValue, PipelineDefinition.isName(name) else {
            find(object["name"] == nil ? path : "\(path).name", Self.nameWanted("a stage"))
            return nil
        }
        if ["uploading", "queued"].contains(name) { find("\(path).name", "\(name) is what a document shows before") }
        let weight = object["weight"] ?? .number(1)
        guard let number = weight.numberValue, number > 0, number <= PipelineDefinition.Stage.weightMax else {
            find("\(path).weight", "give a number above 0, at most \(Int(PipelineDefinition.Stage.weightMax))")
            return nil
        }
        guard let command = command(object["command"], at: path) else { return nil }
        return PipelineDefinition.Stage(name: name, command: command, weight: number)
    }

    private mutating func command(_ value: JSONValue?, at path: String) -> [String]? {
        let words = value?.arrayValue?.compactMap(\.stringValue).filter(Self.isArgument) ?? []
        guard !words.isEmpty, words.count <= PipelineDefinition.Stage.argumentsMax,
            words.count == value?.arrayValue?.count, !words[0].isEmpty
        else {
            find(
                value == nil ? path : "\(path).command",
                "give command, a list of the program and its arguments (1 to \(PipelineDefinition.Stage.argumentsMax) "
                    + "texts of at most \(PipelineDefinition.Stage.argumentBytesMax) bytes)")
            return nil
        }
        return words
    }

    private static func isArgument(_ text: String) -> Bool {
        text.utf8.count <= PipelineDefinition.Stage.argumentBytesMax && !text.utf8.contains(0)
    }
}
