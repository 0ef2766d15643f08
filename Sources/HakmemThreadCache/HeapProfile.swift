import CHakmemShims
import HakmemPlatform
import Synchronization

/// Which call stacks hold the heap: some allocations are written down with their stacks, in a file
/// that is mapped and that the tool reads, at any time and after any end of the process.
///
/// A thread counts down the bytes that it allocates; at the end of a random distance, exponentially
/// distributed, the allocation is a sample. So one of size s is sampled with probability
/// p = 1 − exp(−s / distance), and stands for 1 / p. Nothing is locked or allocated; a fork goes on
/// with a file of its own, which knows what the child allocates.
package enum HeapProfile {
  struct State {
    var file: UInt
    var distance: UInt
    /// Counts of the live samples by a hash of their addresses: most frees find 0 and are done.
    var filter: UInt
  }

  enum Offset {
    static let magic: UInt = 0
    static let process: UInt = 8
    static let distance: UInt = 16
    static let startedAt: UInt = 24
    static let stackCapacity: UInt = 32
    static let liveCapacity: UInt = 40
    static let samples: UInt = 48
    static let untracked: UInt = 56
    static let liveBytes: UInt = 64
    static let peakBytes: UInt = 72
    static let peaks: UInt = 80
    /// 64 words each, by powers of two.
    static let sizes: UInt = 512
    static let lifetimes: UInt = 1024
    static let stacks: UInt = 4096
  }
  private static let magic: UInt = 0x3150_4145_484b_4148
  private static let filterEntries: UInt = 1 << 16

  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: CacheStorage.heapProfile)
  }
  static var file: UInt { state.pointee.file }
  static var stackCapacity: UInt { Memory.loadWord(at: file &+ Offset.stackCapacity) }
  static var liveCapacity: UInt { Memory.loadWord(at: file &+ Offset.liveCapacity) }
  static var liveTable: UInt {
    file &+ Offset.stacks &+ stackCapacity &* ProfiledStack.byteCount
  }

  // MARK: On and off

  /// Begins a profile in the profile's folder. False when no file can be made there.
  package static func begin(distance: UInt) -> Bool {
    FrameWalk.learn()
    if state.pointee.filter == 0 {
      guard
        let filter = SystemCalls.map(byteCount: filterEntries &* 2, protection: .readWrite)
      else { return false }
      state.pointee.filter = filter
    }
    state.pointee.distance = distance
    guard makeFile() else { return false }
    Interception.begin(.profiler)
    return true
  }

  private static func makeFile() -> Bool {
    let everything = state.pointee.distance <= 1
    let stacks: UInt = everything ? 1 << 17 : 1 << 14
    let live: UInt = everything ? 1 << 21 : 1 << 16
    let byteCount =
      Offset.stacks &+ stacks &* ProfiledStack.byteCount &+ live &* LiveSample.byteCount
    let process = SystemCalls.processID()
    let file = ProfileFolder.withPath("heap", process: process) {
      SystemCalls.mapNewFile($0, byteCount: byteCount)
    }
    guard let file else { return false }
    Memory.storeWord(UInt(process), at: file &+ Offset.process)
    Memory.storeWord(state.pointee.distance, at: file &+ Offset.distance)
    Memory.storeWord(UInt(hakmem_exact_nanoseconds()), at: file &+ Offset.startedAt)
    Memory.storeWord(stacks, at: file &+ Offset.stackCapacity)
    Memory.storeWord(live, at: file &+ Offset.liveCapacity)
    Memory.storeWord(magic, at: file &+ Offset.magic)
    Memory.zero(state.pointee.filter, filterEntries &* 2)
    state.pointee.file = file
    return true
  }

  /// The file stays as it is, and mapped: a thread may be in the midst of a sample.
  package static func end() { Interception.end(.profiler) }

  package static func continueInChild() {
    guard Interception.isActive(.profiler), !makeFile() else { return }
    Interception.forget(.profiler)
  }

  // MARK: Allocation

  /// For every allocation of a thread while the profile is on.
  @inline(__always)
  package static func note(_ block: UInt, _ byteCount: UInt, _ site: CallSite) {
    let cache = ThreadCache.current.opened
    guard block != 0, cache.kind == .open else { return }
    let record = cache.record
    record.pointee.allocations &+= 1
    let left = record.pointee.untilHeapSample &- Int(bitPattern: max(byteCount, 1))
    record.pointee.untilHeapSample = left
    if left < 0 { sample(block, byteCount, site, cache) }
  }

  @inline(never)
  private static func sample(
    _ block: UInt, _ byteCount: UInt, _ site: CallSite, _ cache: ThreadCache
  ) {
    let distance = state.pointee.distance
    if distance > 1 {
      let isFirst = cache.record.pointee.random == 0
      if isFirst {
        cache.record.pointee.random = cache.address ^ UInt(hakmem_exact_nanoseconds()) | 1
      }
      cache.record.pointee.untilHeapSample = SampleDistance.next(
        mean: distance, random: &cache.record.pointee.random)
      // The first distance of a thread begins now.
      if isFirst { return }
    } else {
      cache.record.pointee.untilHeapSample = 0
    }
    let weight = SampleDistance.weight(of: byteCount, mean: distance)
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: FrameWalk.capacity) { frames in
      let start = UInt(bitPattern: frames.baseAddress)
      let depth = FrameWalk.collect(site, into: start)
      guard let stack = ProfiledStack.finding(start, depth),
        LiveSample.insert(block, byteCount, stack, cache)
      else { return count(Offset.untracked, 1) }
      mark(block, 1)
      stack.allocated(weight, byteCount)
      count(Offset.samples, 1)
      count(Offset.sizes &+ bucket(byteCount), weight)
      raiseLive(by: Int(weight &* byteCount / SampleDistance.one))
    }
  }

  /// The peak, and which stacks held it: each remembers what it held at the last peak before it
  /// changes again.
  private static func raiseLive(by byteCount: Int) {
    let live = word(Offset.liveBytes).pointee.wrappingAdd(byteCount, ordering: .relaxed).newValue
    let peak = word(Offset.peakBytes)
    guard live > peak.pointee.load(ordering: .relaxed) else { return }
    peak.pointee.store(live, ordering: .relaxed)
    word(Offset.peaks).pointee.wrappingAdd(1, ordering: .relaxed)
  }

  // MARK: Free

  /// For every block before it is freed.
  @inline(__always)
  package static func forget(_ block: UInt) {
    if filterCount(block).pointee.load(ordering: .relaxed) != 0 { forgetSlow(block) }
  }

  @inline(never)
  private static func forgetSlow(_ block: UInt) {
    guard let sample = LiveSample.remove(block) else { return }
    mark(block, -1)
    let weight = SampleDistance.weight(of: sample.byteCount, mean: state.pointee.distance)
    let lifetime = UInt(Clock.milliseconds() &- sample.time)
    let cache = ThreadCache.current.opened
    let isTemporary =
      cache.kind == .open && sample.cache == LiveSample.identity(of: cache)
      && sample.sequence == UInt32(truncatingIfNeeded: cache.record.pointee.allocations)
    sample.stack.freed(weight, sample.byteCount, lifetime: lifetime, isTemporary: isTemporary)
    count(Offset.lifetimes &+ bucket(lifetime), weight)
    raiseLive(by: -Int(weight &* sample.byteCount / SampleDistance.one))
  }

  // MARK: Words of the file

  static func word(_ offset: UInt) -> UnsafeMutablePointer<Atomic<Int>> {
    Memory.pointer(at: file &+ offset)
  }

  private static func count(_ offset: UInt, _ number: UInt) {
    word(offset).pointee.wrappingAdd(Int(number), ordering: .relaxed)
  }

  private static func bucket(_ value: UInt) -> UInt {
    UInt(UInt.bitWidth - 1 - max(value, 1).leadingZeroBitCount) &* 8
  }

  @inline(__always)
  private static func filterCount(_ block: UInt) -> UnsafeMutablePointer<Atomic<UInt16>> {
    Memory.pointer(at: state.pointee.filter &+ hash(block) >> 48 &* 2)
  }

  private static func mark(_ block: UInt, _ change: Int16) {
    filterCount(block).pointee.wrappingAdd(UInt16(bitPattern: change), ordering: .relaxed)
  }

  @inline(__always)
  static func hash(_ value: UInt) -> UInt { (value >> 4) &* 0x9e37_79b9_7f4a_7c15 }
}

/// Distances between samples, and what a sample stands for.
enum SampleDistance {
  /// Weights are counts in 256ths.
  static let one: UInt = 256

  /// A random distance, exponentially distributed around `mean`: −ln(u) × mean for a uniform u.
  static func next(mean: UInt, random: inout UInt) -> Int {
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    // u = k / 2²⁶, k from 1.
    let k = random >> 38 | 1
    let exponent = UInt.bitWidth - 1 - k.leadingZeroBitCount
    let mantissa = Double(k) / Double(1 << UInt(exponent)) - 1
    // log₂(1 + m), to 0.0002.
    let log = mantissa * (1.4346 + mantissa * (-0.6793 + mantissa * (0.3207 - mantissa * 0.0760)))
    let naturalPerBinary = 0.693_147_18
    return Int((Double(26 - exponent) - log) * naturalPerBinary * Double(mean)) + 1
  }

  /// 1 / (1 − exp(−size / mean)), in 256ths.
  static func weight(of byteCount: UInt, mean: UInt) -> UInt {
    guard mean > 1 else { return one }
    let ratio = Double(max(byteCount, 1)) / Double(mean)
    guard ratio < 16 else { return one }
    // exp(−x) = exp(−x / 1024)¹⁰²⁴.
    let part = ratio / 1024
    var power = 1 - part * (1 - part / 2 * (1 - part / 3))
    for _ in 0..<10 { power *= power }
    return UInt(Double(one) / (1 - power) + 0.5)
  }
}
