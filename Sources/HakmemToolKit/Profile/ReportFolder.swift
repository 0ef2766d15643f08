import Foundation

/// The folder of one report, with an index of what lies in it.
package struct ReportFolder {
  package let path: String

  /// Makes the folder.
  ///
  /// - Throws: `OutputFile.Failure` when it cannot be made, or is not empty.
  package init(path: String) throws {
    let absolute =
      path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    self.path = absolute
    if mkdir(absolute, 0o755) != 0 {
      let code = errno
      guard code == EEXIST else {
        throw OutputFile.Failure(
          description: "cannot make \(absolute): \(String(cString: strerror(code)))")
      }
      let contents = try? FileManager.default.contentsOfDirectory(atPath: absolute)
      guard contents?.isEmpty == true else {
        throw OutputFile.Failure(
          description: "cannot write the report to \(absolute): it is not an empty folder")
      }
    }
    guard access(absolute, W_OK) == 0 else {
      throw OutputFile.Failure(
        description: "cannot write to \(absolute): \(String(cString: strerror(errno)))")
    }
  }

  /// A name that is free in the current folder: "hakmem-profile-PROGRAM-1".
  package static func freeName(for program: String) -> String {
    let base = program.split(separator: "/").last.map(String.init) ?? "program"
    var number = 1
    while access("hakmem-profile-\(base)-\(number)", F_OK) == 0 { number += 1 }
    return "hakmem-profile-\(base)-\(number)"
  }

  /// Writes every file that the outcome has something for. A file that cannot be written is named
  /// and the others are written all the same.
  ///
  /// - Returns: What went wrong, a sentence each.
  package func write(_ outcome: ProfileRun.Outcome) -> [String] {
    var index: [(name: String, what: String)] = []
    var failures: [String] = []
    let title = "Report of \(outcome.result.command.joined(separator: " ")), \(outcome.result.date)"
    func writeIndex(_ lines: [String]) throws {
      try OutputFile(path: "\(path)/index.txt").write(
        Data((([title] + lines).joined(separator: "\n") + "\n").utf8))
    }
    // What stays when the disk is full before the end.
    try? writeIndex(["PARTIAL: the report was not written to its end."])
    func write(_ name: String, _ what: String, _ contents: () throws -> Data) {
      do {
        try OutputFile(path: "\(path)/\(name)").write(try contents())
        index.append((name, what))
      } catch {
        failures.append("\(error)")
      }
    }
    write("report.txt", "the report as text") {
      Data((ProfileText.lines(outcome.result).joined(separator: "\n") + "\n").utf8)
    }
    write("report.json", "the same for programs") {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      return try encoder.encode(outcome.result)
    }
    for profile in outcome.profiles where !profile.stacks.isEmpty {
      let name = profile.title.replacing(" ", with: "-")
      write("\(name).folded", "\(profile.title): collapsed stacks, one line each") {
        Data(CollapsedStacks.text(profile).utf8)
      }
    }
    write("index.html", "the report with pictures, one self-contained page") {
      Data(try ProfilePage.html(outcome).utf8)
    }
    if !outcome.frames.isEmpty {
      write("map.json", "the heap map from time to time") {
        try JSONEncoder().encode(outcome.frames)
      }
    }
    let name = outcome.result.command.first ?? ""
    let profiles = outcome.profiles.filter { !$0.stacks.isEmpty }
    write("profile.speedscope.json", "all call stacks, for speedscope") {
      try JSONEncoder().encode(SpeedscopeFile(profiles, name: name))
    }
    for unit in ["bytes", "faults", "samples"] {
      let alike = profiles.filter { $0.unit == unit }
      guard !alike.isEmpty else { continue }
      let names = ["bytes": "heap", "faults": "faults", "samples": "time"]
      let what = alike.map(\.title).joined(separator: ", ")
      write("\(names[unit] ?? unit).pb.gz", "\(what): for go tool pprof") {
        let data = PprofFile.data(
          alike, date: Date(timeIntervalSinceNow: -outcome.result.seconds),
          seconds: outcome.result.seconds)
        guard let data else { throw OutputFile.Failure(description: "zlib cannot compress") }
        return data
      }
    }
    let lines =
      (outcome.result.isPartial ? ["PARTIAL: the notes in report.txt say what is missing."] : [])
      + (failures.isEmpty ? [] : ["PARTIAL: not everything could be written."])
      + failures.map { "  \($0)" } + [""] + index.map { "\($0.name)  \($0.what)" }
    do { try writeIndex(lines) } catch { failures.append("\(error)") }
    return failures
  }
}

/// Stacks as flame-graph tools take them: "outermost;…;innermost value".
enum CollapsedStacks {
  static func text(_ profile: StackProfile) -> String {
    var text = ""
    for (stack, value) in zip(profile.stacks, profile.values) {
      text += stack.reversed().map {
        profile.frames[Int($0)].function.replacing(";", with: ":").replacing("\n", with: " ")
      }.joined(separator: ";")
      text += " \(value)\n"
    }
    return text
  }
}
