import HakmemPlatform
import Synchronization

/// A call stack in the heap profile's file and what it allocated. Counts are in 256ths, bytes whole.
struct ProfiledStack: Equatable {
  let address: UInt

  static let byteCount: UInt = 512
  private enum Offset {
    static let hash: UInt = 0
    static let depth: UInt = 8
    static let liveBytes: UInt = 16
    static let liveCount: UInt = 24
    static let totalBytes: UInt = 32
    static let totalCount: UInt = 40
    static let peakBytes: UInt = 48
    static let peaks: UInt = 56
    static let temporaryCount: UInt = 64
    static let lifetimes: UInt = 72
    static let freedCount: UInt = 80
    static let frames: UInt = 88
  }
  static let mostFrames = Int(byteCount - Offset.frames) / 8
  private static let mostProbes: UInt = 256

  /// Its place in the table.
  var index: UInt32 {
    UInt32((address &- HeapProfile.file &- HeapProfile.Offset.stacks) / Self.byteCount)
  }
  static func at(_ index: UInt32) -> ProfiledStack {
    ProfiledStack(
      address: HeapProfile.file &+ HeapProfile.Offset.stacks &+ UInt(index) &* byteCount)
  }

  private func word(_ offset: UInt) -> UnsafeMutablePointer<Atomic<Int>> {
    Memory.pointer(at: address &+ offset)
  }

  /// The stack with these frames, made if need be; nil when the table is full.
  static func finding(_ frames: UInt, _ depth: Int) -> ProfiledStack? {
    var hash: UInt = 0x9e37_79b9_7f4a_7c15
    for index in 0..<UInt(depth) {
      hash = (hash ^ Memory.loadWord(at: frames &+ index &* 8)) &* 0xff51_afd7_ed55_8ccd
      hash ^= hash >> 29
    }
    hash |= 1
    let mask = HeapProfile.stackCapacity &- 1
    for probe in 0..<mostProbes {
      let stack = at(UInt32(truncatingIfNeeded: (hash >> 8 &+ probe) & mask))
      let (won, seen) = stack.word(Offset.hash).pointee.compareExchange(
        expected: 0, desired: Int(bitPattern: hash), ordering: .relaxed)
      if won {
        Memory.copy(from: frames, to: stack.address &+ Offset.frames, UInt(depth) &* 8)
        // Last: without a depth it is not complete.
        stack.word(Offset.depth).pointee.store(depth, ordering: .releasing)
      }
      if won || seen == Int(bitPattern: hash) { return stack }
    }
    return nil
  }

  func allocated(_ weight: UInt, _ byteCount: UInt) {
    rememberPeak()
    let bytes = Int(weight &* byteCount / SampleDistance.one)
    word(Offset.liveBytes).pointee.wrappingAdd(bytes, ordering: .relaxed)
    word(Offset.liveCount).pointee.wrappingAdd(Int(weight), ordering: .relaxed)
    word(Offset.totalBytes).pointee.wrappingAdd(bytes, ordering: .relaxed)
    word(Offset.totalCount).pointee.wrappingAdd(Int(weight), ordering: .relaxed)
  }

  func freed(_ weight: UInt, _ byteCount: UInt, lifetime: UInt, isTemporary: Bool) {
    rememberPeak()
    let bytes = Int(weight &* byteCount / SampleDistance.one)
    word(Offset.liveBytes).pointee.wrappingSubtract(bytes, ordering: .relaxed)
    word(Offset.liveCount).pointee.wrappingSubtract(Int(weight), ordering: .relaxed)
    word(Offset.lifetimes).pointee.wrappingAdd(Int(weight &* lifetime), ordering: .relaxed)
    word(Offset.freedCount).pointee.wrappingAdd(Int(weight), ordering: .relaxed)
    if isTemporary {
      word(Offset.temporaryCount).pointee.wrappingAdd(Int(weight), ordering: .relaxed)
    }
  }

  /// What it holds now is what it held at the last peak, unless it changed since.
  private func rememberPeak() {
    let peaks = HeapProfile.word(HeapProfile.Offset.peaks).pointee.load(ordering: .relaxed)
    guard word(Offset.peaks).pointee.load(ordering: .relaxed) != peaks else { return }
    word(Offset.peaks).pointee.store(peaks, ordering: .relaxed)
    word(Offset.peakBytes).pointee.store(
      word(Offset.liveBytes).pointee.load(ordering: .relaxed), ordering: .relaxed)
  }
}

/// A sampled block that the program holds, in an open-addressing table by its address.
struct LiveSample {
  let byteCount: UInt
  let stack: ProfiledStack
  let time: UInt32
  /// The thread's allocations so far, and the thread's cache: to know temporary allocations.
  let sequence: UInt32
  let cache: UInt32

  static let byteCount: UInt = 32
  private static let removed = 1
  private static let mostProbes: UInt = 128

  static func identity(of cache: ThreadCache) -> UInt32 {
    UInt32(truncatingIfNeeded: cache.address >> 6)
  }

  private static func slot(_ block: UInt, _ probe: UInt) -> UInt {
    let place = (HeapProfile.hash(block) >> 20 &+ probe) & (HeapProfile.liveCapacity &- 1)
    return HeapProfile.liveTable &+ place &* byteCount
  }

  private static func key(_ slot: UInt) -> UnsafeMutablePointer<Atomic<Int>> {
    Memory.pointer(at: slot)
  }

  /// False when the table is full around the block's place.
  static func insert(
    _ block: UInt, _ byteCount: UInt, _ stack: ProfiledStack, _ cache: ThreadCache
  ) -> Bool {
    for probe in 0..<mostProbes {
      let slot = slot(block, probe)
      let old = key(slot).pointee.load(ordering: .relaxed)
      guard old == 0 || old == removed,
        key(slot).pointee.compareExchange(
          expected: old, desired: Int(bitPattern: block), ordering: .relaxed
        ).exchanged
      else { continue }
      Memory.storeWord(byteCount, at: slot &+ 8)
      Memory.storeWord(UInt(stack.index) << 32 | UInt(Clock.milliseconds()), at: slot &+ 16)
      let sequence = UInt(UInt32(truncatingIfNeeded: cache.record.pointee.allocations))
      Memory.storeWord(sequence << 32 | UInt(identity(of: cache)), at: slot &+ 24)
      return true
    }
    return false
  }

  static func remove(_ block: UInt) -> LiveSample? {
    for probe in 0..<mostProbes {
      let slot = slot(block, probe)
      let found = key(slot).pointee.load(ordering: .relaxed)
      if found == 0 { return nil }
      guard found == Int(bitPattern: block) else { continue }
      let place = Memory.loadWord(at: slot &+ 16)
      let thread = Memory.loadWord(at: slot &+ 24)
      let sample = LiveSample(
        byteCount: Memory.loadWord(at: slot &+ 8),
        stack: ProfiledStack.at(UInt32(truncatingIfNeeded: place >> 32)),
        time: UInt32(truncatingIfNeeded: place),
        sequence: UInt32(truncatingIfNeeded: thread >> 32),
        cache: UInt32(truncatingIfNeeded: thread))
      key(slot).pointee.store(removed, ordering: .relaxed)
      return sample
    }
    return nil
  }
}
