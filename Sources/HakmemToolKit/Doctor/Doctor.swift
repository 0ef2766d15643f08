import Foundation

/// What `hakmem doctor` tells.
package struct DoctorReport: Codable, Equatable, Sendable {
  /// Version of the JSON form.
  package var format = 1
  /// What was examined: "process 42 (/usr/bin/python3)", a program's path, "this machine".
  package var subject: String
  /// Path of the library that the tool knows; nil when it is missing.
  package var library: String?
  package var libraryVersion: String?
  package var serving: [Serving] = []
  /// Options with the values in force and where they come from.
  package var options: [OptionTable.Option] = []
  /// Most severe first.
  package var findings: [Finding] = []

  package init(subject: String) { self.subject = subject }

  /// The most severe finding.
  package var worst: Finding.Severity { findings.map(\.severity).max() ?? .ok }
}

/// Examines this machine, a program or a running process.
package struct Doctor {
  package let location: LibraryLocation
  /// The library that the user gave, if any.
  package var givenLibrary: String?

  package init(location: LibraryLocation, library: String? = nil) {
    self.location = location
    givenLibrary = library
  }

  /// Examines the machine alone.
  package func machine() -> DoctorReport {
    var report = DoctorReport(subject: "this machine")
    let library = findLibrary(&report)
    if let library { takeOptions(library, variables: ownVariables, &report) }
    report.findings += HostFindings.findings(.read())
    return sorted(report)
  }

  /// Examines a program as `hakmem run` would start it; that there is none is a finding too.
  package func program(_ name: String) -> DoctorReport {
    let environment = location.environment
    var report = DoctorReport(subject: name)
    let library = findLibrary(&report)
    do {
      let file = try ProgramFile(named: name, searchPath: environment["PATH"])
      report.subject =
        file.interpreters.isEmpty ? file.path : "\(file.path), which runs on \(file.binary)"
      examine(file, library: library, &report)
    } catch {
      report.findings.append(Finding(.problem, "program", "\(error)"))
    }
    if let library { takeOptions(library, variables: ownVariables, &report) }
    report.findings += HostFindings.findings(.read())
    return sorted(report)
  }

  /// Examines a running process.
  ///
  /// - Throws: `InspectionFailure` when there is none, or it may not be looked at.
  package func process(_ pid: Int32) throws -> DoctorReport {
    let folder = "/proc/\(pid)"
    guard access(folder, F_OK) == 0 else { throw InspectionFailure.noProcess(pid) }
    guard let maps = TextFile.read("\(folder)/maps"),
      let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/exe")
    else {
      throw InspectionFailure(
        "Process \(pid) may not be looked at: it belongs to another user, or is a "
          + "thread of the kernel.")
    }
    var report = DoctorReport(subject: "process \(pid) (\(program))")
    let variables = ProcessEnvironment.read(pid: pid) ?? [:]
    let root = ProcessRoot(folder: "\(folder)/root")
    let objects = ProcessMaps.files(maps).compactMap {
      LoadedObject.read($0, file: root.outside($0))
    }
    let own = objects.first { $0.path == program }
    let named =
      Preload.entries(variables["LD_PRELOAD"])
      + Preload.entries(TextFile.read(root.outside("/etc/ld.so.preload")))
    let preload = own.flatMap { LinkMap(pid: pid)?.preloaded(program: $0) } ?? named
    if !preload.isEmpty, named.isEmpty {
      report.findings.append(
        Finding(
          .note, "environment",
          "The process wrote over its environment: what options it began with is not known."))
    }
    let scope = SymbolScope(loaded: objects, program: program, preload: preload, root: root)
    report.serving = Serving.table(scope)
    if (try? ELFFile(path: "\(folder)/exe"))?.isStaticProgram == true {
      report.findings.append(staticProgram("\(folder)/exe", name: program))
    } else {
      report.findings += ScopeFindings.findings(scope, isRunning: true)
    }
    let served = (scope.objects + scope.opened).first { Serving.kind($0) == "HAKMEM" }
    let library = served.map { root.outside($0.path) } ?? findLibrary(&report)
    if let library {
      report.library = served?.path ?? library
      takeOptions(library, variables: ProcessEnvironment.options(variables), &report)
    }
    report.findings += HostFindings.findings(.read(process: "\(pid)"))
    return sorted(report)
  }

  // MARK: Parts

  private func examine(_ file: ProgramFile, library: String?, _ report: inout DoctorReport) {
    let elf = try? ELFFile(path: file.binary)
    if elf?.isStaticProgram == true {
      report.findings.append(staticProgram(file.binary, name: file.binary))
      return
    }
    if let library {
      do { try file.checkPreloadable(library: library) } catch {
        report.findings.append(Finding(.problem, "program", "\(error)"))
      }
    }
    guard let loader = elf?.interpreter else { return }
    var environment = location.environment
    let existing = environment["LD_PRELOAD"]
    if let library {
      environment["LD_PRELOAD"] =
        (try? Preload.value(library: library, existing: existing)) ?? existing
    }
    guard
      let answer = try? LoaderTrace.run(
        program: file.binary, loader: loader, environment: environment)
    else { return }
    for name in answer.missing {
      report.findings.append(
        Finding(
          .problem, "missing", "The loader does not find \(name).",
          remedy: "Install the library, or name its folder in LD_LIBRARY_PATH."))
    }
    for complaint in answer.complaints where complaint.contains("preload") {
      report.findings.append(Finding(.problem, "preload", complaint))
    }
    let objects = ([file.binary] + answer.libraries).compactMap { LoadedObject.read($0) }
    let scope = SymbolScope(
      inOrder: objects,
      preload: Preload.entries(environment["LD_PRELOAD"])
        + Preload.entries(TextFile.read("/etc/ld.so.preload")))
    report.serving = Serving.table(scope)
    report.findings += ScopeFindings.findings(scope, isRunning: false)
  }

  private func staticProgram(_ path: String, name: String) -> Finding {
    let elf = try? ELFFile(path: path)
    let own = elf?.staticSymbols(among: ["malloc"]).defined.isEmpty == false
    return Finding(
      .problem, "static",
      "\(name) is statically linked\(own ? " and has its own malloc inside" : ""): "
        + "nothing can be preloaded.",
      remedy: "Link it with libhakmem.so, or dynamically.")
  }

  private func findLibrary(_ report: inout DoctorReport) -> String? {
    do {
      let library = try location.library(given: givenLibrary)
      report.library = library
      return library
    } catch {
      report.findings.append(
        Finding(.problem, "library", "\(error)", remedy: "Install HAKMEM, or give the path."))
      return nil
    }
  }

  private func takeOptions(
    _ library: String, variables: [String: String], _ report: inout DoctorReport
  ) {
    do {
      let table = try OptionTable.load(
        library: library, environment: variables, tool: location.executable)
      report.libraryVersion = table.version
      report.options = table.options
      report.findings += OptionFindings.findings(variables: variables, table: table)
    } catch {
      report.findings.append(
        Finding(.problem, "library", "The library's options cannot be read: \(error)"))
    }
  }

  private var ownVariables: [String: String] {
    ProcessEnvironment.options(location.environment)
  }

  private func sorted(_ report: DoctorReport) -> DoctorReport {
    var report = report
    // A stable sort: equals stay in the order in which they were found.
    report.findings = report.findings.enumerated().sorted {
      ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset)
    }.map(\.element)
    return report
  }
}
