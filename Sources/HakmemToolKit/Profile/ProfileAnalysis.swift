import Foundation

/// From a recording to what a report shows: follows every process through time and asks at each
/// sample whose memory it was and what ran.
final class ProfileAnalysis {
  private(set) var faultStacks = StackProfile(title: "page faults", unit: "faults")
  private(set) var timeStacks = StackProfile(title: "processor time", unit: "samples")
  private(set) var owners: [Owner: [FaultCause: [Phase: Int]]] = [:]
  /// Faults of pages that the allocator had filled by system calls, which are no samples.
  private(set) var filledAhead: [Phase: Int] = [:]
  private(set) var layers: [Layer: Int] = [:]
  private(set) var processes: Set<Int32> = []
  let symbols = Symbols()

  private var spaces: [Int32: AddressSpace] = [:]
  /// The last space of each process, for addresses that are named after its end.
  private var programs = 0
  private var threadPointers: [Int32: [(time: UInt64, pointer: UInt64)]] = [:]
  private var initialMaps: [PerfRecord.Mapping] = []
  private var execTimes: [Int32: [UInt64]] = [:]
  private let profileFolder: String
  private var frameCache: [FrameKey: Int32] = [:]
  private var timeFrameCache: [FrameKey: Int32] = [:]

  private struct FrameKey: Hashable {
    var program: Int
    var address: UInt64
    var isSample = false
  }

  init(profileFolder: String) { self.profileFolder = profileFolder }

  private enum Step {
    case event(Int)
    case entry(Int32, MapLogFile.Entry)
    case fault(Int)
    case tick(Int)
  }

  func run(_ recording: Recording, logs: [MapLogFile]) {
    var steps: [(time: UInt64, order: Int, step: Step)] = []
    for (index, event) in recording.events.enumerated() {
      steps.append((event.time, steps.count, .event(index)))
    }
    for log in logs {
      for entry in log.entries {
        steps.append((entry.time, steps.count, .entry(log.process, entry)))
      }
    }
    for (index, fault) in recording.faults.enumerated() {
      steps.append((fault.time, steps.count, .fault(index)))
    }
    for (index, tick) in recording.ticks.enumerated() {
      steps.append((tick.time, steps.count, .tick(index)))
    }
    for log in logs {
      threadPointers[log.process, default: []] += log.entries.filter { $0.event == .thread }.map {
        ($0.time, $0.start)
      }
    }
    for event in recording.events {
      if case .exec(let process, _) = event.event {
        execTimes[process, default: []].append(event.time)
      }
    }
    steps.sort { ($0.time, $0.order) < ($1.time, $1.order) }
    for record in initialMaps { apply(.mapping(record), at: 0) }
    for step in steps {
      switch step.step {
      case .event(let index): apply(recording.events[index].event, at: step.time)
      case .entry(let process, let entry):
        change(process) { space in
          space.apply(entry)
          guard entry.event == .populated else { return }
          filledAhead[space.phase, default: 0] += entry.filled.faults
        }
      case .fault(let index): attribute(recording.faults[index])
      case .tick(let index): attribute(recording.ticks[index])
      }
    }
  }

  /// What is mapped already, in a process that runs: as records of the kernel.
  func begin(_ process: Int32, maps: String) {
    initialMaps += ProcessMaps.records(maps, process: process)
  }

  /// An empty space for a program that begins at `time`.
  private func space(_ process: Int32, from time: UInt64) -> AddressSpace {
    programs += 1
    let end = execTimes[process]?.first { $0 > time } ?? .max
    let threads = threadPointers[process]?.filter { $0.time >= time && $0.time < end } ?? []
    return AddressSpace(program: programs, threads: Array(Set(threads.map(\.pointer))))
  }

  private func change(_ process: Int32, _ body: (inout AddressSpace) -> Void) {
    body(&spaces[process, default: space(process, from: 0)])
  }

  private func apply(_ event: Recording.Event, at time: UInt64) {
    switch event {
    case .mapping(let mapping):
      change(mapping.process) {
        $0.add(mapping, symbols: symbols, profileFolder: profileFolder)
      }
    case .fork(let process, let parent):
      var known = spaces[parent] ?? space(parent, from: 0)
      spaces[process] = known.forked()
      spaces[parent] = known
    case .exec(let process, _): spaces[process] = space(process, from: time)
    case .exit: break
    }
  }

  private func attribute(_ fault: Recording.Fault) {
    processes.insert(fault.process)
    change(fault.process) { space in
      let (owner, cause, phase) = space.fault(
        at: fault.address, stackPointer: fault.stackPointer, isHuge: fault.isHuge)
      owners[owner, default: [:]][cause, default: [:]][phase, default: 0] += 1
      var stack = frames(fault.frames, space, &faultStacks, &frameCache)
      stack.insert(
        faultStacks.number(
          of: StackProfile.Frame(function: "[\(owner.kind.rawValue)]", object: "")),
        at: 0)
      faultStacks.add(1, stack)
    }
  }

  private func attribute(_ tick: Recording.Tick) {
    processes.insert(tick.process)
    change(tick.process) { space in
      let kernel = tick.kernelFrames.map { symbols.kernelFunction($0) }
      var stack = kernel.map {
        timeStacks.number(of: StackProfile.Frame(function: $0, object: "kernel"))
      }
      stack += frames(tick.frames, space, &timeStacks, &timeFrameCache, isSample: true)
      timeStacks.add(1, stack)
      layers[layer(kernel, tick, space), default: 0] += 1
    }
  }

  private func layer(_ kernel: [String], _ tick: Recording.Tick, _ space: AddressSpace) -> Layer {
    if !kernel.isEmpty { return Layer.kernel(kernel) }
    guard let innermost = tick.frames.first, let (object, offset) = space.code(at: innermost),
      object.name.hasPrefix("libhakmem")
    else { return .program }
    return Layer.library(symbols.function(object, fileOffset: offset) ?? "")
  }

  /// The numbers of a stack's frames. Return addresses are named one byte earlier: the call may be
  /// its function's last instruction.
  ///
  /// - Parameter isSample: The first is wherever the clock found it, not a place to be told from others
  ///   where its function has no name.
  private func frames(
    _ addresses: [UInt64], _ space: AddressSpace, _ profile: inout StackProfile,
    _ cache: inout [FrameKey: Int32], isSample: Bool = false
  ) -> [Int32] {
    addresses.enumerated().map { index, address in
      let isSample = isSample && index == 0
      let address = index == 0 ? address : address &- 1
      let key = FrameKey(program: space.program, address: address, isSample: isSample)
      if let known = cache[key] { return known }
      let number = profile.number(of: frame(address, space, isSample: isSample))
      cache[key] = number
      return number
    }
  }

  /// A function without a name goes by its file and the address there, as addr2line takes it.
  private func frame(
    _ address: UInt64, _ space: AddressSpace, isSample: Bool = false
  ) -> StackProfile.Frame {
    guard let (object, offset) = space.code(at: address) else {
      return StackProfile.Frame(
        function: "0x" + String(address, radix: 16), object: space.mapping(at: address)?.name ?? "?"
      )
    }
    let function = symbols.function(object, fileOffset: offset)
    let place = isSample ? nil : object.address(ofFileOffset: offset)
    let nameless = place.map { "\(object.name)+0x" + String($0, radix: 16) } ?? "[\(object.name)]"
    return StackProfile.Frame(function: function ?? nameless, object: object.name)
  }

  /// Names addresses of a process as they stand at its end.
  func frames(_ addresses: [UInt64], process: Int32) -> [StackProfile.Frame] {
    guard let space = spaces[process] else { return [] }
    return addresses.map { frame($0 &- 1, space) }
  }
}

extension ProcessMaps {
  private static func protection(_ text: Substring) -> Int32 {
    (text.contains("r") ? 1 : 0) | (text.contains("w") ? 2 : 0) | (text.contains("x") ? 4 : 0)
  }

  /// The mappings of /proc/PID/maps as records of the kernel at time 0.
  static func records(_ maps: String, process: Int32) -> [PerfRecord.Mapping] {
    maps.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
      guard fields.count >= 5 else { return nil }
      let range = fields[0].split(separator: "-")
      guard range.count == 2, let start = UInt64(range[0], radix: 16),
        let end = UInt64(range[1], radix: 16), let offset = UInt64(fields[2], radix: 16)
      else { return nil }
      return PerfRecord.Mapping(
        time: 0, process: process, start: start, byteCount: end - start, fileOffset: offset,
        protection: ProcessMaps.protection(fields[1]),
        name: fields.count == 6 ? fields[5].trimmingCharacters(in: .whitespaces) : "//anon")
    }
  }
}
