import Foundation

/// The heap profile that the library writes: the Swift side of `HeapProfile`.
struct HeapFile {
  struct Stack {
    var frames: [UInt64]
    var liveBytes: Int
    var liveCount: Int
    var totalBytes: Int
    var totalCount: Int
    var peakBytes: Int
    var temporaryCount: Int
    var lifetimes: Int
    var freedCount: Int
  }

  /// A sampled block that the program holds.
  struct LiveBlock {
    var address: UInt64
    var byteCount: Int
    /// Its stack's place in `stacks`.
    var stack: Int
  }

  let process: Int32
  let distance: Int
  let startedAt: UInt64
  let samples: Int
  let untracked: Int
  let liveBytes: Int
  let peakBytes: Int
  let sizes: [Int]
  let lifetimes: [Int]
  let stacks: [Stack]
  let liveBlocks: [LiveBlock]

  private static let magic: UInt64 = 0x3150_4145_484b_4148
  private static let stacksOffset = 4096
  private static let stackBytes = 512
  private static let liveBlockBytes = 32
  private static let removed: UInt64 = 1
  private static let one = 256
  /// No sum of a process's figures is more; so the sums of many files are numbers still.
  private static let mostSum = 1 << 52

  /// - Returns: nil when the file is no heap profile, was never begun, or holds what no process can
  ///   have counted: the profiled program may have written into it by mistake.
  init?(path: String) {
    guard
      let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped),
      data.count > HeapFile.stacksOffset
    else { return nil }
    func word(_ offset: Int) -> UInt64 {
      data.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self) }
    }
    func number(_ offset: Int) -> Int { Int(truncatingIfNeeded: word(offset)) }
    guard word(0) == HeapFile.magic else { return nil }
    process = Int32(truncatingIfNeeded: word(8))
    distance = number(16)
    startedAt = word(24)
    samples = number(48)
    untracked = number(56)
    liveBytes = number(64)
    peakBytes = number(72)
    let peaks = number(80)
    sizes = (0..<64).map { number(512 + 8 * $0) / HeapFile.one }
    lifetimes = (0..<64).map { number(1024 + 8 * $0) / HeapFile.one }
    var sum = Sum()
    for figure in [samples, untracked, peakBytes, distance] + sizes + lifetimes { sum.add(figure) }
    let capacity = number(32)
    guard distance > 0, capacity > 0, capacity <= 1 << 24,
      data.count >= HeapFile.stacksOffset + capacity * HeapFile.stackBytes
    else { return nil }
    var stacks: [Stack] = []
    var places: [Int: Int] = [:]
    for index in 0..<capacity {
      let base = HeapFile.stacksOffset + index * HeapFile.stackBytes
      guard word(base) != 0 else { continue }
      let depth = min(max(number(base + 8), 0), 53)
      let live = number(base + 16)
      places[index] = stacks.count
      stacks.append(
        Stack(
          frames: (0..<depth).map { word(base + 88 + 8 * $0) }, liveBytes: max(live, 0),
          liveCount: max(number(base + 24) / HeapFile.one, 0), totalBytes: number(base + 32),
          totalCount: number(base + 40) / HeapFile.one,
          peakBytes: max(number(base + 56) == peaks ? number(base + 48) : live, 0),
          temporaryCount: number(base + 64) / HeapFile.one, lifetimes: number(base + 72),
          freedCount: number(base + 80)))
    }
    for stack in stacks {
      for figure in [
        stack.liveBytes, stack.liveCount, stack.totalBytes, stack.totalCount, stack.peakBytes,
        stack.temporaryCount, stack.freedCount,
      ] { sum.add(figure) }
    }
    guard sum.isPossible else { return nil }
    self.stacks = stacks
    let table = HeapFile.stacksOffset + capacity * HeapFile.stackBytes
    var liveBlocks: [LiveBlock] = []
    for slot in stride(
      from: table, through: data.count - HeapFile.liveBlockBytes, by: HeapFile.liveBlockBytes)
    {
      let address = word(slot)
      let place = Int(word(slot + 16) >> 32)
      guard address != 0, address != HeapFile.removed, let stack = places[place] else { continue }
      liveBlocks.append(LiveBlock(address: address, byteCount: number(slot + 8), stack: stack))
    }
    self.liveBlocks = liveBlocks
  }

  /// Of all figures together.
  private struct Sum {
    private var value = 0
    private(set) var isPossible = true

    mutating func add(_ figure: Int) {
      let (sum, overflows) = value.addingReportingOverflow(figure)
      if figure < 0 || overflows || sum > HeapFile.mostSum {
        isPossible = false
      } else {
        value = sum
      }
    }
  }
}

/// The heap profiles of all processes of a run, named and taken together.
struct HeapAnalysis {
  private(set) var result: HeapResult?
  private(set) var live = StackProfile(title: "live bytes", unit: "bytes")
  private(set) var total = StackProfile(title: "allocated bytes", unit: "bytes")
  private(set) var peak = StackProfile(title: "bytes at the peak", unit: "bytes")

  private static let mostRows = 200

  init(_ files: [HeapFile], naming: ProfileAnalysis) {
    guard let first = files.first else { return }
    var rows: [[StackProfile.Frame]: HeapResult.StackRow] = [:]
    var result = HeapResult(
      sampleBytes: first.distance, samples: 0, liveBytes: 0, liveCount: 0, totalBytes: 0,
      totalCount: 0, peakBytes: 0, temporaryCount: 0, sizes: Array(repeating: 0, count: 48),
      lifetimes: Array(repeating: 0, count: 48), untracked: 0, stacks: [])
    var lifetimes: [[StackProfile.Frame]: (sum: Double, count: Int)] = [:]
    for file in files {
      result.samples += file.samples
      result.untracked += file.untracked
      result.peakBytes += file.peakBytes
      for index in result.sizes.indices {
        result.sizes[index] += file.sizes[index]
        result.lifetimes[index] += file.lifetimes[index]
      }
      for stack in file.stacks {
        var frames = naming.frames(stack.frames, process: file.process)
        if frames.isEmpty { frames = [StackProfile.Frame(function: "[no frames]", object: "")] }
        live.add(stack.liveBytes, frames)
        total.add(stack.totalBytes, frames)
        peak.add(stack.peakBytes, frames)
        var row =
          rows[frames]
          ?? HeapResult.StackRow(
            stack: frames.map { "\($0.function)  \($0.object)" }, liveBytes: 0, liveCount: 0,
            totalBytes: 0, totalCount: 0, peakBytes: 0, temporaryCount: 0)
        row.liveBytes += stack.liveBytes
        row.liveCount += stack.liveCount
        row.totalBytes += stack.totalBytes
        row.totalCount += stack.totalCount
        row.peakBytes += stack.peakBytes
        row.temporaryCount += stack.temporaryCount
        rows[frames] = row
        lifetimes[frames, default: (0, 0)].sum += Double(stack.lifetimes)
        lifetimes[frames, default: (0, 0)].count += stack.freedCount
      }
    }
    for (frames, lifetime) in lifetimes where lifetime.count > 0 {
      rows[frames]?.meanLifetimeMilliseconds = lifetime.sum / Double(lifetime.count)
    }
    for row in rows.values {
      result.liveBytes += row.liveBytes
      result.liveCount += row.liveCount
      result.totalBytes += row.totalBytes
      result.totalCount += row.totalCount
      result.temporaryCount += row.temporaryCount
    }
    let all = Array(rows.values)
    var kept: Set<Int> = []
    for order in [\HeapResult.StackRow.liveBytes, \.totalBytes, \.peakBytes, \.temporaryCount] {
      kept.formUnion(
        all.indices.sorted { all[$0][keyPath: order] > all[$1][keyPath: order] }
          .prefix(HeapAnalysis.mostRows))
    }
    result.stacks = kept.map { all[$0] }.sorted {
      ($0.liveBytes, $0.totalBytes) > ($1.liveBytes, $1.totalBytes)
    }
    self.result = result
  }
}
