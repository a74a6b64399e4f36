import JSON

/// The settings of a server, each looked for in one order: option, environment, configuration file, default.
package struct Settings: Sendable {
    package struct Entry: Sendable {
        package var setting: Setting
        package var value: SettingValue
        package var source: SettingSource
        /// How a person finds what was given: `--listen`, `HEADWAY_LISTEN`, `headway.json:3: listen`.
        package var place: String
    }

    /// In the order of the table.
    package private(set) var entries: [Entry] = []
    private var places: [String: Int] = [:]

    /// Looks every setting of `table` up. What cannot be taken is told in `faults`, and its default stands in for it.
    package init(
        _ table: [Setting], options: [String: SettingValue], environment: (String) -> String?,
        file: ConfigurationFile?, faults: inout [SettingFault]
    ) {
        for setting in table {
            let entry = Self.find(setting, options[setting.name], environment(setting.variable), file, &faults)
            places[setting.name] = entries.count
            entries.append(entry)
        }
    }

    private static func find(
        _ setting: Setting, _ option: SettingValue?, _ variable: String?, _ file: ConfigurationFile?,
        _ faults: inout [SettingFault]
    ) -> Entry {
        let standard = Entry(setting: setting, value: setting.standard, source: .standard, place: setting.option)
        // An option and a key of the file stand for themselves; an empty variable is one that is not set.
        if let option {
            guard let value = setting.checked(option) else {
                faults.append(SettingFault("\(setting.option) \(option)", setting.wanted))
                return standard
            }
            return Entry(setting: setting, value: value, source: .option, place: setting.option)
        }
        if let variable, !variable.isEmpty {
            guard let value = setting.value(ofVariable: variable) else {
                faults.append(SettingFault("\(setting.variable)=\(variable)", setting.wanted))
                return standard
            }
            return Entry(setting: setting, value: value, source: .environment, place: setting.variable)
        }
        guard let file, let given = file[setting.key] else { return standard }
        guard let value = setting.value(of: given) else {
            faults.append(file.fault(setting.key, setting.wanted))
            return standard
        }
        return Entry(setting: setting, value: value, source: .file, place: file.place(of: setting.key))
    }

    package subscript(_ setting: Setting) -> Entry {
        guard let place = places[setting.name] else { preconditionFailure("\(setting.name) is not in the table") }
        return entries[place]
    }

    package func text(_ setting: Setting) -> String {
        guard case .text(let text) = self[setting].value else { preconditionFailure("\(setting.name) is no text") }
        return text
    }

    package func number(_ setting: Setting) -> Int {
        guard case .number(let number) = self[setting].value else {
            preconditionFailure("\(setting.name) is no number")
        }
        return number
    }

    package func flag(_ setting: Setting) -> Bool {
        guard case .flag(let flag) = self[setting].value else { preconditionFailure("\(setting.name) is no flag") }
        return flag
    }

    package func list(_ setting: Setting) -> [String] {
        guard case .list(let texts) = self[setting].value else { preconditionFailure("\(setting.name) is no list") }
        return texts
    }

    /// A fault of the value itself, at the place where it was given.
    package func fault(_ setting: Setting, _ words: String) -> SettingFault {
        let entry = self[setting]
        return SettingFault(entry.source == .file ? entry.place : "\(entry.place) \(entry.value)", words)
    }

    /// Settings that differ from `earlier` and that a running server does not take.
    package func needingRestart(since earlier: Settings) -> [String] {
        entries.filter { !$0.setting.isLive && earlier[$0.setting].value != $0.value }.map(\.setting.key)
    }
}
