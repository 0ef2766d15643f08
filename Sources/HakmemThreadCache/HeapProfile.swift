import CHakmemShims
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Which call stacks hold the heap: some allocations are written down with their stacks, in a file
/// that is mapped and that the tool reads, at any time and after any end of the process.
///
/// A thread counts down the bytes that it allocates; at the end of a random distance, exponentially
/// distributed, the allocation is a sample. So one that counts as s bytes is sampled with probability
/// p = 1 − exp(−s / distance), and stands for 1 / p. Nothing is locked or allocated; a fork goes on
/// with a file of its own, which knows what the child allocates.
///
/// The calls are seen in one of two ways. While blocks are sampled, small ones are counted by
/// `SampledCache`, and a sample lies on pages of its own, so that its free leaves the fast path. When
/// every block is wanted, or something else looks at every call, `Interception` brings them.
package enum HeapProfile {
  struct State {
    var file: UInt
    var distance: UInt
    /// Counts of the live samples by a hash of their addresses: most frees find 0 and are done.
    var filter: UInt
    /// Calls are counted by `SampledCache`, not intercepted.
    var isSampling: Bool
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
  @inline(__always)
  package static var isSampling: Bool { state.pointee.isSampling }
  static var stackCapacity: UInt { Memory.loadWord(at: file &+ Offset.stackCapacity) }
  static var liveCapacity: UInt { Memory.loadWord(at: file &+ Offset.liveCapacity) }
  static var liveTable: UInt {
    file &+ Offset.stacks &+ stackCapacity &* ProfiledStack.byteCount
  }

  // MARK: On and off

  /// Begins a profile in the profile's folder. False when no file can be made there.
  package static func begin(distance: UInt) -> Bool {
    if state.pointee.filter == 0 {
      guard
        let filter = SystemCalls.map(byteCount: filterEntries &* 2, protection: .readWrite)
      else { return false }
      state.pointee.filter = filter
    }
    state.pointee.distance = distance
    guard makeFile() else { return false }
    if distance <= 1 || Interception.isActive {
      Interception.begin(.profiler)
    } else {
      ThreadCache.sendAll { state.pointee.isSampling = true }
    }
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
  package static func end() {
    Interception.end(.profiler)
    if isSampling, !Lock(.control).isHeldByThisThread {
      ThreadCache.sendAll { state.pointee.isSampling = false }
    }
  }

  package static func continueInChild() {
    guard isSampling || Interception.isActive(.profiler), !makeFile() else { return }
    state.pointee.isSampling = false
    Interception.forget(.profiler)
  }

  // MARK: Allocation

  /// For an allocation of a thread that came to a slow call and took no block of a window.
  @inline(__always)
  package static func note(_ block: UInt, _ byteCount: UInt, _ site: CallSite) {
    let cache = ThreadCache.current.opened
    guard block != 0, cache.kind == .open else { return }
    cache.record.pointee.allocations &+= 1
    if isDue(byteCount, cache) { sample(block, byteCount, site, cache) }
  }

  /// Counts the bytes of an allocation; whether it begins a sample.
  @inline(__always)
  package static func isDue(_ byteCount: UInt, _ cache: ThreadCache) -> Bool {
    let left = cache.record.pointee.untilHeapSample &- Int(bitPattern: countedBytes(byteCount))
    cache.record.pointee.untilHeapSample = left
    return left < 0 ? beginDistance(cache) : false
  }

  @inline(never)
  private static func beginDistance(_ cache: ThreadCache) -> Bool {
    guard state.pointee.distance > 1 else {
      cache.record.pointee.untilHeapSample = 0
      return true
    }
    // The first distance of a thread begins now.
    let isFirst = cache.record.pointee.untilHeapSample < 0 && cache.record.pointee.random == 0
    cache.record.pointee.untilHeapSample = drawDistance(cache)
    return !isFirst
  }

  /// A random distance to a sample, in bytes.
  static func drawDistance(_ cache: ThreadCache) -> Int {
    if cache.record.pointee.random == 0 {
      cache.record.pointee.random = cache.address ^ UInt(hakmem_exact_nanoseconds()) | 1
    }
    return SampleDistance.next(
      mean: state.pointee.distance, random: &cache.record.pointee.random)
  }

  /// What an allocation counts for: where blocks are counted, as many bytes as a block has.
  private static func countedBytes(_ byteCount: UInt) -> UInt {
    byteCount <= SampledCache.maximumBytes ? SizeClass.serving(byteCount).blockBytes : byteCount
  }

  /// Writes a block down that begins a sample.
  @inline(never)
  package static func sample(
    _ block: UInt, _ byteCount: UInt, _ site: CallSite, _ cache: ThreadCache
  ) {
    let weight = SampleDistance.weight(of: countedBytes(byteCount), mean: state.pointee.distance)
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: ProfiledStack.mostFrames) { frames in
      let start = UInt(bitPattern: frames.baseAddress)
      let depth = CallStack.collect(
        site, into: start, capacity: ProfiledStack.mostFrames,
        .ofThread(knownFrom: &cache.record.pointee.stackKnownFrom))
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
    let weight = SampleDistance.weight(
      of: countedBytes(sample.byteCount), mean: state.pointee.distance)
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

  /// A random distance, 0 or more, exponentially distributed around `mean`: −ln(u) × mean for a uniform u.
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
