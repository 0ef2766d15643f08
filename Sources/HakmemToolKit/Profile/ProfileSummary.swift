import Foundation

/// The head of a report: figures with their targets.
enum ProfileSummary {
  /// The shares that the allocator should stay below; the machine decides what can be counted.
  static func figures(_ result: ProfileResult, hardware: [String: UInt64]) -> [ProfileResult.Figure]
  {
    var figures: [ProfileResult.Figure] = [
      figure("wall time", Figures.seconds(result.seconds)),
      figure("processor time", Figures.seconds(result.userSeconds + result.systemSeconds)),
    ]
    let processor = max(result.userSeconds + result.systemSeconds, 1e-9)
    figures.append(judged("kernel share", 100 * result.systemSeconds / processor, below: 5, "%"))
    if let faults = result.faults {
      figures.append(figure("page faults", "\(faults.charged)"))
      let own = faults.owners.filter {
        $0.owner.hasPrefix("allocator:") || $0.owner == Owner.Kind.freeBlocks.rawValue
      }.reduce(0) { $0 + $1.faults }
      figures.append(
        judged(
          "faults of the allocator itself", 100 * Double(own) / Double(max(faults.sampled, 1)),
          below: 5, "%"))
    } else {
      figures.append(figure("page faults", "\(0)", status: "not supported"))
    }
    if let time = result.time {
      let allocator = time.layers.filter {
        ![
          Layer.program.rawValue, Layer.otherKernel.rawValue, Layer.faults.rawValue,
          Layer.mapping.rawValue, Layer.profile.rawValue,
        ].contains($0.layer)
      }.reduce(0) { $0 + $1.share }
      figures.append(figure("time in the allocator", String(format: "%.1f %%", 100 * allocator)))
    }
    let peak = result.peakKiB.map { Figures.mebibytes(kibibytes: Double($0)) }
    figures.append(figure("peak resident", peak ?? "–"))
    if let cycles = hardware["cycles"], let instructions = hardware["instructions"], cycles > 0 {
      figures.append(
        judged("instructions per cycle", Double(instructions) / Double(cycles), above: 1))
    } else {
      figures.append(figure("instructions per cycle", "–", status: "not supported"))
    }
    for (name, _) in PerfSession.counted {
      let value = hardware[name].map { Figures.scaled(Double($0)) }
      figures.append(figure(name, value ?? "–", status: value == nil ? "not supported" : nil))
    }
    return figures
  }

  private static func figure(
    _ name: String, _ value: String, status: String? = nil
  ) -> ProfileResult.Figure {
    ProfileResult.Figure(name: name, value: value, target: nil, status: status)
  }

  private static func judged(
    _ name: String, _ value: Double, below limit: Double, _ unit: String
  ) -> ProfileResult.Figure {
    ProfileResult.Figure(
      name: name, value: String(format: "%.1f \(unit == "%" ? "%%" : unit)", value),
      target: "below \(Figures.significant(limit)) \(unit)", status: value < limit ? "ok" : "missed"
    )
  }

  private static func judged(
    _ name: String, _ value: Double, above limit: Double
  ) -> ProfileResult.Figure {
    ProfileResult.Figure(
      name: name, value: String(format: "%.2f", value),
      target: "above \(Figures.significant(limit))", status: value > limit ? "ok" : "missed")
  }

  /// What could not be named.
  static func remarks(_ symbols: Symbols) -> [String] {
    var remarks: [String] = []
    if !symbols.hasKernel {
      remarks.append("/proc/kallsyms hides the kernel's addresses: its functions have no names.")
    }
    let files = symbols.unresolved.filter { $0.value > 0 }.keys.sorted()
    if !files.isEmpty {
      remarks.append(
        "Functions of these files go by file and address, because they carry no symbols for them: "
          + files.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
          .joined(separator: ", ") + ".")
    }
    return remarks
  }
}
