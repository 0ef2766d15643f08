import CHakmemToolSystem
import Foundation

/// The machine that a result was measured on. Nothing in it names the host or its user.
package struct Machine: Codable, Equatable, Sendable {
  package var processor: String
  package var architecture: String
  /// Processors that this process may use.
  package var processors: Int
  /// Processors' worth of time that the control group grants; nil: no quota.
  package var quota: Double?
  package var memoryKib: Int?
  package var kernel: String
  package var system: String?
  package var hugePages: String?
  package var overcommit: Int?
  /// The frequency governor of the first processor, where the kernel shows it.
  package var governor: String?
  /// Whether a hypervisor is below.
  package var isVirtual: Bool

  /// Describes this machine.
  package static func current() -> Machine {
    let information = TextFile.read("/proc/cpuinfo") ?? ""
    let state = HostState.read()
    var names = utsname()
    uname(&names)
    return Machine(
      processor: field(information, "model name") ?? field(information, "Model")
        ?? field(information, "CPU part") ?? "unknown",
      architecture: text(names.machine), processors: availableProcessors,
      quota: state.processorQuota,
      memoryKib: field(TextFile.read("/proc/meminfo") ?? "", "MemTotal")
        .flatMap { Int($0.split(separator: " ")[0]) },
      kernel: text(names.release), system: systemName, hugePages: state.hugePages,
      overcommit: state.overcommit,
      governor: TextFile.value("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
      isVirtual: information.contains("hypervisor"))
  }

  /// One line per fact: name and value.
  package var facts: [(name: String, value: String)] {
    var facts = [
      ("processor", "\(processor), \(processors) available" + (isVirtual ? ", virtual" : "")),
      ("kernel", "Linux \(kernel), \(architecture)"),
      ("huge pages", hugePages ?? "not shown"),
      ("overcommit", overcommit.map(String.init) ?? "not shown"),
    ]
    if let memoryKib { facts.append(("memory", Figures.bytes(memoryKib * 1024))) }
    if let quota { facts.append(("quota", String(format: "%.2f processors", quota))) }
    if let system { facts.append(("system", system)) }
    if let governor { facts.append(("governor", governor)) }
    return facts
  }

  private static var availableProcessors: Int {
    let count = Int(hakmem_tool_available_processors())
    return count > 0 ? count : ProcessInfo.processInfo.activeProcessorCount
  }

  private static var systemName: String? {
    for line in (TextFile.read("/etc/os-release") ?? "").split(separator: "\n") {
      guard line.hasPrefix("PRETTY_NAME=") else { continue }
      return line.dropFirst("PRETTY_NAME=".count).trimmingCharacters(in: ["\""])
    }
    return nil
  }

  /// The value of the first "name : value" line.
  static func field(_ text: String, _ name: String) -> String? {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      guard let colon = line.firstIndex(of: ":"),
        line[..<colon].trimmingCharacters(in: .whitespaces) == name
      else { continue }
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      return value.isEmpty ? nil : value
    }
    return nil
  }

  private static func text<Tuple>(_ tuple: Tuple) -> String {
    withUnsafeBytes(of: tuple) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
  }
}
