import Foundation
import Testing

@testable import HakmemToolKit

/// The files that a profiled process leaves, after the process wrote into them by mistake. Set
/// `PROFILE_INPUTS` and `PROFILE_SEED` for other inputs than these.
@Suite struct DamagedProfileTests {
  private static func number(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }
  private static let inputs = number("PROFILE_INPUTS") ?? 300
  private static let seed = UInt64(number("PROFILE_SEED") ?? 1)

  private static let process: UInt64 = 77

  /// Numbers of every magnitude and both signs, those at the limits of their types among them.
  private static func figure(_ random: inout RandomSource) -> UInt64 {
    let bits = random.next() >> (random.next() % 64)
    switch random.next() % 4 {
    case 0: return bits
    case 1: return ~bits
    case 2: return UInt64.max << (bits % 64)
    default: return bits % 4096
    }
  }

  private static func bytes(_ words: [UInt64]) -> Data {
    words.withUnsafeBytes { Data($0) }
  }

  private static func mapLog(_ random: inout RandomSource) -> Data {
    let count = Int(random.next() % 40)
    var words: [UInt64] = [0x3150_414d_4d4b_4148, UInt64(count), 0, process, 0, 0, 0, 0]
    if random.next() % 8 == 0 { words[1] = figure(&random) }
    for _ in 0..<count {
      let event = random.next() % 13
      words += [1 + random.next() % 1000, figure(&random), figure(&random) << 16 | event]
    }
    var data = bytes(words)
    if random.next() % 8 == 0 { data.removeLast(Int(random.next() % UInt64(data.count))) }
    return data
  }

  private static func heap(_ random: inout RandomSource) -> Data {
    let stacks = 4
    var words = [UInt64](repeating: 0, count: (4096 + stacks * 512) / 8)
    words[0] = 0x3150_4145_484b_4148
    words[1] = process
    words[2] = 1 << 20
    words[4] = UInt64(stacks)
    for stack in 0..<stacks {
      let first = (4096 + stack * 512) / 8
      for word in 0..<12 { words[first + word] = random.next() % 1000 }
    }
    // One word in some files, many in others: most must still be taken for profiles.
    for _ in 0..<(random.next() % 4) {
      words[1 + Int(random.next() % UInt64(words.count - 1))] = figure(&random)
    }
    return bytes(words)
  }

  private static func recording(_ random: inout RandomSource) -> Recording {
    var recording = Recording()
    for time in 0..<20 as Range<UInt64> {
      recording.faults.append(
        Recording.Fault(
          time: time * 50, process: Int32(process), thread: Int32(process),
          instruction: figure(&random), address: figure(&random), stackPointer: figure(&random),
          isHuge: random.next() % 4 == 0, frames: [figure(&random)]))
    }
    return recording
  }

  @Test func areReadOrLeftAsideAndNeverEndTheTool() throws {
    let scratch = Scratch()
    var random = RandomSource(seed: Self.seed)
    var logs = 0
    var heaps = 0
    for _ in 0..<Self.inputs {
      try Self.mapLog(&random).write(to: URL(fileURLWithPath: "\(scratch.path)/map.77"))
      try Self.heap(&random).write(to: URL(fileURLWithPath: "\(scratch.path)/heap.77"))
      let log = MapLogFile(path: "\(scratch.path)/map.77")
      let heap = HeapFile(path: "\(scratch.path)/heap.77")
      logs += log == nil ? 0 : 1
      heaps += heap == nil ? 0 : 1
      let analysis = ProfileAnalysis(profileFolder: scratch.path)
      analysis.run(Self.recording(&random), logs: log.map { [$0] } ?? [])
      // Several processes may have left one each.
      let taken = HeapAnalysis(heap.map { [$0, $0, $0] } ?? [], naming: analysis)
      #expect((taken.result == nil) == (heap == nil))
      #expect(analysis.owners.values.reduce(0) { $0 + $1.count } > 0)
    }
    #expect(logs > Self.inputs / 2 && heaps > Self.inputs / 4, "\(logs) logs, \(heaps) heaps")
  }
}
